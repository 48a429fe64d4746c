//! What one URL says about what is asked for: by its looks alone, several bytes at a time, without allocating.

use super::text::{BASIS, Stem, any_pair, digits, hash, name, named};
use crate::endpoints::{is_parameter, parameter_ending};

/// From this length on a segment with digits in it is an id.
const LONG: usize = 16;
/// What stands for an id in a template.
const OBJECT: &[u8] = b"{id}";
/// Suffixes of what a browser fetches by itself for a page.
#[rustfmt::skip]
const ASSETS: [u64; 22] = [
    named("css"), named("js"), named("mjs"), named("map"), named("png"), named("jpg"), named("jpeg"), named("gif"),
    named("webp"), named("avif"), named("svg"), named("ico"), named("bmp"), named("woff"), named("woff2"), named("ttf"),
    named("otf"), named("eot"), named("mp4"), named("webm"), named("mp3"), named("wasm"),
];
/// Words in the path of what checks a password or a code. Each holds a pair of letters of [`may_log_in`].
const LOGINS: [&[u8]; 9] =
    [b"login", b"logon", b"signin", b"sign-in", b"session", b"auth", b"token", b"otp", b"password"];
/// Segments that say that programs are served, not pages.
const APIS: [u64; 6] =
    [named("api"), named("rest"), named("graphql"), named("rpc"), named("json"), named("ajax")];
/// Names of what only programs read: lists of what is new (RSS, Atom).
const FEEDS: [u64; 6] =
    [named("rss"), named("rss2"), named("rss20"), named("atom"), named("feed"), named("feeds")];
/// `' " < > NUL` and what else values of names, numbers and words seldom hold. Of dots only two are odd.
const ODD_BYTES: [u8; 11] = *b"'\"<>`\\|;\0:%";

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// A page, or what may be one.
    Page,
    /// What a page needs: style, script, image, font.
    Asset,
    /// A call of a program.
    Api,
}

/// What a URL says.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Of method, host and path with ids left out.
    pub template: u64,
    /// Of host, path and query.
    pub url: u64,
    /// Of the last id in the path, or else of the query's first value that is one.
    pub id: Option<u64>,
    /// That id, where it is a number.
    pub number: Option<u64>,
    /// What is asked for.
    pub surface: Surface,
    /// Sent to something that checks a password, a code or a token.
    pub login: bool,
    /// `/robots.txt`: only programs ask for it.
    pub robots: bool,
    /// A list of what is new, by a name in its path or a value of its query: programs follow these.
    pub feed: bool,
    /// An icon that browsers look for without being told to, and without a referer.
    pub icon: bool,
    /// Values hold what names, numbers and words do not: quotes, angle brackets, `..`, NUL.
    pub odd: bool,
}

impl Shape {
    /// Looks at a request's method, host and target (path and query), as they were sent.
    pub fn of(method: &[u8], host: &[u8], target: &[u8]) -> Shape {
        Shape::at(method, host, target, None)
    }

    /// The same of a request whose endpoint was learnt: its template says which segments are ids, and not their looks.
    pub fn at(method: &[u8], host: &[u8], target: &[u8], template: Option<&str>) -> Shape {
        let (target, odd) = without_fragment(target);
        let (path, query) = parts(target);
        let site = hash(BASIS, host);
        let mut shape = Shape {
            template: hash(site, method),
            url: hash(site, target),
            id: None,
            number: None,
            surface: Surface::Page,
            login: may_tell(method) && template.map_or_else(|| logs_in(path), names_login),
            robots: path == b"/robots.txt",
            feed: false,
            icon: path == b"/favicon.ico" || path.starts_with(b"/apple-touch-icon"),
            odd,
        };
        let ending = match template {
            None => shape.walk(path),
            Some(template) => shape.along(template, path),
        };
        let suffix = memchr::memrchr(b'.', ending).and_then(|at| ending.get(at + 1..));
        if let Some(suffix) = suffix.map(name) {
            if ASSETS.contains(&suffix) {
                shape.surface = Surface::Asset;
            }
            shape.feed |= FEEDS.contains(&suffix);
        }
        shape.feed |=
            shape.surface == Surface::Page && values(query).any(|v| FEEDS.contains(&name(v)));
        if shape.id.is_none() && !query.is_empty() {
            shape.query(query);
        }
        shape
    }

