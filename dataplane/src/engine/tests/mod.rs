//! Whole connections through the engine, packet by packet. Every test ends with the sum of the reasons (design rule 4).

mod actions;
mod behaviour;
mod bypass;
mod coded;
mod http1;
mod http2;
mod limits;
mod paths;
mod records;
mod services;
mod tcp;
mod tls;
mod vlans;
mod websocket;
mod websocket_http2;

use std::sync::Arc;

use weir_inspect::policy::Policy;
use weir_reassembly::packet::{self, Flags, Packet};
use weir_reassembly::time::Time;

use super::testing::{Wire, frame};
use super::{Dir, Engine, EngineSettings, Side};

const CLIENT: &str = "10.0.0.1:40000";
const SERVER: &str = "10.0.0.2:80";

pub const MASK: &str = "version: 1
mode: enforce
rules:
  - name: mask
    direction: response
    detect: [payment-card, us-ssn, private-key, jwt, aws-access-key]
    action: mask
  - name: attacks
    direction: request
    detect: ['category:attacks']
    action: block
";

/// A connection through an engine; both ends are played by the test.
pub struct Play {
    pub engine: Engine<Vec<u8>>,
    pub wire: Wire,
    pub now: Time,
    /// Next sequence number of the client, of the server.
    pub seq: (u32, u32),
}

impl Play {
    /// An open connection.
    pub fn open(policy: &str) -> Play {
        Play::open_with(policy, EngineSettings { log_requests: true, ..Default::default() })
    }

    /// An open connection through an engine with these settings.
    pub fn open_with(policy: &str, settings: EngineSettings) -> Play {
        let (policy, _) = Policy::compile(policy).unwrap();
        let settings = EngineSettings { inspect: true, ..settings };
        let mut play = Play {
            engine: Engine::new(settings, Arc::new(policy)),
            wire: Wire::default(),
            now: Time(1_000_000_000),
            seq: (1000, 0xffff_ff00),
        };
        play.packet(Dir::ToServer, 1000, 0, Flags::SYN, b"");
        play.packet(Dir::ToClient, 0xffff_ff00, 1001, Flags::SYN | Flags::ACK, b"");
        play.seq = (1001, 0xffff_ff01);
        play.ack(Dir::ToServer);
        assert_eq!(play.take().len(), 3);
        play
    }

    /// Gives the engine one packet.
    pub fn packet(&mut self, dir: Dir, seq: u32, ack: u32, flags: u8, payload: &[u8]) {
        let (src, dst, side) = match dir {
            Dir::ToServer => (CLIENT, SERVER, Side::A),
            Dir::ToClient => (SERVER, CLIENT, Side::B),
        };
        let f = frame(src, dst, seq, ack, flags, payload);
        self.engine.handle(&mut self.wire, self.now, side, f);
        self.engine.tick(&mut self.wire, self.now);
    }

    /// The next bytes of a side.
    pub fn say(&mut self, dir: Dir, payload: impl AsRef<[u8]>) {
        let payload = payload.as_ref();
        let (c, s) = self.seq;
        let len = payload.len() as u32;
        match dir {
            Dir::ToServer => {
                self.packet(dir, c, s, Flags::ACK | Flags::PSH, payload);
                self.seq.0 = c.wrapping_add(len);
            }
            Dir::ToClient => {
                self.packet(dir, s, c, Flags::ACK | Flags::PSH, payload);
                self.seq.1 = s.wrapping_add(len);
            }
        }
    }

    /// A pure acknowledgement by the sender of `dir`.
    pub fn ack(&mut self, dir: Dir) {
        let (c, s) = self.seq;
        match dir {
            Dir::ToServer => self.packet(dir, c, s, Flags::ACK, b""),
            Dir::ToClient => self.packet(dir, s, c, Flags::ACK, b""),
        }
    }

    /// Lets time pass.
    pub fn wait(&mut self, ms: u64) {
        self.now = Time(self.now.0 + ms * 1_000_000);
        self.engine.tick(&mut self.wire, self.now);
    }

    /// What was sent since the last call; checksums are checked.
    pub fn take(&mut self) -> Vec<(Dir, Packet, Vec<u8>)> {
        let sent = std::mem::take(&mut self.wire.sent);
        sent.into_iter()
            .map(|(side, f)| {
                let p = packet::parse(&f).expect("a packet");
                assert!(super::edit::checksum_is_right(&f, &p), "wrong checksum: {p:?}");
                let payload = f[p.payload()].to_vec();
                (if side == Side::A { Dir::ToClient } else { Dir::ToServer }, p, payload)
            })
            .collect()
    }

    /// The payload bytes that were sent in a direction since the last call.
    pub fn bytes(&mut self, dir: Dir) -> String {
        let all: Vec<u8> =
            self.take().into_iter().filter(|t| t.0 == dir).flat_map(|t| t.2).collect();
        String::from_utf8_lossy(&all).into_owned()
    }
}

impl Drop for Play {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let counters = self.engine.counters();
            assert!(
                counters.in_flight() <= self.engine.held() as u64,
                "a packet ended in no reason"
            );
        }
    }
}
