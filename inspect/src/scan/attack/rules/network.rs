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
        r#"(?:^|[=>"]) ?(?:url:)?(?:https?:[/\\]{0,3}|[a-z][a-z0-9+.-]{1,9}:[/\\]{1,3}|//)(?:[^/@ &]{0,60}@)?(?:localhost\b|127\.[0-9]|0\.0\.0\.0|0(?:[:/]|$)|\[(?:::|0{1,4}:|fe80|fd|fc)[^\]]{0,60}\])"#,
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
        r"\b(?:burpcollaborator\.net|oastify\.com|interact\.sh|interactsh\.com|oast\.(?:fun|pro|live|site|online|me)|dnslog\.cn|requestbin\.(?:net|com)|pipedream\.net|webhook\.site|canarytokens\.com|ceye\.io|(?:127|169[.-]254)[.-](?:[0-9]{1,3}[.-]){1,2}[0-9]{1,3}\.(?:nip|xip|sslip)\.io|localtest\.me|lvh\.me)\b",
    ),
    // A name for an address is as telling as the address: developers use such names for machines of their network.
    rule("address-as-name", 0.7, r"\b(?:[0-9]{1,3}[.-]){3}[0-9]{1,3}\.(?:nip|xip|sslip)\.io\b"),
    rule(
        "odd-scheme",
        0.9,
        r"(?:^|[=>'\x22]|url:) ?(?:gopher|dict|netdoc|jar|ldaps?|tftp|sftp|ssh2?(?:\.[a-z]+)?|expect|phar|zip|ogg|glob|rar|compress\.(?:zlib|bzip2)|local_file|imaps?|pop3|smb|jnp|iiop|corbaname|mailto:[^&]{0,80}\n):/{0,3}[^ ]",
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
    // The same where the address is all of a value, however its scheme ends: `http:2852039166`.
    rule(
        "odd-address-alone",
        0.95,
        r"(?:^|[=\x22])[a-z]{3,8}:/{0,2}(?:[0-9]{9,10}|0[0-7]{9,12}|0x[0-9a-f]{8}|(?:0[0-7]{2,5}\.){3}0?[0-7]{1,4}|(?:0x[0-9a-f]{1,2}\.){3}0x[0-9a-f]{1,2}|127\.[0-9]{1,7})(?:[/:?#&\x22]|$)",
    ),
    rule(
        "address-literal",
        0.95,
        r"(?:^|[=\x22])[a-z][a-z0-9+.-]{1,9}://(?:[^/@ ]{0,60}@)?\[[0-9a-f:.]{2,45}(?:%[a-z0-9]{1,16})?\](?:[/:?#&\x22]|$)",
    ),
    rule("escaped-host", 0.95, r"(?:^|[=\x22])[a-z]{2,8}:/{0,3}(?:\\+[a-z0-9]\.?){3}"),
    rule(
        "enclosed-letters",
        0.96,
        r"(?:^|[=\x22])[a-z]{2,8}:/{0,3}[^/ ]{0,40}(?:\xe2(?:\x91[\xa0-\xbf]|\x92[\x80-\xbf]|\x93[\x80-\xbf])){2}",
    ),
    rule(
        "call-back-alone",
        0.96,
        r"(?:^|[=/])(?:[a-z0-9-]{1,63}\.){0,4}(?:localtest\.me|lvh\.me|vcap\.me|lacolhost\.com|yoogle\.com|burpcollaborator\.net|oastify\.com|interact\.sh|oast\.(?:fun|pro|live|site|online|me)|dnslog\.cn|ceye\.io|nip\.io|sslip\.io|xip\.io)(?:[:/?#&]|$)",
    ),
    // Two hosts in one address, of which parsers take different ones.
    rule(
        "two-hosts",
        0.95,
        r"(?:^|[=\x22])[a-z]{3,8}://[^/@]{1,60}[ &#\\?][^/@]{0,20}@[a-z0-9.-]{3,60}(?:[:/#?]|$)",
    ),
    rule(
        "local-socket",
        0.95,
        r"(?:^|=)(?:http\+)?unix:/{1,3}(?:var/)?run/(?:docker|containerd|crio|podman)[a-z0-9_./-]{0,40}\.sock(?:[:/?&]|$)",
    ),
    rule("proxied-socket", 0.96, r"\bunix:[^|]{0,400}\|"),
    rule(
        "script-at-address",
        0.93,
        r"(?:^|=)(?:https?|ftps?)://(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3}|\[[0-9a-f:]{3,40}\]|[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){3,7})(?::[0-9]{1,5})?/[^ ?]{0,80}\.(?:php[0-9]?|phtml|asp|aspx|jsp|cgi|pl|sh|txt|jar|class|exe|ps1)\b",
    ),
    // A script that a server would be made to include, by what fetches it or by the name of a known shell.
    rule(
        "script-fetched",
        0.93,
        r"(?:^|=)ftps?://[^ ?&]{3,120}\.(?:php[0-9]?|phtml|asp|jsp|cgi|pl|sh)(?:$|[?&])|(?:^|=)(?:(?:https?|ftps?):)?//[^ ?&]{3,120}/(?:c99|c100|r57|b374k|wso|webshell|backdoor)[a-z0-9_.-]{0,12}\.(?:php[0-9]?|phtml|asp|jsp|txt|gif|jpg)(?:$|[?&])",
    ),
    // What a script includes files from, overwritten by a parameter of the same name.
    rule(
        "include-path-set",
        0.95,
        r"[?&](?:[a-z0-9_]{0,30}(?:absolute|root|include|base|lib)_?path|[a-z0-9_]{0,20}(?:doc(?:ument)?_root|inc(?:lude)?_dir)|_(?:conf|server|session|env|phplib|globals?)\[[a-z0-9_]{1,30}\]|globals\[[a-z0-9_\[\]]{1,40}\])=(?:https?|ftps?):/",
    ),
    rule(
        "text-in-url",
        0.93,
        r"(?:^|[=\x22])data:(?://)?(?:text/(?:plain|x?-?php|html)|application/x-(?:httpd-)?php)[^, ]{0,40},.",
    ),
    // Schemes of file functions that run or unpack, at the beginning of a value.
    rule(
        "wrapper-scheme",
        0.95,
        r"(?:^|[=\x22])(?:ssh2\.[a-z]{3,8}|compress\.(?:zlib|bzip2)|phar|expect|netdoc|gopher|local_file|(?:zip|glob|ogg|rar|zlib|dict|php)):/{2}[^ ]",
    ),
    // Names by which containers and clouds call themselves, with a scheme or with what is asked for.
    rule(
        "internal-name",
        0.95,
        r"(?:^|[=\x22>])(?:(?:[a-z][a-z0-9+.-]{1,9}:)?/{2,3}(?:[^/@ &]{0,60}@)?)?(?:ip(?:v?6)?-?(?:localhost|loopback)|localhost[46]|localhost[46]?\.localdomain[46]?|(?:host|gateway|kubernetes)\.docker\.internal|host\.containers\.internal|kubernetes\.default(?:\.svc(?:\.cluster\.local)?)?|instance-data|metadata\.azure\.internal)(?::[0-9]{1,5})?(?:/|$|[&\x22<])",
    ),
    rule(
        "own-name-asked",
        0.9,
        r"(?:^|[=>])localhost(?::[0-9]{1,5})?/|(?:^|[=\x22])[a-z]{3,8}:/{2,3}(?:loopback|metadata|[a-z0-9-]{1,40}\.service\.consul)(?:[:/&\x22]|$)",
    ),
    rule(
        "registry-asked",
        0.95,
        r"(?:^|[=\x22])https?://[a-z0-9.-]{1,60}(?:\.consul(?::[0-9]{1,5})?|:8500)/v1/(?:acl|agent|catalog|kv|operator|txn)(?:[/?&\x22]|$)",
    ),
    rule(
        "rebinding",
        0.95,
        r"\b(?:[a-z0-9-]{1,60}\.)?(?:1u\.ms|rbndr\.us|nip\.io|dod\.network)(?:[:/&\x22]|$)",
    ),
    rule(
        "path-then-host",
        0.95,
        r"^[a-z]{3,8}://[^/@]{1,60}/@(?:127\.|10\.|localhost|169\.254\.|192\.168\.)",
    ),
];

/// More rules of `ssrf`: a service by the name that it has inside of a cluster; a socket in place of a host; a scheme that is none. In a set of their own: see [`super::SETS`].
pub(super) const NAMES: &[Rule] = &[
    rule(
        "cluster-name",
        0.93,
        r"(?:^|[=\x22])[a-z]{2,8}:/{2,3}[a-z0-9.-]{1,80}\.svc(?:\.cluster\.local)?(?:[:/&\x22]|$)",
    ),
    rule(
        "odd-host",
        0.96,
        r"(?:^|=)https?://unix:/|(?:^|=)0://[a-z0-9]|(?:^|=)[a-z]{3,8}://192\.0\.0\.192(?:[:/]|$)",
    ),
];