    /// Takes the segments of a path one after the other. What is behind the last one's stem.
    fn walk<'p>(&mut self, path: &'p [u8]) -> &'p [u8] {
        let mut rest = path.strip_prefix(b"/").unwrap_or(path);
        loop {
            let after = self.segment(rest);
            let suffix = if after.first() == Some(&b'.') { self.suffix(after) } else { b"" };
            match after.get(suffix.len() + 1..) {
                Some(next) => rest = next,
                None => return suffix,
            }
        }
    }

    /// Takes the stem of the first one of these segments; what comes after it.
    fn segment<'p>(&mut self, segments: &'p [u8]) -> &'p [u8] {
        let stem = Stem::of(segments, self.template);
        let (text, after) = segments.split_at_checked(stem.length).unwrap_or_default();
        if is_id(text, stem.digits) {
            self.object(stem.hash, stem.number().or_else(|| number(text)));
            self.template = hash(self.template, OBJECT);
        } else {
            self.template = stem.hash;
            self.word(text, &stem);
        }
        after
    }

    /// Takes what is behind a segment's stem.
    fn suffix<'p>(&mut self, after: &'p [u8]) -> &'p [u8] {
        let end = memchr::memchr(b'/', after).unwrap_or(after.len());
        let suffix = after.get(..end).unwrap_or_default();
        self.template = hash(self.template, suffix);
        suffix
    }

    /// A segment that is no id: what its name says.
    fn word(&mut self, text: &[u8], stem: &Stem) {
        if is_version(text) {
            self.surface = Surface::Api;
        }
        if first_of_names(text) {
            self.surface = if APIS.contains(&stem.name()) { Surface::Api } else { self.surface };
            self.feed |= FEEDS.contains(&stem.name());
        }
    }

    /// Goes along a learnt template. What comes of it is what its segments' looks would say, if these said the same. The path once more.
    fn along<'p>(&mut self, template: &str, path: &'p [u8]) -> &'p [u8] {
        let mut values = path.split(|b| *b == b'/').filter(|segment| !segment.is_empty());
        let mut components =
            template.split('/').filter(|component| !component.is_empty()).peekable();
        if components.peek().is_none() {
            self.walk(b"");
        }
        for component in components {
            let value = values.next().unwrap_or_default();
            let Some(ending) = parameter_ending(component).map(str::as_bytes) else {
                self.walk(component.as_bytes());
                continue;
            };
            let value = value.strip_suffix(ending).unwrap_or(value);
            self.object(hash(self.template, value), number(value));
            self.template = hash(self.template, OBJECT);
            if !ending.is_empty() {
                self.suffix(ending);
            }
        }
        // What lies behind its last dot holds a slash if it is not of the last segment, and is no suffix then.
        path
    }

    fn query(&mut self, query: &[u8]) {
        if let Some(value) = values(query).find(|value| is_id(value, digits(value))) {
            self.object(hash(self.template, value), number(value));
        }
    }

    /// An id: the hash of what it is the id of and of itself, and its number. Of those in a path the last is the object's: /users/17/orders/4.
    fn object(&mut self, id: u64, number: Option<u64>) {
        (self.id, self.number) = (Some(id), number);
    }
}

/// The values of a query.
fn values(query: &[u8]) -> impl Iterator<Item = &[u8]> {
    let pairs = query.split(|b| *b == b'&');
    pairs.filter_map(|pair| pair.get(memchr::memchr(b'=', pair)? + 1..))
}

/// A target without what browsers keep for themselves, and whether it holds odd values.
fn without_fragment(target: &[u8]) -> (&[u8], bool) {
    let may_be = |byte, after| {
        ODD_BYTES.iter().fold(byte == b'#', |any, odd| any | (byte == *odd))
            | (byte == b'.') & (after == b'.')
    };
    // The last byte begins no pair.
    let last = target.last().is_some_and(|last| ODD_BYTES.contains(last) || *last == b'#');
    if !last && !any_pair(target, may_be) {
        return (target, false);
    }
    let end = memchr::memchr(b'#', target).unwrap_or(target.len());
    let target = target.get(..end).unwrap_or_default();
    (target, odd(target))
}

/// Path and query of a target.
fn parts(target: &[u8]) -> (&[u8], &[u8]) {
    let at = memchr::memchr(b'?', target);
    match at.and_then(|at| target.split_at_checked(at)) {
        Some((path, query)) => (path, query.get(1..).unwrap_or_default()),
        None => (target, b""),
    }
}

/// Whether a password may be sent by this method.
fn may_tell(method: &[u8]) -> bool {
    !matches!(method, b"GET" | b"HEAD" | b"OPTIONS")
}

