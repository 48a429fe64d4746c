//! Header blocks: a request, a response or trailers; and what is changed in them.

use weir_inspect::policy::{Cause, Part};
use weir_reassembly::http2::{CODING_FIELDS, EXTENSION_FIELDS, HeaderBlock, Http2, RANGE_FIELDS};

use super::Next;
use super::stream::Stream;
use super::streams::Streams;
use crate::engine::session::content::Reading;
use crate::engine::session::edits::Edit;
use crate::engine::session::etag::Place;
use crate::engine::session::head::{EachField, HeadFields};
use crate::engine::session::{Dir, Feed, reading, websocket};

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
pub(super) struct BlockEdits {
    refuse: bool,
    make_readable: bool,
    no_extensions: bool,
    /// The response's entity-tag, which may have to be changed later: its stream, and its place in the block.
    etag: Option<(u32, usize)>,
}

impl Streams {
    /// A header block: a request, a response, or trailers.
    pub(super) fn headers(
        &mut self,
        feed: &mut Feed<'_>,
        block: &HeaderBlock<'_>,
    ) -> (Next, BlockEdits) {
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
    pub(super) fn edit_block(
        &mut self,
        feed: &mut Feed<'_>,
        decoder: &mut Http2,
        edits: &BlockEdits,
    ) -> Next {
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
}
