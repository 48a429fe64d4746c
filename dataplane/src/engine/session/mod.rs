//! What the bytes of a connection mean: the protocol, its messages, and what the policy says of them.
//!
//! ```text
//!  bytes ─► Detecting ─┬─► Http1 ──101, CONNECT──► Tunnel (h2c: Http2; WebSocket)
//!                      ├─► Http2
//!                      ├─► TLS: its client judged, then passed, counted
//!                      └─► unknown: passed, counted
//! ```

mod behaviour;
mod coded;
mod content;
mod detect;
mod edits;
mod etag;
mod grpc;
mod head;
mod http1;
mod http2;
mod reading;
mod record;
mod report;
mod target;
mod tls;
mod transaction;
mod websocket;

use std::time::Duration;

use weir_inspect::policy::{self, Decision, Message, Policy};
use weir_proto::AppProto;
use weir_reassembly::time::Time;
use weir_reassembly::tls::HelloReader;

pub use super::answer::Answer;
use super::bypass::Order;
use super::context::{Context, Turn};
use super::flow::{Conn, Dir};
use crate::reason::Reason;
pub use edits::Edit;
use http1::{Http1Session, Upgrade};
use http2::Http2Session;
pub use report::event;
use websocket::WebSocketSession;

/// What is to happen to the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Go on.
    Continue,
    /// Nothing more is inspected; everything passes for this reason.
    Pass(Reason),
    /// What this direction says from `clear` on is refused with an HTTP/1 answer.
    Refuse(Answer),
    /// Both ends are reset.
    Reset,
    /// Everything is dropped, silently.
    Drop,
}

/// What feeding bytes came to.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Stream offset up to which this direction's bytes may leave.
    pub clear: u64,
    /// What is to happen.
    pub action: Action,
}

impl Outcome {
    /// Everything up to `clear` may leave.
    fn clear(clear: u64) -> Outcome {
        Outcome { clear, action: Action::Continue }
    }

    fn action(clear: u64, action: Action) -> Outcome {
        Outcome { clear, action }
    }
}

/// A piece of one direction's stream, and where the results go.
pub struct Feed<'a> {
    pub cx: &'a mut Context,
    pub conn: &'a Conn,
    pub now: Time,
    pub dir: Dir,
    pub at: u64,
    /// Stream offset up to which this direction's bytes have left.
    pub sent: u64,
}

impl Feed<'_> {
    /// A message of this connection, of which nothing is known but its way.
    fn message(&self, direction: policy::Direction) -> Message<'static> {
        let Conn { client, server, vlans, .. } = self.conn;
        Message { vlans: *vlans, ..Message::new(direction, client.0, server.0, server.1) }
    }

    /// What the policy wants after an exception, as an action.
    fn exception(&mut self, cause: weir_inspect::policy::Cause, clear: u64) -> Outcome {
        use weir_inspect::policy::ExceptionAction::{Drop, Pass, Reset};
        let action = match self.cx.exception(cause) {
            Pass => Action::Pass(Reason::ExceptionPass),
            Drop => Action::Drop,
            Reset => Action::Reset,
        };
        Outcome::action(clear, action)
    }

    /// What begins at `at` waits until then, if it has to; of several requests in these bytes the first says where, the last until
    /// when.
    fn wait_for(&mut self, until: Option<Time>, at: u64) {
        let Some(until) = until else { return };
        let at = self.cx.turn.map_or(at, |first| first.at);
        self.cx.turn = Some(Turn { at, until });
    }

    /// The client's address is to be dropped, if that is what a rule says that acts.
    fn drop_source(&mut self, policy: &Policy, decision: Decision) {
        if decision.action != policy::Action::DropSource {
            return;
        }
        let Some(drops) = policy.drops(decision.rule) else { return };
        let until = self.now + Duration::from_millis(drops);
        self.cx.order(Order::DropSource { source: self.conn.client.0, until });
    }
}

