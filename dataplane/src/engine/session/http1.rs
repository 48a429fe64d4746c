//! HTTP/1 on one connection: both directions' parsers, the requests in flight, and what is edited in them.

use std::collections::VecDeque;

use weir_inspect::policy::{Cause, Part};
use weir_reassembly::http1::{Error, Event, Fields, Framing, Head, Http1, Role, Version};
use weir_reassembly::http2::Settings;

use super::edits::Edit;
use super::etag::Place;
use super::head::{EachField, FieldMask, HeadFields};
use super::reading;
use super::report;
use super::transaction::{SPARE, Transaction};
use super::websocket;
use super::{Action, Answer, Dir, Feed, Outcome};

/// The protocol changes at this stream offset.
pub struct Switch {
    pub at: u64,
    /// To what, if that is known.
    pub upgrade: Option<Upgrade>,
}

/// What HTTP/1 hands to the protocol that follows it.
pub enum Upgrade {
    /// HTTP/2 (h2c, RFC 7540 §3.2): the client's settings and its request, which becomes stream 1.
    Http2 { settings: Settings, transaction: Box<Transaction> },
    /// WebSocket: the request that asked for it.
    WebSocket(Box<Transaction>),
}

/// One connection that speaks HTTP/1.
pub struct Http1Session {
    requests: Http1,
    responses: Http1,
    /// Bytes that a parser has not used up, a few of an unfinished line, per direction.
    unread: [Vec<u8>; 2],
    messages: Messages,
}

/// What is known of its messages, besides the parsers.
#[derive(Default)]
struct Messages {
    /// In order of their requests; the first is the one that is being answered.
    in_flight: VecDeque<Box<Transaction>>,
    // Boxes go back and forth between the two. (Clippy minds them up to 4 KB.)
    #[allow(clippy::vec_box)]
    spare: Vec<Box<Transaction>>,
    /// A tail that may not leave begins here, per direction.
    hold: [Option<u64>; 2],
    switch: Option<Switch>,
    h2c: Option<Settings>,
    /// The last request asks for WebSocket.
    websocket: bool,
    masks: Vec<FieldMask>,
}

impl Default for Http1Session {
    fn default() -> Http1Session {
        Http1Session {
            requests: Http1::new(Role::Request),
            responses: Http1::new(Role::Response),
            unread: Default::default(),
            messages: Messages::default(),
        }
    }
}

impl HeadFields for Fields<'_> {
    fn find(&self, name: &str) -> Option<&[u8]> {
        self.get(name).map(|f| f.value)
    }

    fn each(&self, each: EachField<'_>) {
        for field in self.iter() {
            each(field.name, field.value, field.at as usize);
        }
    }
}

/// What became of one event.
enum Next {
    Go,
    /// This and everything after it is refused.
    Refuse(u64, Answer),
    Exception(Cause),
    Reset,
    Switch,
}

impl Http1Session {
    /// Reads the next bytes of a direction.
    pub fn feed(&mut self, feed: &mut Feed<'_>, bytes: &[u8]) -> Outcome {
        let end = feed.at + bytes.len() as u64;
        let Http1Session { requests, responses, messages, unread } = self;
        let [to_server, to_client] = unread;
        let (parser, other, unread) = match feed.dir {
            Dir::ToServer => (requests, responses, to_server),
            Dir::ToClient => (responses, requests, to_client),
        };
        let joined;
        let mut rest = bytes;
        if !unread.is_empty() {
            unread.extend_from_slice(bytes);
            joined = std::mem::take(unread);
            rest = &joined;
        }
        loop {
            let at = end - rest.len() as u64;
            let step = parser.poll(at, rest);
            rest = rest.get(step.consumed..).unwrap_or_default();
            let Some(event) = step.event else {
                unread.extend_from_slice(rest);
                let undecided = end - rest.len() as u64 - parser.pending().len() as u64;
                return Outcome::clear(
                    messages.hold(feed.dir).map_or(undecided, |h| h.min(undecided)),
                );
            };
            match messages.event(feed, event, other) {
                Next::Go => {}
                Next::Refuse(from, answer) => return messages.refuse(feed.dir, from, answer),
                Next::Exception(cause) => return feed.exception(cause, end),
                Next::Reset => return Outcome::action(at, Action::Reset),
                Next::Switch => return Outcome::clear(end),
            }
        }
    }

