//! The content of one message, scanned as it passes: where it lies in the stream, what may not leave yet, what was
//! found and what follows from it.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use weir_inspect::decode::{Decoder, Unicode};
use weir_inspect::detector::DetectorId;
use weir_inspect::path;
use weir_inspect::policy::{Action, Cause, Decision, Part, RuleId, Selection};
use weir_inspect::scan::{Found, Kind, ScanState, Token, Writing, hide};
use weir_reassembly::websocket::Mask;

use super::coded::CodedParts;
use super::edits::Edit;
use super::reading;
use super::report::{self, Finding};
use super::transaction::Request;
use super::{Dir, Feed};
use crate::engine::context::Tracked;

/// A stretch of content that lies in one piece in the stream; framing lies between two of them.
#[derive(Clone, Copy, Debug)]
struct Extent {
    content: u64,
    stream: u64,
    len: u64,
    mask: Option<Mask>,
}

/// A finding that goes on, and what is done about it.
struct OpenFinding {
    detector: DetectorId,
    escaped: bool,
    start: u64,
    decision: Decision,
    token: Token,
}

impl OpenFinding {
    /// Whether this is a part of it.
    fn is(&self, part: &Found) -> bool {
        (self.detector, self.escaped) == (part.detector, part.escaped)
    }
}

/// How much content before the newest piece stays mapped to the stream: as far back as the scanner may look.
const MAPPED: u64 = 4096;

/// What to do with a message's content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// No rule is about it.
    #[default]
    Skip,
    /// It is scanned.
    Scan,
    /// It can't be read: its coding is unknown or damaged, and it passes under an exception. The bytes as they are on
    /// the wire are scanned all the same.
    Encoded,
    /// Every byte of it is overwritten: its message was ended in the middle.
    Blank,
}

/// What a piece of content came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PieceOutcome {
    /// Stream offset from which on bytes may not leave yet.
    pub hold_from: Option<u64>,
    /// An enforced rule ends the message.
    pub blocked: bool,
}

/// The content of one message of one direction.
#[derive(Default)]
pub struct Content {
    pub reading: Reading,
    /// The rules that are about it.
    pub selection: Selection,
    /// A masked match can't be edited in place (a digest covers the body, or it is coded), so masking means blocking.
    pub sealed: Option<&'static str>,
    /// The masking key of the WebSocket frame that is read.
    pub mask: Option<Mask>,
    /// Undoes its coding; the token counts the decoders in use.
    decoder: Option<(Box<Decoder>, Arc<()>)>,
    /// Of text: its first bytes, as long as they are too few to tell in what it is written.
    begun: Option<Vec<u8>>,
    /// Of a body of protobuf: the message that it is, as its media type says.
    message: Option<String>,
    /// What is read beside it: of a multipart body its parts that are coded, or all of it as UTF-16.
    parts: Option<Box<CodedParts>>,
    /// Of coded content: where in the stream the piece begins that the scanner has not decided.
    undecided: Option<u64>,
    /// Content bytes so far, as they are on the wire.
    pub length: u64,
    /// Something in it was masked.
    pub masked: bool,
    /// The rule that ended the message.
    pub blocked_by: Option<RuleId>,
    binary: bool,
    state: ScanState,
    extents: VecDeque<Extent>,
    /// The findings that go on, for the parts of them that follow: at most one a detector, and another in escaped text.
    open: Vec<OpenFinding>,
    /// Knows the paths of findings.
    tracked: Option<Box<Tracked>>,
}

impl Content {
    /// Begins a message's content.
    pub fn begin(&mut self, selection: Selection, reading: Reading, binary: bool) {
        self.selection = selection;
        self.reading = reading;
        self.sealed = None;
        self.mask = None;
        self.decoder = None;
        self.parts = None;
        self.begun = None;
        self.message = None;
        self.undecided = None;
        self.binary = binary;
        self.length = 0;
        self.masked = false;
        self.blocked_by = None;
        self.extents.clear();
        self.open.clear();
        if matches!(reading, Reading::Scan | Reading::Encoded) {
            self.state.reset();
            self.state.set_binary(binary);
            self.state.set_attacks(self.selection.detectors(Part::Body));
        }
    }

    /// The content is coded, and what is scanned is what `decoder` makes of it.
    pub fn undo(&mut self, decoder: Box<Decoder>, token: Arc<()>) {
        self.decoder = Some((decoder, token));
    }

    /// What undoes its coding, for the next message; none if it was damaged.
    pub fn take_decoder(&mut self) -> Option<(Box<Decoder>, Arc<()>)> {
        self.decoder.take()
    }

