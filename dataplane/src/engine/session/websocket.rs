//! WebSocket (RFC 6455): the messages of both directions are contents, in frames that may be masked. The frames lie in a
//! connection that the server has switched to it, or in the DATA frames of a stream of HTTP/2 (RFC 8441).

use std::sync::Arc;

use weir_inspect::decode::{Decoder, WEBSOCKET_TAIL};
use weir_inspect::policy::{Cause, Part, Selection};
use weir_proto::event::Body;
use weir_reassembly::http1::Fields;
use weir_reassembly::websocket::{Error, Event, Frame, Frames, Mask, Opcode};

use super::content::{Content, PieceOutcome, Reading};
use super::edits::Edit;
use super::transaction::Transaction;
use super::{Action, Dir, Feed, Outcome, reading, report};

/// Why a match in a compressed message is not masked.
const DEFLATED: &str = "permessage-deflate";

/// What a blocked message becomes: a Close frame with status 1008, policy violation (RFC 6455 §5.5.1, §7.4.1), so that both ends
/// close as they do anyway. A client's is masked, by a key of zeros.
const CLOSE_OF_CLIENT: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xf0];
const CLOSE_OF_SERVER: [u8; 4] = [0x88, 0x02, 0x03, 0xf0];

/// One connection that speaks WebSocket, after a handshake in HTTP/1.
pub struct WebSocketSession {
    /// The request that asked for it; its rules are those of the messages.
    handshake: Box<Transaction>,
    directions: [Messages; 2],
}

/// The messages of one direction.
#[derive(Default)]
pub struct Messages {
    frames: Frames,
    frame: Option<Frame>,
    /// The last frame began here.
    begun: u64,
    /// Bytes have come without a gap from here to there: framing below lies between two stretches.
    stretch: (u64, u64),
    /// A message became a Close frame: whatever follows is overwritten. Its receiver would discard it (RFC 6455 §1.4).
    closed: bool,
    /// A tail that may not leave begins here.
    hold: Option<u64>,
    /// The control frame under way: it may stand between the frames of a message, and its payload is a content of its own.
    control: Option<Box<Control>>,
    /// Scratch: payload without its mask.
    plain: Vec<u8>,
    inflate: Inflate,
}

/// The payload of a Ping or Pong, or the reason of a Close.
#[derive(Default)]
struct Control {
    content: Content,
    /// Bytes of a Close frame's status code that are still to come (RFC 6455 §5.5.1).
    code: usize,
    /// A tail that may not leave begins here.
    hold: Option<u64>,
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
        WebSocketSession { handshake, directions: Default::default() }
    }

    /// Reads the next bytes of a direction.
    pub fn feed(&mut self, feed: &mut Feed<'_>, bytes: &[u8]) -> Outcome {
        let end = feed.at + bytes.len() as u64;
        let (messages, handshake) = self.direction(feed.dir);
        match messages.feed(feed, handshake, feed.at, bytes) {
            Err(error) => {
                report::parser_error(feed, &error.to_string());
                feed.exception(Cause::ParserError, end)
            }
            Ok(PieceOutcome { blocked: true, .. }) => {
                feed.cx.counters.blocked += 1;
                Outcome::action(feed.at, Action::Reset)
            }
            Ok(PieceOutcome { hold_from, .. }) => {
                Outcome::clear(hold_from.map_or(end, |hold| hold.min(end)))
            }
        }
    }

    /// What is held in a direction must go; a match that is complete but for what follows it is decided first.
    pub fn expire(&mut self, feed: &mut Feed<'_>) -> Outcome {
        let (messages, handshake) = self.direction(feed.dir);
        match messages.decide(feed, handshake) {
            true => Outcome::action(feed.at, Action::Reset),
            false => Outcome::clear(feed.at),
        }
    }

    fn direction(&mut self, dir: Dir) -> (&mut Messages, &mut Transaction) {
        let [to_server, to_client] = &mut self.directions;
        let messages = if dir == Dir::ToServer { to_server } else { to_client };
        (messages, &mut self.handshake)
    }
}

/// The message under way in a direction, and the request whose rules are about it.
fn message(handshake: &mut Transaction, dir: Dir) -> (&mut Content, &super::transaction::Request) {
    match dir {
        Dir::ToServer => (&mut handshake.upload, &handshake.request),
        Dir::ToClient => (&mut handshake.download, &handshake.request),
    }
}

impl Messages {
    /// Reads the next bytes of the direction, which lie at stream offset `at`.
    ///
    /// # Errors
    /// What is no frame. Nothing that follows can be read.
    pub fn feed(
        &mut self,
        feed: &mut Feed<'_>,
        handshake: &mut Transaction,
        at: u64,
        bytes: &[u8],
    ) -> Result<PieceOutcome, Error> {
        let end = at + bytes.len() as u64;
        if self.closed {
            feed.cx.edits.push(Edit::fill(at, end - at, 0));
            return Ok(PieceOutcome::default());
        }
        let (from, to) = self.stretch;
        self.stretch = (if to == at { from } else { at }, end);
        let (mut rest, mut blocked) = (bytes, false);
        while !blocked {
            let step = self.frames.poll(end - rest.len() as u64, rest);
            rest = rest.get(step.consumed..).unwrap_or_default();
            let Some(event) = step.event else { break };
            blocked = match event {
                Event::Frame(frame) => self.begin(feed, handshake, frame),
                Event::Payload { at, bytes, mask } => {
                    self.payload(feed, handshake, (at, bytes, mask))
                }
                Event::End { at } => self.end(feed, handshake, at),
                Event::Error(error) => return Err(error),
            };
        }
        if blocked && self.close(feed, end) {
            return Ok(PieceOutcome::default());
        }
        let control = self.control.as_ref().and_then(|control| control.hold);
        Ok(PieceOutcome { hold_from: self.hold.into_iter().chain(control).min(), blocked })
    }

