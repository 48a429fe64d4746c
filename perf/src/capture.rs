//! A capture to replay: synthetic TCP flows of HTTP/1.1 answers, as a full Ethernet link carries them.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use pcap_file::pcap::{PcapPacket, PcapWriter};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr, IpProtocol, Ipv4Address,
    Ipv4Packet, Ipv4Repr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber,
};
use weir_tests::bodies::Doc;
use weir_tests::{Error, Result};

/// What a full segment carries.
const PIECE: usize = 1448;
/// Requests on one connection.
const REQUESTS: usize = 100;
/// Time between two packets: about what a full segment takes at 10 Gbit/s.
const APART: Duration = Duration::from_nanos(1_200);

const ETHERNET: usize = 14;
const CLIENT: Ipv4Address = Ipv4Address::new(10, 9, 0, 1);
const SERVER: Ipv4Address = Ipv4Address::new(10, 9, 0, 2);

/// Writes a capture in which a client fetches each of the documents.
pub fn write(path: &Path, docs: &[&Doc]) -> Result<()> {
    let at = |e| Error::at(path.display(), e);
    let writer = PcapWriter::new(BufWriter::new(File::create(path)?)).map_err(at)?;
    let mut capture = Capture { writer, clock: Duration::from_secs(1) };
    for (number, docs) in docs.chunks(REQUESTS).enumerate() {
        capture.connection(10_000 + number as u16, docs)?;
    }
    Ok(capture.writer.into_writer().flush()?)
}

struct Capture<W: Write> {
    writer: PcapWriter<W>,
    clock: Duration,
}

/// The next sequence numbers of a connection.
struct Connection {
    port: u16,
    client: i32,
    server: i32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Client,
    Server,
}

impl<W: Write> Capture<W> {
    fn connection(&mut self, port: u16, docs: &[&Doc]) -> Result<()> {
        let mut c = Connection { port, client: 1, server: 1 };
        self.segment(&mut c, From::Client, TcpControl::Syn, &[])?;
        self.segment(&mut c, From::Server, TcpControl::Syn, &[])?;
        self.segment(&mut c, From::Client, TcpControl::None, &[])?;
        for doc in docs {
            let request = format!("GET {} HTTP/1.1\r\nHost: shop\r\nAccept: */*\r\n\r\n", doc.path);
            self.segment(&mut c, From::Client, TcpControl::Psh, request.as_bytes())?;
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                doc.body.len()
            );
            let answer = [head.as_bytes(), &doc.body].concat();
            for (number, piece) in answer.chunks(PIECE).enumerate() {
                self.segment(&mut c, From::Server, TcpControl::None, piece)?;
                // Receivers acknowledge every second full segment (RFC 9293 §3.8.6.3).
                if number % 2 == 1 {
                    self.segment(&mut c, From::Client, TcpControl::None, &[])?;
                }
            }
        }
        self.segment(&mut c, From::Client, TcpControl::Fin, &[])?;
        self.segment(&mut c, From::Server, TcpControl::Fin, &[])?;
        self.segment(&mut c, From::Client, TcpControl::None, &[])
    }

    fn segment(
        &mut self,
        c: &mut Connection,
        from: From,
        control: TcpControl,
        payload: &[u8],
    ) -> Result<()> {
        let client = from == From::Client;
        let (src, dst) = if client { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
        let (src_port, dst_port) = if client { (c.port, 80) } else { (80, c.port) };
        let (seq, ack) = if client { (c.client, c.server) } else { (c.server, c.client) };
        let opens = client && control == TcpControl::Syn;
        let tcp = TcpRepr {
            src_port,
            dst_port,
            control,
            seq_number: TcpSeqNumber(seq),
            ack_number: (!opens).then_some(TcpSeqNumber(ack)),
            window_len: u16::MAX,
            window_scale: (control == TcpControl::Syn).then_some(7),
            max_seg_size: (control == TcpControl::Syn).then_some(1460),
            sack_permitted: false,
            sack_ranges: [None; 3],
            timestamp: None,
            payload,
        };
        let next = if client { &mut c.client } else { &mut c.server };
        *next = next.wrapping_add(tcp.segment_len() as i32);
        let frame = frame(src, dst, &tcp);
        self.clock += APART;
        let packet = PcapPacket::new(self.clock, frame.len() as u32, &frame);
        self.writer.write_packet(&packet).map(drop).map_err(|e| Error::at("a packet", e))
    }
}

/// The segment in its packet in its frame, with checksums.
fn frame(src: Ipv4Address, dst: Ipv4Address, tcp: &TcpRepr<'_>) -> Vec<u8> {
    let checksums = ChecksumCapabilities::default();
    let ip = Ipv4Repr {
        src_addr: src,
        dst_addr: dst,
        next_header: IpProtocol::Tcp,
        payload_len: tcp.buffer_len(),
        hop_limit: 64,
    };
    let ethernet = EthernetRepr {
        src_addr: EthernetAddress([2, 0, 0, 0, 0, 1]),
        dst_addr: EthernetAddress([2, 0, 0, 0, 0, 2]),
        ethertype: EthernetProtocol::Ipv4,
    };
    let mut bytes = vec![0; ETHERNET + ip.buffer_len() + tcp.buffer_len()];
    let mut outer = EthernetFrame::new_unchecked(&mut bytes);
    ethernet.emit(&mut outer);
    let mut packet = Ipv4Packet::new_unchecked(outer.payload_mut());
    ip.emit(&mut packet, &checksums);
    let mut segment = TcpPacket::new_unchecked(packet.payload_mut());
    tcp.emit(&mut segment, &src.into(), &dst.into(), &checksums);
    bytes
}
