//! A request's target taken apart: components, percent-decoded; what is a file of a site; what GraphQL and gRPC name.

use std::borrow::Cow;

use serde_json::Value;
use weir_inspect::request::Request;

/// Ends of names of files that browsers load with a page.
const ASSETS: [&str; 24] = [
    "css", "js", "mjs", "map", "png", "jpg", "jpeg", "gif", "svg", "ico", "webp", "avif", "bmp",
    "woff", "woff2", "ttf", "otf", "eot", "mp4", "webm", "mp3", "ogg", "wasm", "swf",
];

/// Percent-decoded once. What is no code stays.
pub fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *first == b'%');
        let code = code.and_then(|hex| std::str::from_utf8(hex).ok());
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
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

/// The operation of a GraphQL call: its name, or its first field.
pub fn graphql(request: &Request, components: &[Cow<'_, str>]) -> Option<String> {
    let is_place = components.last().is_some_and(|last| last.eq_ignore_ascii_case("graphql"));
    if !is_place || request.method != "POST" {
        return None;
    }
    let body: Value = serde_json::from_slice(&request.body).ok()?;
    let named = body.get("operationName").and_then(Value::as_str).filter(|name| !name.is_empty());
    let query = body.get("query").and_then(Value::as_str)?;
    named.map(str::to_owned).or_else(|| operation(query))
}

/// `query Name(…) {…}`: its name; `{ field … }`: its first field.
fn operation(query: &str) -> Option<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name = |text: &str| {
        let text = text.trim_start();
        let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
        text.get(..end).filter(|name| !name.is_empty()).map(str::to_owned)
    };
    let (head, rest) = query.split_once('{')?;
    let keyword = head.trim_start();
    let after = ["query", "mutation", "subscription"].iter().find_map(|k| keyword.strip_prefix(k));
    after.and_then(name).or_else(|| name(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_taken_apart() {
        assert_eq!(components(path("//a/b%2Fc/?x=/d")), ["a", "b/c"]);
        assert_eq!(components("/"), [""; 0]);
        assert_eq!(decoded("%41%4g%"), "A%4g%");
        assert_eq!(asset("GET", "/static/app.min.JS"), Some(("/static", "JS")));
        assert_eq!(asset("GET", "/repos/readme.md"), None);
        assert_eq!(asset("PUT", "/a.css"), None);
        assert_eq!(asset("GET", "/.css"), None);
    }

    #[test]
    fn operations_have_names() {
        for (query, name) in [
            ("query Orders($a: Int) { orders { id } }", Some("Orders")),
            ("{ viewer { login } }", Some("viewer")),
            ("mutation { addStar(input: {}) { id } }", Some("addStar")),
            ("nonsense", None),
        ] {
            assert_eq!(operation(query).as_deref(), name, "{query}");
        }
        let call = |method: &str, url: &str, body: &str| {
            let line = serde_json::json!({"method": method, "url": url, "body": body});
            Request::parse(line.to_string().as_bytes()).unwrap()
        };
        let body = r#"{"operationName":"Named","query":"query X { a }"}"#;
        let asked = call("POST", "/api/graphql", body);
        assert_eq!(graphql(&asked, &components(&asked.url)).as_deref(), Some("Named"));
        let grpc = call("POST", "/shop.v1.Orders/ListOrders", "");
        assert!(is_grpc(&grpc, &components(&grpc.url)));
        let rest = call("POST", "/shop.v1/orders", "");
        assert!(!is_grpc(&rest, &components(&rest.url)));
    }
}
