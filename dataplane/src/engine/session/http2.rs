//! HTTP/2 on one connection: both directions' decoders, the streams, and what is edited in them.
//!
//! The connection lives on when one of its streams does not: a refused request is made malformed, so that the server
//! itself refuses it, and a response is ended in the middle by a RST_STREAM in place of its last bytes (`ending.rs`).

use hashbrown::HashMap;
use weir_inspect::policy::{Cause, ExceptionAction, Part, TooLate};
use weir_reassembly::http2::frame::kind;
use weir_reassembly::http2::{
    CODING_FIELDS, EXTENSION_FIELDS, Event, FrameHeader, HeaderBlock, Http2, PREFACE, RANGE_FIELDS,
    Role, Settings, ValuePlace,
};

use super::content::{PieceOutcome, Reading};
use super::edits::Edit;
use super::ending::{Ending, Endings};
use super::etag::Place;
use super::reading;
use super::report;
use super::transaction::{EachField, FieldMask, HeadFields, SPARE, Transaction};
use super::websocket::{self, Messages};
use super::{Action, Dir, Feed, Outcome};

/// One stream.
#[derive(Default)]
pub struct Stream {
    pub transaction: Transaction,
    pub ending: Ending,
    /// The last DATA frame of the response.
    pub data_frame: Option<FrameHeader>,
    /// What it carries is WebSocket (RFC 8441), in the directions that have begun to speak it.
    websocket: [Option<Box<Messages>>; 2],
    /// Requests and responses have one head; later header blocks are trailers.
    request_seen: bool,
    /// END_STREAM of the client, of the server.
    ended: (bool, bool),
}

/// Where one direction's reading stands.
#[derive(Default)]
struct Lane {
    /// The frame that is being read.
    frame: Option<FrameHeader>,
    /// Stream offset at which the next frame begins.
    frame_end: u64,
    /// The header block that is being read began here.
    block_at: Option<u64>,
    /// Tails that may not leave: their streams, and where they begin.
    holds: Vec<(u32, u64)>,
    /// Edits of bytes that are still to come.
    later: Vec<Edit>,
}

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

/// What is known of its streams, besides the decoders.
#[derive(Default)]
pub struct Streams {
    open: HashMap<u32, Box<Stream>>,
    spare: Vec<Box<Stream>>,
    lanes: [Lane; 2],
    endings: Endings,
    masks: Vec<FieldMask>,
    /// Values changed after their block was read, for the decoder.
    changed: Vec<(ValuePlace, Vec<u8>)>,
}

impl HeadFields for HeaderBlock<'_> {
    fn find(&self, name: &str) -> Option<&[u8]> {
        self.value(name.as_bytes())
    }

    fn each(&self, each: EachField<'_>) {
        for (place, field) in self.fields().enumerate() {
            each(field.name, field.value, place);
        }
    }
}

/// What is to be changed in the header block that was just read.
#[derive(Default)]
struct BlockEdits {
    refuse: bool,
    make_readable: bool,
    no_extensions: bool,
    /// The response's entity-tag, which may have to be changed later: its stream, and its place in the block.
    etag: Option<(u32, usize)>,
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

impl Streams {
    fn lane(&mut self, dir: Dir) -> &mut Lane {
        let [to_server, to_client] = &mut self.lanes;
        match dir {
            Dir::ToServer => to_server,
            Dir::ToClient => to_client,
        }
    }

    fn begin_feed(&mut self, feed: &mut Feed<'_>) {
        let at = feed.at;
        let lane = self.lane(feed.dir);
        if lane.frame.is_none() && lane.frame_end < at {
            lane.frame_end = at;
        }
    }

