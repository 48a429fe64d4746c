//! Which operation a GraphQL request asks for, told from its body as it passes (GraphQL over HTTP, spec of 2025; GraphQL §2).
//!
//! ```text
//!   POST application/json      ─► json: members of the outermost object ─┬─ "operationName" ─► name
//!   POST application/graphql   ─────────────────────────────────────┐    └─ "query" ─┐
//!   GET  ?query=…&operationName=…  ───────────────────────────────► document: operations with kind and name
//! ```
//!
//! Names are those of GraphQL's grammar, so that nothing else of a request gets into a log. Of a batch the first request counts.

mod document;
mod json;

use document::Document;
use json::{Json, Member};
use percent_encoding::percent_decode;

/// Bytes of a name that are kept; the rest is cut off.
const MAX_NAME: usize = 128;

/// What an operation does (GraphQL §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It reads.
    Query,
    /// It writes.
    Mutation,
    /// It is told of events.
    Subscription,
}

impl Kind {
    /// `query`
    pub fn name(self) -> &'static str {
        match self {
            Kind::Query => "query",
            Kind::Mutation => "mutation",
            Kind::Subscription => "subscription",
        }
    }

    fn named(word: &[u8]) -> Option<Kind> {
        [Kind::Query, Kind::Mutation, Kind::Subscription]
            .into_iter()
            .find(|kind| kind.name().as_bytes() == word)
    }
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Not known where the document is kept by the server (persisted queries).
    pub kind: Option<Kind>,
    /// Its name; of one without a name, that of its first field.
    pub name: String,
}

