//! What is told about findings, refusals and requests. A raw match never leaves: a masked sample and a keyed hash do.

use std::net::IpAddr;

use weir_inspect::behaviour::Mitigation;
use weir_inspect::detector::{Category, DetectorId};
use weir_inspect::policy::{self, Caller, Decision, Part, Policy, Rise};
use weir_inspect::scan::sample;
use weir_proto::event::Body;
use weir_proto::{self as proto, AppProto, Endpoint, Event};

use super::transaction::Request;
use super::{Conn, Dir, Feed, record};

/// Something that a detector found, and what is done about it.
pub struct Finding<'a> {
    pub decision: Decision,
    pub detector: DetectorId,
    pub part: Part,
    /// Offsets in the part.
    pub start: u64,
    pub end: u64,
    /// As much of the match as is at hand.
    pub matched: &'a [u8],
    pub confidence: f32,
    /// Where in the document it is; empty: not known.
    pub path: String,
    /// Whether something is done on the wire.
    pub acts: bool,
    /// Why something else is done than the rule says, if so.
    pub reason: &'static str,
}

/// An event of a connection.
pub fn event(timestamp_us: u64, conn: &Conn, app_proto: AppProto, body: Body) -> Event {
    Event {
        timestamp_us,
        flow_id: conn.id,
        src: Some(endpoint(conn.client)),
        dst: Some(endpoint(conn.server)),
        app_proto: app_proto.into(),
        tx_id: 0,
        body: Some(body),
    }
}

pub(super) fn endpoint((ip, port): (IpAddr, u16)) -> Endpoint {
    Endpoint { ip: proto::octets(ip), port: port.into() }
}

