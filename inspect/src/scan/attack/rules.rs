//! The signatures of attacks, over normalised text (see [`super::normalise`]): small letters, one
//! space for any white space or comment.

use std::sync::OnceLock;

use regex_automata::meta::Regex;
use regex_automata::util::syntax;

/// The detectors that have rules here.
pub(super) const NAMES: [&str; 5] =
    ["sql-injection", "xss", "path-traversal", "command-injection", "log4shell"];

/// Memory of the lazily built automaton, for each thread; when it is full it begins anew.
const CACHE_BYTES: usize = 4 << 20;

/// A signature.
struct Rule {
    detector: &'static str,
    confidence: f32,
    regex: &'static str,
}

const fn rule(detector: &'static str, confidence: f32, regex: &'static str) -> Rule {
    Rule { detector, confidence, regex }
}

/// What separates the words of SQL: white space, or a bracket, quote, or `+` in its place.
const RULES: &[Rule] = &[
    // UNION SELECT, also with ALL, DISTINCT and brackets between.
    rule(
        "sql-injection",
        0.95,
        r#"\bunion[ ('"+]+(?:(?:all|distinct)[ ('"+]+)?(?:select\b|values? ?\(|table\b)"#,
    ),
    // A tautology or contradiction of numbers behind a boolean operator: `or 1=1`, `and 2*3=6`.
    rule(
        "sql-injection",
        0.9,
        r#"(?:\b(?:or|and|xor|having|where|when|not)\b|\|\||&&)[ ('"!~+-]*[0-9]+[ '")]*(?:=|<>|!=|<=>|<|>|\blike\b|\bin\b ?\(|\bbetween\b|\brlike\b|\bregexp\b)[ ('"]*(?:[0-9]|select\b|char ?\(|ascii|\()"#,
    ),
    // The same with strings: `' or 'a'='a`, `" or ""="`.
    rule(
        "sql-injection",
        0.9,
        r#"['"`)%] ?(?:\b(?:or|and|xor|where|having)\b|\|\||&&)[ (!~]*['"`(]+[^'"`=]{0,32}['"`]? ?(?:=|<>|!=|<|>|\blike\b|\bin\b|\bregexp\b|\brlike\b) ?\(?['"`]?"#,
    ),
    // A quote closes the value, and an operator with a known operand follows.
    rule(
        "sql-injection",
        0.85,
        r#"['"`)] ?(?:\b(?:or|and|xor)\b|\|\||&&) ?(?:true|false|null|not|exists|isnull|[0-9]+\b|\(? ?select\b)"#,
    ),
    // A quote, then a statement's end or a comment.
    rule(
        "sql-injection",
        0.7,
        r#"['"`)] ?(?:or|and|where|having|order by|group by|limit)\b[^&]{0,80}(?:--|#|;|/\*)"#,
    ),
    rule("sql-injection", 0.85, r#"['"`)] ?(?:order|group) by [0-9(]"#),
    rule("sql-injection", 0.75, r#"(?:^|[=?&])[^&=? ]{0,24}(?:'|")[ )]*(?:--(?:[^-]|$)|#|/\*)"#),
    // A second statement.
    rule(
        "sql-injection",
        0.9,
        r"[;'][ )(]*(?:select\b[^&]{0,80}?(?:\bfrom\b|\(|[0-9@])|insert[ (]+into\b|update [^&]{1,60} set\b|delete from\b|drop (?:table|database|user|view|index|schema)\b|create (?:table|user|or replace|function|database)\b|alter (?:table|user|database)\b|truncate table\b|exec(?:ute)?[ (]|declare[ (]+@?[a-z]|shutdown\b|waitfor[ (]+(?:delay|time)\b|begin\b|merge into\b|grant \w+|call [a-z])",
    ),
    // A subquery.
    rule(
        "sql-injection",
        0.85,
        r"\(+ ?select\b[^&]{0,200}?(?:\bfrom\b|\bcase\b|\bwhen\b|\(|@@|[0-9] ?\))",
    ),
    rule(
        "sql-injection",
        0.85,
        r"\bselect\b[ (*]+[^&]{0,100}?\bfrom\b[ (]+(?:information_schema|pg_|sys\.?|all_users|dual\b|mysql\.|master|users?\b|[a-z_]+ ?(?:where|limit|union|order by|--|#|;))",
    ),
    rule(
        "sql-injection",
        0.85,
        r"\bselect\b ?(?:@@|(?:case|if|sleep|pg_sleep|benchmark|version|user|database|count|concat|group_concat|char|char_length|ascii|substr|load_file|dbms_)\b ?[( ])",
    ),
    // Functions that only an attacker puts into a parameter.
    rule(
        "sql-injection",
        0.9,
        r"\b(?:sleep|pg_sleep|benchmark|extractvalue|updatexml|load_file|xp_cmdshell|xp_dirtree|sp_executesql|randomblob|generate_series|make_set|regexp_substring|utl_inaddr\.get_host_address|utl_http\.request|dbms_[a-z]+\.[a-z_]+|ctxsys\.drithsx\.sn|sys\.database_name|group_concat|json_keys|gtid_subset|st_latfromgeohash|crypt_key|char_length|octet_length) ?\( ?[0-9a-z('@]",
    ),
    rule(
        "sql-injection",
        0.9,
        r"\b(?:information_schema|sysobjects|syscolumns|sqlite_master|pg_catalog|all_tables|msysobjects|sys\.(?:user_objects|tables|objects)|rdb\$|domain\.(?:columns|tables))\b",
    ),
    rule("sql-injection", 0.9, r"\bwaitfor[ (]+(?:delay|time)[ ('\x22]"),
    rule("sql-injection", 0.85, r"\b(?:into|from) (?:out|dump)file\b|\bprocedure analyse ?\("),
    rule("sql-injection", 0.85, r"\bcase[ (]+when\b[^&]{0,120}\bthen\b"),
    rule(
        "sql-injection",
        0.8,
        r#"\b(?:char|chr|nchar|ascii|unhex|hex|concat|concat_ws|elt|substring|substr|mid|ord|cast|convert|iif|if|ifnull|nullif) ?\([^&)]{0,80}\)[ )]*(?:\|\||\+|=|<|>|,|-- ?)"#,
    ),
    rule("sql-injection", 0.8, r"(?:\|\||\+) ?(?:char|chr|nchar) ?\( ?[0-9]"),
    rule("sql-injection", 0.8, r"\b(?:where|having|rlike|and|or) [0-9]+ ?(?:=|in ?\(|<|>)"),
    rule(
        "sql-injection",
        0.8,
        r#"['"`)] ?(?:rlike|regexp|sounds like|procedure|into|limit|as [a-z0-9]+ where)\b ?[0-9('"]?"#,
    ),
    // Script.
    rule("xss", 0.95, r"<[ /]?script\b"),
    rule("xss", 0.9, r#"<[a-z!?/][^>]{0,200}?[ /"'`]on[a-z]{3,25} ?= ?[^ ]"#),
    rule(
        "xss",
        0.8,
        r#"['"`][ /]*\bon(?:error|load|click|focus|blur|mouse[a-z]+|key[a-z]+|pointer[a-z]+|toggle|begin|end|animation[a-z]+|transition[a-z]+|input|change|submit|resize|scroll|wheel|drag[a-z]*|drop|copy|cut|paste|hashchange|message|pageshow|popstate)\b ?="#,
    ),
    rule(
        "xss",
        0.9,
        r#"(?:^|[=:("'`, <>])(?:j ?a ?v ?a|v ?b|live) ?s ?c ?r ?i ?p ?t ?: ?(?:[^ ;v]|v[^o])"#,
    ),
    rule("xss", 0.9, r"\bdata:(?:text/html|image/svg\+xml|application/x?html)[^ ]{0,40},"),
    rule(
        "xss",
        0.85,
        r"<(?:iframe|embed|object|applet|svg|math|meta|base|link|frameset|isindex|marquee|bgsound|keygen|animate|set|template|portal|foreignobject)\b[^>]{0,200}?[ /=>]",
    ),
    rule(
        "xss",
        0.85,
        r"\b(?:document ?\. ?(?:cookie|write(?:ln)?|location|domain|body)|window ?\. ?(?:location|name|open)|(?:local|session)storage ?\.)\b ?[=(.\[]?",
    ),
    rule(
        "xss",
        0.85,
        r"[ =(;>'\x22`,{}&]?\b(?:alert|prompt|confirm|eval|settimeout|setinterval|atob|string\.fromcharcode|fetch|importscripts) ?[(`][^ ]",
    ),
    rule(
        "xss",
        0.8,
        r"<[a-z][^>]{0,100}\bstyle ?=[^>]{0,100}(?:expression ?\(|behaviou?r ?:|-moz-binding|url ?\( ?.?javascript)",
    ),
    rule("xss", 0.85, r"<!entity\b|<!doctype[^>]{0,100}\[|<\?xml-stylesheet"),
    // Paths.
    rule("path-traversal", 0.9, r"(?:\.\.[/\\]){2,}"),
    rule(
        "path-traversal",
        0.85,
        r"(?:^|[=/\\ '\x22])\.\.[/\\;][^&]{0,100}(?:etc|windows|winnt|boot\.ini|passwd|shadow|web-inf|proc|var|\.htaccess|\.env|\.git|config)",
    ),
    rule("path-traversal", 0.9, r"(?:(?:\.|\xc0\xae|\xff){2,}(?:[/\\\xff]|\xc0\xaf|\xc1\x9c)+){2}"),
    rule(
        "path-traversal",
        0.9,
        r"/etc/(?:passwd|shadow|group|hosts|sudoers|issue|crontab|subuid|ssh/|mysql/|apache2?/|nginx/|httpd/|security/)|/proc/(?:self|version|cpuinfo|[0-9]+/)|/\.ssh/(?:id_|authorized)|/var/(?:log|www)/",
    ),
    rule(
        "path-traversal",
        0.9,
        r"\b(?:boot\.ini|win\.ini|system32[/\\]|web-inf[/\\]|meta-inf[/\\])",
    ),
    rule(
        "path-traversal",
        0.85,
        r"(?:^|[=/\\ ])\.(?:env|git|svn|hg|htaccess|htpasswd|aws|ssh|bash_history|npmrc|netrc|kube|docker)(?:[/\\. ?&]|$)",
    ),
    rule("path-traversal", 0.9, r"\b(?:file|php|phar|zip|expect|gopher|dict|jar|netdoc)://[/a-z]"),
    // Commands.
    rule(
        "command-injection",
        0.9,
        r#"(?:[;|&`\n]|\$\(|%0a|\|\||&&)[ '"(]*(?:/(?:usr/)?(?:s?bin/)?)?(?:cat|ls|id|pwd|wget|curl|ncat|nc|bash|sh|zsh|ksh|csh|dash|python[0-9.]*|perl|ruby|php|whoami|uname|ifconfig|ipconfig|netstat|ping|nslookup|dig|host|sleep|echo|printf|chmod|chown|rm|mv|cp|touch|mkdir|kill|ps|env|printenv|find|grep|awk|sed|tail|head|more|less|type|dir|powershell|pwsh|cmd|certutil|bitsadmin|net|tasklist|systeminfo|reg|wmic|base64|xxd|tee|telnet|ssh|scp|ftp|tftp|socat|gcc|make|node|java|apt|apt-get|yum|crontab|nohup|mkfifo|exec|eval|source|set|export)(?:[ ;|&`'")<>$]|\$\{?ifs|/|\.exe|$)"#,
    ),
    rule("command-injection", 0.9, r"\$\{?ifs\b"),
    rule(
        "command-injection",
        0.9,
        r"\$\((?:[a-z/]|<)[^)]{0,200}\)|`(?:[a-z/]{2,20})(?: [^`]{0,200})?`",
    ),
    rule(
        "command-injection",
        0.9,
        r"(?:/bin/|/usr/bin/|/sbin/)(?:ba|z|k|c|da)?(?:sh|cat|ls|id|nc|ncat|wget|curl|perl|python|ruby|php|uname|whoami|echo)\b",
    ),
    rule(
        "command-injection",
        0.9,
        r"\bcmd(?:\.exe)? ?/[ck]\b|\bpowershell(?:\.exe)? +-|/dev/(?:tcp|udp)/",
    ),
    rule("command-injection", 0.9, r"\(\) ?\{[^}]{0,40}\} ?;"),
    rule(
        "command-injection",
        0.85,
        r"\b(?:system|exec|shell_exec|passthru|popen|proc_open|pcntl_exec|assert|phpinfo|call_user_func|create_function|runtime\.getruntime|processbuilder|child_process|subprocess\.|os\.(?:system|popen)|__import__) ?[(.]",
    ),
    rule("command-injection", 0.9, r"\b(?:wget|curl) (?:-[a-z]+ )*(?:https?|ftp)://"),
    rule("command-injection", 0.85, r"<\?(?:php|=)|<!--#(?:exec|include)"),
    // JNDI, also assembled from look-ups: `${${lower:j}ndi:…`, `${${::-j}${::-n}…`.
    rule("log4shell", 0.98, r"\$\{ ?j ?n ?d ?i ?:"),
    rule(
        "log4shell",
        0.95,
        r"\$\{[^}]{0,80}\$\{[^}]{0,40}(?:lower|upper|env|sys|::?-|date|main|java|bundle|ctx|k8s|base64)[^}]{0,40}\}",
    ),
    rule(
        "log4shell",
        0.9,
        r"\$\{(?:lower|upper|env|sys|java|ctx|base64|main|bundle|::?-)[^}]{0,20}[:}][^ ]{0,80}(?:jndi|ldap|rmi|dns|\$\{)",
    ),
];

/// The compiled rules.
struct Compiled {
    /// All of them: one search says that an ordinary text matches none.
    any: Regex,
    detectors: Vec<Detector>,
}

/// A detector's rules as one set, which tells which of them matches.
struct Detector {
    name: &'static str,
    confidences: Vec<f32>,
    regex: Regex,
}

fn compiled() -> Option<&'static Compiled> {
    static COMPILED: OnceLock<Option<Compiled>> = OnceLock::new();
    let compile = || {
        let detector = |name: &&'static str| {
            let rules = || RULES.iter().filter(|r| r.detector == *name);
            let confidences = rules().map(|r| r.confidence).collect();
            Some(Detector { name, confidences, regex: set(rules().map(|r| r.regex))? })
        };
        let detectors = NAMES.iter().filter_map(detector).collect();
        Some(Compiled { any: set(RULES.iter().map(|r| r.regex))?, detectors })
    };
    COMPILED.get_or_init(compile).as_ref()
}

fn set<'a>(patterns: impl Iterator<Item = &'a str>) -> Option<Regex> {
    let syntax = syntax::Config::new().unicode(false).utf8(false);
    let config = Regex::config().utf8_empty(false).hybrid_cache_capacity(CACHE_BYTES);
    let patterns: Vec<&str> = patterns.collect();
    Regex::builder().syntax(syntax).configure(config).build_many(&patterns).ok()
}

/// Whether a normalised text matches any rule of any detector.
pub(super) fn any(text: &[u8]) -> bool {
    compiled().is_some_and(|c| c.any.is_match(text))
}

/// How sure a detector is that a normalised text is an attack; none if it is not.
pub(super) fn confidence(detector: &str, text: &[u8]) -> Option<f32> {
    let detector = compiled()?.detectors.iter().find(|d| d.name == detector)?;
    let found = detector.regex.find(text)?;
    detector.confidences.get(found.pattern().as_usize()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_rules_compile() {
        for rule in RULES {
            let syntax = syntax::Config::new().unicode(false).utf8(false);
            let regex = Regex::builder().syntax(syntax).build(rule.regex);
            assert!(regex.is_ok(), "{}: {regex:?}", rule.regex);
        }
        assert_eq!(compiled().map(|c| c.detectors.len()), Some(NAMES.len()));
    }
}
