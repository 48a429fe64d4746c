//! Shell commands behind a separator, and code that a server would run.

use super::{Rule, rule};

/// The rules of `command-injection`.
pub(super) const RULES: &[Rule] = &[
    // Commands.
    rule(
        "separator-command",
        0.9,
        r#"(?:[;|&`\n]|\$\(|%0a|\|\||&&)[ '"(]*(?:/(?:usr/)?(?:s?bin/)?)?(?:cat|ls|id|pwd|wget|curl|ncat|nc|bash|sh|zsh|ksh|csh|dash|python[0-9.]*|perl|ruby|php|whoami|uname|ifconfig|ipconfig|netstat|ping|nslookup|dig|host|sleep|echo|printf|chmod|chown|rm|mv|cp|touch|mkdir|kill|ps|env|printenv|find|grep|awk|sed|tail|head|more|less|type|dir|powershell|pwsh|cmd|certutil|bitsadmin|net|tasklist|systeminfo|reg|wmic|base64|xxd|tee|telnet|ssh|scp|ftp|tftp|socat|gcc|make|node|java|apt|apt-get|yum|crontab|nohup|mkfifo|exec|eval|source|set|export)(?:[ ;|&`'")<>$]|\$\{?ifs|/|\.exe|$)"#,
    ),
    rule("field-separator", 0.9, r"\$\{?ifs\b"),
    rule("substitution", 0.9, r"\$\((?:[a-z/]|<)[^)]{0,200}\)|`(?:[a-z/]{2,20})(?: [^`]{0,200})?`"),
    rule(
        "command-path",
        0.9,
        r"(?:/bin/|/usr/bin/|/sbin/)(?:ba|z|k|c|da)?(?:sh|cat|ls|id|nc|ncat|wget|curl|perl|python|ruby|php|uname|whoami|echo)\b",
    ),
    rule(
        "command-shell",
        0.9,
        r"\bcmd(?:\.exe)? ?/[ck]\b|\bpowershell(?:\.exe)? +-|/dev/(?:tcp|udp)/",
    ),
    rule("shellshock", 0.9, r"\(\) ?\{[^}]{0,40}\} ?;"),
    rule(
        "code-call",
        0.85,
        r"\b(?:system|exec|shell_exec|passthru|popen|proc_open|pcntl_exec|assert|phpinfo|call_user_func|create_function|runtime\.getruntime|processbuilder|child_process|subprocess\.|os\.(?:system|popen)|__import__) ?[(.]",
    ),
    rule("download", 0.9, r"\b(?:wget|curl) (?:-[a-z]+ )*(?:https?|ftp)://"),
    rule("script-block", 0.85, r"<\?(?:php|=)|<!--#(?:exec|include)"),
];