    /// What is found in it gets paths, going by its media type. `messages`: those of gRPC have codings of their own.
    pub fn track(&mut self, feed: &mut Feed<'_>, content_type: &[u8], messages: bool) {
        self.tracked.get_or_insert_with(|| feed.cx.track()).paths.begin(content_type, messages);
        if !self.binary {
            self.state.set_escapes(Writing::of(content_type));
        }
        self.begun = path::is_text(content_type).then(Vec::new);
        self.message = path::message_type(content_type);
        if path::is_messagepack(content_type) {
            self.state.set_messagepack();
        }
    }

    /// It is plain text, whatever its media type says.
    pub fn set_text(&mut self) {
        self.state.set_escapes(Writing::Text);
    }

    /// Takes the next bytes of content, which lie at stream offset `at`. `last`: the message ends with them.
    pub fn piece(
        &mut self,
        feed: &mut Feed<'_>,
        request: &Request,
        at: u64,
        bytes: &[u8],
        last: bool,
    ) -> PieceOutcome {
        let from = self.length;
        self.length += bytes.len() as u64;
        match self.reading {
            Reading::Skip => {
                request.noted.read(feed.dir, bytes);
                return PieceOutcome::default();
            }
            Reading::Encoded => {
                feed.cx.counters.unread_encoded_bytes += bytes.len() as u64;
                return self.coded_piece(feed, request, at, bytes, last, None);
            }
            Reading::Blank => {
                self.blank(feed, at, bytes.len() as u64);
                return PieceOutcome::default();
            }
            Reading::Scan => {}
        }
        if let Some(decoder) = self.decoder.take() {
            return self.coded_piece(feed, request, at, bytes, last, Some(decoder));
        }
        self.map(from, at, bytes.len() as u64);
        let bytes = match self.begun.take().map(|begun| self.told(feed, begun, bytes, last)) {
            Some(Ok(all)) => all,
            Some(Err(outcome)) => return outcome,
            None => Cow::Borrowed(bytes),
        };
        let (hold, blocked) = self.scan(feed, request, &bytes, last);
        let mut outcome = PieceOutcome { blocked, hold_from: None };
        if outcome.blocked {
            // From the match on nothing of it may be read; the rest of this piece goes with it.
            return outcome;
        }
        if hold > 0 && !last {
            outcome.hold_from = Some(self.stream_offset(self.length.saturating_sub(hold as u64)));
        }
        if let Some(mut parts) = self.parts.take() {
            let coded = parts.piece(feed, request, &self.selection, (at, &bytes, last));
            self.blocked_by = self.blocked_by.or(parts.blocked_by);
            self.parts = Some(parts);
            outcome.blocked = coded.blocked;
            outcome.hold_from = outcome.hold_from.into_iter().chain(coded.hold_from).min();
        }
        outcome
    }

