//! What one URL says about what is asked for: by its looks alone, in two passes, without allocating.

use crate::endpoints::is_parameter;

/// From this length on a segment with digits in it is an id.
const LONG: usize = 16;
/// Suffixes of what a browser fetches by itself for a page.
#[rustfmt::skip]
const ASSETS: [u64; 22] = [
    word("css"), word("js"), word("mjs"), word("map"), word("png"), word("jpg"), word("jpeg"), word("gif"),
    word("webp"), word("avif"), word("svg"), word("ico"), word("bmp"), word("woff"), word("woff2"), word("ttf"),
    word("otf"), word("eot"), word("mp4"), word("webm"), word("mp3"), word("wasm"),
];
/// Words in the path of what checks a password or a code, by their first two letters: no two words have the same first letters unless
/// they stand together here.
const LOGINS: [(&[u8; 2], &[&[u8]]); 7] = [
    (b"lo", &[b"login", b"logon"]),
    (b"si", &[b"signin", b"sign-in"]),
    (b"se", &[b"session"]),
    (b"au", &[b"auth"]),
    (b"to", &[b"token"]),
    (b"ot", &[b"otp"]),
    (b"pa", &[b"password"]),
];

/// Segments that say that programs are served, not pages.
const APIS: [u64; 6] =
    [word("api"), word("rest"), word("graphql"), word("rpc"), word("json"), word("ajax")];
/// Names of what only programs read: lists of what is new (RSS, Atom).
const FEEDS: [u64; 6] =
    [word("rss"), word("rss2"), word("rss20"), word("atom"), word("feed"), word("feeds")];
/// Any number will do to begin with; the factor is that of FxHash (Firefox, rustc).
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FACTOR: u64 = 0x517c_c1b7_2722_0a95;

/// What a byte may be, a bit each: and from [`FIRST`] and [`SECOND`] on, of which of [`LOGINS`] it is the first or the second letter.
const DIGIT: u32 = 1;
const HEXADECIMAL: u32 = 2;
const ODD: u32 = 4;
/// The end of a stem.
const END: u32 = 8;
const FIRST: u32 = 8;
const SECOND: u32 = 16;
/// `' " < > NUL` and what else values of names, numbers and words seldom hold.
const ODD_BYTES: [u8; 12] = *b"'\"<>`\\|;\0.:%";

#[expect(clippy::indexing_slicing, reason = "a constant: the compiler would see it")]
const CLASSES: [u32; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = class(byte as u8);
        byte += 1;
    }
    classes
};

#[expect(clippy::indexing_slicing, reason = "only in a constant: the compiler would see it")]
const fn class(byte: u8) -> u32 {
    let digit = if byte.is_ascii_digit() { DIGIT } else { 0 };
    let hexadecimal = if byte.is_ascii_hexdigit() || byte == b'-' { HEXADECIMAL } else { 0 };
    let end = if byte == b'.' || byte == b'/' { END } else { 0 };
    let mut class = digit | hexadecimal | end;
    let mut at = 0;
    while at < ODD_BYTES.len() {
        class |= if ODD_BYTES[at] == byte { ODD } else { 0 };
        at += 1;
    }
    let mut at = 0;
    while at < LOGINS.len() {
        let [first, second] = *LOGINS[at].0;
        class |= if byte | 0x20 == first { 1 << FIRST << at } else { 0 };
        class |= if byte | 0x20 == second { 1 << SECOND << at } else { 0 };
        at += 1;
    }
    class
}

fn class_of(byte: u8) -> u32 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(0)
}

/// A short word in lower case as a number.
const fn word(text: &str) -> u64 {
    let (mut rest, mut word) = (text.as_bytes(), 0);
    while let [first, after @ ..] = rest {
        word = word << 8 | *first as u64;
        rest = after;
    }
    word
}

