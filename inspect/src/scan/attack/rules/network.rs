//! Addresses that a server should not be made to call: its own, its network's, its cloud's.

use super::{Rule, rule};

/// The rules of `ssrf`. Addresses only count as a parameter's value: fields such as `Referer` name
/// the site's own one.
pub(super) const RULES: &[Rule] = &[
    rule(
        "metadata-url",
        0.97,
        r"^[^?& ]{0,8}[a-z]{0,8}:?/{0,3}(?:[^/ &]{0,60}@)?(?:169\.254\.169\.254|169\.254\.170\.2|metadata\.google\.internal|100\.100\.100\.200|\[fd00:ec2::254\])(?:[:/?#]|$)|=[a-z]{0,8}:?/{0,3}(?:169\.254\.169\.254|169\.254\.170\.2|metadata\.google\.internal|100\.100\.100\.200)(?:[:/?#& ]|$)",
    ),
    rule(
        "metadata",
        0.8,
        r"169\.254\.169\.254|169\.254\.170\.2\b|metadata\.google\.internal|\b100\.100\.100\.200\b|\[?fd00:ec2::254|/latest/(?:meta-data|user-data|dynamic|api/token)|/computemetadata/v1|/metadata/(?:instance|identity|v1)|/opc/v[12]/instance",
    ),
    rule(
        "own-address",
        0.85,
        r#"(?:^|[=>"]) ?(?:url:)?(?:[a-z][a-z0-9+.-]{1,9}:[/\\]{0,3}|//)(?:[^/@ &]{0,60}@)?(?:localhost\b|127\.[0-9]|0\.0\.0\.0|0(?:[:/]|$)|\[(?:::|0{1,4}:|fe80|fd|fc)[^\]]{0,60}\])"#,
    ),
    rule(
        "private-address",
        0.7,
        r#"(?:^|[=>"]) ?(?:url:)?[a-z][a-z0-9+.-]{1,9}:/{1,3}(?:[^/@ &]{0,60}@)?(?:10\.[0-9]{1,3}\.|192\.168\.|172\.(?:1[6-9]|2[0-9]|3[01])\.|169\.254\.)"#,
    ),
    // 2130706433, 0x7f000001, 0177.0.0.1, 127.1: addresses that no person writes.
    rule(
        "odd-address",
        0.9,
        r"(?:[a-z][a-z0-9+.-]{1,9}://|^https?:/?)(?:[^/@ &]{0,60}@)?(?:[0-9]{8,10}|0[0-7]{9,12}|0x[0-9a-f]{2,}(?:\.[0-9a-fx]+)*|0[0-9]{1,11}\.[0-9x.]+|[0-9]{1,3}\.0[x0-9][0-9a-fx.]*|[0-9]{1,3}\.[0-9]{4,8}|[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{4,5}|[0-9]{4,5}\.[0-9.]+)(?:[/:?#&<' \x22]|$)",
    ),
    rule(
        "call-back",
        0.9,
        r"\b(?:burpcollaborator\.net|oastify\.com|interact\.sh|interactsh\.com|oast\.(?:fun|pro|live|site|online|me)|dnslog\.cn|requestbin\.(?:net|com)|pipedream\.net|webhook\.site|canarytokens\.com|ceye\.io|(?:[0-9]{1,3}[.-]){3}[0-9]{1,3}\.(?:nip|xip|sslip)\.io|localtest\.me|lvh\.me)\b",
    ),
    rule(
        "odd-scheme",
        0.9,
        r"(?:^|[=>'\x22]|url:) ?(?:gopher|dict|netdoc|jar|ldaps?|tftp|sftp|ssh2?(?:\.[a-z]+)?|expect|phar|zip|ogg|glob|rar|compress\.(?:zlib|bzip2)|local_file|imaps?|pop3|smb|jnp|iiop|corbaname|unix|mailto:[^&]{0,80}\n):/{0,3}[^ ]",
    ),
    // A script of another server, to be included; a `?` at its end cuts off what is appended.
    rule(
        "remote-script",
        0.85,
        r"(?:^|=)(?:(?:https?|ftps?):)?//[^ &?]{3,120}(?:\.(?:php[0-9]?|phtml|asp|jsp|cgi|pl|sh|txt)\?(?:$|[ &]|cmd|c=)|\?(?:$|[ &]))",
    ),
    rule("foreign-host", 0.85, r"^[a-z]{3,8}://[^/ &?]{1,60}[#\\]@"),
    rule(
        "address-url",
        0.6,
        r"(?:^|=)(?:https?|ftps?)://(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?:[/:?& ]|$)",
    ),
    rule("user-in-url", 0.75, r"=https?://[^/ &]{1,60}(?::|%3a)[^/ &@]{0,40}@[^/ &]{0,40}@"),
    rule("full-width", 0.85, r"://[^/ &]{0,40}(?:\xe2\x93|\xe2\x91|\xef\xbc|\xe3\x80\x82)"),
    rule(
        "metadata-host",
        0.85,
        r"://metadata\.[a-z0-9.-]{3,40}|/openstack/latest|/metadata/v1|rancher-metadata",
    ),
];