/// Whether one of [`LOGINS`] stands in a learnt template.
fn names_login(template: &str) -> bool {
    template.split('/').any(|component| !is_parameter(component) && logs_in(component.as_bytes()))
}

/// Whether one of [`LOGINS`] stands in a segment of a path that is no id, in front of its first dot.
fn logs_in(path: &[u8]) -> bool {
    let holds = |segment: &[u8]| {
        let stem = segment.split(|b| *b == b'.').next().unwrap_or_default();
        !is_id(stem, digits(stem)) && holds_login(stem)
    };
    may_log_in(path) && path.split(|b| *b == b'/').any(holds)
}

/// Whether it holds a pair of letters that one of [`LOGINS`] has and few other words do: l*og*in, *au*th, t*ok*en.
fn may_log_in(path: &[u8]) -> bool {
    any_pair(path, |first, second| {
        let (first, second) = (first | 0x20, second | 0x20);
        ((first == b'o') | (first == b'i')) & (second == b'g')
            | (first == b's') & (second == b's')
            | (first == b'a') & (second == b'u')
            | (first == b'o') & (second == b'k')
            | (first == b't') & (second == b'p')
    })
}

fn holds_login(mut stem: &[u8]) -> bool {
    while !stem.is_empty() {
        if LOGINS.iter().any(|word| starts_with(stem, word)) {
            return true;
        }
        stem = stem.get(1..).unwrap_or_default();
    }
    false
}

/// The path of a URL with `{id}` for what is one by its looks: what people read for the hash that [`Shape::template`] is, and which
/// endpoint it is before any is learnt.
pub fn template(target: &str) -> String {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let segment = |segment: &str| {
        let stem = segment.split_once('.').map_or(segment, |(stem, _)| stem);
        let suffix = segment.get(stem.len()..).unwrap_or_default();
        let is_id = is_id(stem.as_bytes(), digits(stem.as_bytes()));
        if is_id { format!("{{id}}{suffix}") } else { segment.to_owned() }
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// Whether a text with so many digits is a number, a UUID, hexadecimal, or more digits than word.
fn is_id(text: &[u8], digits: usize) -> bool {
    let hexadecimal = || text.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
    digits * 3 > text.len() && !is_version(text)
        || text.len() >= LONG
            && (digits > 2 || hexadecimal())
            && memchr::memchr(b'%', text).is_none()
}

/// `v1`, `v2beta1`
fn is_version(text: &[u8]) -> bool {
    text.len() <= 8 && matches!(text, [b'v', digit, ..] if digit.is_ascii_digit())
}

/// Whether a segment begins like one of [`APIS`] or [`FEEDS`].
fn first_of_names(text: &[u8]) -> bool {
    text.first().is_some_and(|first| matches!(first | 0x20, b'a' | b'r' | b'g' | b'j' | b'f'))
}

/// The number that a text is, with or without a plus sign in front.
fn number(text: &[u8]) -> Option<u64> {
    let digits = text.strip_prefix(b"+").unwrap_or(text);
    let add = |number: u64, digit: &u8| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    };
    digits.iter().try_fold(0, add).filter(|_| !digits.is_empty())
}

/// Holds what values of names, numbers and words do not, plain or percent-encoded.
fn odd(text: &[u8]) -> bool {
    // ' " < > NUL CR LF \ ` ; | and a percent sign that was encoded twice.
    const CODES: [&[u8]; 12] =
        [b"27", b"22", b"3c", b"3e", b"00", b"0d", b"0a", b"5c", b"60", b"3b", b"7c", b"25"];
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let found = match first {
            b'.' => after.starts_with(b"./") || after.starts_with(b".%"),
            b':' => after.starts_with(b"//"),
            b'%' => CODES.iter().any(|code| starts_with(after, code)),
            byte => ODD_BYTES.contains(byte),
        };
        if found {
            return true;
        }
    }
    false
}

