//! An access record as the learners take requests.

use std::net::SocketAddr;

use weir_inspect::request::{Request, Response};
use weir_inspect::shape::Schema;
use weir_proto::{Access, Endpoint, Graphql, eve};

/// Longest shape of a body: 256 properties.
const SHAPE: usize = 64 << 10;

/// What can be learnt from a record; none if it says nothing of a request.
pub(super) fn request(record: &Access) -> Option<Request> {
    let http = record.http.as_ref()?;
    let (src, dst) = (address(record.src.as_ref()), address(record.dst.as_ref()));
    let mut headers = Vec::new();
    let mut field = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
    // The token itself stays in the data plane. Callers are told apart by their addresses then.
    let ip = record.src.as_ref().and_then(Endpoint::addr);
    let caller = ip.map(|ip| ip.to_string()).unwrap_or_default();
    match record.credential.as_str() {
        "" => {}
        "bearer" => field("authorization", &format!("Bearer {caller}")),
        "basic" => field("authorization", &format!("Basic {caller}")),
        "authorization" => field("authorization", &caller),
        "api-key" => field("x-api-key", &caller),
        _ => field("cookie", &caller),
    }
    if record.referer {
        field("referer", "-");
    }
    if record.grpc.is_some() {
        field("content-type", "application/grpc");
    }
    if !http.http_user_agent.is_empty() {
        field("user-agent", &http.http_user_agent);
    }
    let host = match http.hostname.as_str() {
        "" => Some(record.service.clone()).filter(|service| !service.is_empty()),
        name => Some(name.to_ascii_lowercase()),
    };
    let status = u16::try_from(http.status).ok().filter(|status| *status > 0);
    let kind = Some(http.http_content_type.clone()).filter(|kind| !kind.is_empty());
    Some(Request {
        method: http.http_method.clone(),
        url: http.url.clone(),
        host: host.or_else(|| dst.clone()),
        src,
        dst,
        headers,
        ts: Some(record.timestamp_us as f64 / 1e6),
        user: Some(eve::hex(&record.identity)).filter(|identity| !identity.is_empty()),
        response: status.map(|status| Response {
            status,
            headers: kind.into_iter().map(|kind| ("content-type".to_owned(), kind)).collect(),
            body: Vec::new(),
            length: http.length,
            shape: shape(&record.response_shape),
            duration: Some(record.duration_us as f64 / 1e6),
        }),
        sent: record.sent.clone(),
        received: record.received.clone(),
        endpoint: Some(http.endpoint.clone()).filter(|template| !template.is_empty()),
        length: http.request_length,
        shape: shape(&record.request_shape),
        operation: http.graphql.as_ref().map(operation),
        weight: record.weight,
        ..Request::default()
    })
}

/// None where it was not looked at, or is longer than any that the data plane writes.
fn shape(text: &[u8]) -> Option<Schema> {
    (1..=SHAPE).contains(&text.len()).then(|| serde_json::from_slice(text).ok())?
}

fn operation(graphql: &Graphql) -> String {
    [graphql.operation_type.as_str(), &graphql.operation_name].join(" ").trim_start().to_owned()
}

fn address(end: Option<&Endpoint>) -> Option<String> {
    let end = end?;
    let port = u16::try_from(end.port).ok()?;
    Some(SocketAddr::new(end.addr()?, port).to_string())
}

#[cfg(test)]
mod tests {
    use weir_proto::Http;

    use super::*;
    use crate::learning::endpoints::calls::Credential;

    #[test]
    fn a_record_is_a_request() {
        let end = |last| Some(Endpoint { ip: vec![10, 0, 0, last], port: 80 });
        let http = Http {
            hostname: "Shop".into(),
            url: "/a?b".into(),
            http_method: "GET".into(),
            status: 404,
            length: 7,
            graphql: Some(Graphql {
                operation_type: "query".into(),
                operation_name: "Cart".into(),
            }),
            ..Http::default()
        };
        let record = Access {
            timestamp_us: 1_500_000,
            src: end(1),
            dst: end(2),
            http: Some(http),
            duration_us: 250_000,
            credential: "bearer".into(),
            received: vec!["pii".into()],
            weight: 3,
            ..Access::default()
        };
        let request = request(&record).unwrap();
        assert_eq!(
            (request.host.as_deref(), request.src.as_deref()),
            (Some("shop"), Some("10.0.0.1:80"))
        );
        assert_eq!((request.ts, request.weight), (Some(1.5), 3));
        assert_eq!(request.operation.as_deref(), Some("query Cart"));
        assert_eq!(
            request.header("authorization"),
            Some("Bearer 10.0.0.1"),
            "one caller, whatever its port"
        );
        assert_eq!(Credential::of(&request), Some(Credential::Bearer));
        let response = request.response.unwrap();
        assert_eq!((response.status, response.duration), (404, Some(0.25)));
        assert!(super::request(&Access::default()).is_none());
    }
}
