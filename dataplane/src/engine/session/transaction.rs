//! A request and its response, as far as the policy and the events want to know them.

use std::sync::Arc;
use std::time::Duration;

use weir_inspect::endpoints::{Endpoint, Endpoints, has_dots};
use weir_inspect::graphql::Reader;
use weir_inspect::policy::{
    Action, Caller, Counted, Decision, Direction, HeaderLookup, Message, Part, Policy, RuleId,
    Selection, TooLate,
};
use weir_inspect::scan::{Found, decode_url};
use weir_reassembly::http2::ValuePlace;
use weir_reassembly::time::Time;

use super::behaviour;
use super::content::{Content, Reading};
use super::etag::Etag;
use super::grpc::Call;
use super::reading;
use super::record::Noted;
use super::report::{self, Finding};
use super::{Answer, Dir, Feed};
use crate::engine::clean::Under;

/// Longest URL, host or other field kept for events; the rest is cut off there. Rules see the whole.
const KEPT: usize = 2048;
/// Connections reuse so many transactions instead of allocating new ones.
pub const SPARE: usize = 8;

/// The request, kept for its response and for events. Its buffers are reused.
#[derive(Default)]
pub struct Request {
    /// The policy under which it began; its response ends under the same one.
    pub policy: Arc<Policy>,
    pub method: Vec<u8>,
    pub url: Vec<u8>,
    pub host: Vec<u8>,
    /// The learnt endpoint that it goes to: its number among the policy's.
    endpoint: Option<u32>,
    pub user_agent: Vec<u8>,
    pub referer: Vec<u8>,
    pub version: &'static str,
    /// HTTP/2 stream; 0 on HTTP/1.
    pub stream: u32,
    pub grpc: bool,
    /// What it asked for has begun, and its messages are those of WebSocket.
    pub websocket: bool,
    /// The gRPC call that it is, if `grpc`.
    pub call: Call,
    /// Who sent it, where a rule has a limit.
    pub caller: Caller,
    /// Its caller is judged by what it does.
    pub watched: bool,
    /// When it was complete as far as it was seen, and how long its server then took to begin its answer.
    pub asked: Time,
    /// When it went to the server, if it was throttled.
    pub goes: Time,
    pub took: Option<Duration>,
    pub status: u16,
    pub content_type: Vec<u8>,
    pub location: Vec<u8>,
    pub response_length: u64,
    pub request_length: u64,
    /// Something was found in it, so that it is worth an `http` event.
    pub alerted: bool,
    /// For whoever learns.
    pub noted: Noted,
}

/// A request, its response, and the contents of both.
#[derive(Default)]
pub struct Transaction {
    pub request: Request,
    pub upload: Content,
    pub download: Content,
    /// The rules about the response; known when the request is.
    pub response_rules: Selection,
    /// The response has begun: its (final) head was seen.
    pub answered: bool,
    /// The rule that ended the response for one of its fields.
    blocked_by: Option<RuleId>,
    /// The response's.
    pub etag: Etag,
    /// Stream offsets at which the heads of request and response begin (HTTP/1).
    pub heads: (u64, u64),
}

/// Takes a field's name, value and place.
pub type EachField<'a> = &'a mut dyn FnMut(&[u8], &[u8], usize);

/// The fields of a request head, however the protocol keeps them.
pub trait HeadFields {
    /// The value of the first field of this name (lower case).
    fn find(&self, name: &str) -> Option<&[u8]>;
    /// Calls `each` with every field's name, value and place; places are the parser's own.
    fn each(&self, each: EachField<'_>);
}

struct Lookup<'a>(&'a dyn HeadFields);

impl HeaderLookup for Lookup<'_> {
    fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.find(name)
    }
}

/// What the policy says of a request's head.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeadVerdict {
    /// An enforced rule refuses it, with this answer.
    pub refused: Option<Answer>,
    /// An enforced rule lets it wait until then.
    pub turn: Option<Time>,
}

impl Request {
    /// The learnt endpoint that it goes to, if one is known.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        self.policy.endpoints().get(self.endpoint?)
    }
}

impl HeadVerdict {
    /// For what a part of it holds.
    fn forbids(&mut self, refuses: bool) {
        self.refused = self.refused.or(refuses.then_some(Answer::Forbidden));
    }
}

