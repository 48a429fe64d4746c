//! Attacks by class: what must be found and what must not, in a parameter, a header, and a JSON body.

use weir_inspect::clean::{Clean, Under};
use weir_inspect::detector::{Category, DetectorSet};
use weir_inspect::request::Request;
use weir_inspect::scan::{Catalog, ScanState, Scanner, decode_url};
use weir_inspect::score::score;
use weir_inspect::values::Text;

/// What must be found: a detector in brackets, and texts that it or another detector of attacks must report.
const ATTACKS: &str = include_str!("attacks.txt");
/// Texts in which no attack may be found.
const HARMLESS: &str = include_str!("harmless.txt");

/// The texts of a file, each with the name in brackets above it.
fn texts(file: &'static str) -> Vec<(&'static str, &'static str)> {
    let mut name = "";
    let mut all = Vec::new();
    for line in file.lines().filter(|l| !l.starts_with("# ")) {
        let header = line.strip_prefix('[').and_then(|l| l.strip_suffix(']'));
        match header.filter(|h| h.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')) {
            Some(header) => name = header,
            None => all.push((name, line)),
        }
    }
    all
}

/// The detectors of attacks.
pub struct All {
    catalog: Catalog,
    pub scanner: Scanner,
    pub attacks: DetectorSet,
}

pub fn all() -> All {
    let catalog = Catalog::builtin();
    let mut attacks = DetectorSet::EMPTY;
    catalog.iter().filter(|d| d.category == Category::Attacks).for_each(|d| attacks.insert(d.id));
    let scanner = Scanner::new(&catalog, &attacks);
    All { catalog, scanner, attacks }
}

impl All {
    /// The names of the detectors that report a text as a parameter.
    fn parameter(&self, text: &str) -> Vec<&str> {
        let encode = |b: u8| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(b).to_string(),
            _ => format!("%{b:02x}"),
        };
        let target = format!("/a?b={}", text.bytes().map(encode).collect::<String>());
        let mut found = Vec::new();
        self.scanner.scan_url(target.as_bytes(), text.as_bytes(), &self.attacks, &mut found);
        found.iter().map(|f| self.catalog.get(f.detector).unwrap().name.as_str()).collect()
    }

    /// The same in a string of a JSON body that comes in pieces.
    fn body(&self, text: &str, piece: usize) -> Vec<&str> {
        let filler: Vec<String> = (0..40).map(|n| format!("item {n}")).collect();
        let body = serde_json::json!({ "items": filler, "text": text, "more": filler }).to_string();
        let (mut state, mut found) = (ScanState::default(), Vec::new());
        state.set_attacks(&self.attacks);
        for piece in body.as_bytes().chunks(piece) {
            self.scanner.scan(&mut state, piece, false, &DetectorSet::EMPTY, &mut found);
        }
        self.scanner.scan(&mut state, b"", true, &DetectorSet::EMPTY, &mut found);
        found.iter().map(|f| self.catalog.get(f.detector).unwrap().name.as_str()).collect()
    }
}

#[test]
fn attacks_of_each_class_are_found() {
    let all = all();
    let missed: Vec<_> =
        texts(ATTACKS).into_iter().filter(|(_, text)| all.parameter(text).is_empty()).collect();
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn attacks_are_found_in_json() {
    let all = all();
    // What needs the structure of a document or line ends is another thing inside of a string, and so is what only the
    // beginning and the end of a parameter tell. Base64 is undone where a text is there as a whole.
    let outside =
        ["nosql-injection", "protocol-abuse", "graphql-abuse", "quotes-of-a-parameter", "encoded"];
    let inside = texts(ATTACKS).into_iter().filter(|(d, _)| !outside.contains(d));
    let missed: Vec<_> = inside.filter(|(_, t)| all.body(t, 100_000).is_empty()).collect();
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn harmless_texts_pass_in_packets_of_any_size() {
    let all = all();
    let mut wrong = Vec::new();
    for (_, text) in texts(HARMLESS) {
        let mut found = all.parameter(text);
        [100_000, 1448, 300].iter().for_each(|piece| found.extend(all.body(text, *piece)));
        if !found.is_empty() {
            let line =
                serde_json::json!({ "method": "POST", "url": "/", "body": format!("a={text}") });
            let request = Request::parse(line.to_string().as_bytes()).unwrap();
            let reasons = score(&request).findings.into_iter().map(|f| f.reason);
            wrong.push((text, found.len(), reasons.collect::<Vec<_>>()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A text with another number in place of each.
fn with_numbers(text: &str, number: &str) -> String {
    let mut other = String::new();
    for (i, c) in text.char_indices() {
        let follows = text[..i].ends_with(|c: char| c.is_ascii_digit());
        match c.is_ascii_digit() {
            true if follows => {}
            true => other.push_str(number),
            false => other.push(c),
        }
    }
    other
}

#[test]
fn urls_that_are_told_alike_are_judged_alike() {
    let (all, clean) = (all(), Clean::new([7; 16]));
    let under = Under::new(0, &all.attacks, Text::Url);
    let judge = |url: &str| {
        let (mut found, mut decoded) = (Vec::new(), Vec::new());
        decode_url(url.as_bytes(), &mut decoded);
        all.scanner.scan_url(url.as_bytes(), &decoded, &all.attacks, &mut found);
        !found.is_empty()
    };
    let (mut alike, mut wrong) = (0, Vec::new());
    for (_, text) in texts(ATTACKS).into_iter().chain(texts(HARMLESS)) {
        for url in [format!("/get?a={text}"), format!("/{text}"), format!("/0/{text}/1?b=2&c[]=3")]
        {
            for number in ["0", "1", "22", "80", "404", "8080", "65536", "12345678"] {
                let other = with_numbers(&url, number);
                let hash = |url: &str| clean.url_hash(under, url.as_bytes());
                if url != other && hash(&url) == hash(&other) {
                    alike += 1;
                    if judge(&url) != judge(&other) {
                        wrong.push((url.clone(), other));
                    }
                }
            }
        }
    }
    assert!(alike > 4_000 && wrong.is_empty(), "{alike} alike, of which {wrong:#?}");
}

#[test]
fn addresses_only_count_as_values() {
    let all = all();
    for url in
        ["http://169.254.169.254/latest/meta-data/", "http://127.0.0.1:6379/", "gopher://a:70/_x"]
    {
        assert!(all.parameter(url).contains(&"ssrf"), "{url}");
    }
    let mut found = Vec::new();
    all.scanner.scan_whole(b"http://localhost:8080/shop/view.jsp", &all.attacks, &mut found);
    assert!(found.is_empty(), "the site's own address in Referer");
    for (agent, expected) in [
        ("sqlmap/1.7.2#stable (https://sqlmap.org)", true),
        ("Mozilla/5.0 (Nikto/2.1.6) (Evasions:None)", true),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0", false),
    ] {
        found.clear();
        all.scanner.scan_whole(agent.as_bytes(), &all.attacks, &mut found);
        assert_eq!(!found.is_empty(), expected, "{agent}");
    }
}
