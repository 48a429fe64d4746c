//! What the policy says of a head: the call, its caller, its URL and its fields.

use std::sync::Arc;
use std::time::Duration;

use weir_inspect::clean::Under;
use weir_inspect::graphql::Reader;
use weir_inspect::policy::{
    Action, Counted, Decision, Direction, HeaderLookup, Message, Part, Selection,
};
use weir_inspect::scan::{Found, decode_url};
use weir_inspect::values::Text;
use weir_reassembly::time::Time;

use super::record::Noted;
use super::report::{self, Finding};
use super::target::{self, Slashes};
use super::transaction::Transaction;
use super::{Answer, Dir, Feed, behaviour, reading};

/// Longest URL, host or other field kept for events; the rest is cut off there. Rules see the whole.
const KEPT: usize = 2048;
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
        self.note(feed, (method, url, host.unwrap_or_default()), fields);
        let policy = Arc::clone(&self.request.policy);
        let mut path = std::mem::take(&mut feed.cx.decoded);
        target::decode_path(url, &mut path, Slashes::Separate);
        let endpoints = policy.endpoints();
        let endpoint = target::find(endpoints, method, host.unwrap_or_default(), url, &path);
        self.request.endpoint = endpoint.map(|(number, _)| number);
        let message = Message {
            host,
            method,
            path: &path,
            endpoint: endpoint.and_then(|(number, _)| endpoints.get(number)),
            may_go_elsewhere: endpoint.is_some_and(|(_, slashes)| slashes == Slashes::Keep),
            headers: &Lookup(fields),
            ..feed.message(Direction::Request)
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
        if refused.is_some() {
            return HeadVerdict { refused, turn: None };
        }
        let mut verdict = self.about_call(feed, &rules, over);
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

    /// Keeps what events and whoever learns want to know of a request's head.
    fn note(
        &mut self,
        feed: &Feed<'_>,
        (method, url, host): (&[u8], &[u8], &[u8]),
        fields: &dyn HeadFields,
    ) {
        let request = &mut self.request;
        keep(&mut request.method, method);
        keep(&mut request.url, url);
        keep(&mut request.host, host);
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
    }

    /// What rules say of the call itself, and of how many its caller makes (`over`).
    fn about_call(
        &mut self,
        feed: &mut Feed<'_>,
        rules: &Selection,
        over: Option<Decision>,
    ) -> HeadVerdict {
        let mut verdict = HeadVerdict::default();
        if let Some(decision) = rules.verdict() {
            verdict.refused = self.call(feed, decision, "the call itself");
        }
        if let Some(decision) = over {
            let answer = self.call(feed, decision, "its caller is over the limit");
            verdict.refused = verdict.refused.or(answer);
            verdict.turn = self.turn(feed, decision);
        }
        verdict
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

    /// The request target, as the server will read it.
    fn url(&mut self, feed: &mut Feed<'_>, rules: &Selection, url: &[u8]) -> bool {
        let mut decoded = std::mem::take(&mut feed.cx.decoded);
        decoded.clear();
        decode_url(url, &mut decoded);
        feed.cx.found.clear();
        let (scanner, wanted) = (self.request.policy.scanner(), rules.detectors(Part::Url));
        let under = Under::new(self.request.policy.fingerprint(), wanted, Text::Url);
        let searched = scanner.attacks().intersects(wanted);
        let hash = searched.then(|| feed.cx.clean.url_hash(under, url));
        let leaks = wanted.without(scanner.attacks());
        let known = hash.is_some_and(|hash| feed.cx.clean.knows(hash));
        let wanted = if known { &leaks } else { wanted };
        scanner.scan_url(url, &decoded, wanted, &mut feed.cx.found);
        if let Some(hash) = hash.filter(|_| feed.cx.found.is_empty()) {
            feed.cx.clean.remember(hash);
        }
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
        let under = Under::new(self.request.policy.fingerprint(), wanted, Text::Field);
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
