//! What one URL says about what is asked for: by its looks alone, in one pass, without allocating.

/// From this length on a segment with digits in it is an id.
const LONG: usize = 16;
/// Suffixes of what a browser fetches by itself for a page.
const ASSETS: [&str; 22] = [
    "css", "js", "mjs", "map", "png", "jpg", "jpeg", "gif", "webp", "avif", "svg", "ico", "bmp",
    "woff", "woff2", "ttf", "otf", "eot", "mp4", "webm", "mp3", "wasm",
];
/// Words in the path of what checks a password or a code, by their first letter.
const fn logins(first: u8) -> &'static [&'static [u8]] {
    match first | 0x20 {
        b'l' => &[b"login", b"logon"],
        b's' => &[b"signin", b"sign-in", b"session"],
        b'a' => &[b"auth"],
        b't' => &[b"token"],
        b'o' => &[b"otp"],
        b'p' => &[b"password"],
        _ => &[],
    }
}

/// Segments that say that programs are served, not pages.
const APIS: [&str; 6] = ["api", "rest", "graphql", "rpc", "json", "ajax"];
/// Any number will do to begin with; the factor is that of FxHash (Firefox, rustc).
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FACTOR: u64 = 0x517c_c1b7_2722_0a95;

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
    /// An icon that browsers look for without being told to, and without a referer.
    pub icon: bool,
    /// Values hold what names, numbers and words do not: quotes, angle brackets, `..`, NUL.
    pub odd: bool,
}

impl Shape {
    /// Looks at a request's method, host and target (path and query).
    pub fn of(method: &str, host: &str, target: &str) -> Shape {
        let target = target.split('#').next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let site = hash(hash(BASIS, method.as_bytes()), host.as_bytes());
        let mut shape = Shape {
            template: site,
            url: hash(hash(BASIS, host.as_bytes()), target.as_bytes()),
            id: None,
            number: None,
            surface: Surface::Page,
            login: false,
            robots: path == "/robots.txt",
            icon: path == "/favicon.ico" || path.starts_with("/apple-touch-icon"),
            odd: odd(path) || odd(query),
        };
        for segment in path.split('/') {
            shape.segment(segment);
        }
        let suffix = path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|s| s.1);
        if suffix.is_some_and(|suffix| ASSETS.iter().any(|a| a.eq_ignore_ascii_case(suffix))) {
            shape.surface = Surface::Asset;
        }
        if shape.id.is_none() {
            let values = query.split('&').filter_map(|pair| pair.split_once('='));
            if let Some((_, value)) = values.into_iter().find(|(_, value)| is_id(value)) {
                shape.take_id(value);
            }
        }
        shape
    }

    fn segment(&mut self, segment: &str) {
        let stem = segment.split_once('.').map_or(segment, |(stem, _)| stem);
        let suffix = segment.get(stem.len()..).unwrap_or_default();
        let is_object = is_id(stem);
        if is_object {
            self.take_id(stem);
        }
        let name = if is_object { "{id}" } else { stem };
        self.template = hash(hash(self.template, name.as_bytes()), suffix.as_bytes());
        if is_object {
            return;
        }
        let is_api = APIS.iter().any(|api| api.eq_ignore_ascii_case(stem)) || is_version(stem);
        if is_api {
            self.surface = Surface::Api;
        }
        self.login |= names_login(stem.as_bytes());
    }

    fn take_id(&mut self, id: &str) {
        // Of the ids in a path the last is the object's: /users/17/orders/4. Its place goes in with it.
        self.id = Some(hash(self.template, id.as_bytes()));
        self.number = id.parse().ok();
    }
}