fn app_proto(request: &Request) -> AppProto {
    match request.stream {
        _ if request.websocket => AppProto::Websocket,
        0 => AppProto::Http,
        _ if request.grpc => AppProto::Grpc,
        _ => AppProto::Http2,
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The request as events carry it, without what was found in its URL.
pub(super) fn http(request: &Request) -> proto::Http {
    let host = text(&request.host);
    let (hostname, port) = match host.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => {
            (name.to_owned(), port.parse().ok())
        }
        _ => (host, None),
    };
    proto::Http {
        hostname,
        url: text(request.noted.readable(&request.url)),
        http_method: text(&request.method),
        status: request.status.into(),
        length: request.response_length,
        http_user_agent: text(&request.user_agent),
        http_content_type: text(&request.content_type),
        http_refer: text(&request.referer),
        redirect: text(&request.location),
        protocol: request.version.to_owned(),
        http_port: port,
        http2_stream_id: (request.stream != 0).then_some(request.stream),
        request_length: request.request_length,
        endpoint: request.endpoint().map(|e| e.template.to_string()).unwrap_or_default(),
        graphql: request.noted.operation().map(|operation| proto::Graphql {
            operation_type: operation.kind.map(|kind| kind.name().to_owned()).unwrap_or_default(),
            operation_name: operation.name,
        }),
        ..Default::default()
    }
}

pub(super) fn grpc(request: &Request) -> Option<proto::Grpc> {
    if !request.grpc {
        return None;
    }
    let (service, method) = weir_reassembly::grpc::path_to_service_method(&request.url)?;
    Some(proto::Grpc {
        service: service.to_owned(),
        method: method.to_owned(),
        status: request.call.status,
        request_messages: request.call.messages.0,
        response_messages: request.call.messages.1,
        http2_stream_id: request.stream,
        hostname: text(&request.host),
    })
}

pub(super) fn service(feed: &Feed<'_>, request: &Request) -> String {
    let (ip, port) = feed.conn.server;
    let policy = &request.policy;
    let id = policy.service_of(ip, port, feed.conn.vlans, Some(&request.host));
    id.map(|id| policy.service_name(id).to_owned()).unwrap_or_default()
}

/// Tells equal values from others for a day, and nothing else about them.
fn shown(feed: &Feed<'_>, hash: u64) -> Vec<u8> {
    let now = feed.cx.wall_clock(feed.now);
    feed.cx.settings.keys.shown(hash, now).to_be_bytes().to_vec()
}

/// Who sent the request, if that was looked for.
pub(super) fn identity(feed: &Feed<'_>, request: &Request) -> Vec<u8> {
    match request.caller.identity {
        0 => Vec::new(),
        identity => shown(feed, identity),
    }
}

/// Tells a finding.
pub fn finding(feed: &mut Feed<'_>, request: &Request, f: &Finding<'_>) {
    feed.cx.counters.findings += 1;
    let Some(detector) = request.policy.catalog().get(f.detector) else { return };
    request.noted.found(feed.dir, detector.category);
    if f.part == Part::Url && detector.category != Category::Attacks {
        // The URL holds the match itself: nobody may read it in the log.
        request.noted.hide_url_from(f.start);
    }
    let finding = proto::Finding {
        rule: request.policy.rule_name(f.decision.rule).to_owned(),
        detector: detector.name.clone(),
        category: detector.category.name().to_owned(),
        action: match f.decision.action {
            policy::Action::Alert => proto::Action::Alert,
            policy::Action::Tokenize => proto::Action::Tokenize,
            policy::Action::Mask => proto::Action::Mask,
            policy::Action::RateLimit => proto::Action::RateLimit,
            policy::Action::Block => proto::Action::Block,
            policy::Action::Quarantine => proto::Action::Quarantine,
            policy::Action::DropSource => proto::Action::DropSource,
            // Nothing is found where it is not looked for, and nothing by a rule about calls.
            policy::Action::Bypass | policy::Action::Throttle => proto::Action::Alert,
        }
        .into(),
        enforced: f.acts,
        direction: match feed.dir {
            Dir::ToServer => proto::Direction::ToServer,
            Dir::ToClient => proto::Direction::ToClient,
        }
        .into(),
        part: match f.part {
            Part::Url => proto::Part::Url,
            Part::Headers => proto::Part::Headers,
            Part::Body => proto::Part::Body,
        }
        .into(),
        service: service(feed, request),
        sample: sample(detector, f.matched),
        hash: shown(feed, feed.cx.settings.keys.hash(f.matched)),
        identity: identity(feed, request),
        start: f.start,
        end: f.end,
        released_bytes: 0,
        confidence: f.confidence,
        severity: request.policy.severity(f.decision.rule).name().to_owned(),
        reason: f.reason.to_owned(),
        path: f.path.clone(),
    };
    let (finding, http, grpc) = (Some(finding), Some(http(request)), grpc(request));
    let body = match detector.category {
        Category::Attacks => Body::Attack(proto::Attack { finding, http, grpc }),
        _ => Body::Leak(proto::Leak { finding, http, grpc }),
    };
    tell(feed, request, body);
}

/// Tells that a message was stopped, or would have been.
pub fn blocked(
    feed: &mut Feed<'_>,
    request: &Request,
    decision: Decision,
    acts: bool,
    reason: &str,
) {
    let how = match (acts, request.stream, decision.action) {
        (false, ..) => "alert",
        (true, _, policy::Action::Throttle) => "throttled",
        (true, 0, policy::Action::RateLimit) => "http429",
        (true, 0, _) => "http403",
        (true, ..) => "h2-malformed",
    };
    let block = proto::Block {
        rule: request.policy.rule_name(decision.rule).to_owned(),
        how: how.to_owned(),
        reason: reason.to_owned(),
        severity: request.policy.severity(decision.rule).name().to_owned(),
        service: service(feed, request),
        http: Some(http(request)),
        grpc: grpc(request),
        identity: identity(feed, request),
    };
    tell(feed, request, Body::Block(block));
}

/// Tells that a request was refused for its caller's behaviour, or would have been.
pub fn refused(feed: &mut Feed<'_>, request: &Request, mitigation: Mitigation, acts: bool) {
    let redirects = request.policy.challenge_location().is_some();
    let how = match (acts, request.stream, mitigation) {
        (false, ..) => "alert",
        (true, 1.., _) => "h2-malformed",
        (true, 0, Mitigation::Challenge) if redirects => "http302",
        (true, 0, Mitigation::Challenge | Mitigation::RateLimit { .. }) => "http429",
        (true, 0, _) => "http403",
    };
    let block = proto::Block {
        rule: policy::BEHAVIOUR_RULE.to_owned(),
        how: how.to_owned(),
        reason: format!("its caller's behaviour: {}", mitigation.name()),
        severity: policy::RuleSeverity::default().name().to_owned(),
        service: service(feed, request),
        http: Some(http(request)),
        grpc: grpc(request),
        identity: identity(feed, request),
    };
    tell(feed, request, Body::Block(block));
}

/// Tells that a caller has come to a higher step of the ladder.
pub fn behaviour(feed: &mut Feed<'_>, request: &Request, rise: &Rise) {
    let verdict = &rise.verdict;
    let mut reasons: Vec<_> = verdict.reasons.iter().flatten().map(ToString::to_string).collect();
    if rise.suspect {
        reasons.push("an attack goes on of which it may be a part".to_owned());
    }
    let behaviour = proto::Behaviour {
        level: rise.level.into(),
        action: rise.mitigation.name().to_owned(),
        enforced: rise.enforced && !feed.cx.settings.passive,
        score: verdict.score,
        kind: verdict.kind.to_string(),
        reasons,
        requests: rise.requests.into(),
        service: service(feed, request),
        identity: identity(feed, request),
        http: Some(http(request)),
    };
    tell(feed, request, Body::Behaviour(behaviour));
}

/// Tells a request and its response, once both are complete.
pub fn transaction(feed: &mut Feed<'_>, request: &Request) {
    record::access(feed, request);
    if feed.cx.settings.log_requests || request.alerted {
        tell(feed, request, Body::Http(http(request)));
        if let Some(grpc) = grpc(request) {
            tell(feed, request, Body::Grpc(grpc));
        }
    }
}

/// Tells something about a request.
pub fn tell(feed: &mut Feed<'_>, request: &Request, body: Body) {
    let now = feed.cx.wall_clock(feed.now);
    feed.cx.tell(event(now, feed.conn, app_proto(request), body));
}

/// Tells a TLS connection: whom the client asks for, and what kind of client it is.
pub fn tls(feed: &mut Feed<'_>, name: Option<&[u8]>, ja4: &str) {
    if !feed.cx.settings.log_requests {
        return;
    }
    let sni = name.map(text).unwrap_or_default();
    let tls = proto::Tls { sni, ja4: ja4.to_owned(), ..Default::default() };
    let now = feed.cx.wall_clock(feed.now);
    feed.cx.tell(event(now, feed.conn, AppProto::Tls, Body::Tls(tls)));
}

/// Tells what a rule says of a TLS client.
pub fn tls_client(
    feed: &mut Feed<'_>,
    policy: &Policy,
    decision: Decision,
    (name, ja4, caller): (Option<&[u8]>, &str, Caller),
    acts: bool,
) {
    let (ip, port) = feed.conn.server;
    let service = policy.service_of(ip, port, feed.conn.vlans, name);
    let block = proto::Block {
        rule: policy.rule_name(decision.rule).to_owned(),
        how: if acts && decision.action.refuses() { "reset" } else { "alert" }.to_owned(),
        reason: format!(
            "its TLS client is {ja4} and asks for `{}`",
            name.map(text).unwrap_or_default()
        ),
        severity: policy.severity(decision.rule).name().to_owned(),
        service: service.map(|id| policy.service_name(id).to_owned()).unwrap_or_default(),
        identity: if caller.identity == 0 { Vec::new() } else { shown(feed, caller.identity) },
        ..Default::default()
    };
    let now = feed.cx.wall_clock(feed.now);
    feed.cx.tell(event(now, feed.conn, AppProto::Tls, Body::Block(block)));
}

/// Tells that a direction can't be followed any more.
pub fn parser_error(feed: &mut Feed<'_>, why: &str) {
    let anomaly = proto::Anomaly {
        r#type: "applayer".to_owned(),
        event: "parser_error".to_owned(),
        detail: why.to_owned(),
        ..Default::default()
    };
    let now = feed.cx.wall_clock(feed.now);
    feed.cx.tell(event(now, feed.conn, AppProto::Unknown, Body::Anomaly(anomaly)));
}
