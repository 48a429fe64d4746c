//! Links that lose, delay, repeat, cut, corrupt and forge packets, from a seed.

use weir_reassembly::packet::{self, Flags};
use weir_tests::rng::Rng;

use crate::packets::{ETHERNET, rebuilt, resegmented};

/// What happens to packets on every link, in percent; times in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    delay: u64,
    jitter: u64,
    lost: f64,
    repeated: f64,
    late: f64,
    lateness: u64,
    cut: f64,
    corrupted: f64,
    forged: f64,
    /// Buffers that Weir asks for and does not get.
    pub starved: f64,
}

/// From this time on the network is as good as any: every connection must end in bounded time.
pub const HEALED: u64 = 30_000_000;

impl Faults {
    const NONE: Faults = Faults {
        delay: 50,
        jitter: 20,
        lost: 0.0,
        repeated: 0.0,
        late: 0.0,
        lateness: 0,
        cut: 0.0,
        corrupted: 0.0,
        forged: 0.0,
        starved: 0.0,
    };

    /// The network of a seed.
    pub fn random(rng: &mut Rng) -> Faults {
        let none = Faults { delay: rng.range(5, 150), jitter: rng.range(0, 100), ..Faults::NONE };
        let untidy = Faults {
            repeated: rng.range(0, 10) as f64,
            late: rng.range(0, 20) as f64,
            lateness: rng.range(100, 2_000),
            cut: rng.range(0, 50) as f64,
            ..none
        };
        let lossy = Faults { lost: rng.range(1, 5) as f64, ..untidy };
        match rng.range(0, 99) {
            0..20 => none,
            20..50 => untidy,
            50..80 => lossy,
            80..88 => Faults { corrupted: rng.range(1, 5) as f64, ..lossy },
            88..93 => Faults { starved: rng.range(1, 20) as f64, ..lossy },
            _ => Faults { forged: rng.range(1, 40) as f64, ..lossy },
        }
    }

    /// Nothing is lost, and nothing comes late enough to outlast a hold.
    pub fn is_tidy(&self) -> bool {
        self.lost == 0.0 && self.corrupted == 0.0 && self.starved == 0.0 && self.forged == 0.0
    }

    /// Somebody sends other versions of what was sent: what arrives is one of the versions.
    pub fn is_hostile(&self) -> bool {
        self.forged > 0.0
    }

    /// The same without forgery: whoever can forge behind Weir has passed it already.
    pub fn behind_weir(self) -> Faults {
        Faults { forged: 0.0, ..self }
    }

    /// What becomes of a packet sent at `now`: what arrives, and when.
    pub fn carry(&self, rng: &mut Rng, now: u64, frame: Vec<u8>) -> Vec<(u64, Vec<u8>)> {
        if now >= HEALED {
            return vec![(now + self.delay, frame)];
        }
        let mut pieces = vec![frame];
        if let Some(p) = packet::parse(&pieces[0]).ok().filter(|p| p.end - p.data > 1) {
            if rng.percent(self.cut) {
                let cut = rng.range(1, (p.end - p.data - 1) as u64) as usize;
                let overlap = if rng.percent(30.0) { rng.range(1, 200) as usize } else { 0 };
                pieces = resegmented(&pieces[0], &p, cut, overlap).into();
            }
            if rng.percent(self.forged) {
                let forged = forged(rng, &pieces[0]);
                let place = rng.range(0, pieces.len() as u64) as usize;
                pieces.insert(place, forged);
            }
        }
        let mut arrivals = Vec::new();
        for mut piece in pieces {
            if rng.percent(self.lost) {
                continue;
            }
            if rng.percent(self.corrupted) {
                corrupt(rng, &mut piece);
            }
            let mut at = now + self.delay + rng.range(0, self.jitter);
            if rng.percent(self.late) {
                at += rng.range(0, self.lateness);
            }
            if rng.percent(self.repeated) {
                arrivals.push((at + rng.range(0, self.lateness), piece.clone()));
            }
            arrivals.push((at, piece));
        }
        arrivals
    }
}

/// Another version of a segment: some of its bytes differ, or it says more or less.
fn forged(rng: &mut Rng, frame: &[u8]) -> Vec<u8> {
    let Ok(p) = packet::parse(frame) else { return frame.to_vec() };
    let mut payload = frame[p.payload()].to_vec();
    let at = rng.range(0, payload.len() as u64 - 1) as usize;
    let len = rng.range(1, 40).min((payload.len() - at) as u64) as usize;
    for b in &mut payload[at..at + len] {
        *b = b"0123456789abcXYZ"[rng.range(0, 15) as usize];
    }
    match rng.range(0, 3) {
        0 => payload.truncate(at + len),
        1 if payload.len() < 1_000 => payload.extend_from_slice(b"4111111111111111"),
        _ => {}
    }
    rebuilt(frame, &p, p.seq, p.flags.0 & !Flags::FIN, &payload)
}

/// Flips a bit in the TCP segment, behind the ports.
fn corrupt(rng: &mut Rng, frame: &mut [u8]) {
    let Ok(p) = packet::parse(frame) else { return };
    debug_assert!(p.tcp > ETHERNET);
    let at = rng.range(p.tcp as u64 + 4, p.end as u64 - 1) as usize;
    frame[at] ^= 1 << rng.range(0, 7);
}