/// What the bytes of one connection turned out to be.
pub enum Session {
    /// Not yet known. `midstream`: the beginning was not seen.
    Detecting {
        /// The connection was picked up in its middle.
        midstream: bool,
        /// What each side has said, as long as it is too little to tell.
        begun: [Begun; 2],
    },
    /// HTTP/1.x.
    Http1(Box<Http1Session>),
    /// HTTP/2.
    Http2(Box<Http2Session>),
    /// WebSocket, after a handshake in HTTP/1.
    WebSocket(Box<WebSocketSession>),
    /// TLS whose client has not yet said all of its first message.
    Tls(Box<HelloReader>),
    /// Passed unread, for the reason that the counters name.
    Unread(Unread),
}

/// The first few bytes of a direction, and where they lie.
#[derive(Default)]
pub struct Begun {
    at: u64,
    bytes: Vec<u8>,
}

/// Why bytes are not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// TLS: the plaintext is elsewhere.
    Tls,
    /// No protocol that Weir knows.
    Unknown,
    /// After CONNECT or a protocol upgrade.
    Tunnel,
}

impl Default for Session {
    fn default() -> Session {
        Session::Detecting { midstream: false, begun: Default::default() }
    }
}

impl Session {
    /// A session whose beginning was not seen.
    pub fn midstream() -> Session {
        Session::Detecting { midstream: true, begun: Default::default() }
    }

    /// Reads the next bytes of a direction, which begin at stream offset `at`; everything before `sent` has left.
    pub fn feed(
        &mut self,
        cx: &mut Context,
        conn: &Conn,
        now: Time,
        dir: Dir,
        (at, sent): (u64, u64),
        bytes: &[u8],
    ) -> Outcome {
        let feed = &mut Feed { cx, conn, now, dir, at, sent };
        let outcome = match self {
            Session::Detecting { .. } => return self.detect(feed, bytes),
            Session::Http1(http1) => http1.feed(feed, bytes),
            Session::Http2(http2) => http2.feed(feed, bytes),
            Session::WebSocket(websocket) => websocket.feed(feed, bytes),
            Session::Tls(hello) => {
                let outcome = tls::feed(hello, feed, bytes);
                if outcome.action != Action::Continue {
                    *self = Session::Unread(Unread::Tls);
                }
                return outcome;
            }
            Session::Unread(_) => Outcome::clear(at + bytes.len() as u64),
        };
        self.after(feed, outcome, bytes)
    }

    /// The sender of a direction has ended it at stream offset `at`.
    pub fn finish(
        &mut self,
        cx: &mut Context,
        conn: &Conn,
        now: Time,
        dir: Dir,
        at: u64,
    ) -> Outcome {
        let feed = &mut Feed { cx, conn, now, dir, at, sent: at };
        match self {
            Session::Http1(http1) => http1.finish(feed),
            Session::WebSocket(websocket) => websocket.expire(feed),
            _ => Outcome::clear(at),
        }
    }

    /// What is held of a direction, from `sent` to `at`, can be held no longer.
    pub fn expire(
        &mut self,
        cx: &mut Context,
        conn: &Conn,
        now: Time,
        dir: Dir,
        (at, sent): (u64, u64),
    ) -> Outcome {
        let feed = &mut Feed { cx, conn, now, dir, at, sent };
        match self {
            Session::Http1(http1) => http1.expire(feed),
            Session::Http2(http2) => http2.expire(feed),
            Session::WebSocket(websocket) => websocket.expire(feed),
            _ => Outcome::clear(at),
        }
    }

    /// The connection is over: tells the requests that were never answered completely.
    pub fn ended(&mut self, cx: &mut Context, conn: &Conn, now: Time) {
        let feed = &mut Feed { cx, conn, now, dir: Dir::ToClient, at: 0, sent: 0 };
        match self {
            Session::Http1(http1) => http1.ended(feed),
            Session::Http2(http2) => http2.ended(feed),
            _ => {}
        }
    }

