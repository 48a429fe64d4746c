//! HTTP/2 on one connection: both directions' decoders, the streams, and what is edited in them.
//!
//! The connection lives on when one of its streams does not: a refused request is made malformed, so that the server
//! itself refuses it, and a response is ended in the middle by a RST_STREAM in place of its last bytes (`ending.rs`).

mod ending;
mod heads;
mod stream;
mod streams;

use weir_inspect::policy::Cause;
use weir_reassembly::http2::{Event, Http2, Role, Settings};

use self::stream::Stream;
use self::streams::Streams;
use super::transaction::Transaction;
use super::{Action, Dir, Feed, Outcome};

/// What becomes of the connection after an event.
pub enum Next {
    Go,
    Exception(Cause),
    Reset,
}

impl Next {
    /// This, and if the connection goes on, the other.
    fn and(self, other: Next) -> Next {
        match self {
            Next::Go => other,
            stopped => stopped,
        }
    }
}

/// One connection that speaks HTTP/2.
pub struct Http2Session {
    client: Http2,
    server: Http2,
    streams: Streams,
}

impl Http2Session {
    /// A connection that begins with the preface.
    pub fn new(preface: bool) -> Http2Session {
        Http2Session {
            client: Http2::new(Role::Client, preface),
            server: Http2::new(Role::Server, preface),
            streams: Streams::default(),
        }
    }

    /// A connection that was upgraded from HTTP/1 (RFC 7540 §3.2): its request is stream 1, already complete.
    pub fn upgraded(settings: Settings, transaction: Box<Transaction>) -> Http2Session {
        let mut session = Http2Session::new(true);
        if let Some(size) = settings.header_table_size {
            session.server.set_max_table_size(size);
        }
        let mut transaction = *transaction;
        transaction.request.stream = 1;
        transaction.request.version = "HTTP/2";
        // 101 was not the response: that comes on the stream.
        transaction.request.status = 0;
        transaction.answered = false;
        let stream =
            Stream { transaction, request_seen: true, ended: (true, false), ..Stream::default() };
        session.streams.open.insert(1, Box::new(stream));
        session
    }

    /// Reads the next bytes of a direction.
    pub fn feed(&mut self, feed: &mut Feed<'_>, bytes: &[u8]) -> Outcome {
        let end = feed.at + bytes.len() as u64;
        let mut rest = bytes;
        let Http2Session { client, server, streams } = self;
        let (decoder, other) = match feed.dir {
            Dir::ToServer => (client, server),
            Dir::ToClient => (server, client),
        };
        streams.begin_feed(feed);
        loop {
            let at = end - rest.len() as u64;
            let step = decoder.poll(at, rest);
            rest = rest.get(step.consumed..).unwrap_or_default();
            let Some(event) = step.event else { break };
            let next = match event {
                Event::Headers(block) => {
                    let (next, edits) = streams.headers(feed, &block);
                    streams.edit_block(feed, decoder, &edits).and(next)
                }
                Event::Settings(settings) => {
                    if let Some(size) = settings.header_table_size {
                        other.set_max_table_size(size);
                    }
                    Next::Go
                }
                event => streams.event(feed, event),
            };
            for (place, value) in streams.changed.drain(..) {
                decoder.changed_value(&place, &value);
            }
            match next {
                Next::Go => {}
                Next::Exception(cause) => return feed.exception(cause, end),
                Next::Reset => return Outcome::action(at, Action::Reset),
            }
        }
        Outcome::clear(streams.end_feed(feed, end))
    }

    /// What is held in a direction must go; a match that is complete but for what follows it is decided first.
    pub fn expire(&mut self, feed: &mut Feed<'_>) -> Outcome {
        let next = self.streams.expire(feed);
        for (place, value) in self.streams.changed.drain(..) {
            self.server.changed_value(&place, &value);
        }
        match next {
            Next::Go => Outcome::clear(feed.at),
            _ => Outcome::action(feed.at, Action::Reset),
        }
    }

    /// The connection is over.
    pub fn ended(&mut self, feed: &mut Feed<'_>) {
        for (_, mut stream) in self.streams.open.drain() {
            stream.tell(feed);
        }
    }
}