    /// Schedules what earlier frames asked of these bytes; gives the offset up to which they may leave.
    fn end_feed(&mut self, feed: &mut Feed<'_>, end: u64) -> u64 {
        let lane = self.lane(feed.dir);
        for edit in &lane.later {
            if edit.at < end {
                feed.cx.edits.push(edit.clone());
            }
        }
        lane.later.retain(|edit| edit.end() > end);
        // At its bound a tail was released; it holds back nothing more.
        lane.holds.retain(|(_, at)| *at >= feed.sent);
        let header = if end > lane.frame_end { lane.frame_end } else { end };
        let tail = lane.holds.iter().map(|(_, at)| *at).min().unwrap_or(end);
        header.min(tail).min(lane.block_at.unwrap_or(end))
    }

    fn event(&mut self, feed: &mut Feed<'_>, event: Event<'_>) -> Next {
        match event {
            Event::Preface { at } => self.lane(feed.dir).frame_end = at + PREFACE.len() as u64,
            Event::FrameHeader(frame) => self.frame(feed, frame),
            Event::Data { stream, at, bytes } => return self.data(feed, stream, at, bytes, false),
            Event::DataEnd { stream, at, end_stream: true } => {
                let next = self.data(feed, stream, at, &[], true);
                return next.and(self.end_stream(feed, stream));
            }
            Event::ResetStream { stream, .. } => self.close(feed, stream),
            Event::WindowUpdate { stream, increment } => {
                if let (Dir::ToServer, Some(frame)) = (feed.dir, self.lane(feed.dir).frame) {
                    self.endings.window_update(feed, frame, stream, increment);
                }
            }
            Event::Error(error) => {
                report::parser_error(feed, &error.to_string());
                return Next::Exception(Cause::ParserError);
            }
            _ => {}
        }
        Next::Go
    }

    /// A frame begins: what is left of an ended stream is disarmed.
    fn frame(&mut self, feed: &mut Feed<'_>, frame: FrameHeader) {
        let lane = self.lane(feed.dir);
        lane.frame = Some(frame);
        lane.frame_end = frame.end();
        if matches!(frame.kind, kind::HEADERS | kind::PUSH_PROMISE) {
            lane.block_at = Some(frame.at);
        }
        if feed.dir == Dir::ToClient
            && frame.kind == kind::DATA
            && let Some(stream) = self.open.get_mut(&frame.stream)
        {
            stream.data_frame = Some(frame);
            let [_, lane] = &mut self.lanes;
            self.endings.frame(feed, stream, frame, &mut lane.later);
        }
    }

    /// A header block: a request, a response, or trailers.
    fn headers(&mut self, feed: &mut Feed<'_>, block: &HeaderBlock<'_>) -> (Next, BlockEdits) {
        self.lane(feed.dir).block_at = None;
        let id = block.promised.unwrap_or(block.stream);
        let mut stream = match self.open.remove(&id) {
            Some(stream) => stream,
            None if self.open.len() >= feed.cx.settings.limits.streams => {
                return (Next::Exception(Cause::Memory), BlockEdits::default());
            }
            None => {
                let mut stream = self.spare.pop().unwrap_or_default();
                stream.begin(feed, id);
                stream
            }
        };
        let edits = match (feed.dir, block.promised) {
            (Dir::ToServer, _) | (_, Some(_)) if !stream.request_seen => {
                self.request(feed, &mut stream, block)
            }
            (Dir::ToClient, None) if !stream.transaction.answered => {
                self.response(feed, &mut stream, block)
            }
            _ => self.trailers(feed, &mut stream, block),
        };
        self.open.insert(id, stream);
        let mut next = Next::Go;
        if block.end_stream {
            next = self.data(feed, id, block.end, &[], true);
            next = next.and(self.end_stream(feed, id));
        }
        (next, edits)
    }

