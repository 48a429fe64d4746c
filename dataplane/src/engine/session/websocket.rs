//! WebSocket on one connection, after the server has switched to it (RFC 6455): the messages of both directions are
//! contents, in frames that may be masked.

use std::sync::Arc;

use weir_inspect::decode::{Decoder, WEBSOCKET_TAIL};
use weir_inspect::policy::{Cause, Part, Selection};
use weir_proto::event::Body;
use weir_reassembly::http1::Fields;
use weir_reassembly::websocket::{Event, Frame, Frames, Opcode};

use super::content::{Content, Reading};
use super::edits::Edit;
use super::transaction::Transaction;
use super::{Action, Dir, Feed, Outcome, reading, report};

/// Why a match in a compressed message is not masked.
const DEFLATED: &str = "permessage-deflate";

/// One connection that speaks WebSocket.
pub struct WebSocketSession {
    /// The request that asked for it; its rules are those of the messages.
    handshake: Box<Transaction>,
    lanes: [Lane; 2],
}

/// One direction.
#[derive(Default)]
struct Lane {
    frames: Frames,
    frame: Option<Frame>,
    /// A tail that may not leave begins here.
    hold: Option<u64>,
    /// Scratch: payload without its mask.
    plain: Vec<u8>,
    inflate: Inflate,
}

/// What undoes the compression of a direction's messages, which may refer to earlier ones.
#[derive(Default)]
enum Inflate {
    /// None was compressed so far.
    #[default]
    Unused,
    /// The token counts the decoders in use.
    Idle(Box<Decoder>, Arc<()>),
    /// In the message under way.
    Lent,
    /// One could not be read, and so none that follows.
    Broken,
}

impl WebSocketSession {
    /// A connection whose handshake is complete.
    pub fn new(mut handshake: Box<Transaction>) -> WebSocketSession {
        handshake.request.websocket = true;
        WebSocketSession { handshake, lanes: Default::default() }
    }

    /// Whether a rule is about its messages, or they are to be told.
    pub fn is_read(feed: &Feed<'_>, handshake: &Transaction) -> bool {
        let rules = [&handshake.upload.selection, &handshake.response_rules];
        feed.cx.settings.log_requests || rules.iter().any(|rules| rules.scans(Part::Body))
    }

    /// Reads the next bytes of a direction.
    pub fn feed(&mut self, feed: &mut Feed<'_>, bytes: &[u8]) -> Outcome {
        let end = feed.at + bytes.len() as u64;
        let mut rest = bytes;
        let WebSocketSession { handshake, lanes } = self;
        let [to_server, to_client] = lanes;
        let lane = if feed.dir == Dir::ToServer { to_server } else { to_client };
        loop {
            let at = end - rest.len() as u64;
            let step = lane.frames.poll(at, rest);
            rest = rest.get(step.consumed..).unwrap_or_default();
            let Some(event) = step.event else { break };
            let blocked = match event {
                Event::Frame(frame) => lane.begin(feed, handshake, frame),
                Event::Payload { at, bytes } => lane.payload(feed, handshake, at, bytes),
                Event::End { at } => lane.end(feed, handshake, at),
                Event::Error(error) => {
                    report::parser_error(feed, &error.to_string());
                    return feed.exception(Cause::ParserError, end);
                }
            };
            if blocked {
                feed.cx.counters.blocked += 1;
                return Outcome::action(at, Action::Reset);
            }
        }
        Outcome::clear(lane.hold.map_or(end, |hold| hold.min(end)))
    }

    /// What is held in a direction must go; a match that is complete but for what follows it is decided first.
    pub fn expire(&mut self, feed: &mut Feed<'_>) -> Outcome {
        let WebSocketSession { handshake, lanes } = self;
        let [to_server, to_client] = lanes;
        let lane = if feed.dir == Dir::ToServer { to_server } else { to_client };
        lane.hold = None;
        let (content, request) = message(handshake, feed.dir);
        match content.decide(feed, request) {
            true => Outcome::action(feed.at, Action::Reset),
            false => Outcome::clear(feed.at),
        }
    }
}

/// The message under way in a direction, and the request whose rules are about it.
fn message(handshake: &mut Transaction, dir: Dir) -> (&mut Content, &super::transaction::Request) {
    match dir {
        Dir::ToServer => (&mut handshake.upload, &handshake.request),
        Dir::ToClient => (&mut handshake.download, &handshake.request),
    }
}