    /// Makes the frame of a blocked message a Close frame, and overwrites what has come of the direction behind it, up to `end`.
    /// False: its beginning has left, or lies in pieces.
    fn close(&mut self, feed: &mut Feed<'_>, end: u64) -> bool {
        let close = match feed.dir {
            Dir::ToServer => &CLOSE_OF_CLIENT[..],
            Dir::ToClient => &CLOSE_OF_SERVER,
        };
        let (at, behind) = (self.begun, self.begun + close.len() as u64);
        let whole = at >= self.stretch.0 && behind <= end;
        if !whole || at < feed.sent || feed.cx.settings.passive {
            return false;
        }
        feed.cx.counters.blocked += 1;
        feed.cx.edits.push(Edit::bytes(at, close));
        feed.cx.edits.push(Edit::fill(behind, end - behind, 0));
        (self.closed, self.hold) = (true, None);
        true
    }

    /// What waits for more bytes can be held no longer. True: an enforced rule stops what a match belongs to.
    pub fn decide(&mut self, feed: &mut Feed<'_>, handshake: &mut Transaction) -> bool {
        self.hold = None;
        let (content, request) = message(handshake, feed.dir);
        let blocked = content.decide(feed, request);
        let Some(control) = &mut self.control else { return blocked };
        control.hold = None;
        control.content.decide(feed, request) || blocked
    }

    /// A frame begins, and with it a message unless it goes on with one. True: it must not pass.
    fn begin(&mut self, feed: &mut Feed<'_>, handshake: &mut Transaction, frame: Frame) -> bool {
        (self.frame, self.begun) = (Some(frame), frame.at);
        feed.cx.counters.websocket_frames += 1;
        if feed.cx.settings.log_requests {
            let event = weir_proto::Websocket {
                fin: frame.fin,
                mask: frame.key.map(u32::from_be_bytes),
                opcode: frame.opcode.name().to_owned(),
            };
            report::tell(feed, &handshake.request, Body::Websocket(event));
        }
        if frame.opcode == Opcode::Continuation {
            return false;
        }
        let response_rules = handshake.response_rules;
        let (content, _) = message(handshake, feed.dir);
        let rules = match feed.dir {
            Dir::ToServer => content.selection,
            Dir::ToClient => response_rules,
        };
        if frame.opcode.is_control() {
            if rules.scans(Part::Body) && frame.len > 0 {
                let control = self.control.insert(Box::default());
                control.code = if frame.opcode == Opcode::Close { 2 } else { 0 };
                control.content.begin(rules, Reading::Scan, false);
            }
            return false;
        }
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
        (at, bytes, mask): (u64, &[u8], Option<Mask>),
    ) -> bool {
        let mut plain = bytes;
        if let Some(mask) = mask {
            self.plain.clear();
            self.plain.extend_from_slice(bytes);
            mask.apply(at, &mut self.plain);
            plain = &self.plain;
        }
        let is_control = self.frame.is_some_and(|frame| frame.opcode.is_control());
        let (message, request) = message(handshake, feed.dir);
        let (content, hold, skip) = match (is_control, &mut self.control) {
            (false, _) => (message, &mut self.hold, 0),
            (true, Some(control)) => {
                let skip = control.code.min(plain.len());
                control.code -= skip;
                (&mut control.content, &mut control.hold, skip)
            }
            (true, None) => return false,
        };
        content.mask = mask;
        let (at, plain) = (at + skip as u64, plain.get(skip..).unwrap_or_default());
        let outcome = content.piece(feed, request, at, plain, false);
        *hold = outcome.hold_from;
        outcome.blocked
    }

    fn end(&mut self, feed: &mut Feed<'_>, handshake: &mut Transaction, at: u64) -> bool {
        let (content, request) = message(handshake, feed.dir);
        match self.frame.take() {
            Some(frame) if frame.opcode.is_control() => {
                let control = self.control.take();
                return control.is_some_and(|mut control| {
                    control.content.piece(feed, request, at, &[], true).blocked
                });
            }
            Some(frame) if frame.fin => self.hold = None,
            _ => return false,
        }
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

/// Whether a rule is about the messages that follow a handshake, or they are to be told.
pub fn is_read(feed: &Feed<'_>, handshake: &Transaction) -> bool {
    let rules = [&handshake.upload.selection, &handshake.response_rules];
    feed.cx.settings.log_requests || rules.iter().any(|rules| rules.scans(Part::Body))
}

/// Whether a message may be edited, so that it has to come readable.
pub fn is_edited(feed: &Feed<'_>, handshake: &Transaction) -> bool {
    let edits = handshake.upload.selection.edits_body() || handshake.response_rules.edits_body();
    edits && !feed.cx.settings.passive
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