    fn request(
        &mut self,
        feed: &mut Feed<'_>,
        stream: &mut Stream,
        block: &HeaderBlock<'_>,
    ) -> BlockEdits {
        feed.cx.counters.http2_requests += 1;
        stream.request_seen = true;
        let t = &mut stream.transaction;
        let field = |name: &[u8]| block.value(name).unwrap_or_default();
        let host = block.value(b":authority").or_else(|| block.value(b"host"));
        feed.cx.name_service(feed.conn, host);
        t.request.grpc = field(b"content-type").starts_with(b"application/grpc");
        let method = field(b":method");
        let verdict = t.judge(feed, method, field(b":path"), host, block, &mut self.masks);
        let rules = t.upload.selection;
        // RFC 8441 §4.
        let asked = method == b"CONNECT" && field(b":protocol").eq_ignore_ascii_case(b"websocket");
        let websocket = asked && websocket::is_read(feed, t);
        let [to_server, _] = &mut stream.websocket;
        *to_server = websocket.then(Box::default);
        let unreadable =
            reading::begin(feed, &t.request.noted, &mut t.upload, rules, block, !websocket);
        let acts = !feed.cx.settings.passive;
        let refuse = acts && (verdict.refused.is_some() || unreadable);
        if refuse {
            feed.cx.counters.blocked += 1;
            // The server will answer by itself that the request is malformed; that answer is nobody's secret.
            t.response_rules = Default::default();
        }
        if !refuse {
            feed.wait_for(verdict.turn, block.frame_at);
        }
        let make_readable = acts && t.response_rules.edits_body();
        let no_extensions = websocket && websocket::is_edited(feed, t);
        BlockEdits { refuse, make_readable, no_extensions, etag: None }
    }

    fn response(
        &mut self,
        feed: &mut Feed<'_>,
        stream: &mut Stream,
        block: &HeaderBlock<'_>,
    ) -> BlockEdits {
        let field = |name: &[u8]| block.value(name).unwrap_or_default();
        let status = std::str::from_utf8(field(b":status")).ok().and_then(|s| s.parse().ok());
        if matches!(status, Some(100..=199)) {
            return BlockEdits::default();
        }
        let t = &mut stream.transaction;
        t.begin_answer(feed, status.unwrap_or(0));
        t.request.call.fields(block.fields().map(|f| (f.name, f.value)));
        t.request.content_type.clear();
        t.request.content_type.extend_from_slice(field(b"content-type"));
        t.request.location.clear();
        t.request.location.extend_from_slice(field(b"location"));
        let rules = t.response_rules;
        let [asked, to_client] = &mut stream.websocket;
        let websocket = asked.is_some() && matches!(t.request.status, 200..=299);
        *to_client = websocket.then(Box::default);
        let blocks = rules.scans(Part::Headers) && t.fields(feed, &rules, block, &mut self.masks);
        t.request.websocket = websocket;
        let unreadable =
            reading::begin(feed, &t.request.noted, &mut t.download, rules, block, !websocket);
        if (blocks || unreadable) && !feed.cx.settings.passive {
            stream.transaction.download.reading = Reading::Blank;
            let [_, lane] = &mut self.lanes;
            self.endings.begin(feed, stream, &mut lane.later);
        }
        let etag = || Some((block.stream, block.fields().position(|f| f.name == b"etag")?));
        BlockEdits { etag: rules.edits_body().then(etag).flatten(), ..BlockEdits::default() }
    }

    fn trailers(
        &mut self,
        feed: &mut Feed<'_>,
        stream: &mut Stream,
        block: &HeaderBlock<'_>,
    ) -> BlockEdits {
        let t = &mut stream.transaction;
        t.request.call.fields(block.fields().map(|f| (f.name, f.value)));
        let rules = if feed.dir == Dir::ToServer { t.upload.selection } else { t.response_rules };
        if rules.scans(Part::Headers) {
            t.fields(feed, &rules, block, &mut self.masks);
        }
        BlockEdits::default()
    }