impl Lane {
    /// A frame begins, and with it a message unless it goes on with one. True: it must not pass.
    fn begin(&mut self, feed: &mut Feed<'_>, handshake: &mut Transaction, frame: Frame) -> bool {
        self.frame = Some(frame);
        feed.cx.counters.websocket_frames += 1;
        if feed.cx.settings.log_requests {
            let event = weir_proto::Websocket {
                fin: frame.fin,
                mask: frame.mask.map(|m| u32::from_be_bytes(m.key)),
                opcode: frame.opcode.name().to_owned(),
            };
            report::tell(feed, &handshake.request, Body::Websocket(event));
        }
        if !matches!(frame.opcode, Opcode::Text | Opcode::Binary) {
            return false;
        }
        let response_rules = handshake.response_rules;
        let (content, _) = message(handshake, feed.dir);
        let rules = match feed.dir {
            Dir::ToServer => content.selection,
            Dir::ToClient => response_rules,
        };
        let binary = frame.opcode == Opcode::Binary;
        if !rules.scans(Part::Body) {
            content.begin(rules, Reading::Skip, binary);
            return false;
        }
        if frame.compressed {
            // Where a message may be edited Weir has it not agreed on (RFC 7692), but it may only watch.
            return self.inflate(feed, content, rules, binary);
        }
        content.begin(rules, Reading::Scan, binary);
        content.track(feed, b"", false);
        false
    }

    /// Begins a compressed message. True: it must not pass.
    fn inflate(
        &mut self,
        feed: &mut Feed<'_>,
        content: &mut Content,
        rules: Selection,
        binary: bool,
    ) -> bool {
        let full = feed.cx.decoders_in_use() >= feed.cx.settings.limits.decoders;
        let lent = match std::mem::replace(&mut self.inflate, Inflate::Lent) {
            Inflate::Idle(decoder, token) => Ok((decoder, token)),
            Inflate::Unused if full => Err(Cause::Overload),
            Inflate::Unused => Ok((Box::new(Decoder::of_websocket()), feed.cx.decoder_token())),
            Inflate::Lent | Inflate::Broken => Err(Cause::Undecodable),
        };
        match lent {
            Ok((decoder, token)) => {
                content.begin(rules, Reading::Scan, binary);
                content.sealed = Some(DEFLATED);
                content.track(feed, b"", false);
                content.undo(decoder, token);
                false
            }
            Err(cause) => {
                self.inflate = Inflate::Broken;
                content.begin(rules, Reading::Encoded, binary);
                content.sealed = Some(DEFLATED);
                reading::unreadable(feed, &rules, cause)
            }
        }
    }

    fn payload(
        &mut self,
        feed: &mut Feed<'_>,
        handshake: &mut Transaction,
        at: u64,
        bytes: &[u8],
    ) -> bool {
        let Some(frame) = self.frame.filter(|frame| !frame.opcode.is_control()) else {
            return false;
        };
        let mut plain = bytes;
        if let Some(mask) = frame.mask {
            self.plain.clear();
            self.plain.extend_from_slice(bytes);
            mask.apply(at, &mut self.plain);
            plain = &self.plain;
        }
        let (content, request) = message(handshake, feed.dir);
        content.mask = frame.mask;
        let outcome = content.piece(feed, request, at, plain, false);
        self.hold = outcome.hold_from;
        outcome.blocked
    }

    fn end(&mut self, feed: &mut Feed<'_>, handshake: &mut Transaction, at: u64) -> bool {
        let ends_message = |frame: &Frame| frame.fin && !frame.opcode.is_control();
        if self.frame.take().filter(ends_message).is_none() {
            return false;
        }
        let (content, request) = message(handshake, feed.dir);
        self.hold = None;
        if !matches!(self.inflate, Inflate::Lent) {
            return content.piece(feed, request, at, &[], true).blocked;
        }
        let outcome = content.piece(feed, request, at, WEBSOCKET_TAIL, true);
        self.inflate = match content.take_decoder() {
            Some((decoder, token)) => Inflate::Idle(decoder, token),
            None => Inflate::Broken,
        };
        outcome.blocked
    }
}

/// Whether a request asks for WebSocket (RFC 6455 §4.1).
pub fn is_asked_for(fields: &Fields<'_>) -> bool {
    fields.get("upgrade").is_some_and(|f| f.value.eq_ignore_ascii_case(b"websocket"))
}

/// Makes the messages come readable: extensions (`permessage-deflate`) become unknown ones, which servers pass over. An empty
/// value would be an error to some.
pub fn make_readable(feed: &mut Feed<'_>, fields: &Fields<'_>) {
    for field in fields.iter() {
        if field.name.eq_ignore_ascii_case(b"sec-websocket-extensions") {
            let unknown = |b: &u8| if b.is_ascii_alphabetic() { b'x' } else { *b };
            let value: Vec<u8> = field.value.iter().map(unknown).collect();
            feed.cx.edits.push(Edit::bytes(field.at, &value));
        }
    }
}
