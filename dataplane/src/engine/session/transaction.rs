//! A request and its response, as far as the policy and the events want to know them.

use std::sync::Arc;
use std::time::Duration;

use weir_inspect::endpoints::Endpoint;
use weir_inspect::policy::{Caller, Direction, Policy, RuleId, Selection, TooLate};
use weir_reassembly::http2::ValuePlace;
use weir_reassembly::time::Time;

use super::Feed;
use super::behaviour;
use super::content::{Content, Reading};
use super::etag::Etag;
use super::grpc::Call;
use super::record::Noted;
use super::report;

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
    pub endpoint: Option<u32>,
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
    pub blocked_by: Option<RuleId>,
    /// The response's.
    pub etag: Etag,
    /// Stream offsets at which the heads of request and response begin (HTTP/1).
    pub heads: (u64, u64),
}

impl Request {
    /// The learnt endpoint that it goes to, if one is known.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        self.policy.endpoints().get(self.endpoint?)
    }
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
        self.response_rules = self.request.policy.select(&feed.message(Direction::Response));
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
}
