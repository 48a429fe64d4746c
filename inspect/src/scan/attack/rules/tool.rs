//! Tools and abuse of protocols: scanners by their names and probes, GraphQL, lines that split a
//! message.

use super::{Rule, rule};

/// The rules of `scanner`. Names alone only count as a whole value, or as a product in a user agent:
/// people also write about these tools.
pub(super) const SCANNERS: &[Rule] = &[
    rule(
        "user-agent",
        0.9,
        r"^(?:mozilla/[0-9.]+ ?\(?[^)]{0,80}[ ;(])?(?:sqlmap|nikto|nessus|openvas|acunetix|netsparker|invicti|arachni|w3af(?:\.org)?|nuclei|zgrab|masscan|nmap|dirbuster|gobuster|feroxbuster|ffuf|fuzz faster|wfuzz|wpscan|joomscan|whatweb|skipfish|burp|havij|jbrofuzz|qualys|appscan|webinspect|zaproxy|owasp zap|jaeles|commix|xsser|hydra|morfeus|zmeu|paros|fimap|sqlninja|absinthe|dirsearch|dirb|interactsh|brutus|cgichk|n-stealth|whisker|webtrends security|pangolin|bsqlbf|core-project|grendel-scan|pmafind|sysscan|uil2pn|cmsmap|droopescan|vega|wapiti|golismero|xspider|detectify|tenable|rapid7|insightvm|katana|subfinder|amass|httprobe|zmap)(?:[/ ;:(,.)-]|$)",
    ),
    rule(
        "product",
        0.95,
        r"\b(?:sqlmap|nikto|acunetix|netsparker|arachni|w3af|nuclei|zgrab|masscan|gobuster|feroxbuster|wfuzz|wpscan|skipfish|havij|nessus|openvas|wapiti|dirbuster|zaproxy|fuff)/v?[0-9]",
    ),
    rule(
        "probe",
        0.9,
        r"\bacunetix[-_]|\bnetsparker ?(?:\(|[0-9])|\bnikto[-_]test|\bw3af[-_.]|\bwvs[-_]|\bnessus[-_/]|\bopenvas[-_]|\bsqlmap[-_.]?(?:project|org)|nmap/folder|/nice%20ports|trinity\.txt\.bak|\bappscan[-_]|r57shell|c99shell|\bwebinspect\b|qualystest|burp[-_]?collab",
    ),
];

/// The rules of `graphql-abuse`.
pub(super) const GRAPHQL: &[Rule] = &[
    rule(
        "introspection",
        0.93,
        r"\{ ?__schema\b|\b__schema ?\{|\b__type ?\( ?name|\bintrospectionquery\b",
    ),
    rule("directives", 0.88, r"(?:@[a-z]+ ?(?:\([^)]{0,20}\) ?)?){10}"),
    // Fields in fields, deeper than a page needs; the same field under many names.
    rule("depth", 0.9, r"(?:\{ ?[a-z_][a-z0-9_]{0,30}(?: ?\([^)]{0,60}\))? ?){12}"),
    rule(
        "aliases",
        0.85,
        r"(?:\b[a-z]{1,12}[0-9]{1,4} ?: ?[a-z_]{2,30} ?(?:\([^)]{0,80}\))? ?(?:\{[^}]{0,80}\})?[ ,]*){15}",
    ),
    rule("batch", 0.7, r#"(?:\{ ?"query" ?: ?"[^"]{0,400}"[^{}]{0,80}\} ?, ?){8}"#),
];

/// The rules of `protocol-abuse`, over normalised text.
pub(super) const PROTOCOL: &[Rule] = &[
    rule(
        "request-line",
        0.85,
        r" (?:get|post|head|put|delete|options|connect|trace|patch|propfind) (?:/|https?:)[^ ]{0,200} http/[0-9]",
    ),
    // Fields behind a line end, which stands as a space here, at the end of a value.
    rule(
        "response-field",
        0.88,
        r"(?:^|[^ ] | )(?:set-cookie2?: ?[a-z0-9_.-]{1,40}=|location: ?(?:https?:)?//|content-length: ?[0-9]+ |content-type: ?text/html |x-xss-protection: ?0|access-control-allow-origin: ?[*h]|refresh: ?[0-9]{1,3}; ?url=|transfer-encoding: ?chunked |last-modified: ?[a-z]{3},)",
    ),
    rule("wide-line-end", 0.93, r"(?:\xe5\x98\x8a|\xe5\x98\x8d){1,2} ?[a-z-]{3,30}:"),
    rule("status-line", 0.85, r"\bhttp/1\.[01] [1-5][0-9][0-9] "),
    rule(
        "set-cookie",
        0.85,
        r"(?:^|[ ?&=>])(?:set-cookie2?) ?: ?[a-z0-9_-]{1,40}=|\.cookie ?;? ?expires ?=|http-equiv[ '\x22=]{1,4}set-cookie",
    ),
    rule(
        "server-side-include",
        0.9,
        r"<!--# ?(?:exec|include|echo|config|printenv|fsize|flastmod|set)\b",
    ),
    rule(
        "request-begun",
        0.95,
        r"(?:^|[ ?=])(?:get|post|head|put|delete|options|connect|trace|patch) (?:/|https?:)[^ ]{0,200} http/[0-9]\.[0-9]\b",
    ),
    rule(
        "length-field",
        0.95,
        r"\bcontent-length: ?[0-9]{1,20}(?: |<|$)|\btransfer-encoding: ?chunked(?: |$)",
    ),
    rule("cookie-written", 0.96, r"\.cookie ?; ?expires ?=|\bdocument\.cookie ?= ?['\x22]"),
    // A field of its own name behind a line end, which stands as a space here, where a value begins.
    rule("field-begun", 0.93, r"[=?&] [a-z0-9]{1,20}-[a-z0-9-]{1,30} ?: ?[^ ]"),
    // A quoted value that runs over the `;` behind it: parsers that follow RFC 2109 take the cookies in it for one.
    rule("cookie-in-quotes", 0.95, r#"^\$version ?= ?"?1"?[;,][^;]{0,80}=\\?"[^"]{0,200};"#),
    // A media type where what separates parts should be: parsers of two programs take the body for different things.
    rule("type-in-boundary", 0.95, r#"\bboundary ?= ?"?(?:application|text|multipart)/[a-z]"#),
];
