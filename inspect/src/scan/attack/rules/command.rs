//! Shell commands behind a separator, and code that a server would run.

use super::{Rule, rule};

/// The rules of `command-injection`.
pub(super) const RULES: &[Rule] = &[
    // Commands.
    rule(
        "separator-command",
        0.9,
        r#"(?:[;|&`\n]|\$\(|%0a|\|\||&&)[ '"(]*(?:/(?:usr/)?(?:s?bin/)?)?(?:cat|ls|id|pwd|wget|curl|ncat|nc|bash|sh|zsh|ksh|csh|dash|python[0-9.]*|perl|ruby|php|whoami|uname|ifconfig|ipconfig|netstat|ping|nslookup|dig|host|sleep|echo|printf|chmod|chown|rm|mv|cp|mkdir|kill|ps|env|printenv|find|grep|awk|sed|tail|head|more|less|type|dir|powershell|pwsh|cmd|certutil|bitsadmin|net|tasklist|systeminfo|reg|wmic|base64|xxd|tee|telnet|ssh|scp|ftp|tftp|socat|gcc|make|node|java|apt|apt-get|yum|crontab|nohup|mkfifo|exec|eval|source|set|export)(?:[ ;|&`'"<>$]|\$\{?ifs|/|\.exe|$)"#,
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
        r"\b(?:(?:system|exec|shell_exec|passthru|popen|proc_open|pcntl_exec|assert|phpinfo|call_user_func(?:_array)?|create_function|__import__|execsync|spawnsync) ?\(|runtime\.getruntime|processbuilder ?[(.]|child_process|subprocess\.(?:popen|run|call|check_output)|os\.(?:system|popen) ?\()",
    ),
    rule("download", 0.9, r"\b(?:wget|curl) (?:-[a-z]+ )*(?:https?|ftp)://"),
    rule("script-block", 0.85, r"<\?(?:php|=)|<!--#(?:exec|include)"),
    rule(
        "php-variable",
        0.85,
        r"\$(?:_(?:get|post|request|cookie|server|files|session|env)|globals) ?[\[{]",
    ),
    // A variable that is called: `$f('id')`, `${$x}["y"](1)`, `('sys'.'tem')('id')`.
    rule(
        "variable-call",
        0.8,
        r#"\$[{$]*[a-z_@][a-z0-9_>-]*\}* ?(?:[\[{][^\]}]*[\]}] ?)*\( ?['"0-9@$)]|\([ '"a-z_.()]{3,40}\) ?(?:\[[0-9]\])? ?\( ?['"@a-z]{2,20} ?\) ?;?$"#,
    ),
    rule(
        "php-function",
        0.8,
        r"\b(?:base64_(?:de|en)code|gz(?:inflate|uncompress|decode)|bzdecompress|str_rot13|file_(?:get|put)_contents|move_uploaded_file|array_(?:map|filter|walk|reduce|diff_u[a-z]+)|call_user_[a-z_]+|func_get_args?|get_defined_[a-z]+|get_cfg_var|ini_(?:set|get|alter)|ob_start|register_[a-z_]+_function|preg_replace(?:_callback)?|highlight_(?:file|string)|show_source|parse_str|posix_[a-z]+|php_uname|phpversion|pfsockopen|fsockopen|curl_(?:init|exec)|mb_ereg_replace|odbc_[a-z_]+|stream_[a-z_]+|tidy_[a-z_]+|is_(?:readable|writable|callable)|var_dump|print_r|unserialize|putenv|getenv|opendir|scandir|fopen|fwrite|readfile) ?\(|\bchr ?\( ?[0-9]+ ?\) ?\.",
    ),
    rule(
        "batch",
        0.85,
        r#"\bfor (?:/[a-z] ?(?:['"][^'"]{0,60}['"] |[a-z]:\\[^ ]{0,60} )?)?%{1,2}~?[a-z]{1,20} in ?\(|\bif (?:/i )?(?:not )?(?:exist|defined|errorlevel|cmdextversion) [^ ]|%(?:errorlevel|systemroot|windir|comspec|appdata|userprofile|programfiles|programdata|path|temp)%"#,
    ),
    // Wildcards in place of a command's name: `/???/c?t`, `/b[i]n/[c]at`.
    rule(
        "wildcard-path",
        0.85,
        r"/[a-z]{0,3}(?:\?\?|\[[a-z!-]{1,4}\]|\*)[a-z?*\[\]]{0,8}/[a-z?*\[\]]{0,8}[?*\]]",
    ),
    rule(
        "broken-command",
        0.75,
        r#"(?:^|[=;|&` (])(?:[a-z]{1,6}(?:''|""|\\)){1,6}[a-z]{1,6} +(?:-[a-z]|/[a-z]|\\\\|https?:)"#,
    ),
    // JavaScript on a server.
    rule(
        "prototype",
        0.9,
        r#"\b__proto__\b|\bconstructor ?(?:\.|\[ ?['"`]?) ?prototype|\[ ?['"]?prototype ?['"]?\]"#,
    ),
    rule(
        "node-object",
        0.9,
        r#"\bprocess ?(?:\.|\[ ?['"`]) ?(?:env|exit|mainmodule|binding|argv|kill)|\brequire ?\( ?['"`](?:child_process|fs|os|net|https?|vm|path)|\bmodule\.exports\b|\bmainmodule\b"#,
    ),
    rule(
        "endless-loop",
        0.85,
        r"\bwhile ?\([^)]{0,30}\)+ ?(?:;|\{ ?\}|$)|\bfor ?\( ?;[^;)]{0,20}; ?\)",
    ),
];