/// A finding in a header field that an enforced rule masks: the field's place and the range in its value.
pub struct FieldMask {
    pub place: usize,
    pub found: Found,
}

impl Transaction {
    /// Makes it ready for another request.
    pub fn reset(&mut self, policy: &Arc<Policy>) {
        let r = &mut self.request;
        if !Arc::ptr_eq(&r.policy, policy) {
            r.policy = Arc::clone(policy);
        }
        for buffer in [
            &mut r.method,
            &mut r.url,
            &mut r.host,
            &mut r.user_agent,
            &mut r.referer,
            &mut r.content_type,
            &mut r.location,
        ] {
            buffer.clear();
        }
        (r.stream, r.status, r.grpc, r.alerted) = (0, 0, false, false);
        (r.websocket, r.watched, r.took, r.goes) = (false, false, None, Time::default());
        r.endpoint = None;
        (r.response_length, r.request_length) = (0, 0);
        self.upload.begin(Selection::default(), Reading::Skip, false);
        self.download.begin(Selection::default(), Reading::Skip, false);
        self.response_rules = Selection::default();
        self.answered = false;
        self.etag.forget();
        self.blocked_by = None;
        self.heads = (0, 0);
        self.request.call = Call::default();
        self.request.caller = Caller::default();
        self.request.noted = Noted::default();
    }

    /// Judges a request by its head: the rules about the call, its URL, its fields. Sets up both contents.
    pub fn judge(
        &mut self,
        feed: &mut Feed<'_>,
        method: &[u8],
        url: &[u8],
        host: Option<&[u8]>,
        fields: &dyn HeadFields,
        masks: &mut Vec<FieldMask>,
    ) -> HeadVerdict {
        let request = &mut self.request;
        keep(&mut request.method, method);
        keep(&mut request.url, url);
        keep(&mut request.host, host.unwrap_or_default());
        request.noted.begun = feed.now;
        let learns = feed.cx.sampling.is_on();
        fields.each(&mut |name, value, _| {
            if name.eq_ignore_ascii_case(b"user-agent") {
                keep(&mut request.user_agent, value);
            } else if name.eq_ignore_ascii_case(b"referer") {
                keep(&mut request.referer, value);
            } else if learns {
                request.noted.field(name, value);
            }
        });
        let policy = Arc::clone(&request.policy);
        let mut path = std::mem::take(&mut feed.cx.decoded);
        decode_path(url, &mut path, Slashes::Separate);
        let endpoints = policy.endpoints();
        let endpoint = find(endpoints, method, host.unwrap_or_default(), url, &path);
        request.endpoint = endpoint.map(|(number, _)| number);
        let message = Message {
            vlans: feed.conn.vlans,
            host,
            method,
            path: &path,
            endpoint: endpoint.and_then(|(number, _)| endpoints.get(number)),
            may_go_elsewhere: endpoint.is_some_and(|(_, slashes)| slashes == Slashes::Keep),
            headers: &Lookup(fields),
            ..Message::new(
                Direction::Request,
                feed.conn.client.0,
                feed.conn.server.0,
                feed.conn.server.1,
            )
        };
        let rules = policy.select(&message);
        self.response_rules = policy.select(&Message { direction: Direction::Response, ..message });
        let query = url.iter().position(|b| *b == b'?').and_then(|at| url.get(at + 1..));
        let query = query.unwrap_or_default();
        self.request.caller = policy.caller(&message, query, &feed.cx.settings.keys.values);
        self.request.asked = feed.now;
        self.request.watched = policy.watches(&message);
        if let Some(token) = feed.cx.shape_token(feed.now) {
            self.request.noted.tell_shapes(token);
        }
        asks_graphql(&mut self.request.noted, (method, &path, query), fields, &rules);
        let refused = match self.request.watched {
            true => behaviour::refuses(feed, &mut self.request, &message),
            false => None,
        };
        let over = self.over_limit(feed, &rules, &path);
        feed.cx.decoded = path;
        self.upload.selection = rules;
        let mut verdict = HeadVerdict { refused, turn: None };
        if refused.is_some() {
            return verdict;
        }
        if let Some(decision) = rules.verdict() {
            verdict.refused = self.call(feed, decision, "the call itself");
        }
        if let Some(decision) = over {
            let answer = self.call(feed, decision, "its caller is over the limit");
            verdict.refused = verdict.refused.or(answer);
            verdict.turn = self.turn(feed, decision);
        }
        if rules.scans(Part::Url) {
            verdict.forbids(self.url(feed, &rules, url));
        }
        if rules.scans(Part::Headers) {
            verdict.forbids(self.fields(feed, &rules, fields, masks));
        }
        // What Weir refuses says nothing of how the service answers.
        self.request.watched &= verdict.refused.is_none() || feed.cx.settings.passive;
        verdict
    }

