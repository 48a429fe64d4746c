//! Events against the golden lines of `events.jsonl`: what other programs read must not change by accident.

use std::net::SocketAddr;

use weir_proto::event::Body;
use weir_proto::{
    Action, Anomaly, AppProto, Attack, Behaviour, Block, Direction, Endpoint, Event, Finding, Flow,
    Graphql, Grpc, Header, Http, Leak, Part, Sample, Stats, Tls, Websocket, eve,
};

const GOLDEN: &str = include_str!("events.jsonl");

fn event(app: AppProto, body: Body) -> Event {
    let end = |s: &str| s.parse::<SocketAddr>().ok().map(Endpoint::from);
    Event {
        timestamp_us: 1_709_210_096_000_001, // 2024-02-29, a leap day
        flow_id: 9_007_199_254_740_991,
        src: end("10.0.0.1:40000"),
        dst: end("[2001:db8::2]:80"),
        app_proto: app.into(),
        body: Some(body),
        ..Event::default()
    }
}

fn http1() -> Http {
    Http {
        hostname: "shop.example".into(),
        url: "/orders?q=a%20b".into(),
        http_method: "GET".into(),
        status: 200,
        length: 1024,
        http_user_agent: "curl/8.0".into(),
        http_content_type: "application/json".into(),
        protocol: "HTTP/1.1".into(),
        http_port: Some(8080),
        request_headers: vec![Header { name: "Host".into(), value: "shop.example:8080".into() }],
        ..Http::default()
    }
}

#[test]
fn an_operation_of_graphql_is_told_with_its_request() {
    let graphql = Graphql { operation_type: "query".into(), operation_name: "Cart".into() };
    let http = Http { graphql: Some(graphql), ..http1() };
    let line = eve::to_json(&event(AppProto::Http, Body::Http(http)));
    assert_eq!(
        line["http"]["graphql"],
        serde_json::json!({"operation_type": "query", "operation_name": "Cart"})
    );
}

fn http2() -> Http {
    Http { protocol: "HTTP/2".into(), http2_stream_id: Some(3), status: 0, ..http1() }
}

fn grpc() -> Grpc {
    Grpc {
        service: "shop.Orders".into(),
        method: "List".into(),
        status: Some(0),
        request_messages: 1,
        response_messages: 2,
        http2_stream_id: 5,
        hostname: "shop.example".into(),
    }
}

fn finding() -> Finding {
    Finding {
        rule: "cards".into(),
        detector: "card".into(),
        category: "pci".into(),
        action: Action::Mask.into(),
        enforced: true,
        direction: Direction::ToClient.into(),
        part: Part::Body.into(),
        service: "shop".into(),
        sample: "4***********1111".into(),
        hash: vec![0x00, 0xab],
        start: 17,
        end: 33,
        released_bytes: 0,
        confidence: 0.9,
        reason: String::new(),
        identity: vec![0xcd, 0x01],
        path: "$.card".into(),
        severity: "high".into(),
    }
}

fn events() -> Vec<Event> {
    let system = Event { timestamp_us: 1, ..Event::default() };
    let stats = Stats {
        uptime: 60,
        samples: vec![
            Sample::count("packets_total", &[("reason", "forwarded")], 12),
            Sample::gauge("flows", &[], 3.0),
        ],
    };
    vec![
        event(AppProto::Http, Body::Http(http1())),
        event(AppProto::Http2, Body::Http(http2())),
        event(AppProto::Grpc, Body::Grpc(grpc())),
        event(
            AppProto::Http,
            Body::Leak(Leak { finding: Some(finding()), http: Some(http1()), grpc: None }),
        ),
        event(
            AppProto::Grpc,
            Body::Attack(Attack {
                finding: Some(Finding {
                    detector: "sqli".into(),
                    category: "attacks".into(),
                    action: Action::Block.into(),
                    enforced: false,
                    direction: Direction::ToServer.into(),
                    part: Part::Url.into(),
                    reason: "monitor".into(),
                    identity: Vec::new(),
                    ..finding()
                }),
                http: None,
                grpc: Some(grpc()),
            }),
        ),
        event(
            AppProto::Http,
            Body::Block(Block {
                rule: "attacks".into(),
                how: "http403".into(),
                reason: "sqli".into(),
                service: "shop".into(),
                http: Some(http1()),
                grpc: None,
                identity: Vec::new(),
                severity: "medium".into(),
            }),
        ),
        event(
            AppProto::Unknown,
            Body::Flow(Flow {
                pkts_toserver: 5,
                pkts_toclient: 4,
                bytes_toserver: 500,
                bytes_toclient: 4000,
                start_us: 1_709_210_096_000_001,
                end_us: 1_709_210_099_000_000,
                state: "closed".into(),
                reason: "fin".into(),
                alerted: true,
                service: "shop".into(),
            }),
        ),
        event(
            AppProto::Tls,
            Body::Tls(Tls {
                sni: "shop.example".into(),
                version: "TLS 1.3".into(),
                ja4: "t13d1516h2_8daaf6152771_b0da82dd1658".into(),
            }),
        ),
        event(
            AppProto::Websocket,
            Body::Websocket(Websocket { fin: true, mask: Some(7), opcode: "ping".into() }),
        ),
        event(
            AppProto::Http,
            Body::Behaviour(Behaviour {
                level: 2,
                action: "rate-limit".into(),
                enforced: true,
                score: 0.7,
                kind: "enumeration".into(),
                reasons: vec!["120 different ids".into()],
                requests: 140,
                service: "shop".into(),
                identity: vec![0xcd, 0x01],
                http: Some(Http { hostname: "shop.example".into(), ..Http::default() }),
            }),
        ),
        Event { body: Some(Body::Stats(stats)), ..system.clone() },
        Event {
            body: Some(Body::Anomaly(Anomaly {
                r#type: "system".into(),
                event: "fallback".into(),
                detail: "worker 0 missed its heartbeat".into(),
                report: r#"{"id":7}"#.into(),
            })),
            ..system
        },
    ]
}

#[test]
fn every_kind_of_event_is_rendered_as_its_golden_line() {
    let lines: Vec<String> = events().iter().map(eve::to_line).collect();
    let golden: Vec<&str> = GOLDEN.lines().collect();
    for (line, golden) in lines.iter().zip(&golden) {
        assert_eq!(line, golden);
    }
    assert_eq!(lines.len(), golden.len(), "the lines are:\n{}", lines.join("\n"));
}

#[test]
fn events_survive_the_wire() {
    for event in events() {
        let bytes = prost::Message::encode_to_vec(&event);
        assert_eq!(<Event as prost::Message>::decode(bytes.as_slice()).unwrap(), event);
    }
}

#[test]
fn timestamps_follow_the_calendar() {
    // Checked with `date -u -d @…`.
    for (secs, text) in [
        (0, "1970-01-01T00:00:00.000000+0000"),
        (951_782_399, "2000-02-28T23:59:59.000000+0000"),
        (951_782_400, "2000-02-29T00:00:00.000000+0000"),
        (1_735_689_599, "2024-12-31T23:59:59.000000+0000"),
        (4_107_542_400, "2100-03-01T00:00:00.000000+0000"),
    ] {
        assert_eq!(eve::timestamp(secs * 1_000_000), text);
    }
}
