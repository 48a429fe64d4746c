//! Operations of GraphQL.

use weir_inspect::graphql::Reader;

/// The first byte says whether the rest is JSON or a document, the second where it is cut. What is asked for does not depend on the
/// cuts, and its name is a short name of GraphQL's.
pub fn graphql(data: &[u8]) {
    let [form, cut, body @ ..] = data else { return };
    let content_type: &[u8] =
        if form % 2 == 0 { b"application/json" } else { b"application/graphql" };
    let read = |step: usize| {
        let mut reader = Reader::of_body(content_type);
        body.chunks(step).for_each(|piece| reader.feed(piece));
        reader.operation()
    };
    let whole = read(body.len().max(1));
    assert_eq!(read(usize::from(*cut) + 1), whole);
    for operation in whole.into_iter().chain(Reader::of_query(body).and_then(|r| r.operation())) {
        let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        assert!((1..=128).contains(&operation.name.len()), "{operation}");
        assert!(operation.name.bytes().all(letter), "{operation}");
    }
}