    /// Edits the header block that the decoder has just read. What can't be edited resets the connection.
    fn edit_block(&mut self, feed: &mut Feed<'_>, decoder: &mut Http2, edits: &BlockEdits) -> Next {
        let mut possible = true;
        for mask in self.masks.drain(..) {
            let range = mask.found.start as usize..mask.found.end as usize;
            possible &= decoder.mask_value(mask.place, range).is_ok();
            feed.cx.counters.masked += 1;
        }
        if edits.make_readable {
            possible &= decoder.blank(CODING_FIELDS).is_ok();
            possible &= decoder.blank(RANGE_FIELDS).is_ok();
        }
        if edits.no_extensions {
            possible &= decoder.blank(EXTENSION_FIELDS).is_ok();
        }
        if edits.refuse {
            possible &= decoder.refuse_request().is_ok();
        }
        if let Some((stream, place)) = edits.etag
            && let Some(stream) = self.open.get_mut(&stream)
            && let Some(field) = decoder.header_block().and_then(|b| b.fields().nth(place))
        {
            let at = Place::Http2(decoder.value_place(place));
            stream.transaction.etag.note(field.value, at);
        }
        for (at, octets) in decoder.edits() {
            // What has left can't be changed any more.
            possible &= at >= feed.sent;
            feed.cx.edits.push(Edit::bytes(at, octets));
        }
        if possible || feed.cx.settings.passive { Next::Go } else { Next::Reset }
    }

    /// Content of a stream. `last`: the message ends here.
    fn data(&mut self, feed: &mut Feed<'_>, id: u32, at: u64, bytes: &[u8], last: bool) -> Next {
        let Some(stream) = self.open.get_mut(&id) else { return Next::Go };
        let t = &mut stream.transaction;
        if t.request.grpc {
            t.request.call.content(feed.dir, at, bytes);
        }
        let PieceOutcome { hold_from, blocked } = stream.read(feed, at, bytes, last);
        let t = &mut stream.transaction;
        self.changed.extend(t.change_etag(feed));
        let [to_server, to_client] = &mut self.lanes;
        let lane = if feed.dir == Dir::ToServer { to_server } else { to_client };
        lane.holds.retain(|(stream, _)| *stream != id);
        if let Some(from) = hold_from {
            // What a hold's bound has let go can't be held again; what is new can.
            lane.holds.push((id, from.max(feed.sent)));
        }
        if !blocked {
            return Next::Go;
        }
        if feed.dir == Dir::ToClient && !bytes.is_empty() {
            t.download.blank(feed, at, bytes.len() as u64);
        }
        self.blocked(feed, id)
    }

    /// An enforced rule ends a stream in the middle.
    fn blocked(&mut self, feed: &mut Feed<'_>, id: u32) -> Next {
        if feed.dir == Dir::ToServer {
            // A part of the request has left: only the connection can be ended now.
            return Next::Reset;
        }
        let Some(stream) = self.open.get_mut(&id) else { return Next::Go };
        feed.cx.counters.blocked += 1;
        stream.transaction.download.reading = Reading::Blank;
        let [_, lane] = &mut self.lanes;
        self.endings.begin(feed, stream, &mut lane.later);
        Next::Go
    }

    /// The tails of all streams can be held no longer.
    fn expire(&mut self, feed: &mut Feed<'_>) -> Next {
        for (id, _) in std::mem::take(&mut self.lane(feed.dir).holds) {
            let Some(stream) = self.open.get_mut(&id) else { continue };
            let stops = stream.decide(feed);
            self.changed.extend(stream.transaction.change_etag(feed));
            if stops && let stopped @ Next::Reset = self.blocked(feed, id) {
                return stopped;
            }
        }
        Next::Go
    }

    fn end_stream(&mut self, feed: &mut Feed<'_>, id: u32) -> Next {
        let dir = feed.dir;
        self.lane(dir).holds.retain(|(stream, _)| *stream != id);
        let Some(stream) = self.open.get_mut(&id) else { return Next::Go };
        // No frame came that could have ended it.
        let too_late = dir == Dir::ToClient && stream.ending == Ending::Blanking;
        let resets = too_late && stream.transaction.too_late() == TooLate::Reset;
        match dir {
            Dir::ToServer => {
                stream.ended.0 = true;
                stream.transaction.request.asked = feed.now;
            }
            Dir::ToClient => stream.ended.1 = true,
        }
        if stream.ended == (true, true) {
            self.close(feed, id);
        }
        if resets { Next::Reset } else { Next::Go }
    }