    /// The response's head has come.
    pub fn begin_answer(&mut self, feed: &Feed<'_>, status: u16) {
        self.answered = true;
        self.request.status = status;
        self.request.took = Some(feed.now.since(self.request.asked.max(self.request.goes)));
    }

    /// Request and response are over, as far as they ever will be.
    pub fn complete(&mut self, feed: &mut Feed<'_>) {
        self.request.response_length = self.download.length;
        behaviour::observe(feed, &self.request);
        report::transaction(feed, &self.request);
    }

    /// Rules about a response whose request was not seen.
    pub fn judge_unasked(&mut self, feed: &mut Feed<'_>) {
        let message = Message {
            vlans: feed.conn.vlans,
            ..Message::new(
                Direction::Response,
                feed.conn.client.0,
                feed.conn.server.0,
                feed.conn.server.1,
            )
        };
        self.response_rules = self.request.policy.select(&message);
    }

    /// What the limits of rules say of the request's caller: of this call, or since it was locked out before.
    fn over_limit(&self, feed: &Feed<'_>, rules: &Selection, path: &[u8]) -> Option<Decision> {
        if !rules.is_limited() && !self.response_rules.is_limited() {
            return None;
        }
        let (policy, caller, now) = (&self.request.policy, self.request.caller, feed.now.millis());
        let counted = Counted::Call(feed.cx.settings.keys.hash(path));
        policy
            .count(rules, caller, counted, now)
            .or_else(|| policy.locked_out(rules, caller, now))
            .or_else(|| policy.locked_out(&self.response_rules, caller, now))
    }

    /// A rule about the call, and not about what it holds.
    fn call(&mut self, feed: &mut Feed<'_>, decision: Decision, why: &str) -> Option<Answer> {
        let acts = decision.acts() && !feed.cx.settings.passive;
        self.request.alerted = true;
        report::blocked(feed, &self.request, decision, acts, why);
        if !acts || !decision.action.refuses() {
            return None;
        }
        let policy = &self.request.policy;
        feed.drop_source(policy, decision);
        let retry_after = policy.retry_after(decision.rule).unwrap_or_default();
        Some(match decision.action {
            Action::RateLimit => Answer::TooManyRequests { retry_after },
            _ => Answer::Forbidden,
        })
    }

    /// When a request goes that a rule throttles.
    fn turn(&mut self, feed: &Feed<'_>, decision: Decision) -> Option<Time> {
        let acts = decision.acts() && !feed.cx.settings.passive;
        if !acts || decision.action != Action::Throttle {
            return None;
        }
        let (request, most) = (&mut self.request, feed.cx.settings.limits.throttle);
        let (now, most) = (feed.now.millis(), most.as_millis() as u64);
        let wait = request.policy.turn(decision.rule, request.caller, now, most);
        request.goes = feed.now + Duration::from_millis(wait);
        Some(request.goes)
    }

    /// What the rule that ended the response says if its stream can't be ended any more.
    pub fn too_late(&self) -> TooLate {
        let rule = self.download.blocked_by.or(self.blocked_by);
        rule.map_or_else(TooLate::default, |rule| self.request.policy.too_late(rule))
    }

    /// Changes the response's entity-tag if its body was masked. Gives what the HPACK decoder has to know of it.
    pub fn change_etag(&mut self, feed: &mut Feed<'_>) -> Option<(ValuePlace, Vec<u8>)> {
        if !self.download.masked {
            return None;
        }
        let (place, value) = self.etag.change(feed, self.request.policy.fingerprint())?;
        Some((place, value.to_vec()))
    }