    /// Looks at the first bytes.
    fn detect(&mut self, feed: &mut Feed<'_>, bytes: &[u8]) -> Outcome {
        let end = feed.at + bytes.len() as u64;
        let Session::Detecting { midstream, begun: [to_server, to_client] } = self else {
            return Outcome::clear(end);
        };
        if bytes.is_empty() {
            return Outcome::clear(end);
        }
        let midstream = *midstream;
        let (mine, other) = match feed.dir {
            Dir::ToServer => (to_server, to_client),
            Dir::ToClient => (to_client, to_server),
        };
        let mut joined = std::mem::take(&mut mine.bytes);
        let mut bytes = bytes;
        if !joined.is_empty() {
            feed.at = mine.at;
            joined.extend_from_slice(bytes);
            bytes = &joined;
        }
        let other = std::mem::take(other);
        match detect::detect(feed.dir, bytes, midstream) {
            detect::Protocol::Undecided => {
                let mine = Begun { at: feed.at, bytes: bytes.to_vec() };
                let begun = if feed.dir == Dir::ToServer { [mine, other] } else { [other, mine] };
                *self = Session::Detecting { midstream, begun };
                return Outcome::clear(feed.at);
            }
            detect::Protocol::Http1 => *self = Session::Http1(Box::default()),
            detect::Protocol::Http2 => *self = Session::Http2(Box::new(Http2Session::new(true))),
            detect::Protocol::Tls => {
                *self = Session::Tls(Box::default());
            }
            detect::Protocol::Unknown if midstream => {
                return feed.exception(weir_inspect::policy::Cause::Midstream, end);
            }
            detect::Protocol::Unknown => {
                feed.cx.counters.unread_unknown_bytes += bytes.len() as u64;
                *self = Session::Unread(Unread::Unknown);
                return feed.exception(weir_inspect::policy::Cause::Undecodable, end);
            }
        }
        if !other.bytes.is_empty() {
            let (dir, offsets) = (feed.dir.reverse(), (other.at, other.at));
            let early = self.feed(feed.cx, feed.conn, feed.now, dir, offsets, &other.bytes);
            if early.action != Action::Continue {
                return Outcome::action(feed.at, early.action);
            }
        }
        self.feed(feed.cx, feed.conn, feed.now, feed.dir, (feed.at, feed.sent), bytes)
    }

    /// A protocol that became another one in the middle of the bytes.
    fn after(&mut self, feed: &mut Feed<'_>, outcome: Outcome, bytes: &[u8]) -> Outcome {
        let Session::Http1(http1) = self else { return outcome };
        let Some(switch) = http1.switched() else { return outcome };
        let rest = usize::try_from(switch.at.saturating_sub(feed.at)).unwrap_or(usize::MAX);
        let rest = bytes.get(rest..).unwrap_or_default();
        feed.at = switch.at;
        match switch.upgrade {
            Some(Upgrade::Http2 { settings, transaction }) => {
                let mut http2 = Box::new(Http2Session::upgraded(settings, transaction));
                let outcome = if rest.is_empty() { outcome } else { http2.feed(feed, rest) };
                *self = Session::Http2(http2);
                outcome
            }
            Some(Upgrade::WebSocket(handshake)) => {
                let mut websocket = Box::new(WebSocketSession::new(handshake));
                let outcome = if rest.is_empty() { outcome } else { websocket.feed(feed, rest) };
                *self = Session::WebSocket(websocket);
                outcome
            }
            None => {
                *self = Session::Unread(Unread::Tunnel);
                Outcome::action(outcome.clear, Action::Pass(Reason::NotInspected))
            }
        }
    }

    /// Whether every request that the server has got is answered completely.
    pub fn answered(&self) -> bool {
        match self {
            Session::Http1(http1) => http1.answered(),
            _ => true,
        }
    }

    /// Bytes of this direction were lost to a passive observer: its messages can't be followed any more.
    pub fn gap(&mut self, _dir: Dir) {
        *self = Session::midstream();
    }

    /// Counts bytes that pass unread, under their reason.
    pub fn unread(&self, cx: &mut Context, bytes: u64) {
        match self {
            Session::Unread(Unread::Tls) => cx.counters.unread_tls_bytes += bytes,
            Session::Unread(Unread::Tunnel) => cx.counters.unread_tunnel_bytes += bytes,
            _ => cx.counters.unread_unknown_bytes += bytes,
        }
    }

    /// What events call it.
    pub fn app_proto(&self) -> AppProto {
        match self {
            Session::Http1(_) => AppProto::Http,
            Session::Http2(_) => AppProto::Http2,
            Session::WebSocket(_) => AppProto::Websocket,
            Session::Tls(_) | Session::Unread(Unread::Tls) => AppProto::Tls,
            _ => AppProto::Unknown,
        }
    }
}