/// As a method: `query Orders`.
impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind {
            Some(kind) => write!(f, "{} {}", kind.name(), self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// Whether a request goes to GraphQL, by its path (without query) or the type of its body.
fn is_asked(path: &[u8], content_type: &[u8]) -> bool {
    const PLACE: &[u8] = b"graphql";
    let path = path.strip_suffix(b"/").unwrap_or(path);
    let last = path.len().checked_sub(PLACE.len()).and_then(|at| path.split_at_checked(at));
    let is_place = last.is_some_and(|(before, last)| {
        last.eq_ignore_ascii_case(PLACE) && before.last().is_none_or(|b| *b == b'/')
    });
    is_place || is_document(content_type)
}

fn is_document(content_type: &[u8]) -> bool {
    let end = content_type.iter().position(|b| *b == b';').unwrap_or(content_type.len());
    let kind = content_type.get(..end).unwrap_or_default().trim_ascii();
    kind.eq_ignore_ascii_case(b"application/graphql")
}

/// Reads one request. In constant memory, and nothing of it is copied but names.
#[derive(Debug)]
pub struct Reader {
    /// None: the body is the document itself.
    json: Option<Json>,
    document: Document,
    /// `operationName`
    name: Vec<u8>,
}

impl Reader {
    /// Of a request by its method, its target's path and query (as sent), and the type of its body, which is to be fed; none if it asks
    /// GraphQL for nothing.
    pub fn of_request(
        method: &[u8],
        path: &[u8],
        query: &[u8],
        content_type: &[u8],
    ) -> Option<Reader> {
        if !is_asked(path, content_type) {
            return None;
        }
        match method {
            b"GET" => Reader::of_query(query),
            b"POST" => Some(Reader::of_body(content_type)),
            _ => None,
        }
    }

    /// Of a body of this type; JSON where that is not said.
    pub fn of_body(content_type: &[u8]) -> Reader {
        let json = (!is_document(content_type)).then(Json::default);
        Reader { json, document: Document::default(), name: Vec::new() }
    }

    /// Of a target's query (as sent); none if it asks for nothing.
    pub fn of_query(query: &[u8]) -> Option<Reader> {
        let mut reader = Reader { json: None, document: Document::default(), name: Vec::new() };
        let mut asks = false;
        for pair in query.split(|b| *b == b'&') {
            let Some(equals) = pair.iter().position(|b| *b == b'=') else { continue };
            let (name, value) = pair.split_at(equals);
            let value = unescaped(value.get(1..).unwrap_or_default());
            match name {
                b"query" => value.for_each(|b| reader.document.feed(b)),
                b"operationName" => value.for_each(|b| push(&mut reader.name, b)),
                _ => continue,
            }
            asks = true;
        }
        asks.then_some(reader)
    }

    /// The next bytes of the body.
    pub fn feed(&mut self, bytes: &[u8]) {
        let Reader { json, document, name } = self;
        match json {
            None => bytes.iter().for_each(|b| document.feed(*b)),
            Some(json) => json.feed(bytes, &mut |member, b| match member {
                Member::Query => document.feed(b),
                Member::OperationName => push(name, b),
            }),
        }
    }

    /// What it asks for, as far as it was read; none if that is nothing, or no GraphQL.
    pub fn operation(&self) -> Option<Operation> {
        let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        if is_name(&self.name) {
            let kind = self.document.kind_of(&self.name);
            return Some(Operation { kind, name: text(&self.name) });
        }
        let (kind, name) = self.document.first()?;
        Some(Operation { kind: Some(kind), name: text(name) })
    }
}

/// `[_A-Za-z][_0-9A-Za-z]*` (§2.1.9)
fn is_name(text: &[u8]) -> bool {
    text.first().is_some_and(|b| !b.is_ascii_digit()) && text.iter().all(|b| is_letter(*b))
}

fn is_letter(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

fn push(name: &mut Vec<u8>, b: u8) {
    if name.len() < MAX_NAME {
        name.push(b);
    }
}

/// The bytes of a value in a query: percent-decoded, `+` is a space.
fn unescaped(value: &[u8]) -> impl Iterator<Item = u8> {
    value.split_inclusive(|b| *b == b'+').flat_map(|piece| match piece.split_last() {
        Some((b'+', plain)) => percent_decode(plain).chain(Some(b' ')),
        _ => percent_decode(piece).chain(None),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(reader: &Reader) -> String {
        reader.operation().map(|operation| operation.to_string()).unwrap_or_default()
    }

    fn of_json(body: &str) -> String {
        let mut reader = Reader::of_body(b"application/json");
        reader.feed(body.as_bytes());
        said(&reader)
    }

    #[test]
    fn where_graphql_is_asked_for() {
        for (path, kind, wanted) in [
            ("/graphql", "application/json", true),
            ("/api/GraphQL/", "", true),
            ("graphql", "", true),
            ("/notgraphql", "application/json", false),
            ("/", "application/json", false),
            ("/any", "Application/GraphQL; charset=utf-8", true),
            ("/any", "application/graphql-response+json", false),
        ] {
            assert_eq!(is_asked(path.as_bytes(), kind.as_bytes()), wanted, "{path} {kind}");
        }
    }

    #[test]
    fn operations_in_json() {
        for (body, wanted) in [
            (r#"{"query":"query Orders($a: Int) { orders { id } }"}"#, "query Orders"),
            (r#"{"query":"{ viewer { login } }"}"#, "query viewer"),
            (r#"{"query":"mutation { addStar(input: {}) { id } }"}"#, "mutation addStar"),
            (r#"{"query":"query A { a } mutation B { b }","operationName":"B"}"#, "mutation B"),
            (r#"{"operationName":"B","query":"query A { a } mutation B { b }"}"#, "mutation B"),
            (r#"{"operationName":"C","query":"query A { a }"}"#, "C"),
            (r#"{"operationName":null,"query":"query A { a }"}"#, "query A"),
            (r#"{"operationName":"no name","query":"query A { a }"}"#, "query A"),
            (r#"{"operationName":"Kept","extensions":{"persistedQuery":{}}}"#, "Kept"),
            (r#"{"variables":{"query":"mutation X { x }","a":["}"]},"query":"{ y }"}"#, "query y"),
            (r#"[{"query":"{ first }"},{"query":"mutation { second }"}]"#, "query first"),
            (r#"{"query":"\n# {\n\u0071uery\tQ { a }"}"#, "query Q"),
            (r#"{"query":"fragment F on T { a } subscription S { b }"}"#, "subscription S"),
            (r#"{"query":"query ($q: In = {s: \"}\"}) @live { alias: field }"}"#, "query field"),
            (r#"{"query":"query A(","operationName":""}"#, "query A"),
            (r#"{"query":7}"#, ""),
            ("nonsense", ""),
        ] {
            assert_eq!(of_json(body), wanted, "{body}");
        }
    }

    #[test]
    fn operations_in_targets_and_documents() {
        for (query, wanted) in [
            ("query=%7Bviewer%7Blogin%7D%7D", "query viewer"),
            ("a=b&operationName=Q&query=query+Q+%7B+a+%7D", "query Q"),
            ("q=1", ""),
        ] {
            let reader = Reader::of_query(query.as_bytes());
            assert_eq!(reader.as_ref().map(said).unwrap_or_default(), wanted, "{query}");
        }
        let mut reader = Reader::of_body(b"application/graphql");
        reader.feed(b"mutation Pay { pay }");
        assert_eq!(said(&reader), "mutation Pay");
    }

    #[test]
    fn names_are_cut() {
        let body = format!(r#"{{"query":"query {} {{ a }}"}}"#, "a".repeat(1000));
        assert_eq!(of_json(&body), format!("query {}", "a".repeat(MAX_NAME)));
    }

    proptest! {
        #[test]
        fn the_same_however_it_is_cut(at in 0..120_usize, then in 0..60_usize) {
            let body = r#"{"x":{"query":"{z}"},"operationName":"B\u0062","query":"query A { a(s: \"\"\"}\"\"\") } mutation Bb { \"{\" b }"}"#;
            let (first, rest) = body.as_bytes().split_at(at.min(body.len()));
            let (second, third) = rest.split_at(then.min(rest.len()));
            let mut reader = Reader::of_body(b"");
            [first, second, third].into_iter().for_each(|part| reader.feed(part));
            prop_assert_eq!(said(&reader), "mutation Bb");
        }
    }
}