    /// The request target, as the server will read it.
    fn url(&mut self, feed: &mut Feed<'_>, rules: &Selection, url: &[u8]) -> bool {
        let mut decoded = std::mem::take(&mut feed.cx.decoded);
        decoded.clear();
        decode_url(url, &mut decoded);
        feed.cx.found.clear();
        let wanted = rules.detectors(Part::Url);
        self.request.policy.scanner().scan_url(url, &decoded, wanted, &mut feed.cx.found);
        let blocks = self.all_found(feed, rules, Part::Url, &decoded, &mut |_| {});
        feed.cx.decoded = decoded;
        blocks
    }

    /// The header fields. What is to be masked in them is noted in `masks`.
    pub fn fields(
        &mut self,
        feed: &mut Feed<'_>,
        rules: &Selection,
        fields: &dyn HeadFields,
        masks: &mut Vec<FieldMask>,
    ) -> bool {
        let mut blocks = false;
        let wanted = rules.detectors(Part::Headers);
        let under = Under::new(self.request.policy.fingerprint(), wanted);
        fields.each(&mut |name, value, place| {
            // The path was looked at as a URL.
            if name == b":path" {
                return;
            }
            let hash = feed.cx.clean.hash(under, value);
            if feed.cx.clean.knows(hash) {
                return;
            }
            feed.cx.found.clear();
            self.request.policy.scanner().scan_whole(value, wanted, &mut feed.cx.found);
            if feed.cx.found.is_empty() {
                return feed.cx.clean.remember(hash);
            }
            blocks |= self.all_found(feed, rules, Part::Headers, value, &mut |found| {
                masks.push(FieldMask { place, found });
            });
        });
        blocks
    }

    /// What follows from everything that was found in a small part that is there as a whole.
    fn all_found(
        &mut self,
        feed: &mut Feed<'_>,
        rules: &Selection,
        part: Part,
        bytes: &[u8],
        mask: &mut dyn FnMut(Found),
    ) -> bool {
        let found = std::mem::take(&mut feed.cx.found);
        let policy = Arc::clone(&self.request.policy);
        let mut blocks = false;
        let anywhere = |f: &&Found| policy.catalog().counts_at(f.detector, String::new);
        for f in found.iter().filter(anywhere) {
            let matched = bytes.get(f.start as usize..f.end as usize).unwrap_or_default();
            let (caller, now) = (self.request.caller, feed.now.millis());
            let value = || feed.cx.settings.keys.hash(matched);
            let Some(decision) = policy.decide_for(rules, caller, (part, f.detector), value, now)
            else {
                continue;
            };
            let acts = decision.acts() && !feed.cx.settings.passive;
            let finding = Finding {
                decision,
                detector: f.detector,
                part,
                start: f.start,
                end: f.end,
                matched,
                confidence: f.confidence,
                path: String::new(),
                acts,
                reason: "",
            };
            self.request.alerted = true;
            report::finding(feed, &self.request, &finding);
            let refuses = acts && decision.action.refuses();
            if refuses {
                feed.drop_source(&policy, decision);
            }
            blocks |= refuses;
            // A response over HTTP/2 is ended in its DATA: its fields still pass, for HPACK.
            let passes = feed.dir == Dir::ToClient && self.request.stream != 0;
            if refuses && feed.dir == Dir::ToClient {
                self.blocked_by = Some(decision.rule);
            }
            if acts && (decision.action.overwrites() || (refuses && passes)) {
                mask(*f);
            }
        }
        feed.cx.found = found;
        blocks
    }
}

/// Whether content of this type is binary with text in it: then a number may be glued to framing bytes.
pub fn is_binary(content_type: &[u8]) -> bool {
    let kinds = [&b"application/grpc"[..], b"application/x-protobuf", b"application/protobuf"];
    kinds.iter().any(|kind| reading::is_media_type(content_type, kind))
}

/// Whether a request goes to GraphQL, which tells what it asks for in its body or its query.
fn asks_graphql(
    noted: &mut Noted,
    (method, path, query): (&[u8], &[u8], &[u8]),
    fields: &dyn HeadFields,
    rules: &Selection,
) {
    let has_body = method == b"POST";
    let content_type = if has_body { fields.find("content-type") } else { None };
    let content_type = content_type.unwrap_or_default();
    let Some(reader) = Reader::of_request(method, path, query, content_type) else { return };
    // A coding is undone only for rules.
    if !has_body || rules.scans(Part::Body) || !reading::is_coded(fields) {
        noted.asks_graphql(reader);
    }
}

