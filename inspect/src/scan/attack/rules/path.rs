//! Climbing out of a directory, and files that no client should name.

use super::{Rule, rule};

/// The rules of `path-traversal`.
pub(super) const TRAVERSAL: &[Rule] = &[
    // Paths.
    rule("climbing", 0.9, r"(?:\.\.[/\\]){2,}"),
    rule("climbing-far", 0.93, r"(?:^|=)[^ ?&]{0,40}(?:\.\.[/\\]+){3}"),
    // Out of a directory and into one that every system has.
    rule(
        "system-file-behind",
        0.97,
        r"\.\.(?:[/\\]|%2f|%5c|\xc0\xaf|\xef\xbc\x8f|\xff)[^&? ]{0,100}(?:etc[/\\\xff]{1,4}(?:passwd|shadow|hosts|group|issue|hostname|ssh|nginx|apache|httpd|mysql)|win(?:dows|nt)[/\\\xff]|(?:boot|win|system|php)\.ini\b|proc[/\\\xff]{1,4}(?:self|version|[0-9])|web-inf[/\\]|\.ssh[/\\]|\.bash_history|var[/\\](?:log|www)[/\\])",
    ),
    // Such a file as all of a value.
    rule(
        "system-file-alone",
        0.95,
        r"^(?:file:/{0,3})?[^ ?&=]{0,60}/(?:etc/(?:passwd|shadow|hosts|group|sudoers|issue|crontab)|proc/(?:self/(?:environ|cmdline|fd|maps|status|mounts|cwd|root)|version|cpuinfo))[^a-z]{0,4}(?:$|[/.][a-z0-9/.]{0,20}$)",
    ),
    rule("odd-separator", 0.9, r"/etc(?:/\.?/|/\.\./etc/)(?:\./)?(?:passwd|shadow|hosts)"),
    rule(
        "settings-file",
        0.9,
        r"/etc/(?:[a-z0-9.-]{2,20}/){0,2}[a-z0-9.-]{1,30}\.(?:conf|cnf|ini|cfg)\b|^/(?:usr/local/)?etc/(?:init\.d|php|cron|ssl|pam\.d|sysconfig|default|ldap|samba|redis|postgresql|tomcat)[^ ]{0,60}$",
    ),
    rule(
        "windows-path",
        0.85,
        r"^(?:file:/{0,3})?[a-z]:[/\\]+(?:windows|winnt|inetpub|xampp|wamp(?:64)?|boot\.ini|program files[^/\\]{0,8}[/\\][^ ]{0,40}(?:apache|mysql|php|iis))[/\\]?|[/\\](?:inetpub[/\\]|wwwroot[/\\]web\.config|xampp[/\\]|applicationhost\.config)",
    ),
    rule(
        "share",
        0.85,
        r"^\\{2,4}[a-z0-9._-]{3,60}\\[a-z0-9$._-]{1,40}(?:\\|$|[a-z0-9._\\-]{0,80}$)",
    ),
    rule(
        "history-file",
        0.9,
        r"/(?:root|home/[a-z0-9_-]{1,30})/\.(?:bash_history|ssh|aws|profile|bashrc|mysql_history|netrc|git-credentials|docker)|^~?/\.ssh/",
    ),
    rule(
        "dotted-thrice",
        0.9,
        r"(?:^|[=/\\])(?:\.{3,4}[/\\]+){2}|(?:\.\./\./|\.{2}/\.{1}/|\.\.\./\./){2}",
    ),
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
    rule("climbing-once", 0.75, r"(?:^|[=?&])/?\.\.(?:[/\\]|%5c|%2f)[^/\\ &?][^ &?]{0,200}|\.\.;/")
        .if_also(is_no_asset),
    rule(
        "left-over",
        0.65,
        r"^/[^?=& ]{0,120}\.(?:bak|old|orig|save|swp|sql|sqlite3?|mdb|pem|pfx|kdbx?|inc|tfstate)~?(?:\?|$)",
    ),
    rule(
        "kernel-file",
        0.85,
        r"(?:^|[=/ '\x22])/?(?:proc/(?:[0-9]+|net|sys|self|version|mounts|cpuinfo|modules|interrupts|iomem|ioports|kallsyms|kcore|kmsg|meminfo|loadavg|filesystems|partitions|slabinfo|vmstat|vmallocinfo|config\.gz|sched_debug)|sys/(?:class|kernel|devices|block|firmware))(?:/|$|&)",
    ),
    rule("hexadecimal-climbing", 0.96, r"0x(?:2e|5c|2f)[./\\]?0x(?:2e|5c|2f)|\.\.0x(?:2f|5c)"),
    rule(
        "padded-climbing",
        0.95,
        r"\.\.;?[/\\]\.[/\\;]|\.\.;\.[/\\;]|(?:^|=)\.\.\\[^ ]{1,60}\.[a-z0-9]{1,5}$",
    ),
    // Dots and slashes in more bytes than UTF-8 allows, or as their full-width twins.
    rule(
        "overlong-climbing",
        0.96,
        r"(?:\xc0[\xae\xaf]|\xe0\x80[\xae\xaf]|\xf0\x80\x80[\xae\xaf]|\xc1\x9c){2}|\.\.(?:\xc0\xaf|\xe0\x80\xaf|\xf0\x80\x80\xaf|\xc1\x9c|\xef\xbc\x8f)|(?:\xef\xbc\x8e){2}(?:\xef\xbc\x8f|/|\\)|[/\\]\xc0\.\xc0\.",
    ),
    // A file that is sent by a name which a server may run, or which changes what it runs; or one beside where it should be.
    rule(
        "script-uploaded",
        0.96,
        r#"form-data;[^"]{0,8}name ?= ?"[^"]{0,160}" ?; ?filename\*? ?= ?"(?:[^"]{0,160}\. ?(?:php[0-9]{0,3}|phtml|phar|phps|pht|phpt|jspx?|jspf|jsw|aspx?|ashx|asmx|asa|cer|cfm)(?:[. ;:\x00]{0,20}|[.;:][a-z]{3,4})"|[^"]{0,160}(?:\.htaccess|\.user\.ini|web\.config)"|[^"]{0,160}\bsess_[a-z0-9,-]{16,128}"|[^"]{0,80}\.\.[/\\])"#,
    ),
    rule(
        "script-named",
        0.95,
        r"^[a-z0-9_-][a-z0-9_./\\-]{0,160}\. ?(?:php[0-9]{0,3}|phtml|phar|phps|pht|phpt|jspx?)[. ]{0,20}$|^(?:/tmp|/var/lib/php[0-9/a-z]*|[a-z]:[/\\ ][^ ]{0,60})[/\\]sess_[a-z0-9,-]{16,128}$",
    ),
    // Copies of scripts and settings, which servers send as they are.
    rule(
        "source-left",
        0.93,
        r"/[a-z0-9_.-]{1,60}\.(?:php[0-9]?|phtml|jsp|aspx?|inc|config|py|rb|pl)(?:~|\.(?:bak|old|orig|save|sav|swp|swo|copy|tmp|dist|1|zip|gz|tar))(?:$|[?&])",
    ),
    rule(
        "system-settings",
        0.85,
        r"/etc/(?:fstab|resolv\.conf|mtab|motd|inittab|exports|profile|gshadow|os-release|lsb-release|ld\.so|at\.allow|environment)\b|/{2,4}etc/{2,4}[a-z]|/var/(?:run/secrets/|lib/(?:mlocate|php/sess|mysql/)|spool/cron|backups/|mail/)|/usr/local/(?:apache2?|nginx|lsws|etc/php|zeus)/|(?:^|[=/])conf/(?:tomcat-users|server|web|context)\.xml\b|[/\\](?:repair|config)[/\\](?:sam|system|security|software)\b|/\.ds_store\b|/id_(?:rsa|dsa|ecdsa|ed25519)\b",
    ),
    // Dumps of databases and logs where frameworks leave them, below the root of a site.
    rule(
        "dump-left",
        0.95,
        r"^/[^?=& ]{0,120}\.sql\.(?:zip|gz|tgz|tar|bz2|xz|7z|rar)(?:\?|$)|/wp-content/(?:debug|errors?|php_errors?)\.log(?:\?|$)|/storage/logs/laravel[0-9-]{0,12}\.log(?:\?|$)",
    ),
];