    /// The sender of a direction has ended it.
    pub fn finish(&mut self, feed: &mut Feed<'_>) -> Outcome {
        let at = feed.at;
        let Http1Session { requests, responses, messages, .. } = self;
        let (parser, other) = match feed.dir {
            Dir::ToServer => (requests, responses),
            Dir::ToClient => (responses, requests),
        };
        // A message cut short by its sender hides nothing: what is not there can't be read.
        let next = match parser.finish(at) {
            Some(Event::Error(Error::Truncated)) | None => Next::Go,
            Some(event) => messages.event(feed, event, other),
        };
        match next {
            Next::Reset => Outcome::action(at, Action::Reset),
            Next::Refuse(from, answer) => messages.refuse(feed.dir, from, answer),
            _ => Outcome::clear(at),
        }
    }

    /// What is held in a direction must go; a match that is complete but for what follows it is decided first.
    pub fn expire(&mut self, feed: &mut Feed<'_>) -> Outcome {
        match self.messages.expire(feed) {
            Next::Refuse(from, answer) => self.messages.refuse(feed.dir, from, answer),
            Next::Reset => Outcome::action(feed.at, Action::Reset),
            _ => Outcome::clear(feed.at),
        }
    }

    /// The connection is over.
    pub fn ended(&mut self, feed: &mut Feed<'_>) {
        for mut t in self.messages.in_flight.drain(..) {
            t.complete(feed);
        }
    }

    /// The change of protocol that the last bytes brought, once.
    pub fn switched(&mut self) -> Option<Switch> {
        let switch = self.messages.switch.take();
        if switch.is_some() {
            self.requests.switch_protocols();
        }
        switch
    }

    /// Whether every request that went to the server is answered completely.
    pub fn answered(&self) -> bool {
        self.messages.in_flight.is_empty() && self.responses.pending().is_empty()
    }
}

impl Messages {
    /// What a direction says from an offset on is refused. No response to a refused request will ever come, so the
    /// answer must not wait for it.
    fn refuse(&mut self, dir: Dir, from: u64, answer: Answer) -> Outcome {
        if dir == Dir::ToServer {
            self.in_flight.retain(|t| t.heads.0 < from);
        }
        Outcome::action(from, Action::Refuse(answer))
    }

    fn hold(&self, dir: Dir) -> Option<u64> {
        self.hold.get(dir as usize).copied().flatten()
    }

    fn set_hold(&mut self, dir: Dir, to: Option<u64>) {
        if let Some(hold) = self.hold.get_mut(dir as usize) {
            *hold = to;
        }
    }

    fn event(&mut self, feed: &mut Feed<'_>, event: Event<'_>, other: &mut Http1) -> Next {
        match (feed.dir, event) {
            (Dir::ToServer, Event::Head(head)) => self.request(feed, &head, other),
            (Dir::ToClient, Event::Head(head)) => self.response(feed, &head),
            (_, Event::Body { at, bytes }) => self.body(feed, at, bytes, false),
            (_, Event::Trailers(fields)) => self.trailers(feed, &fields),
            (_, Event::End { at, .. }) => self.end(feed, at),
            (_, Event::Tunnel { at }) => self.tunnel(feed, at),
            (_, Event::Error(error)) => {
                report::parser_error(feed, &error.to_string());
                Next::Exception(Cause::ParserError)
            }
        }
    }

    /// A request's head is complete.
    fn request(&mut self, feed: &mut Feed<'_>, head: &Head<'_>, responses: &mut Http1) -> Next {
        feed.cx.counters.http1_requests += 1;
        if self.in_flight.len() >= feed.cx.settings.limits.streams {
            return Next::Exception(Cause::Memory);
        }
        let (Some(method), Some(target)) = (head.method(), head.target()) else { return Next::Go };
        let host = head.fields.get("host").map(|f| f.value);
        feed.cx.name_service(feed.conn, host);
        let mut t = self.spare.pop().unwrap_or_default();
        t.reset(&feed.cx.policy);
        t.request.version = version(head.version);
        let mut masks = std::mem::take(&mut self.masks);
        let verdict = t.judge(feed, method, target, host, &head.fields, &mut masks);
        mask_fields(feed, &t, &mut masks);
        self.masks = masks;
        t.heads.0 = head.start;
        let rules = t.upload.selection;
        let has_body = head.framing != Framing::None;
        let unreadable =
            reading::begin(feed, &t.request.noted, &mut t.upload, rules, &head.fields, has_body);
        if t.response_rules.edits_body() && !feed.cx.settings.passive {
            make_readable(feed, &head.fields);
        }
        self.h2c = h2c(&head.fields);
        self.websocket = websocket::is_asked_for(&head.fields);
        if self.websocket && websocket::is_edited(feed, &t) {
            websocket::make_readable(feed, &head.fields);
        }
        let known = responses.expect_response(method);
        self.in_flight.push_back(t);
        let unreadable = unreadable.then_some(Answer::Forbidden);
        if let Some(answer) = verdict.refused.or(unreadable) {
            return Next::Refuse(head.start, answer);
        }
        feed.wait_for(verdict.turn, head.start);
        if known { Next::Go } else { Next::Exception(Cause::Memory) }
    }

