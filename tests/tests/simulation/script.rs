//! What two ends say to each other, and what each of them must hear: all of it decided by a seed.

use std::ops::Range;
use std::time::Duration;

use weir_tests::rng::Rng;

use crate::content::Content;
use crate::{http1, http2};

/// One step of a sender.
#[derive(Clone, Debug)]
pub struct Write {
    /// Its bytes are those up to here.
    pub upto: usize,
    /// It happens when so many bytes of the other side have come,
    pub needs: usize,
    /// and this long after the step before it.
    pub delay: Duration,
}

/// How an end leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// Closes when it has said and heard everything, or the other end has closed.
    WhenDone,
    /// Closes its sending side as soon as it has said everything.
    HalfClose,
    /// Closes when it has heard so many bytes.
    Close(usize),
    /// Resets the connection when it has heard so many bytes.
    Abort(usize),
}

/// Everything that one end says.
#[derive(Clone, Debug)]
pub struct Talk {
    pub bytes: Vec<u8>,
    pub writes: Vec<Write>,
    pub leave: Leave,
}

/// One secret in a stream: its pieces, between which framing lies.
#[derive(Clone, Debug)]
pub struct Secret {
    pub pieces: Vec<Range<usize>>,
}

/// What the receiver of a direction must hear.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// The bytes as they must arrive, as long as those sent.
    pub bytes: Vec<u8>,
    /// What must not arrive as it was sent.
    pub secrets: Vec<Secret>,
    /// Fields that are overwritten unless their head is held for longer than it may be.
    pub blanks: Vec<Range<usize>>,
    /// Octets that make a header block malformed, and the end of their block: once it has arrived, they have changed.
    pub refused: Vec<(usize, usize)>,
    /// What may arrive as anything: frames that Weir may use for its own.
    pub free: Vec<Range<usize>>,
    /// Offset that must never be reached: what ends here is refused.
    pub fence: Option<usize>,
}

/// How the connection must end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Both receivers have everything.
    Complete,
    /// An end leaves early: what arrived is the beginning of what was expected.
    Interrupted,
    /// A request is refused. The client has every byte up to here, then a 403 or a reset.
    Refused(usize),
    /// The response that begins here is blocked: the client has a beginning of it and then a reset, or a 403 in its
    /// place.
    Blocked(usize),
}

/// One connection.
#[derive(Clone, Debug)]
pub struct Script {
    pub policy: &'static str,
    pub http2: bool,
    pub client: Talk,
    pub server: Talk,
    pub to_server: Expected,
    pub to_client: Expected,
    /// The bodies on the streams of an HTTP/2 connection whose leaks are blocked: then bytes are not compared, but what
    /// a client makes of the frames.
    pub streams: Vec<(u32, Content)>,
    pub ending: Ending,
    /// How it came about, for a failure's report.
    pub story: String,
}

impl Script {
    /// The connection of a seed.
    pub fn of(seed: u64) -> Script {
        let mut rng = Rng::new(seed);
        if rng.percent(60.0) { http1::script(&mut rng) } else { http2::script(&mut rng) }
    }
}

/// How an end hands its bytes to TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As much as fits.
    Whole,
    /// In pieces of up to so many bytes, at once.
    Pieces(usize),
    /// Like it, with pauses within the bound of a hold.
    Paused(usize),
    /// Like it, with pauses beyond it.
    Slow(usize),
}

impl Pace {
    /// A pace for `len` bytes; one-byte writes only where there are few.
    pub fn random(rng: &mut Rng, len: usize) -> Pace {
        let least = if len < 2_000 { 1 } else { len / 200 };
        let piece = least + rng.range(0, 400) as usize;
        match rng.range(1, 10) {
            1..=4 => Pace::Whole,
            5..=6 => Pace::Pieces(piece),
            7 => Pace::Pieces(least),
            8..=9 => Pace::Paused(piece),
            _ => Pace::Slow(piece),
        }
    }

    /// Cuts `range` into steps that begin when `needs` bytes were heard. Places in `near` are favoured.
    pub fn steps(
        self,
        rng: &mut Rng,
        range: Range<usize>,
        needs: usize,
        near: &[Range<usize>],
        steps: &mut Vec<Write>,
    ) {
        let mut at = range.start;
        let (most, pause) = match self {
            Pace::Whole => (usize::MAX, 0..=0),
            Pace::Pieces(most) => (most, 0..=0),
            Pace::Paused(most) => (most, 0..=1_500),
            Pace::Slow(most) => (most, 0..=20_000),
        };
        while at < range.end {
            let piece = if most == usize::MAX { most } else { rng.range(1, most as u64) as usize };
            let mut upto = range.end.min(at.saturating_add(piece));
            if let Some(place) = near.iter().find(|p| at < p.end && upto > p.start)
                && rng.percent(70.0)
            {
                // Right into the secret, or onto one of its edges.
                upto = (rng.range(place.start as u64, place.end as u64) as usize).max(at + 1);
            }
            let delay = Duration::from_micros(rng.range(*pause.start(), *pause.end()));
            steps.push(Write { upto: upto.min(range.end), needs, delay });
            at = upto;
        }
    }
}