/// The same of a text in any case; zero if it is longer than any.
fn word_of(text: &[u8]) -> u64 {
    match text.len() {
        ..8 => text.iter().fold(0, |word, byte| word << 8 | u64::from(byte.to_ascii_lowercase())),
        _ => 0,
    }
}

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
    /// Something that checks a password, a code or a token.
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
        let (path, query, odd) = parts(target);
        let site = hash(hash(BASIS, method), host);
        let mut shape = Shape {
            template: site,
            url: hash(hash(hash(BASIS, host), path), query),
            id: None,
            number: None,
            surface: Surface::Page,
            login: false,
            robots: path == b"/robots.txt",
            feed: false,
            icon: path == b"/favicon.ico" || path.starts_with(b"/apple-touch-icon"),
            odd,
        };
        match template {
            None => {
                let mut rest = Some(path);
                while let Some(segments) = rest {
                    rest = shape.segment(segments);
                }
            }
            Some(template) => shape.along(template, path),
        }
        // What lies behind the last dot holds a slash if it is not of the last segment, and is no suffix then.
        let suffix = memchr::memrchr(b'.', path).and_then(|at| path.get(at + 1..));
        if let Some(suffix) = suffix.map(word_of).filter(|suffix| *suffix != 0) {
            if ASSETS.contains(&suffix) {
                shape.surface = Surface::Asset;
            }
            shape.feed |= FEEDS.contains(&suffix);
        }
        shape.feed |=
            shape.surface == Surface::Page && values(query).any(|v| FEEDS.contains(&word_of(v)));
        if shape.id.is_none() && !query.is_empty() {
            shape.query(query);
        }
        shape
    }

    /// Takes the first one of the segments; what comes after its slash, if there is one.
    fn segment<'p>(&mut self, segments: &'p [u8]) -> Option<&'p [u8]> {
        let looks = Looks::of(segments);
        let (stem, after) = segments.split_at_checked(looks.stem).unwrap_or((segments, b""));
        let end = if after.first() == Some(&b'.') { memchr::memchr(b'/', after) } else { Some(0) };
        let (suffix, after) =
            end.and_then(|end| after.split_at_checked(end)).unwrap_or((after, b""));
        let is_object = looks.is_id(stem);
        if is_object {
            self.take_id(stem);
        }
        self.template = hash(self.template, if is_object { b"{id}" } else { stem });
        if !suffix.is_empty() {
            self.template = hash(self.template, suffix);
        }
        if !is_object {
            let name = if first_of_names(stem) { word_of(stem) } else { 0 };
            if is_version(stem) || APIS.contains(&name) {
                self.surface = Surface::Api;
            }
            self.feed |= FEEDS.contains(&name);
            self.login |= looks.login;
        }
        after.split_first().map(|(_, rest)| rest)
    }

    /// Goes along a learnt template. What comes of it is what its segments' looks would say, if these said the same.
    fn along(&mut self, template: &str, path: &[u8]) {
        let mut values = path.split(|b| *b == b'/').filter(|segment| !segment.is_empty());
        self.segment(b"");
        for component in template.split('/').filter(|component| !component.is_empty()) {
            let value = values.next().unwrap_or_default();
            if is_parameter(component) {
                self.take_id(value);
                self.template = hash(self.template, b"{id}");
            } else {
                self.segment(component.as_bytes());
            }
        }
    }

    fn query(&mut self, query: &[u8]) {
        if let Some(value) = values(query).find(|value| is_id(value)) {
            self.take_id(value);
        }
    }

    fn take_id(&mut self, id: &[u8]) {
        // Of the ids in a path the last is the object's: /users/17/orders/4. Its place goes in with it.
        self.id = Some(hash(self.template, id));
        self.number = number(id);
    }
}

/// The values of a query.
fn values(query: &[u8]) -> impl Iterator<Item = &[u8]> {
    let pairs = query.split(|b| *b == b'&');
    pairs.filter_map(|pair| pair.get(memchr::memchr(b'=', pair)? + 1..))
}

/// Path and query of a target, and whether either is odd.
fn parts(target: &[u8]) -> (&[u8], &[u8], bool) {
    let end = memchr::memchr(b'#', target).unwrap_or(target.len());
    let target = target.get(..end).unwrap_or_default();
    let at = memchr::memchr(b'?', target);
    let (path, query) = match at.and_then(|at| target.split_at_checked(at)) {
        Some((path, query)) => (path, query.get(1..).unwrap_or_default()),
        None => (target, &b""[..]),
    };
    // No code goes across the question mark.
    (path, query, odd(target))
}

/// What the bytes of a segment's stem come to.
struct Looks {
    /// Its length: up to the first dot, or else all of the segment.
    stem: usize,
    /// Of the stem: digits, and whether all of it is hexadecimal.
    digits: usize,
    hexadecimal: bool,
    login: bool,
}

impl Looks {
    /// Of the first one of these segments.
    fn of(segments: &[u8]) -> Looks {
        let (mut stem, mut digits, mut all) = (0, 0, HEXADECIMAL);
        let (mut before, mut pairs) = (0, 0);
        for byte in segments {
            let class = class_of(*byte);
            if class & END != 0 {
                break;
            }
            digits += (class & DIGIT) as usize;
            all &= class;
            // Without a branch: these letters are common, and the words are not.
            pairs |= before << (SECOND - FIRST) & class;
            before = class;
            stem += 1;
        }
        let login = pairs >> SECOND != 0 && holds_login(segments.get(..stem).unwrap_or_default());
        Looks { stem, digits, hexadecimal: all != 0, login }
    }

