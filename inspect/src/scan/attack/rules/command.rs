//! Shell commands behind a separator, and code that a server would run.

use super::{Rule, rule};

/// The rules of `command-injection`.
pub(super) const RULES: &[Rule] = &[
    // Commands.
    rule(
        "separator-command",
        0.9,
        r#"(?:[;|&\n]|\$\(|%0a|\|\||&&)[ '"(!{]*(?:/(?:usr/)?(?:s?bin/)?)?(?:ls|pwd|wget|ncat|nc|bash|sh|zsh|ksh|csh|dash|python[0-9.]*|perl|whoami|uname|ifconfig|ipconfig|netstat|nslookup|printf|chmod|chown|rm|mv|cp|mkdir|rmdir|ps|printenv|grep|egrep|awk|gawk|sed|powershell|pwsh|cmd|certutil|bitsadmin|tasklist|systeminfo|wmic|base64|xxd|telnet|ssh|scp|tftp|socat|gcc|apt-get|crontab|nohup|mkfifo|ifdown|hexdump|strace|xargs|busybox|rundll32|regsvr32|mshta|cscript|wscript|schtasks|taskkill|useradd|usermod|passwd|sudo|visudo|systemctl|iptables|tcpdump|nmap|openssl|lsof|dmesg|lscpu|lsb_release|getent|arp|traceroute|tracert|hostname|chroot|unlink|ln|tac|rev|nl|od|kubectl|docker)(?:[ ;|&`'"<>$)}\\]|\$\{?ifs|/|\.exe|$)"#,
    ),
    // Commands that are words too, with what a shell would take and prose would not say.
    rule(
        "separator-word",
        0.88,
        r#"(?:[;|&\n]|\$\(|%0a|\|\||&&)[ '"(!{]*(?:/(?:usr/)?(?:s?bin/)?)?(?:cat|id|dig|host|sleep|echo|kill|find|type|dir|net|reg|tee|ftp|make|node|java|ruby|php|exec|source|export|env|ping|curl|yum|apt|who|last|lastlog|htop|df|du|strings|time|timeout|watch|file|alias|at|gdb|man|vi|vim|nano|ed|ex|ip|dd|tar|zip|unzip|git|svn|rar|copy|move|del|md|shutdown|reboot|halt)(?: *(?:[;|&`\x22<>}\\]|$)| +(?:['"]? ?[-/$~*.{<>\\]|['"]?[0-9]+(?: *$| *[;|&`'"]|\.)|[^ ;|&]{0,40}[./\\:=][^ ]|['"][^'"]{0,80}['"] *(?:[;|&>]|$)|[a-z]:)|\$\{?ifs|/|\.exe|['"]{2})"#,
    ),
    // Commands that are verbs of query languages too: only with a file.
    rule(
        "separator-verb",
        0.88,
        r#"(?:[;|&]|\$\(|%0a)[ '"(!{]*(?:/(?:usr/)?(?:s?bin/)?)?(?:touch|head|tail|more|less|sort|cut|join|set|eval|top|stat|test|read|fold|comm|column|split|paste|date|history|expand|mount|mail|route)(?: +(?:-[a-z0-9]+ +)*['"]?[/$~]| +-[cnfu] +[a-z0-9/]| *\x22?$)"#,
    ),
    rule(
        "wildcard-binary",
        0.88,
        r#"(?:^|[;|&`(] ?)/(?:[a-z]{0,3}[*?\]][a-z*?]{0,3}/[a-z?*\[\]0-9]{1,12}|(?:usr/)?s?bin/[a-z0-9]{0,6}[?*\[][a-z?*\[\]]{0,6})(?: |$)"#,
    ),
    // A command that is all of a value, behind nothing.
    rule(
        "command-alone",
        0.8,
        r#"^[ '"(]*(?:/(?:usr/)?(?:s?bin/)|(?:sudo|nohup|time|strace|env|exec|timeout [0-9]+) +)?(?:cat|tac|head|tail|less|more|nl|od|xxd|strings|rev) +(?:-[a-z]+ +)*['"]?(?:/|\.\.|~|[a-z]:|c:)[^ ]|^[ '"(]*(?:(?:nohup|strace|time|sudo|env) +)?(?:whoami|ifconfig|ipconfig|netstat|uname|nslookup|tasklist|systeminfo|schtasks|net user|net localgroup|invoke-expression|iex)(?: +[-/(\\]| *[|;&>]| *$)|^[ '"]*(?:rm|chmod|chown|wget|nc|ncat|bash|sh|perl|python[0-9.]*|php|ruby) +-[a-z]+ "#,
    ),
    // A command's name in pieces that a shell joins: `c'a't`, `c\at`, `wh$@oami`, `w``hoami`, `c${x}at`.
    rule(
        "broken-name",
        0.9,
        r#"(?:^|[;|&`=]|\$\()[ '"]*(?:[a-z]{1,6}(?:''|""|\\|\$@|\$\*|\$\(\)|``|\$\{[a-z]{1,8}\}|\$[0-9!?_-])){1,8}[a-z]{1,8}(?: +[-/~$]|$|[;|&<"])|(?:[;|&`]|\$\()[ '"]*[a-z]{1,3}(?:['"\\][a-z]{1,3}){2,10}['"]?(?: +[-/~$a-z]|$|[;|&<"])|(?:[;|&`]|\$\() ?[a-z]{1,3}['"][a-z]{1,4}['"][a-z]{0,6} +[-/~$]"#,
    ),
    rule("quoted-bytes", 0.93, r"\$'\\?[x0-9][0-9a-f\\x]{2,}|\$'[a-z]{2,20}'"),
    rule(
        "cut-variable",
        0.95,
        r"\$\{(?:path|home|pwd|shell|oldpwd|[a-z_]{1,12}):[ 0-9~-]{1,4}:[0-9 -]{1,4}\}|\$\{(?:#|!)[a-z_@*]{0,12}\}|\$\{[a-z_]{1,12}(?:%%|##)[^}]{1,12}\}[^ ]",
    ),
    // Names put together from variables: `a=ca;b=t;$a$b /etc/passwd`.
    rule(
        "joined-variables",
        0.93,
        r"\b[a-z0-9_]{1,12}=[^ ;&|]{1,20}(?:;|&&)(?: ?[a-z0-9_]{1,12}=[^ ;&|]{1,20}(?:;|&&)){0,30} ?\$\{?[a-z0-9_]{1,12}\}?(?:\$| +[^ ])",
    ),
    rule(
        "shell-pipe",
        0.93,
        r"\| ?(?:/bin/)?(?:ba|z|k|da)?sh\b ?(?:$|[;&|>'\x22-])|\b(?:ba|z|k|da)?sh -i\b|>& ?/dev/|[0-9]>&[0-9]",
    ),
    rule(
        "here-string",
        0.9,
        r"[a-z0-9.]{2,12}<<<|(?:cat|tac|head|tail|less|more|sh|bash)</(?:etc|proc|var|dev|tmp)",
    ),
    rule(
        "file-read",
        0.95,
        r"\$\( ?< ?/|[;|&`(] ?(?:cat|tac|head|tail|nl|more|less|od|xxd|strings|base64|rev|sort)(?: |\$\{?ifs\}?(?:\$[0-9])?|<|,|%09|\+)+(?:-[a-z]+ )?['\x22]?/(?:etc|proc|var|root|home)/",
    ),
    rule(
        "read-in-braces",
        0.95,
        r"\{ ?(?:cat|ls|wget|curl|ping|nc|whoami|sleep|tail|head|bash|sh|ifconfig),[^ }]{1,80}\}|\{,[a-z/?*$'\x22]{1,20}(?:,[^}]{0,40})?\}",
    ),
    rule(
        "wildcard-command",
        0.95,
        r"(?:^|[;|&`( ])/(?:[a-z]{0,3}\?[a-z?]{1,3})/[a-z?*\[\]0-9]{1,12}(?: |$)",
    ),
    rule("field-separator", 0.97, r"\$\{?ifs\b"),
    rule(
        "substitution",
        0.9,
        r#"\$\( ?(?:/(?:usr/)?(?:s?bin/))?(?:cat|ls|id|pwd|wget|curl|nc|bash|sh|python[0-9.]*|perl|ruby|php|whoami|uname|ifconfig|netstat|ping|nslookup|dig|host|sleep|echo|printf|rm|ps|env|printenv|find|grep|awk|sed|tail|head|base64|hostname|tee|touch|expr|which)\b[^)]{0,200}\)|(?:^|[=;|&"'(,>]) ?`(?:/(?:usr/)?(?:s?bin/))?(?:cat|ls|id|pwd|wget|curl|nc|bash|sh|python[0-9.]*|perl|ruby|php|whoami|uname|ifconfig|netstat|ping|nslookup|dig|host|sleep|echo|printf|rm|ps|env|find|grep|tail|head|base64|hostname|touch)(?: [^`]{0,200})?`"#,
    ),
    rule(
        "any-substitution",
        0.3,
        r"\$\((?:[a-z/]|<)[^)]{0,200}\)|`(?:[a-z/]{2,20})(?: [^`]{0,200})?`",
    ),
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
    rule("shellshock", 0.97, r"\(\) ?\{ ?(?:[:_a-z]{0,8} ?; ?|[^}]{0,40}>_\[?)[^}]{0,40}\} ?;?"),
    rule("empty-function", 0.85, r"\(\) ?\{[^}]{0,40}\} ?;"),
    rule(
        "command-file",
        0.95,
        r"\b(?:cmd(?:\.exe)? ?/[ck] ?[a-z(\x22]|powershell(?:\.exe)? +-(?:e[nc]*|ec|w|nop|noni|exec|command|c|ep)\b|/dev/(?:tcp|udp)/[0-9a-z.]+/[0-9]|iex ?\(|invoke-expression\b|downloadstring ?\(|downloadfile ?\()",
    ),
    rule(
        "code-call",
        0.85,
        r"\b(?:(?:system|exec|shell_exec|passthru|popen|proc_open|pcntl_exec|assert|phpinfo|call_user_func(?:_array)?|create_function|__import__|execsync|spawnsync) ?\(|runtime\.getruntime|processbuilder ?[(.]|child_process|subprocess\.(?:popen|run|call|check_output)|os\.(?:system|popen) ?\()",
    ),
    rule(
        "python-run",
        0.95,
        r#"__import__ ?\( ?['"](?:os|subprocess|socket|pty|commands|sys)|\bos\.(?:system|popen|exec[lv]p?e?|spawn[lv]p?e?) ?\( ?['"]|\bsubprocess\.(?:popen|run|call|check_output|getoutput) ?\( ?[\['"]|\bpty\.spawn ?\("#,
    ),
    rule(
        "node-run",
        0.95,
        r#"\brequire ?\( ?['"`]child_process|child_process['"`]? ?\)? ?\.(?:exec|spawn|fork)|mainmodule ?\.|\bprocess\.binding ?\(|\.(?:exec|spawn)(?:sync|file) ?\( ?['"`]"#,
    ),
    rule(
        "drawing",
        0.93,
        r"push graphic-context|\b(?:image over|ephemeral|msl):|url\(https?:[^)]{0,80}[|`]",
    ),
    rule(
        "perl-open",
        0.85,
        r#"\bopen ?\(? ?(?:[a-z]{1,8} ?, ?)?['"](?: ?\|[^'"]{1,60}|[^'"|]{1,60}\| ?)['"]|\bqx ?[{(/|!'"]|%x[({\[][a-z]"#,
    ),
    rule("shell-alias", 0.8, r#"^ ?alias [^ =]{1,20}=|[;&|] ?alias [^ =]{1,20}="#),
    rule("sqlite-shell", 0.9, r#"[;\n"'] ?\. ?['"]?(?:shell|system|sh) +[a-z"']"#),
    rule("download", 0.9, r"\b(?:wget|curl) (?:-[a-z]+ )*(?:https?|ftp)://"),
    rule(
        "script-block",
        0.85,
        r"<\?(?:php|=)|<!--#(?:exec|include)|<\? ?(?:echo|system|eval|print|exec)\b",
    ),
    rule(
        "script-that-runs",
        0.97,
        r"<\?(?:php|=)?[^?]{0,200}?(?:system|passthru|shell_exec|exec|eval|assert|popen|phpinfo|file_get_contents|base64_decode|`[^`]{1,60}`|\$_(?:get|post|request|cookie|server))",
    ),
    rule(
        "input-run",
        0.97,
        r"\b(?:eval|assert|system|exec|shell_exec|passthru|popen|include|require|call_user_func|preg_replace|create_function|array_map|unserialize|file_put_contents)(?:_once)? ?\(? ?(?:base64_decode ?\( ?|stripslashes ?\( ?|gzinflate ?\( ?|str_rot13 ?\( ?)*\$(?:\{['\x22]?)?_(?:get|post|request|cookie|server|files)\b",
    ),
    rule(
        "complex-variable",
        0.9,
        r"\$\{ ?@? ?(?:print|phpinfo|system|eval|passthru|exec|shell_exec|die|md5|var_dump|assert)\b ?[( ]|\{\$\{[^}]{1,80}\}\}",
    ),
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
