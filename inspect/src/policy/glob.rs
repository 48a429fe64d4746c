//! Path globs: `/api/**`, `/user/*/vehicle`.
//!
//! A path is compared segment by segment. `*` is any run of bytes within a segment, also none; `{id}` is a whole segment, and `{id}.json` one that
//! ends so; `**`, a segment of its own, is any number of segments, also none. Empty segments do not count, so `/a//b/` is `/a/b`.

/// Most segments of a request path that are told apart. A longer path fits every glob of `paths` and none of `except`:
/// it must not be a way around a rule.
pub const MAX_SEGMENTS: usize = 64;

/// A compiled glob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob(Box<[Segment]>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    /// `**`
    Any,
    /// `{id}`: one segment, whatever it is (a path parameter of OpenAPI) before this ending.
    Parameter(Box<[u8]>),
    /// A segment without `*`.
    Exact(Box<[u8]>),
    /// A segment with `*`.
    Wild(Box<[u8]>),
}

impl Glob {
    /// Compiles a glob; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Glob, String> {
        if !text.starts_with('/') && text != "**" {
            return Err(format!("the path `{text}` must begin with `/`"));
        }
        if let Some(c) = text.chars().find(|c| "?#".contains(*c)) {
            return Err(format!("the path `{text}` holds `{c}`, but paths are without query"));
        }
        let is_name = |name: &str| !name.is_empty() && !name.contains(['{', '}', '*']);
        let is_ending = |end: &str| end.is_empty() || end.starts_with('.') && is_name(end);
        let parameter = |segment: &str| {
            let (name, ending) = segment.strip_prefix('{')?.split_once('}')?;
            (is_name(name) && is_ending(ending)).then(|| ending.as_bytes().into())
        };
        if text.split('/').any(|s| s.contains(['{', '}']) && parameter(s).is_none()) {
            return Err(format!(
                "in the path `{text}` braces enclose no whole segment, as in `/user/{{id}}/vehicle` or `/user/{{id}}.json`"
            ));
        }
        if text.contains('%') {
            return Err(format!(
                "the path `{text}` holds `%`, but paths are compared after percent-decoding"
            ));
        }
        let segments = text.split('/').filter(|s| !s.is_empty()).map(|segment| match segment {
            "**" => Ok(Segment::Any),
            s if s.starts_with('{') => Ok(Segment::Parameter(parameter(s).unwrap_or_default())),
            "." | ".." => Err(format!(
                "the path `{text}` holds `{segment}`, but paths are compared after it is resolved"
            )),
            s if s.contains("**") => Err(format!("`**` in `{text}` must stand alone between `/`")),
            s if s.contains('*') => Ok(Segment::Wild(s.as_bytes().into())),
            s => Ok(Segment::Exact(s.as_bytes().into())),
        });
        segments.collect::<Result<_, _>>().map(Glob)
    }

    /// Whether the glob covers the whole path.
    fn matches(&self, path: &[&[u8]]) -> bool {
        wildcard(
            &self.0,
            path,
            |s| *s == Segment::Any,
            |segment, text| match segment {
                Segment::Any => true,
                Segment::Parameter(end) => text.len() > end.len() && text.ends_with(end),
                Segment::Exact(exact) => **exact == **text,
                Segment::Wild(wild) => wildcard(wild, text, |b| *b == b'*', |a, b| a == b),
            },
        )
    }
}

/// Matches a pattern whose elements are single ones or stars (any run of elements, also none).
///
/// On a mismatch only the last star is lengthened: what an earlier star would take more, the last can take as well.
/// So it takes at most `pattern.len() * text.len()` steps, and no stack.
fn wildcard<P, T>(
    pattern: &[P],
    text: &[T],
    is_star: impl Fn(&P) -> bool,
    fits: impl Fn(&P, &T) -> bool,
) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on if the last star takes one element more.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        match (pattern.get(p), text.get(t)) {
            (None, None) => return true,
            (Some(star), _) if is_star(star) => {
                p += 1;
                retry = Some((p, t));
                continue;
            }
            (Some(single), Some(element)) if fits(single, element) => {
                p += 1;
                t += 1;
                continue;
            }
            _ => {}
        }
        match retry {
            Some((after, from)) if from < text.len() => {
                (p, t) = (after, from + 1);
                retry = Some((after, from + 1));
            }
            _ => return false,
        }
    }
}

/// The segments of a request path, in the two ways in which a server may read it.
///
/// Most servers resolve `.` and `..` before they route, some do not. So that neither reading is a way around a rule,
/// a rule's `paths` apply if either reading fits, and its `except` only if both do.
pub(super) struct Path<'a> {
    segments: [&'a [u8]; MAX_SEGMENTS],
    /// Segments as sent, without empty ones.
    plain: usize,
    /// Segments after `.` and `..` are resolved (RFC 3986 §5.2.4), if that makes a difference.
    resolved: Option<Resolved<'a>>,
    too_long: bool,
}

struct Resolved<'a> {
    segments: [&'a [u8]; MAX_SEGMENTS],
    len: usize,
}