/// The path of a URL with `{id}` for what is one by its looks: what people read for the hash that [`Shape::template`] is, and which
/// endpoint it is before any is learnt.
pub fn template(target: &str) -> String {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let segment = |segment: &str| {
        let stem = segment.split_once('.').map_or(segment, |(stem, _)| stem);
        let suffix = segment.get(stem.len()..).unwrap_or_default();
        if is_id(stem) { format!("{{id}}{suffix}") } else { segment.to_owned() }
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// A number, a UUID, hexadecimal, or more digits than word.
fn is_id(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let hexadecimal = || text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    digits * 3 > text.len() && !is_version(text)
        || text.len() >= LONG && (digits > 2 || hexadecimal()) && !text.contains('%')
}

/// `v1`, `v2beta1`
fn is_version(text: &str) -> bool {
    text.len() <= 8
        && text.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Holds what values of names, numbers and words do not, plain or percent-encoded.
fn odd(text: &str) -> bool {
    // ' " < > NUL CR LF \ ` ; | and a percent sign that was encoded twice.
    const CODES: [&[u8]; 12] =
        [b"27", b"22", b"3c", b"3e", b"00", b"0d", b"0a", b"5c", b"60", b"3b", b"7c", b"25"];
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let found = match first {
            b'\'' | b'"' | b'<' | b'>' | b'`' | b'\\' | b'|' | b';' | 0 => true,
            b'.' => after.starts_with(b"./") || after.starts_with(b".%"),
            b':' => after.starts_with(b"//"),
            b'%' => CODES.iter().any(|code| starts_with(after, code)),
            _ => false,
        };
        if found {
            return true;
        }
        rest = after;
    }
    false
}

fn names_login(mut text: &[u8]) -> bool {
    while let Some((first, rest)) = text.split_first() {
        if logins(*first).iter().any(|word| starts_with(text, word)) {
            return true;
        }
        text = rest;
    }
    false
}

fn starts_with(text: &[u8], word: &[u8]) -> bool {
    text.len() >= word.len() && text.iter().zip(word).all(|(a, b)| a | 0x20 == b | 0x20)
}

/// Goes on from a hash, eight bytes at a time (FxHash). It is mixed where it is used ([`mixed`]).
fn hash(from: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    for (to, byte) in last.iter_mut().zip(rest) {
        *to = *byte;
    }
    let step = |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(FACTOR);
    let hash = words.iter().fold(from, |hash, word| step(hash, u64::from_le_bytes(*word)));
    step(step(hash, u64::from_le_bytes(last)), bytes.len() as u64)
}

/// Spreads a hash over all its bits (the end of MurmurHash3).
pub(super) fn mixed(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_left_out_of_templates() {
        let of = |url| Shape::of("GET", "h", url);
        assert_eq!(of("/api/v1/users/17?x=1").template, of("/api/v1/users/18").template);
        assert_ne!(of("/api/v1/users/17").template, of("/api/v2/users/17").template);
        assert_ne!(of("/a/17").id, of("/b/17").id);
        assert_eq!(of("/users/17/orders/4").number, Some(4));
        assert_eq!(of("/article?id=92").number, Some(92));
        assert_eq!(of("/article?q=word").id, None);
        assert_ne!(Shape::of("PUT", "h", "/a").template, of("/a").template);
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
            ("/v2/orders", Surface::Api),
            ("/identity/api/auth/login", Surface::Api),
        ] {
            assert_eq!(Shape::of("GET", "", url).surface, surface, "{url}");
        }
        assert!(Shape::of("POST", "", "/identity/api/auth/Login").login);
        assert!(Shape::of("GET", "", "/robots.txt").robots);
    }

    #[test]
    fn odd_values() {
        for odd in ["/?q=%27or", "/?a=<b>", "/a/..%2f", "/?u=http://x", "/?x=%2527"] {
            assert!(Shape::of("GET", "", odd).odd, "{odd}");
        }
        for plain in ["/?q=a+b%20c", "/m%C3%BCller?d=2020-01-01T10:00:00", "/a,b(c)?x=[1]"] {
            assert!(!Shape::of("GET", "", plain).odd, "{plain}");
        }
    }
}
