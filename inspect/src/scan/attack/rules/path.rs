//! Climbing out of a directory, and files that no client should name.

use super::{Rule, rule};

/// The rules of `path-traversal`.
pub(super) const TRAVERSAL: &[Rule] = &[
    // Paths.
    rule("climbing", 0.9, r"(?:\.\.[/\\]){2,}"),
    rule(
        "climbing-to-file",
        0.85,
        r"(?:^|[=/\\ '\x22])\.\.[/\\;][^&]{0,100}(?:etc|windows|winnt|boot\.ini|passwd|shadow|web-inf|proc|var|\.htaccess|\.env|\.git|config)",
    ),
    rule("odd-climbing", 0.9, r"(?:(?:\.|\xc0\xae){2,}(?:[/\\\xff]|\xc0\xaf|\xc1\x9c)+){2}"),
    rule(
        "system-file",
        0.9,
        r"/etc/(?:passwd|shadow|group|hosts|sudoers|issue|crontab|subuid|ssh/|mysql/|apache2?/|nginx/|httpd/|security/)|/proc/(?:self|version|cpuinfo|[0-9]+/)|/\.ssh/(?:id_|authorized)|/var/(?:log|www)/",
    ),
    rule("windows-file", 0.9, r"\b(?:boot\.ini|win\.ini|system32[/\\]|web-inf[/\\]|meta-inf[/\\])"),
    rule(
        "dot-file",
        0.85,
        r"(?:^|[=/\\ ])\.(?:env|git|svn|hg|htaccess|htpasswd|aws|ssh|bash_history|npmrc|netrc|kube|docker)(?:[/\\. ?&]|$)",
    ),
    rule("file-scheme", 0.9, r"\b(?:file|php|phar|zip|expect|gopher|dict|jar|netdoc)://[/a-z]"),
    // A hidden file or directory in a path, but for the one that is there to be found (RFC 8615).
    rule(
        "hidden-file",
        0.75,
        r"^/(?:[^?=& ]{0,80}/)?\.(?:[a-vx-z0-9_]|w[a-df-z0-9])[a-z0-9_-]{1,30}(?:[/.?]|$)",
    ),
    rule("climbing-once", 0.75, r"(?:^|[=/\\ '\x22])\.\.(?:[/\\]|%5c|%2f)[^/\\]|\.\.;/"),
    rule(
        "left-over",
        0.65,
        r"^/[^?=& ]{0,120}\.(?:bak|old|orig|save|swp|sql|sqlite3?|mdb|pem|pfx|kdbx?|inc|tfstate)~?(?:\?|$)",
    ),
    rule(
        "kernel-file",
        0.85,
        r"(?:^|[=/ '\x22])/?(?:proc/(?:[0-9]+|net|sys|self|version|mounts|cpuinfo|modules)|sys/(?:class|kernel|devices|block|firmware))(?:/|$|&)",
    ),
];