impl<'a> Path<'a> {
    /// Splits a percent-decoded path without its query.
    pub fn new(path: &'a [u8]) -> Path<'a> {
        let mut out =
            Path { segments: [&[]; MAX_SEGMENTS], plain: 0, resolved: None, too_long: false };
        let mut dots = false;
        for segment in path.split(|b| *b == b'/').filter(|s| !s.is_empty()) {
            dots |= matches!(segment, b"." | b"..");
            match out.segments.get_mut(out.plain) {
                Some(slot) => *slot = segment,
                None => {
                    out.too_long = true;
                    return out;
                }
            }
            out.plain += 1;
        }
        out.resolved = dots.then(|| resolve(out.plain()));
        out
    }

    fn plain(&self) -> &[&'a [u8]] {
        self.segments.get(..self.plain).unwrap_or_default()
    }

    fn resolved(&self) -> Option<&[&'a [u8]]> {
        self.resolved.as_ref().and_then(|r| r.segments.get(..r.len))
    }

    /// Whether one of the globs covers the path in one of its readings.
    pub fn fits_any(&self, globs: &[Glob]) -> bool {
        self.too_long
            || globs.iter().any(|glob| {
                glob.matches(self.plain()) || self.resolved().is_some_and(|r| glob.matches(r))
            })
    }

    /// Whether the globs cover the path in each of its readings.
    pub fn is_excepted(&self, globs: &[Glob]) -> bool {
        let covered = |path: &[&[u8]]| globs.iter().any(|glob| glob.matches(path));
        !self.too_long && covered(self.plain()) && self.resolved().is_none_or(covered)
    }
}

fn resolve<'a>(plain: &[&'a [u8]]) -> Resolved<'a> {
    let mut out = Resolved { segments: [&[]; MAX_SEGMENTS], len: 0 };
    for segment in plain {
        match *segment {
            b"." => {}
            b".." => out.len = out.len.saturating_sub(1),
            segment => {
                if let Some(slot) = out.segments.get_mut(out.len) {
                    *slot = segment;
                    out.len += 1;
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fits(glob: &str, path: &str) -> bool {
        Path::new(path.as_bytes()).fits_any(&[Glob::parse(glob).unwrap()])
    }

    #[test]
    fn globs_cover_what_they_say() {
        for (glob, yes, no) in [
            ("/", "/", "/a"),
            ("/a", "/a", "/ab"),
            ("/a/", "/a", "/a/b"),
            ("/user/*/vehicle", "/user/7/vehicle", "/user/7/8/vehicle"),
            ("/api/**", "/api/v1/x", "/apiv1"),
            ("/api/**", "/api", "/"),
            ("/api/**/x", "/api/x", "/api/x/y"),
            ("/**/x/*.json", "/a/b/x/1.json", "/a/b/x/1.xml"),
            ("/a*c*e", "/abcde", "/abcd"),
            ("**", "/", "no path is not covered"),
            ("/admin/**", "//admin//x", "/x//admin"),
            ("/user/{id}/vehicle", "/user/7/vehicle", "/user/7/8"),
            ("/user/{id}.json", "/user/7.json", "/user/.json"),
        ] {
            assert!(fits(glob, yes), "{glob} {yes}");
            assert_eq!(fits(glob, no), glob == "**", "{glob} {no}");
        }
    }

    #[test]
    fn dot_segments_are_no_way_around_a_rule() {
        for path in ["/x/../admin", "/./admin", "/admin/../x", "/../../admin"] {
            assert!(fits("/admin/**", path), "{path}");
        }
        let public = [Glob::parse("/public/**").unwrap()];
        for (path, excepted) in
            [("/public/a", true), ("/public/../admin", false), ("/admin/../public", false)]
        {
            assert_eq!(Path::new(path.as_bytes()).is_excepted(&public), excepted, "{path}");
        }
    }

    #[test]
    fn a_path_of_too_many_segments_is_no_way_around_a_rule() {
        let long = "/a".repeat(MAX_SEGMENTS + 1);
        assert!(fits("/admin", &long));
        assert!(!Path::new(long.as_bytes()).is_excepted(&[Glob::parse("/**").unwrap()]));
        assert!(!fits("/admin", &"/a".repeat(MAX_SEGMENTS)));
    }

    #[test]
    fn bad_globs_are_named() {
        for (glob, part) in [
            ("api", "must begin with `/`"),
            ("/a?b", "without query"),
            ("/user/x{id}", "braces"),
            ("/user/{}", "braces"),
            ("/user/{id}x", "braces"),
            ("/user/{id}.{x}", "braces"),
            ("/a/**b", "must stand alone"),
            ("/a%20b", "after percent-decoding"),
            ("/a/../b", "after it is resolved"),
        ] {
            assert!(Glob::parse(glob).unwrap_err().contains(part), "{glob}");
        }
    }

    /// The definition, as plain as it can be written; exponential.
    fn naive<P, T>(
        pattern: &[P],
        text: &[T],
        star: &dyn Fn(&P) -> bool,
        fit: &dyn Fn(&P, &T) -> bool,
    ) -> bool {
        match (pattern, text) {
            ([], text) => text.is_empty(),
            ([s, rest @ ..], text) if star(s) => {
                (0..=text.len()).any(|n| naive(rest, &text[n..], star, fit))
            }
            ([p, rest @ ..], [t, more @ ..]) => fit(p, t) && naive(rest, more, star, fit),
            _ => false,
        }
    }

    fn naive_glob(glob: &str, path: &str) -> bool {
        let split = |s: &str| -> Vec<String> {
            s.split('/').filter(|s| !s.is_empty()).map(str::to_owned).collect()
        };
        naive(&split(glob), &split(path), &|s| s == "**", &|p, t| {
            naive(p.as_bytes(), t.as_bytes(), &|b| *b == b'*', &|a, b| a == b)
        })
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(glob in "(/([ab*]{0,4}|\\*\\*)){1,5}", path in "(/[ab]{0,4}){0,6}") {
            if let Ok(compiled) = Glob::parse(&glob) {
                let found = Path::new(path.as_bytes()).fits_any(&[compiled]);
                prop_assert_eq!(found, naive_glob(&glob, &path), "{} {}", glob, path);
            }
        }
    }
}
