//! A request's target taken apart: components, percent-decoded; what is a file of a site; what GraphQL and gRPC name.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use weir_inspect::graphql::Reader;
use weir_inspect::request::Request;

/// Ends of names of files that browsers load with a page.
const ASSETS: [&str; 24] = [
    "css", "js", "mjs", "map", "png", "jpg", "jpeg", "gif", "svg", "ico", "webp", "avif", "bmp",
    "woff", "woff2", "ttf", "otf", "eot", "mp4", "webm", "mp3", "ogg", "wasm", "swf",
];

/// Percent-decoded once. What is no code stays.
pub fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

/// The path of a target.
pub fn path(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// Components, without empty ones, each percent-decoded by itself: an encoded slash separates nothing.
pub fn components(path: &str) -> Vec<Cow<'_, str>> {
    path.split('/').filter(|c| !c.is_empty()).map(decoded).collect()
}

/// Directory and kind of a file that a page loads.
pub fn asset<'a>(method: &str, path: &'a str) -> Option<(&'a str, &'a str)> {
    let (directory, name) = path.rsplit_once('/')?;
    let (stem, kind) = name.rsplit_once('.')?;
    let known = ASSETS.iter().any(|a| a.eq_ignore_ascii_case(kind));
    (matches!(method, "GET" | "HEAD") && known && !stem.is_empty()).then_some((directory, kind))
}

/// Whether it is a call of gRPC: `POST /package.Service/Method`.
pub fn is_grpc(request: &Request, components: &[Cow<'_, str>]) -> bool {
    let named = || {
        let [service, method] = components else { return false };
        let upper = |name: &str| name.starts_with(|c: char| c.is_ascii_uppercase());
        let word = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        upper(method)
            && word(method)
            && service.rsplit_once('.').is_some_and(|(p, s)| upper(s) && p.split('.').all(word))
    };
    let kind = request.header("content-type").unwrap_or_default();
    request.method == "POST"
        && (kind.starts_with("application/grpc") && components.len() == 2 || named())
}

/// The operation of a GraphQL call: `query Orders`, or with the name of its first field.
pub fn graphql(request: &Request) -> Option<String> {
    if request.operation.is_some() {
        return request.operation.clone();
    }
    let kind = request.header("content-type").unwrap_or_default();
    let (path, query) = request.url.split_once('?').unwrap_or((&request.url, ""));
    let [method, path, query, kind] = [&request.method, path, query, kind].map(str::as_bytes);
    let mut reader = Reader::of_request(method, path, query, kind)?;
    if method == b"POST" {
        reader.feed(&request.body);
    }
    Some(reader.operation()?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_taken_apart() {
        assert_eq!(components(path("//a/b%2Fc/?x=/d")), ["a", "b/c"]);
        assert_eq!(components("/"), [""; 0]);
        assert_eq!(decoded("%41%4g%+1%"), "A%4g%+1%");
        assert_eq!(asset("GET", "/static/app.min.JS"), Some(("/static", "JS")));
        assert_eq!(asset("GET", "/repos/readme.md"), None);
        assert_eq!(asset("PUT", "/a.css"), None);
        assert_eq!(asset("GET", "/.css"), None);
    }

    #[test]
    fn operations_have_names() {
        let call = |method: &str, url: &str, body: &str| {
            let line = serde_json::json!({"method": method, "url": url, "body": body});
            Request::parse(line.to_string().as_bytes()).unwrap()
        };
        let body = r#"{"operationName":"Named","query":"query Named { a }"}"#;
        for (method, url, operation) in [
            ("POST", "/api/graphql", Some("query Named")),
            ("PUT", "/api/graphql", None),
            ("POST", "/api/orders", None),
            ("GET", "/graphql?query=%7Bviewer%7Bid%7D%7D", Some("query viewer")),
            ("GET", "/graphql", None),
        ] {
            assert_eq!(graphql(&call(method, url, body)).as_deref(), operation, "{method} {url}");
        }
        let grpc = call("POST", "/shop.v1.Orders/ListOrders", "");
        assert!(is_grpc(&grpc, &components(&grpc.url)));
        let rest = call("POST", "/shop.v1/orders", "");
        assert!(!is_grpc(&rest, &components(&rest.url)));
    }
}