    /// A response's head is complete.
    fn response(&mut self, feed: &mut Feed<'_>, head: &Head<'_>) -> Next {
        if head.is_interim() {
            return Next::Go;
        }
        if self.in_flight.is_empty() {
            // Midstream, or a server that speaks unasked: judged by what is known, the addresses.
            let mut t = self.spare.pop().unwrap_or_default();
            t.reset(&feed.cx.policy);
            t.judge_unasked(feed);
            self.in_flight.push_back(t);
        }
        let Some(mut t) = self.in_flight.pop_front() else { return Next::Go };
        let next = self.judge_response(feed, &mut t, head);
        self.in_flight.push_front(t);
        next
    }

    fn judge_response(
        &mut self,
        feed: &mut Feed<'_>,
        t: &mut Transaction,
        head: &Head<'_>,
    ) -> Next {
        t.begin_answer(feed, head.status().unwrap_or(0));
        t.heads.1 = head.start;
        let rules = t.response_rules;
        let fields = &head.fields;
        for (name, to) in
            [("content-type", &mut t.request.content_type), ("location", &mut t.request.location)]
        {
            to.clear();
            to.extend_from_slice(fields.get(name).map_or(&[][..], |f| f.value));
        }
        t.etag.forget();
        if rules.edits_body()
            && let Some(field) = fields.get("etag")
        {
            t.etag.note(field.value, Place::Http1(field.at));
        }
        let mut refused = false;
        if rules.scans(Part::Headers) {
            let mut masks = std::mem::take(&mut self.masks);
            refused = t.fields(feed, &rules, fields, &mut masks);
            if fields.get("etag").is_some_and(|f| masks.iter().any(|m| m.place as u64 == f.at)) {
                // It would bring back what is masked in it.
                t.etag.forget();
            }
            mask_fields(feed, t, &mut masks);
            self.masks = masks;
        }
        let has_body = head.framing != Framing::None;
        let unreadable =
            reading::begin(feed, &t.request.noted, &mut t.download, rules, fields, has_body);
        if refused || unreadable {
            return Next::Refuse(head.start, Answer::Forbidden);
        }
        Next::Go
    }

    /// A piece of a body.
    fn body(&mut self, feed: &mut Feed<'_>, at: u64, bytes: &[u8], last: bool) -> Next {
        let t = match feed.dir {
            Dir::ToServer => self.in_flight.back_mut(),
            Dir::ToClient => self.in_flight.front_mut(),
        };
        let Some(t) = t else { return Next::Go };
        let (content, request) = match feed.dir {
            Dir::ToServer => (&mut t.upload, &mut t.request),
            Dir::ToClient => (&mut t.download, &mut t.request),
        };
        let head_at = if feed.dir == Dir::ToServer { t.heads.0 } else { t.heads.1 };
        let outcome = content.piece(feed, request, at, bytes, last);
        t.change_etag(feed);
        if !last {
            self.set_hold(feed.dir, outcome.hold_from);
        }
        if outcome.blocked { blocked(feed, head_at) } else { Next::Go }
    }

    /// A tail can be held no longer.
    fn expire(&mut self, feed: &mut Feed<'_>) -> Next {
        let t = match feed.dir {
            Dir::ToServer => self.in_flight.back_mut(),
            Dir::ToClient => self.in_flight.front_mut(),
        };
        let Some(t) = t else { return Next::Go };
        let (content, head_at) = match feed.dir {
            Dir::ToServer => (&mut t.upload, t.heads.0),
            Dir::ToClient => (&mut t.download, t.heads.1),
        };
        let stops = content.decide(feed, &t.request);
        t.change_etag(feed);
        if stops { blocked(feed, head_at) } else { Next::Go }
    }