    /// Nothing more will be said on a stream.
    fn close(&mut self, feed: &mut Feed<'_>, id: u32) {
        for lane in &mut self.lanes {
            lane.holds.retain(|(stream, _)| *stream != id);
        }
        let Some(mut stream) = self.open.remove(&id) else { return };
        stream.tell(feed);
        if self.spare.len() < SPARE {
            self.spare.push(stream);
        }
    }
}

impl Stream {
    /// Reads content: frames of WebSocket, or a body. `last`: nothing follows in this direction.
    fn read(&mut self, feed: &mut Feed<'_>, at: u64, bytes: &[u8], last: bool) -> PieceOutcome {
        let t = &mut self.transaction;
        let content = match feed.dir {
            Dir::ToServer => &mut t.upload,
            Dir::ToClient => &mut t.download,
        };
        let messages = self.websocket.get_mut(feed.dir as usize).and_then(Option::as_mut);
        let Some(messages) = messages.filter(|_| content.reading != Reading::Blank) else {
            return content.piece(feed, &t.request, at, bytes, last);
        };
        match messages.feed(feed, t, at, bytes) {
            Ok(PieceOutcome { blocked: false, .. }) if last => {
                PieceOutcome { hold_from: None, blocked: messages.decide(feed, t) }
            }
            Ok(outcome) => outcome,
            Err(error) => self.no_websocket(feed, error, (at, bytes, last)),
        }
    }

    /// What was announced as WebSocket is none: it is read as a body from here on, if the exception lets it pass.
    fn no_websocket(
        &mut self,
        feed: &mut Feed<'_>,
        error: weir_reassembly::websocket::Error,
        (at, bytes, last): (u64, &[u8], bool),
    ) -> PieceOutcome {
        report::parser_error(feed, &error.to_string());
        if let Some(messages) = self.websocket.get_mut(feed.dir as usize) {
            *messages = None;
        }
        let t = &mut self.transaction;
        let asked = t.upload.selection;
        let (content, rules) = match feed.dir {
            Dir::ToServer => (&mut t.upload, asked),
            Dir::ToClient => (&mut t.download, t.response_rules),
        };
        let reading = if rules.scans(Part::Body) { Reading::Scan } else { Reading::Skip };
        content.begin(rules, reading, true);
        let mut outcome = content.piece(feed, &t.request, at, bytes, last);
        outcome.blocked |= feed.cx.exception(Cause::ParserError) != ExceptionAction::Pass;
        outcome
    }

    /// What waits for more bytes of a direction can wait no longer. True: an enforced rule ends the stream.
    fn decide(&mut self, feed: &mut Feed<'_>) -> bool {
        let t = &mut self.transaction;
        if let Some(Some(messages)) = self.websocket.get_mut(feed.dir as usize) {
            return messages.decide(feed, t);
        }
        match feed.dir {
            Dir::ToServer => t.upload.decide(feed, &t.request),
            Dir::ToClient => t.download.decide(feed, &t.request),
        }
    }

    fn tell(&mut self, feed: &mut Feed<'_>) {
        let t = &mut self.transaction;
        t.request.request_length = t.upload.length;
        if self.request_seen {
            t.complete(feed);
        }
    }

    fn begin(&mut self, feed: &Feed<'_>, id: u32) {
        self.transaction.reset(&feed.cx.policy);
        self.transaction.request.version = "HTTP/2";
        self.transaction.request.stream = id;
        self.ending = Ending::default();
        self.websocket = Default::default();
        self.data_frame = None;
        self.request_seen = false;
        self.ended = (false, false);
    }
}
