//! `weir-dataplane replay`: capture files, and requests as JSON lines, through the same engine, passively. Events are
//! JSON lines, the summary goes to stderr.

mod requests;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use pcap_file::DataLink;
use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::{Block, PcapNgReader};
use weir_inspect::policy::Policy;
use weir_proto::eve;
use weir_reassembly::time::Time;

use crate::engine::{Buffer, Engine, EngineSettings, Io, Side};

/// Bytes of a file that are read at once: so much is still in the processor's cache when it is looked at.
const READ_BUFFER: usize = 128 << 10;

/// Why a capture can't be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file can't be opened or read.
    #[error("{}: {source}", file.display())]
    Read {
        /// The capture.
        file: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// It is not a capture, or is damaged.
    #[error("{}: not a pcap or pcapng file, or damaged, after {packets} packets: {problem}", file.display())]
    Format {
        /// The capture.
        file: PathBuf,
        /// Packets read before.
        packets: u64,
        /// What is wrong.
        problem: String,
    },
    /// A line is no request.
    #[error("{}: line {line}: {problem}", file.display())]
    Request {
        /// The file.
        file: PathBuf,
        /// Its number, from 1.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// Its packets have a link type that Weir can't read.
    #[error("{}: link type {link:?} is not Ethernet, raw IP, Linux cooked or BSD loopback", file.display())]
    Link {
        /// The capture.
        file: PathBuf,
        /// What it says.
        link: DataLink,
    },
    /// Events can't be written.
    #[error("the events can't be written: {0}")]
    Events(io::Error),
}

/// A packet of a capture.
struct Packet(Vec<u8>);

impl Buffer for Packet {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
    fn set_len(&mut self, len: usize) -> bool {
        self.0.resize(len, 0);
        true
    }
}

/// Buffers go round; nothing is sent.
#[derive(Default)]
struct Nowhere(Vec<Packet>);

impl Io for Nowhere {
    type Buf = Packet;
    fn alloc(&mut self) -> Option<Packet> {
        Some(self.0.pop().unwrap_or(Packet(Vec::new())))
    }
    fn send(&mut self, _: Side, buf: Packet) {
        self.0.push(buf);
    }
    fn free(&mut self, buf: Packet) {
        self.0.push(buf);
    }
}

/// A replay of one or more captures, each with an engine of its own.
pub struct Replay<W: Write> {
    policy: Arc<Policy>,
    events: Option<BufWriter<W>>,
    summary: Summary,
}

/// What was seen.
#[derive(Debug, Default)]
pub struct Summary {
    /// Packets.
    pub packets: u64,
    /// Bytes of packets.
    pub bytes: u64,
    /// Seconds spent, reading the file included.
    pub seconds: f64,
    /// Events by type.
    pub events: BTreeMap<String, u64>,
    /// Counters of the engines that are not zero.
    pub counters: BTreeMap<&'static str, u64>,
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let gbit = self.bytes as f64 * 8.0 / self.seconds.max(1e-9) / 1e9;
        writeln!(
            f,
            "{} packets, {} bytes, {:.3} s, {gbit:.2} Gbit/s",
            self.packets, self.bytes, self.seconds
        )?;
        let list = |map: &mut dyn Iterator<Item = (&str, u64)>| {
            map.map(|(name, n)| format!("{name} {n}")).collect::<Vec<_>>().join(", ")
        };
        writeln!(f, "events: {}", list(&mut self.events.iter().map(|(k, v)| (k.as_str(), *v))))?;
        write!(f, "counters: {}", list(&mut self.counters.iter().map(|(k, v)| (*k, *v))))
    }
}

impl<W: Write> Replay<W> {
    /// A replay under a policy; events go to `events`, or are only counted.
    pub fn new(policy: Policy, events: Option<W>) -> Replay<W> {
        Replay {
            policy: Arc::new(policy),
            events: events.map(BufWriter::new),
            summary: Summary::default(),
        }
    }

    /// Replays one capture.
    pub fn file(&mut self, file: &Path) -> Result<(), ReplayError> {
        let begin = Instant::now();
        let read = |source| ReplayError::Read { file: file.to_owned(), source };
        let mut capture = BufReader::with_capacity(READ_BUFFER, File::open(file).map_err(read)?);
        let mut magic = [0; 4];
        let known = capture.read_exact(&mut magic);
        capture.rewind().map_err(read)?;
        let mut run = Run::new(self);
        let result = match (known, magic) {
            (Ok(()), [0x0a, 0x0d, 0x0d, 0x0a]) => run.pcapng(file, capture),
            (Ok(()), [b'{', ..]) => run.requests(file, capture),
            _ => run.pcap(file, capture),
        };
        let ended = run.end();
        self.summary.seconds += begin.elapsed().as_secs_f64();
        result.and(ended)
    }

    /// Writes out what is buffered and gives the summary.
    pub fn finish(mut self) -> Result<Summary, ReplayError> {
        if let Some(events) = &mut self.events {
            events.flush().map_err(ReplayError::Events)?;
        }
        Ok(self.summary)
    }
}

/// One capture on its way through an engine.
struct Run<'r, W: Write> {
    replay: &'r mut Replay<W>,
    engine: Engine<Packet>,
    io: Nowhere,
    now: Time,
}