/// Files that no client names: what a container is told as a secret, tables of a database, the session of a visitor. In a set of their own: see
/// [`super::SETS`].
pub(super) const FILES: &[Rule] = &[
    rule("mounted-secret", 0.93, r"/run/secrets/(?:kubernetes\.io|eks\.amazonaws\.com|azure)/"),
    rule(
        "stored-data",
        0.95,
        r"/var/lib/mysql/[a-z0-9_]{1,40}/[a-z0-9_]{1,40}\.(?:myd|myi|frm|ibd)\b|(?:/tmp|/var/tmp|/var/lib/php[0-9]{0,2}(?:/sessions)?)/sess_[a-z0-9,-]{8,128}(?:$|&)",
    ),
    rule(
        "stream-filter",
        0.95,
        r"\b(?:convert\.(?:base64-(?:en|de)code|iconv\.|quoted-printable)|string\.(?:rot13|toupper|strip_tags)|zlib\.(?:de|in)flate)[^ &]{0,200}/resource=",
    ),
    // What `left-over` is asked for, not told of in a document: a copy that an editor or a person left beside a file that is served. What a server
    // runs as a script it gives away as text. CRS' rule 920440 refuses them by default, too.
    rule(
        "left-over-copy",
        0.95,
        r"^/[^?=& ]{0,160}\.(?:(?:bak|old|inc|swp)~?|(?:php[0-9]?|phtml|jspx?|aspx?|ashx|cgi|pl|py|rb|cfm|x?html?|css|js|gif|jpe?g|png|ico|ini|conf|cnf|properties|htaccess|sh)(?:~|\.(?:orig|save)~?))(?:\?|$)",
    ),
];

/// What a page is made of, and texts: files that anybody may read.
const ASSETS: [&[u8]; 14] = [
    b".jpg", b".jpeg", b".png", b".gif", b".svg", b".webp", b".ico", b".css", b".js", b".html",
    b".md", b".pdf", b".woff2", b".ts",
];

/// Whether a path leads to something other than a part of a page: of one directory up, pages and texts name those of their own site.
fn is_no_asset(path: &[u8]) -> bool {
    !ASSETS.iter().any(|extension| path.ends_with(extension))
}