    fn trailers(&mut self, feed: &mut Feed<'_>, fields: &Fields<'_>) -> Next {
        let t = match feed.dir {
            Dir::ToServer => self.in_flight.pop_back(),
            Dir::ToClient => self.in_flight.pop_front(),
        };
        let Some(mut t) = t else { return Next::Go };
        let rules = if feed.dir == Dir::ToServer { t.upload.selection } else { t.response_rules };
        let mut masks = std::mem::take(&mut self.masks);
        let blocks = rules.scans(Part::Headers) && t.fields(feed, &rules, fields, &mut masks);
        mask_fields(feed, &t, &mut masks);
        self.masks = masks;
        match feed.dir {
            Dir::ToServer => self.in_flight.push_back(t),
            Dir::ToClient => self.in_flight.push_front(t),
        }
        if blocks { Next::Reset } else { Next::Go }
    }

    /// A message is complete.
    fn end(&mut self, feed: &mut Feed<'_>, at: u64) -> Next {
        let next = self.body(feed, at, &[], true);
        self.set_hold(feed.dir, None);
        match feed.dir {
            Dir::ToServer => {
                if let Some(t) = self.in_flight.back_mut() {
                    t.request.request_length = t.upload.length;
                    t.request.asked = feed.now;
                }
            }
            Dir::ToClient => {
                // An interim response has no message of its own.
                if self.in_flight.front().is_some_and(|t| t.answered)
                    && let Some(mut t) = self.in_flight.pop_front()
                {
                    t.complete(feed);
                    if self.spare.len() < SPARE {
                        self.spare.push(t);
                    }
                }
            }
        }
        next
    }

    /// The server has switched protocols, or opened a tunnel.
    fn tunnel(&mut self, feed: &mut Feed<'_>, at: u64) -> Next {
        if feed.dir == Dir::ToServer {
            return Next::Go;
        }
        let upgrade = match (self.h2c.take(), self.in_flight.pop_front()) {
            (Some(settings), Some(transaction)) if transaction.request.status == 101 => {
                Some(Upgrade::Http2 { settings, transaction })
            }
            (_, Some(mut t)) if self.is_websocket(feed, &t) => {
                t.complete(feed);
                Some(Upgrade::WebSocket(t))
            }
            (_, Some(mut t)) => {
                t.complete(feed);
                None
            }
            _ => None,
        };
        self.switch = Some(Switch { at, upgrade });
        Next::Switch
    }

    /// Whether the switch that a response announces is one to WebSocket, whose messages are read.
    fn is_websocket(&self, feed: &Feed<'_>, t: &Transaction) -> bool {
        self.websocket && t.request.status == 101 && websocket::is_read(feed, t)
    }
}

/// An enforced rule ends the message whose head lies at `head_at`.
fn blocked(feed: &Feed<'_>, head_at: u64) -> Next {
    // Once a part of it has left, the server or the client would take what follows for the rest of it.
    if head_at >= feed.sent { Next::Refuse(head_at, Answer::Forbidden) } else { Next::Reset }
}

fn version(v: Version) -> &'static str {
    match (v.major, v.minor) {
        (1, 0) => "HTTP/1.0",
        (0, 9) => "HTTP/0.9",
        _ => "HTTP/1.1",
    }
}

/// Masks what was found in field values. A value's place is its stream offset.
fn mask_fields(feed: &mut Feed<'_>, t: &Transaction, masks: &mut Vec<FieldMask>) {
    for mask in masks.drain(..) {
        let Some(detector) = t.request.policy.catalog().get(mask.found.detector) else { continue };
        let at = mask.place as u64 + mask.found.start;
        let len = mask.found.end - mask.found.start;
        feed.cx.edits.push(Edit::mask(at, len, detector.mask_style, mask.found.context));
        feed.cx.counters.masked += 1;
    }
}

/// Makes the answer come readable and whole: no content codings (RFC 9110 §12.5.3: an empty value asks for none), no
/// ranges (design rules 2 and 3).
fn make_readable(feed: &mut Feed<'_>, fields: &Fields<'_>) {
    for field in fields.iter() {
        let blank = [&b"accept-encoding"[..], b"range", b"if-range"];
        if blank.iter().any(|name| field.name.eq_ignore_ascii_case(name)) {
            feed.cx.edits.push(Edit::fill(field.at, field.value.len() as u64, b' '));
        }
    }
}

/// The client's settings, if the request asks for h2c (RFC 7540 §3.2.1).
fn h2c(fields: &Fields<'_>) -> Option<Settings> {
    let upgrade = fields.get("upgrade")?.value;
    if !upgrade.eq_ignore_ascii_case(b"h2c") {
        return None;
    }
    Settings::from_upgrade(fields.get("http2-settings")?.value)
}
