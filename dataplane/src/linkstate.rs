//! Mirrors the link state: a port whose other side has lost its link is taken down, so that the neighbour there sees the
//! loss as it would on a cable, and moves to its other path at once instead of after a protocol's timeout.
//!
//! ```text
//!        B lost, and Weir has let go        A lost, and Weir has let go
//!        of A for SETTLE or longer          of B for SETTLE or longer
//!  A held down ◄─────────────────── both up ───────────────────► B held down
//!        └────── B's link is back ─────►  ◄──── A's link is back ──────┘
//! ```
//!
//! A port that Weir has taken down has no link either, which says nothing; nor does one that was just brought up, until
//! both ends have agreed on a speed. That Weir holds a port down is written down first, so that it comes up again however
//! the process ends: `detach` and the next start see to it after a crash.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{fmt, io};

use weir_proto::Event;

use crate::control::system_event;
use crate::engine::Side;
use crate::preflight::Undo;
use crate::preflight::ethtool::{Device, Setting};

/// How often both ports are looked at. Ten times as fast as the shortest of the usual timeouts that this spares
/// (LACP's and VRRP's, a second each).
const EVERY: Duration = Duration::from_millis(100);
/// How long a port that was brought up may take to find its link: autonegotiation of copper takes up to three seconds.
const SETTLE: Duration = Duration::from_secs(5);

/// Which port is held down, and since when none is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Up { since: Option<Instant> },
    Held(Side),
}

impl State {
    /// The state after a look at both ports at `now`: whether A and B have a link.
    fn next(self, now: Instant, a: bool, b: bool) -> State {
        match self {
            State::Up { since: Some(since) } if now < since + SETTLE => self,
            State::Up { .. } => match (a, b) {
                (true, false) => State::Held(Side::A),
                (false, true) => State::Held(Side::B),
                // Without any link there is nobody to tell.
                _ => self,
            },
            State::Held(Side::A) if b => State::Up { since: Some(now) },
            State::Held(Side::B) if a => State::Up { since: Some(now) },
            State::Held(_) => self,
        }
    }
}

/// What became of a port; for the log and the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The port that was taken down or brought up.
    pub port: String,
    /// The one whose link was lost or is back.
    pub because: String,
    /// Whether it was taken down.
    pub down: bool,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Change { port, because, .. } = self;
        match self.down {
            true => write!(f, "{because} has lost its link, so {port} is taken down"),
            false => write!(f, "{because} has its link back, so {port} is brought up"),
        }
    }
}

impl Change {
    /// As an event.
    pub fn event(&self, wall_us: u64) -> Event {
        let what = if self.down { "link_lost" } else { "link_back" };
        system_event(what, self.to_string(), wall_us)
    }
}

/// The thread that watches both ports. Dropped, it brings up what it has taken down.
#[derive(Debug)]
pub struct LinkState {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl LinkState {
    /// Begins to watch. `undo` takes the changes back at the end; `tell` gets each change.
    ///
    /// # Errors
    /// The system refuses a socket or a thread.
    pub fn mirror(
        a: &str,
        b: &str,
        undo: Undo,
        tell: impl Fn(&Change) + Send + 'static,
    ) -> io::Result<LinkState> {
        let mut watched =
            Watched { a: Device::open(a, None)?, b: Device::open(b, None)?, undo, told: false };
        let (stop, stopped) = mpsc::channel();
        let thread = thread::Builder::new().name("link-state".to_owned()).spawn(move || {
            let mut state = State::Up { since: None };
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                if let Some(change) = watched.turn(&mut state) {
                    tell(&change);
                }
            }
            watched.end(state);
        })?;
        Ok(LinkState { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for LinkState {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // it has nothing to tell but a panic, which is logged
        }
    }
}

struct Watched {
    a: Device,
    b: Device,
    undo: Undo,
    /// That it does not work was told.
    told: bool,
}

impl Watched {
    /// Looks at the ports and does what follows.
    fn turn(&mut self, state: &mut State) -> Option<Change> {
        // A port that is gone has no link.
        let (a, b) = (self.a.has_link().unwrap_or(false), self.b.has_link().unwrap_or(false));
        let next = state.next(Instant::now(), a, b);
        if next == *state {
            return None;
        }
        let (side, down) = match (*state, next) {
            (_, State::Held(side)) => (side, true),
            (State::Held(side), _) => (side, false),
            _ => return None,
        };
        let (port, other) = match side {
            Side::A => (&self.a, &self.b),
            Side::B => (&self.b, &self.a),
        };
        match self.undo.apply(port, None, Setting::Up, !down) {
            Ok(true) => {
                *state = next;
                self.told = false;
                Some(Change { port: port.name().into(), because: other.name().into(), down })
            }
            // The state stays, so that it is tried again.
            failed => {
                if !std::mem::replace(&mut self.told, true) {
                    let way = if down { "down" } else { "up" };
                    tracing::error!("{} can't be brought {way}: {failed:?}", port.name());
                }
                None
            }
        }
    }

    /// Leaves no port down.
    fn end(&mut self, state: State) {
        let State::Held(side) = state else { return };
        let port = if side == Side::A { &self.a } else { &self.b };
        if !self.undo.apply(port, None, Setting::Up, true).unwrap_or(false) {
            let name = port.name();
            tracing::error!("{name} can't be brought up again. Run: ip link set {name} up");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks, a second apart; `a` and `b` say whether the ports have a link then (`+`) or not (`-`), and a port that is held
    /// down has none whatever they say. Gives which port is held down after each look.
    fn looks(a: &str, b: &str) -> String {
        let mut now = Instant::now();
        let mut state = State::Up { since: None };
        let look = |(a, b): (char, char)| {
            now += Duration::from_secs(1);
            let a = a == '+' && state != State::Held(Side::A);
            let b = b == '+' && state != State::Held(Side::B);
            state = state.next(now, a, b);
            match state {
                State::Up { .. } => '.',
                State::Held(Side::A) => 'A',
                State::Held(Side::B) => 'B',
            }
        };
        a.chars().zip(b.chars()).map(look).collect()
    }

    #[test]
    fn a_lost_link_takes_the_other_port_down_until_it_is_back() {
        assert_eq!(looks("++--++", "++++++"), "..BB..");
        assert_eq!(looks("++++++", "++--++"), "..AA..");
    }

    #[test]
    fn without_any_link_nothing_is_held() {
        assert_eq!(looks("--+", "---"), "..A");
    }

    #[test]
    fn a_port_that_was_brought_up_may_take_its_time_to_find_its_link() {
        assert_eq!(looks("+-++++++", "+++---++"), ".B......", "B is back within five seconds");
        assert_eq!(looks("+-++++++", "+++-----"), ".B.....A", "B's own link is lost");
    }
}