    /// A number, a UUID, hexadecimal, or more digits than word.
    fn is_id(&self, stem: &[u8]) -> bool {
        self.digits * 3 > stem.len() && !is_version(stem)
            || stem.len() >= LONG
                && (self.digits > 2 || self.hexadecimal)
                && memchr::memchr(b'%', stem).is_none()
    }
}

fn holds_login(mut stem: &[u8]) -> bool {
    while !stem.is_empty() {
        if LOGINS.iter().flat_map(|(_, words)| *words).any(|word| starts_with(stem, word)) {
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
        if is_id(stem.as_bytes()) { format!("{{id}}{suffix}") } else { segment.to_owned() }
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// Of a text that may hold dots.
fn is_id(text: &[u8]) -> bool {
    let (mut digits, mut all) = (0, HEXADECIMAL);
    for byte in text {
        let class = class_of(*byte);
        digits += (class & DIGIT) as usize;
        all &= class;
    }
    Looks { stem: text.len(), digits, hexadecimal: all != 0, login: false }.is_id(text)
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
    if !may_be_odd(text) {
        return false;
    }
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if class_of(*first) & ODD == 0 {
            continue;
        }
        let found = match first {
            b'.' => after.starts_with(b"./") || after.starts_with(b".%"),
            b':' => after.starts_with(b"//"),
            b'%' => CODES.iter().any(|code| starts_with(after, code)),
            _ => true,
        };
        if found {
            return true;
        }
    }
    false
}

/// Whether any of [`ODD_BYTES`] is there: sixteen at a time, and the last sixteen once more where they overlap.
fn may_be_odd(text: &[u8]) -> bool {
    let any = |bytes: &[u8; 16]| {
        let any = |byte: &u8| ODD_BYTES.iter().fold(0, |any, odd| any | u8::from(byte == odd));
        bytes.iter().fold(0, |all, byte| all | any(byte)) != 0
    };
    match text.last_chunk() {
        Some(last) => text.as_chunks().0.iter().any(any) || any(last),
        None => text.iter().fold(0, |all, byte| all | class_of(*byte)) & ODD != 0,
    }
}

fn starts_with(text: &[u8], word: &[u8]) -> bool {
    text.len() >= word.len() && text.iter().zip(word).all(|(a, b)| a | 0x20 == b | 0x20)
}

/// Goes on from a hash, eight bytes at a time (FxHash). It is mixed where it is used ([`mixed`]).
fn hash(from: u64, bytes: &[u8]) -> u64 {
    let step = |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(FACTOR);
    let (words, _) = bytes.as_chunks::<8>();
    let hash = words.iter().fold(from, |hash, word| step(hash, u64::from_le_bytes(*word)));
    // What is left, or the last eight bytes once more: it overlaps rather than going byte by byte.
    let last = match (bytes.last_chunk::<8>(), bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (Some(last), ..) => u64::from_le_bytes(*last),
        (None, Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last))
        }
        _ => bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    step(hash, last ^ (bytes.len() as u64) << 56)
}

/// Spreads a hash over all its bits (the end of MurmurHash3).
pub(super) fn mixed(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
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
            prop_assert_eq!(may_be_odd(bytes), bytes.iter().any(|b| ODD_BYTES.contains(b)));
            let words = || LOGINS.iter().flat_map(|(_, words)| *words);
            let has = |stem: &str| words().any(|w| stem.contains(std::str::from_utf8(w).unwrap()));
            let stems = text.split('/').map(|s| s.split('.').next().unwrap().to_lowercase());
            let is_login = stems.filter(|stem| !is_id(stem.as_bytes())).any(|stem| has(&stem));
            prop_assert_eq!(Shape::of(b"GET", b"", bytes).login, is_login);
        }
    }

    #[test]
    fn ids_are_left_out_of_templates() {
        let of = |url: &str| Shape::of(b"GET", b"h", url.as_bytes());
        assert_eq!(of("/api/v1/users/17?x=1").template, of("/api/v1/users/18").template);
        assert_ne!(of("/api/v1/users/17").template, of("/api/v2/users/17").template);
        assert_ne!(of("/a/17").id, of("/b/17").id);
        assert_eq!(of("/users/17/orders/4").number, Some(4));
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