fn keep(to: &mut Vec<u8>, from: &[u8]) {
    to.clear();
    to.extend_from_slice(from.get(..from.len().min(KEPT)).unwrap_or_default());
}

/// The endpoint to which a request goes. Whether an encoded slash separates (nginx) or is a part of a value (RFC 3986 §2.2) is the server's
/// choice. Where it may separate, it does, as rules about paths read it; where no endpoint fits so, it is a part of its value.
fn find(
    endpoints: &Endpoints,
    method: &[u8],
    host: &[u8],
    url: &[u8],
    path: &[u8],
) -> Option<(u32, Slashes)> {
    let separate = endpoints.find(method, host, path);
    separate.map(|number| (number, Slashes::Separate)).or_else(|| {
        let is_slash = |code: &[u8]| code.eq_ignore_ascii_case(b"%2f");
        // `..%2f` climbs where it separates.
        if endpoints.is_empty() || has_dots(path) || !url.windows(3).any(is_slash) {
            return None;
        }
        let mut kept = Vec::new();
        decode_path(url, &mut kept, Slashes::Keep);
        endpoints.find(method, host, &kept).map(|number| (number, Slashes::Keep))
    })
}

/// What encoded slashes of a path become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slashes {
    /// Slashes.
    Separate,
    /// What they are.
    Keep,
}

/// The path of a request target: percent-decoded, without scheme, authority and query.
fn decode_path(url: &[u8], path: &mut Vec<u8>, slashes: Slashes) {
    path.clear();
    let end = url.iter().position(|b| matches!(b, b'?' | b'#')).unwrap_or(url.len());
    let mut rest = url.get(..end).unwrap_or_default();
    if let Some(at) = rest.windows(3).position(|w| w == b"://") {
        // Absolute-form (RFC 9112 §3.2.2): the path begins at the first slash after the authority.
        let authority = rest.get(at + 3..).unwrap_or_default();
        let slash = authority.iter().position(|b| *b == b'/').unwrap_or(authority.len());
        rest = authority.get(slash..).unwrap_or_default();
    }
    let hex = |b: Option<&u8>| b.and_then(|b| (*b as char).to_digit(16));
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first == b'%'
            && let (Some(high), Some(low)) = (hex(tail.first()), hex(tail.get(1)))
            && (slashes == Slashes::Separate || (high, low) != (2, 15))
        {
            path.push((high * 16 + low) as u8);
            rest = tail.get(2..).unwrap_or_default();
        } else {
            path.push(*first);
        }
    }
    if path.is_empty() {
        path.push(b'/');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (url, path) in [
            ("/a/b?c=/d", "/a/b"),
            ("/a%2Fb%zz%4", "/a/b%zz%4"),
            ("http://host:80/x?y", "/x"),
            ("http://host", "/"),
            ("*", "*"),
        ] {
            let mut out = Vec::new();
            decode_path(url.as_bytes(), &mut out, Slashes::Separate);
            assert_eq!(out, path.as_bytes(), "{url}");
        }
    }

    #[test]
    fn an_encoded_slash_is_a_part_of_a_value_where_it_can_t_separate() {
        let list = r#"{"version": 2, "hosts": {"h": [{"template": "/files/{file_id}"}, {"template": "/admin/keys"},
            {"template": "/orders/{order_id}", "parameters": ["integer"]}, {"template": "/{tenant_id}"}]}}"#;
        let endpoints = Endpoints::parse(list.as_bytes()).unwrap();
        for (url, template) in [
            ("/files/a%2Fb", Some("/files/{file_id}")),
            ("/files/a%2fb%20c?x=%2F", Some("/files/{file_id}")),
            ("/files/a/b", None),
            ("/admin%2Fkeys", Some("/admin/keys")),
            ("/files/a%252Fb", Some("/files/{file_id}")),
            ("/files/..%2F..%2Fadmin", None),
            ("/files/%2e%2e%2fx", None),
            ("/orders/1%2F2", None),
        ] {
            let mut path = Vec::new();
            decode_path(url.as_bytes(), &mut path, Slashes::Separate);
            let found = find(&endpoints, b"GET", b"h", url.as_bytes(), &path);
            let found = found.and_then(|(number, _)| endpoints.get(number)).map(|e| &*e.template);
            assert_eq!(found, template, "{url}");
        }
    }
}