fn starts_with(text: &[u8], word: &[u8]) -> bool {
    text.len() >= word.len() && text.iter().zip(word).all(|(a, b)| a | 0x20 == b | 0x20)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What is looked at in whole registers, or by pairs of letters, is what byte after byte says.
        #[test]
        fn quick_looks_see_what_slow_ones_see(
            parts in prop::collection::vec("[a-z-]{0,20}|LOGin|sign-in|to|otp|passwor|%|%27|\\.\\./|:|//|<|[0-9]{1,9}", 0..8)
        ) {
            let text = parts.concat();
            let bytes = text.as_bytes();
            prop_assert_eq!(without_fragment(bytes), (bytes, odd(bytes)));
            let has = |stem: &str| LOGINS.iter().any(|w| stem.contains(std::str::from_utf8(w).unwrap()));
            let stems = text.split('/').map(|s| s.split('.').next().unwrap().to_lowercase());
            let is_login = stems.filter(|stem| !is_id(stem.as_bytes(), digits(stem.as_bytes()))).any(|stem| has(&stem));
            prop_assert_eq!(Shape::of(b"POST", b"", bytes).login, is_login);
        }
    }

    #[test]
    fn ids_are_left_out_of_templates() {
        let of = |url: &str| Shape::of(b"GET", b"h", url.as_bytes());
        assert_eq!(of("/api/v1/users/17?x=1").template, of("/api/v1/users/18").template);
        assert_ne!(of("/api/v1/users/17").template, of("/api/v2/users/17").template);
        assert_ne!(of("/a/17").id, of("/b/17").id);
        assert_eq!(of("/users/17/orders/4").number, Some(4));
        assert_eq!(of("/users/12345678901").number, Some(12_345_678_901));
        assert_eq!(of("/article?id=92").number, Some(92));
        assert_eq!(of("/article?q=word").id, None);
        assert_ne!(Shape::of(b"PUT", b"h", b"/a").template, of("/a").template);
    }

    #[test]
    fn templates_that_people_read() {
        for (url, path) in [
            ("/api/v1/users/17.json?x=1", "/api/v1/users/{id}.json"),
            ("/user/42/vehicle", "/user/{id}/vehicle"),
            ("/v1/o/9f86d081884c7d659a2feaa0c55ad015", "/v1/o/{id}"),
            ("/o/123e4567-e89b-12d3-a456-426614174000/x", "/o/{id}/x"),
            ("/ORD-2024-000123", "/{id}"),
            ("/v2beta1/help#top", "/v2beta1/help"),
            ("/files/report.pdf", "/files/report.pdf"),
            ("/app.min.js", "/app.min.js"),
            ("/", "/"),
        ] {
            assert_eq!(template(url), path);
        }
    }

    #[test]
    fn a_learnt_template_says_what_looks_would_say() {
        for (url, template) in [
            ("/users/17/orders/4", "/users/{user_id}/orders/{order_id}"),
            ("/users/17.json", "/users/{user_id}.json"),
            ("/users/17.json/x", "/users/{user_id}.json/x"),
        ] {
            let of = |template| Shape::at(b"GET", b"h", url.as_bytes(), template);
            let (looks, learnt) = (of(None), of(Some(template)));
            assert_eq!((learnt.template, learnt.id), (looks.template, looks.id), "{url}");
            assert_eq!(learnt.number, looks.number, "{url}");
        }
    }

    #[test]
    fn surfaces() {
        for (url, surface) in [
            ("/", Surface::Page),
            ("/blog/geekery/a.html", Surface::Page),
            ("/style.CSS?v=3", Surface::Asset),
            ("/app.min.js", Surface::Asset),
            ("/a.css/b", Surface::Page),
            ("/v2/orders", Surface::Api),
            ("/identity/api/auth/login", Surface::Api),
        ] {
            assert_eq!(Shape::of(b"GET", b"", url.as_bytes()).surface, surface, "{url}");
        }
        assert!(Shape::of(b"POST", b"", b"/identity/api/auth/Login").login);
        assert!(!Shape::of(b"GET", b"", b"/identity/api/auth/Login").login, "its form");
        assert!(Shape::of(b"GET", b"", b"/robots.txt").robots);
        for feed in ["/blog/feed/", "/index.rss", "/?flav=rss20", "/Atom.xml", "/?x=1&feed=RSS2"] {
            assert!(Shape::of(b"GET", b"", feed.as_bytes()).feed, "{feed}");
        }
        for none in ["/feedback", "/?q=atomic", "/press", "/v1/items?format=atom", "/a.rss/b"] {
            assert!(!Shape::of(b"GET", b"", none.as_bytes()).feed, "{none}");
        }
    }

    #[test]
    fn odd_values() {
        for odd in ["/?q=%27or", "/?a=<b>", "/a/..%2f", "/?u=http://x", "/?x=%2527"] {
            assert!(Shape::of(b"GET", b"", odd.as_bytes()).odd, "{odd}");
        }
        for plain in ["/?q=a+b%20c", "/m%C3%BCller?d=2020-01-01T10:00:00", "/a,b(c)?x=[1]"] {
            assert!(!Shape::of(b"GET", b"", plain.as_bytes()).odd, "{plain}");
        }
    }
}
