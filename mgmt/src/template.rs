//! The template of a URL's path, by its looks alone: what people need to see which endpoint it is, before any is learnt.

/// From this length on a segment with digits in it is an id.
const LONG: usize = 16;

/// The path of a URL with `{id}` for numbers, hexadecimal ids, UUIDs and what else is more digits than word. Versions (`v2beta1`)
/// and the ends of file names stay.
pub(crate) fn of(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let segment = |segment: &str| {
        let stem = segment.split_once('.').map_or(segment, |(stem, _)| stem);
        let suffix = segment.get(stem.len()..).unwrap_or_default();
        if is_id(stem) { format!("{{id}}{suffix}") } else { segment.to_owned() }
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

fn is_id(stem: &str) -> bool {
    let digits = stem.bytes().filter(u8::is_ascii_digit).count();
    let hexadecimal = || stem.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    digits * 3 > stem.len() && !is_version(stem)
        || stem.len() >= LONG && (digits > 0 || hexadecimal())
}

/// `v1`, `v2beta1`
fn is_version(stem: &str) -> bool {
    stem.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_left_out_and_versions_stay() {
        for (url, path) in [
            ("/api/v1/users/17?x=1", "/api/v1/users/{id}"),
            ("/user/42/vehicle", "/user/{id}/vehicle"),
            ("/v1/o/9f86d081884c7d659a2feaa0c55ad015", "/v1/o/{id}"),
            ("/o/123e4567-e89b-12d3-a456-426614174000/x", "/o/{id}/x"),
            ("/ORD-2024-000123", "/{id}"),
            ("/v2beta1/help#top", "/v2beta1/help"),
            ("/files/report.pdf", "/files/report.pdf"),
            ("/files/17.pdf", "/files/{id}.pdf"),
            ("/app.min.js", "/app.min.js"),
            ("/", "/"),
        ] {
            assert_eq!(of(url), path);
        }
    }
}