impl<'r, W: Write> Run<'r, W> {
    fn new(replay: &'r mut Replay<W>) -> Run<'r, W> {
        let settings = EngineSettings {
            inspect: true,
            passive: true,
            log_requests: replay.events.is_some(),
            ..EngineSettings::default()
        };
        let engine = Engine::new(settings, Arc::clone(&replay.policy));
        Run { replay, engine, io: Nowhere::default(), now: Time(0) }
    }

    fn pcap(&mut self, file: &Path, capture: impl Read) -> Result<(), ReplayError> {
        let format = |packets, problem: String| ReplayError::Format {
            file: file.to_owned(),
            packets,
            problem,
        };
        let mut reader =
            PcapReader::new(InPieces(capture)).map_err(|e| format(0, e.to_string()))?;
        let link = reader.header().datalink;
        let nanoseconds = reader.header().ts_resolution == pcap_file::TsResolution::NanoSecond;
        let mut packets = 0;
        while let Some(packet) = reader.next_raw_packet() {
            let packet = packet.map_err(|e| format(packets, e.to_string()))?;
            let fraction = u64::from(packet.ts_frac) * if nanoseconds { 1 } else { 1000 };
            let at = u64::from(packet.ts_sec) * 1_000_000_000 + fraction;
            self.packet(file, link, Time(at), &packet.data)?;
            packets += 1;
        }
        Ok(())
    }

    fn pcapng(&mut self, file: &Path, capture: impl Read) -> Result<(), ReplayError> {
        let format = |packets, problem: String| ReplayError::Format {
            file: file.to_owned(),
            packets,
            problem,
        };
        let mut reader =
            PcapNgReader::new(InPieces(capture)).map_err(|e| format(0, e.to_string()))?;
        let mut packets = 0;
        while let Some(block) = reader.next_block() {
            let block = block.map_err(|e| format(packets, e.to_string()))?;
            let (interface, at, data) = match block {
                Block::EnhancedPacket(p) => (p.interface_id, p.timestamp.as_nanos() as u64, p.data),
                Block::SimplePacket(p) => (0, self.now.0, p.data),
                _ => continue,
            };
            let data = data.into_owned();
            let link = reader.interfaces().get(interface as usize).map(|i| i.linktype);
            let link =
                link.ok_or_else(|| format(packets, "a packet of no interface".to_owned()))?;
            self.packet(file, link, Time(at), &data)?;
            packets += 1;
        }
        Ok(())
    }

    fn packet(
        &mut self,
        file: &Path,
        link: DataLink,
        at: Time,
        data: &[u8],
    ) -> Result<(), ReplayError> {
        let Some(mut buf) = self.io.alloc() else { return Ok(()) };
        buf.0.clear();
        if !to_ethernet(link, data, &mut buf.0) {
            return Err(ReplayError::Link { file: file.to_owned(), link });
        }
        // A capture may go back in time where several were merged; the engine's clock does not.
        self.now = self.now.max(at);
        let summary = &mut self.replay.summary;
        summary.packets += 1;
        summary.bytes += data.len() as u64;
        if self.engine.next_deadline().is_some_and(|due| due <= self.now) {
            self.engine.tick(&mut self.io, self.now);
        }
        self.engine.handle(&mut self.io, self.now, Side::A, buf);
        self.events()
    }

    fn events(&mut self) -> Result<(), ReplayError> {
        while let Some(event) = self.engine.poll_event() {
            let name = eve::event_type(&event);
            match self.replay.summary.events.get_mut(name) {
                Some(n) => *n += 1,
                None => {
                    self.replay.summary.events.insert(name.to_owned(), 1);
                }
            }
            if let Some(out) = &mut self.replay.events {
                writeln!(out, "{}", eve::to_line(&event)).map_err(ReplayError::Events)?;
            }
        }
        Ok(())
    }

    fn end(mut self) -> Result<(), ReplayError> {
        self.engine.shut_down(&mut self.io);
        let result = self.events();
        for (name, value) in self.engine.counters().named() {
            if value > 0 {
                *self.replay.summary.counters.entry(name).or_default() += value;
            }
        }
        result
    }
}

/// Reads [`READ_BUFFER`] at once, also where more is asked for: the readers of captures ask for 8 MB.
struct InPieces<R>(R);

impl<R: Read> Read for InPieces<R> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let most = to.len().min(READ_BUFFER);
        self.0.read(to.get_mut(..most).unwrap_or_default())
    }
}

/// Appends the packet as an Ethernet frame; what another link layer says besides the protocol is left out.
fn to_ethernet(link: DataLink, data: &[u8], out: &mut Vec<u8>) -> bool {
    let cut = match link {
        DataLink::ETHERNET => {
            out.extend_from_slice(data);
            return true;
        }
        DataLink::RAW | DataLink::IPV4 | DataLink::IPV6 => 0,
        DataLink::NULL | DataLink::LOOP => 4,
        DataLink::LINUX_SLL => 16,
        DataLink::LINUX_SLL2 => 20,
        // LINKTYPE_RAW as BSD systems number it.
        DataLink::Unknown(12 | 14) => 0,
        _ => return false,
    };
    let ip = data.get(cut..).unwrap_or_default();
    let ethertype: [u8; 2] = match ip.first().map(|b| b >> 4) {
        Some(6) => [0x86, 0xdd],
        _ => [0x08, 0x00],
    };
    out.extend_from_slice(&[0; 12]);
    out.extend_from_slice(&ethertype);
    out.extend_from_slice(ip);
    true
}
