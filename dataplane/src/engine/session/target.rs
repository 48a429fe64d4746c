//! The request target: its path, and the learnt endpoint that it goes to.

use percent_encoding::percent_decode;
use weir_inspect::endpoints::{Endpoints, has_dots};

/// The endpoint to which a request goes. Whether an encoded slash separates (nginx) or is a part of a value (RFC 3986 §2.2) is the server's
/// choice. Where it may separate, it does, as rules about paths read it; where no endpoint fits so, it is a part of its value.
pub fn find(
    endpoints: &Endpoints,
    method: &[u8],
    host: &[u8],
    url: &[u8],
    path: &[u8],
) -> Option<(u32, Slashes)> {
    let separate = endpoints.find(method, host, path);
    separate.map(|number| (number, Slashes::Separate)).or_else(|| {
        // `..%2f` climbs where it separates.
        if endpoints.is_empty() || has_dots(path) || !url.windows(3).any(is_encoded_slash) {
            return None;
        }
        let mut kept = Vec::new();
        decode_path(url, &mut kept, Slashes::Keep);
        endpoints.find(method, host, &kept).map(|number| (number, Slashes::Keep))
    })
}

/// What encoded slashes of a path become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slashes {
    /// Slashes.
    Separate,
    /// What they are.
    Keep,
}

fn is_encoded_slash(code: &[u8]) -> bool {
    code.eq_ignore_ascii_case(b"%2f")
}

/// The path of a request target: percent-decoded, without scheme, authority and query.
pub fn decode_path(url: &[u8], path: &mut Vec<u8>, slashes: Slashes) {
    path.clear();
    let end = url.iter().position(|b| matches!(b, b'?' | b'#')).unwrap_or(url.len());
    let mut rest = url.get(..end).unwrap_or_default();
    if let Some(at) = rest.windows(3).position(|w| w == b"://") {
        // Absolute-form (RFC 9112 §3.2.2): the path begins at the first slash after the authority.
        let authority = rest.get(at + 3..).unwrap_or_default();
        let slash = authority.iter().position(|b| *b == b'/').unwrap_or(authority.len());
        rest = authority.get(slash..).unwrap_or_default();
    }
    while slashes == Slashes::Keep
        && let Some(at) = rest.windows(3).position(is_encoded_slash)
        && let Some((before, behind)) = rest.split_at_checked(at)
        && let Some((slash, behind)) = behind.split_at_checked(3)
    {
        path.extend(percent_decode(before));
        path.extend(slash);
        rest = behind;
    }
    path.extend(percent_decode(rest));
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