    /// Tells by its first bytes in what text is written; as long as they are too few, they wait.
    ///
    /// # Errors
    /// Nothing is to be scanned now.
    fn told<'b>(
        &mut self,
        feed: &mut Feed<'_>,
        begun: Vec<u8>,
        bytes: &'b [u8],
        last: bool,
    ) -> Result<Cow<'b, [u8]>, PieceOutcome> {
        let bytes = match begun.is_empty() && bytes.len() >= Unicode::TOLD_BY {
            true => Cow::Borrowed(bytes),
            false => Cow::Owned([&begun, bytes].concat()),
        };
        if bytes.len() < Unicode::TOLD_BY && !last {
            self.begun = Some(bytes.into_owned());
            let holds = !self.selection.held(Part::Body).is_empty();
            let hold_from = self.extents.front().filter(|_| holds).map(|first| first.stream);
            return Err(PieceOutcome { hold_from, blocked: false });
        }
        // Its receiver may take it for either, so it is read as the bytes that it is beside.
        match Unicode::of(&bytes).map(|u| CodedParts::of_text(feed, &self.selection, u)) {
            Some(Ok(text)) => self.parts = Some(Box::new(text)),
            Some(Err(cause)) if reading::unreadable(feed, &self.selection, cause) => {
                return Err(PieceOutcome { hold_from: None, blocked: true });
            }
            Some(Err(_)) | None => {}
        }
        Ok(bytes)
    }

    /// Parts of it may be coded, if it is multipart.
    pub fn read_parts(&mut self, content_type: &[u8]) {
        self.parts = CodedParts::of_multipart(content_type).map(Box::new);
    }

    /// Takes the next bytes of coded content. What is found in it has no place on the wire, so nothing is masked; and
    /// while something is undecided the whole piece waits.
    fn coded_piece(
        &mut self,
        feed: &mut Feed<'_>,
        request: &Request,
        at: u64,
        bytes: &[u8],
        last: bool,
        mut decoder: Option<(Box<Decoder>, Arc<()>)>,
    ) -> PieceOutcome {
        let (mut blocked, mut hold, mut length) = (false, 0, 0);
        let mut scan = |chunk: &[u8], last| {
            let (waits, blocks) = self.scan(feed, request, chunk, last);
            hold = waits;
            length += chunk.len();
            blocked |= blocks;
        };
        let damaged = match &mut decoder {
            Some((decoder, _)) => decoder.decode(bytes, &mut |chunk| scan(chunk, false)).is_err(),
            // Its receiver may not mind what is said of it.
            None => {
                scan(bytes, false);
                false
            }
        };
        if last {
            scan(&[], true);
        }
        self.decoder = decoder.filter(|_| !damaged);
        if self.decoder.is_some() {
            feed.cx.counters.decoded_bytes += length as u64;
        }
        if damaged {
            self.reading = Reading::Encoded;
            feed.cx.counters.unread_encoded_bytes += bytes.len() as u64;
            blocked |= reading::unreadable(feed, &self.selection, Cause::Undecodable);
        }
        self.undecided = match hold {
            0 => None,
            hold if hold <= length => Some(at),
            _ => self.undecided.or(Some(at)),
        };
        PieceOutcome { blocked, hold_from: self.undecided.filter(|_| !blocked && !last) }
    }

    /// Scans the next bytes of what the message says: how many at their end are undecided, and whether an enforced rule
    /// ends the message.
    fn scan(
        &mut self,
        feed: &mut Feed<'_>,
        request: &Request,
        bytes: &[u8],
        last: bool,
    ) -> (usize, bool) {
        request.noted.read(feed.dir, bytes);
        let most = feed.cx.settings.limits.paths;
        let (kept, memory) = (self.state.content(), self.state.memory());
        self.tracked.take_if(|tracked| !tracked.count(memory, most));
        let tracked = self.tracked.as_mut();
        let needed = tracked.map(|tracked| tracked.paths.begin_piece(kept, bytes.len()));
        self.state.keep_from(needed);
        let mut found = std::mem::take(&mut feed.cx.found);
        found.clear();
        let held = *self.selection.held(Part::Body);
        let scanner = request.policy.scanner();
        let hold = scanner.scan(&mut self.state, bytes, last, &held, &mut found);
        let blocked = self.all_found(feed, request, found);
        if last {
            // What it keeps is for messages under way, not for idle connections.
            self.state.reset();
            if let Some(tracked) = self.tracked.take() {
                feed.cx.untrack(tracked);
            }
        }
        (hold, blocked)
    }

    /// What waits for more bytes can be held no longer: a match that only lacks a look at what follows it is decided
    /// before its last byte leaves (design rule 2). True: an enforced rule ends the message.
    pub fn decide(&mut self, feed: &mut Feed<'_>, request: &Request) -> bool {
        if !matches!(self.reading, Reading::Scan | Reading::Encoded) {
            return false;
        }
        let mut found = std::mem::take(&mut feed.cx.found);
        found.clear();
        request.policy.scanner().decide(&mut self.state, &mut found);
        self.undecided = None;
        let blocked = self.all_found(feed, request, found);
        self.parts.as_mut().is_some_and(|parts| parts.decide(feed, request)) || blocked
    }

    fn all_found(&mut self, feed: &mut Feed<'_>, request: &Request, mut found: Vec<Found>) -> bool {
        let mut blocked = false;
        for f in &found {
            blocked |= self.found(feed, request, f);
        }
        found.clear();
        feed.cx.found = found;
        blocked
    }

    /// Overwrites content that must not be read any more.
    pub fn blank(&mut self, feed: &mut Feed<'_>, at: u64, len: u64) {
        // Zeros are empty messages to gRPC; spaces are white space to everything that is text.
        let byte = if self.binary { 0 } else { b' ' };
        feed.cx.edits.push(Edit::fill(at, len, byte));
    }

    fn map(&mut self, content: u64, stream: u64, len: u64) {
        if let Some(last) = self.extents.back_mut()
            && last.stream + last.len == stream
            && last.mask == self.mask
        {
            last.len += len;
        } else if len > 0 {
            self.extents.push_back(Extent { content, stream, len, mask: self.mask });
        }
        while let Some(first) = self.extents.front()
            && first.content + first.len + MAPPED < content
        {
            self.extents.pop_front();
        }
    }

    /// Where a byte of the content lies in the stream.
    fn stream_offset(&self, content: u64) -> u64 {
        self.extents
            .iter()
            .rev()
            .find(|e| e.content <= content)
            .map_or(0, |e| e.stream + (content - e.content))
    }

    /// The parts of `start..end` of the content: how far into it, where in the stream, how long, under which key.
    fn ranges(
        &self,
        start: u64,
        end: u64,
    ) -> impl Iterator<Item = (u64, u64, u64, Option<Mask>)> + '_ {
        self.extents.iter().filter_map(move |e| {
            let (from, to) = (start.max(e.content), end.min(e.content + e.len));
            (from < to).then(|| (from - start, e.stream + (from - e.content), to - from, e.mask))
        })
    }

    /// Where in the document a finding lies, as far as that may be told.
    fn told_path(&mut self, request: &Request, dir: Dir, f: &Found) -> String {
        let path = self.path(request, f);
        let message = self.message.as_deref();
        let path = request.policy.named_path(&request.url, dir.direction(), message, path);
        hide(request.policy.catalog(), request.policy.scanner(), path)
    }

    /// Where in the document a finding lies. An attack has no place of its own.
    fn path(&mut self, request: &Request, f: &Found) -> String {
        let leak = request.policy.catalog().get(f.detector).is_some_and(|d| d.kind == Kind::Leak);
        let Some(tracked) = self.tracked.as_mut().filter(|_| leak) else { return String::new() };
        tracked.paths.path(self.state.content(), f.start, f.end)
    }

    /// What follows from a finding. True: an enforced rule ends the message.
    fn found(&mut self, feed: &mut Feed<'_>, request: &Request, f: &Found) -> bool {
        if !request.policy.catalog().counts_at(f.detector, || self.path(request, f)) {
            return false;
        }
        let decided = if f.continued {
            self.open.iter().find(|open| open.is(f)).map(|o| (o.decision, o.token, o.start))
        } else {
            let matched = self.state.matched(f);
            let value = || feed.cx.settings.keys.hash(matched);
            let found = (Part::Body, f.detector);
            let now = feed.now.millis();
            let decision =
                request.policy.decide_for(&self.selection, request.caller, found, value, now);
            decision.map(|d| (d, feed.cx.settings.keys.token(matched), f.start))
        };
        let Some((decision, token, start)) = decided else { return false };
        self.open.retain(|open| !open.is(f));
        if f.open {
            let (detector, escaped) = (f.detector, f.escaped);
            self.open.push(OpenFinding { detector, escaped, start, decision, token });
        }
        let acts = decision.enforced && !feed.cx.settings.passive;
        let blocks = acts && (decision.action.refuses() || self.sealed.is_some());
        let blocks = blocks && decision.action != Action::Alert;
        let masks = acts && decision.action.overwrites() && !blocks;
        if blocks {
            self.blocked_by = Some(decision.rule);
            feed.drop_source(&request.policy, decision);
        }
        if !f.continued {
            let path = self.told_path(request, feed.dir, f);
            let finding = Finding {
                decision,
                detector: f.detector,
                part: Part::Body,
                start: f.start,
                end: f.end,
                matched: self.state.matched(f),
                confidence: f.confidence,
                path,
                acts: blocks || masks,
                reason: if blocks { self.sealed.unwrap_or_default() } else { "" },
            };
            report::finding(feed, request, &finding);
        }
        if masks || blocks {
            let Some(detector) = request.policy.catalog().get(f.detector) else { return blocks };
            let done = f.start.saturating_sub(start);
            let escaped = self.state.masked(f, detector.mask_style);
            for (skip, at, len, key) in self.ranges(f.start, f.end) {
                let part = skip as usize..(skip + len) as usize;
                let (skip, style) = (done + skip, detector.mask_style);
                let edit = match (&escaped, decision.action) {
                    (Some(new), _) => Edit::bytes(at, new.get(part).unwrap_or(&[])),
                    // A number in binary has no digits of its own.
                    (None, Action::Tokenize) if masks && !f.context.is_binary() => {
                        Edit::tokenize(at, len, skip, style, token)
                    }
                    _ => Edit::mask(at, len, style, f.context),
                };
                feed.cx.edits.push(edit.under(key));
            }
            feed.cx.counters.masked += u64::from(masks && !f.continued);
            self.masked |= masks;
        }
        blocks
    }
}
