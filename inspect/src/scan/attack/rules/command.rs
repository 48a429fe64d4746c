//! Shell commands behind a separator, and code that a server would run.

use super::shell::is_command;
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
        r#"(?:[;|&\n]|\$\(|%0a|\|\||&&)[ '"(!{]*(?:/(?:usr/)?(?:s?bin/)?)?(?:cat|id|dig|host|sleep|echo|kill|find|type|dir|net|reg|tee|ftp|make|node|java|ruby|php|exec|source|export|env|ping|curl|yum|apt|who|last|lastlog|htop|df|du|strings|time|timeout|watch|file|alias|at|gdb|man|vi|vim|nano|ed|ex|ip|dd|tar|zip|unzip|git|svn|rar|copy|move|del|md|shutdown|reboot|halt)(?: *(?:[;|&`\x22<>}\\]|# *$|$)| +(?:['"]? ?[-/$~*.{<>\\]|['"]?[0-9]+(?: *$| *[;|&`'"]|\.)|[^ ;|&]{0,40}[./\\:=][^ ]|['"][^'"]{0,80}['"] *(?:[;|&>]|$)|[a-z]:)|\$\{?ifs|/|\.exe|['"]{2})"#,
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
        r#"(?:^|[;|&`="]|\$\()[ '"]*(?:[a-z]{1,6}(?:''|""|\\|\$@|\$\*|\$\(\)|``|\$\{[a-z]{1,8}\}|\$[0-9!?_-])){1,8}[a-z]{1,8}(?: +[-/~$]|$|[;|&<"])|(?:[;|&`]|\$\()[ '"]*[a-z]{1,6}(?:['"\\][a-z]{1,6}){1,10}['"]?(?: +[-/~$a-z]|$|[;|&<"])"#,
    )
    .if_also(is_command),
    rule("quoted-bytes", 0.93, r"\$'\\?[x0-9][0-9a-f\\x]{2,}|\$'[a-z]{2,20}'"),
    rule(
        "cut-variable",
        0.95,
        r"\$\{(?:path|home|pwd|shell|oldpwd|[a-z_]{1,12}):[ 0-9~-]{1,4}:[0-9 -]{1,4}\}|\$\{(?:#|!)[a-z_@*]{0,12}\}|\$\{[a-z_]{1,12}(?:%%|##)[^}]{1,12}\}[^ ]",
    ),
    // Names put together from variables: `a=ca;b=t;$a$b /etc/passwd`.
    rule(
        "joined-variables",
        0.95,
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
        r"\$\((?:[a-z/]|<)[^)]{0,200}\)|(?:^|[^`])`(?:[a-z/]{2,20})(?: [^`]{0,200})?`(?:$|[^`])",
    ),
    rule(
        "command-path",
        0.9,
        r"(?:/bin/|/usr/bin/|/sbin/)(?:(?:ba|z|k|c|da)?sh|cat|ls|id|nc|ncat|wget|curl|perl|python[0-9.]*|ruby|php|lua|node|awk|tar|uname|whoami|echo)\b",
    ),
    rule(
        "command-shell",
        0.9,
        r#"\bcmd(?:\.exe)? ?(?:/[a-z](?::[a-z]+)? ?){0,4}/[ckr]\b|\bpowershell(?:\.exe)? +(?:-|[a-z]:\\|["'(&$]|(?:get|start|invoke|new|set|stop)-|iex\b|whoami\b|dir\b|ls\b)|/dev/(?:tcp|udp)/"#,
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
        r"<\?(?:php|=)?[^?]{0,200}?(?:system|passthru|shell_exec|exec|eval|assert|popen|phpinfo|file_get_contents|base64_decode|`[a-z$/][a-z0-9_$./ -]{1,60}`|\$_(?:get|post|request|cookie|server))",
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
        r#"\$[{$]*[a-z_@][a-z0-9_>-]*\}* ?(?:[\[{][^\]}]*[\]}] ?)*\( ?['"0-9@$)]|\([ '"a-z_.()]{3,40}\)(?:\[[0-9]\])?\( ?['"@a-z]{2,20} ?\) ?;?$"#,
    ),
    // Strings that are joined and called later: `$f='sys'.'tem';($f)('id')`; a variable of variables: `$_[$__]('id')`.
    rule(
        "called-in-pieces",
        0.93,
        r#"['"][a-z_]{1,10}['"] ?\. ?['"][a-z_]{1,10}['"](?: ?\)?|[^'"]{0,40}\)) ?(?:\[[0-9]\] ?)*\( ?['"$]|\$_{1,4}\[ ?\$_{1,4}[\[\]]"#,
    ),
    rule(
        "php-function",
        0.8,
        r"\b(?:base64_(?:de|en)code|gz(?:inflate|uncompress|decode)|bzdecompress|str_rot13|file_(?:get|put)_contents|move_uploaded_file|array_(?:map|filter|walk|reduce|diff_u[a-z]+)|call_user_[a-z_]+|func_get_args?|get_defined_[a-z]+|get_cfg_var|ini_(?:set|get|alter)|ob_start|register_[a-z_]+_function|preg_replace(?:_callback)?|highlight_(?:file|string)|show_source|parse_str|posix_[a-z]+|php_uname|phpversion|pfsockopen|fsockopen|curl_(?:init|exec)|mb_ereg_replace|odbc_[a-z_]+|stream_[a-z_]+|tidy_[a-z_]+|is_(?:readable|writable|callable)|var_dump|print_r|unserialize|putenv|getenv|opendir|scandir|fopen|fwrite|readfile) ?\(|\bchr ?\( ?[0-9]+ ?\) ?\.",
    ),
    rule(
        "batch",
        0.85,
        r#"\bfor (?:/[a-z] ?(?:['"][^'"]{0,60}['"] |[a-z]:\\[^ ]{0,60} )?)?%{1,2}~?[a-z]{1,20} in ?\(|\bif (?:/i )?(?:not )?(?:exist|defined|errorlevel|cmdextversion) [^ ]|%(?:errorlevel|systemroot|windir|comspec|appdata|userprofile|username|userdomain|computername|logonserver|programfiles|programdata|path|temp)%|%[a-z]{2,20}:~-?[0-9]{1,3},-?[0-9]{1,3}%|\bif/i (?:not )?[^ ]"#,
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
    )
    .if_also(is_command),
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
    // A command that needs no more than its name: no word of any language, behind a separator.
    rule(
        "separator-tool",
        0.95,
        r#"(?:;|&&|\$\() ?['"\\]?(?:base32|basenc|cpulimit|flock|rmt(?:-[a-z]+)?|lastlogin|aptitude|htop|iftop|ionice|setarch|setsid|stdbuf|nsenter|pkexec|capsh|debugfs|dmsetup|tshark|ltrace|gcore|gdbserver|msfconsole|msfvenom|dpkg|pacman|zypper|dnf|ansible-[a-z]+|chef-[a-z]+|cscli|virsh|podman|crictl|journalctl|loginctl|timedatectl|sysctl|visudo|vipw|vigr|chattr|lsattr|setfacl|mknod|losetup|cryptsetup|lspci|lsusb|lsmod|insmod|modprobe|rmmod|pgrep|pkill|killall|pstree|pidof|nmcli|rlwrap|socat|rsync|sftp|scp|smbclient|rpcclient|ldapsearch|mysqldump|psql|sqlite3|redis-cli|mongosh|mongodump)(?:\.exe)?(?: +-{1,2}[a-z]|[ ]?[;|&'"`)]| *$| +[a-z0-9/]+ +[a-z0-9/-])|[;|&] ?(?:ansible|aws|az|gcloud|brew|pip[0-9.]*|gem|conda|snap|rpm|apk|puppet|terraform|vagrant|helm|perf|rsync|scp|sqlite3|base32|flock|ss|chisel|proxychains[0-9]?) +(?:-{1,2}[a-z]|(?:install|exec|run|apply|destroy|get|config|inventory|all|start|stop) +[a-z-])|\| ?(?:base32|rsync|socat|pkexec|redis-cli|psql|mysqldump|sqlite3)(?: +-{1,2}[a-z]| *$)"#,
    ),
    // A program that runs another one: `sh -c`, `-wrapper sh,-c,…`, `flock / id`.
    rule(
        "runs-another",
        0.96,
        r#"(?:^|[;|&` (="])(?:\$\{?shell\}?|(?:ba|z|k|da|c|fi|a)?sh|pwsh|busybox sh|python[0-9.]*|perl|ruby|php|node|lua) +-[ecr] *['"$(]|(?:^|[;|&`(="]) ?(?:(?:time|strace|nohup|sudo|env|busybox) +)?(?:ba|z|k|da)?sh +-c +[a-z/]|\b(?:ba|z|k|da)?sh,-c,|(?:^|[;|&`(="]) ?(?:sudo|time|nohup|strace|ltrace|nice|ionice|setsid|stdbuf|timeout|flock|cpulimit|watch|xargs|env|command|builtin|exec) (?:[^;|&]{0,40} )?(?:whoami|ifconfig|ipconfig|netstat|uname|wget|curl|ncat|nc|bash|python[0-9.]*|perl|nslookup|chmod|printenv)(?:[ "]|$)"#,
    ),
    rule(
        "command-then-more",
        0.95,
        r#"(?:^|[="])[ '"(]*(?:whoami|ifconfig|ipconfig|netstat|uname|printenv|ls|pwd|hostname|wget|curl|ping|nslookup)(?: +-[a-z0-9]+)*(?: +[a-z0-9./:]{1,40})? *(?:;|\|\|?|&&) *(?:[a-z'"$/.]|[0-9])|\bcd /? ?(?:;|&&) ?(?:cd|ls|cat|[a-z0-9]{2,10}) "#,
    ),
    // The same with what only a shell would join, and something behind it.
    rule(
        "joined-name",
        0.97,
        r"(?:^|[;|&=( \n\x22'])[a-z]{1,12}(?:\$\(\)|``|\$@|[<>]\(\))[a-z]{0,6} +[a-z0-9/-]",
    )
    .if_also(is_command),
    // Empty variables in a name and in a path, and names put together from a variable: `c$@at /et$@c`, `v=u;c$v\rl`.
    rule(
        "broken-twice",
        0.97,
        r"[a-z]\$[@*#!?$_-][a-z]{1,8}[ +]*[^ ]{0,20}/[a-z]{1,8}\$[@*#!?$_-][a-z]|\{[a-z]{1,4}\$[a-z]\\?[a-z]{0,4},-[a-z]|\b[a-z]=['\x22]?[a-z]{1,6}['\x22]?; ?[a-z]{1,6}\$[a-z]\b",
    ),
    rule(
        "variable-before",
        0.96,
        r"[;|&`] ?\$\{?[a-z_@*]{1,12}\}? ?(?:cat|ls|id|wget|curl|nc|bash|sh|whoami|uname|ping|sleep|python[0-9.]*|perl|tail|head)\b",
    ),
    // Wildcards in the names of a system's directories and files: `/[e]tc/pa[s]swd`.
    rule(
        "wildcard-system",
        0.96,
        r"/(?:[a-z]{1,8}\[[!^]?[a-z?/-]{1,12}\][a-z]{0,8}|\[[!^]?[a-z?/-]{1,12}\][a-z]{1,8})/(?:[a-z\[?*]|$)|/(?:etc|bin|usr|var|proc|sbin|dev|root)/[a-z/]{0,24}(?:\[[!^]?[a-z?/-]{1,12}\][a-z]|[a-z]\[[!^]?[a-z?/-]{1,12}\])|/[a-z]{0,8}\[[a-z]/[a-z/]{0,12}\][a-z]|\b(?:ls|cat|rm|cp|tail|head|more|less|nl) +[^ ]{0,12}/[a-z]{0,8}\[[a-z/!^-]{1,12}\]",
    ),
    // What a shell puts in place: parts of variables, arithmetic, the output of a command as a file.
    rule(
        "expansion",
        0.95,
        r"\$\{[a-z_]{1,20}(?:#{1,2}|%{1,2}|/{1,2}|\^{1,2}|,{1,2})[^}]{0,30}\}|\$\(\( ?[^()]{0,20}(?:\$\(|[0-9] ?[*+/%-] ?[0-9])|\$\[ ?[0-9]+ ?[+*/% -] ?[0-9]+ ?\]|<\( ?(?:cat|ls|id|curl|wget|echo|base64|printf|whoami|sh|bash)\b",
    ),
    rule(
        "brace-words",
        0.95,
        r"(?:^|[;|&= \x22])\{[a-z0-9/]{1,12},\}(?: |$)|\{/[a-z]{0,3}[?*][a-z?*]{0,4}/[^ ,}]{1,24},[^}]{0,24}\}|\{[a-z/]{1,12},-[a-z]{1,6}[,}]",
    ),
    rule(
        "function-begun",
        0.95,
        r"(?:^|[=\x22]) ?\(\) ?\{|(?:^|[=\x22])[; ]*[a-z_]{1,20} ?\(\) ?\{ ?[a-z_]{1,20} ?[|;&]",
    ),
    rule(
        "alias-made",
        0.95,
        r#"(?:^|[;|&="]) ?alias (?:[+-][a-z+]* )?['"]?[a-z0-9_.-]{1,20}['"]? ?= ?['"a-z]|[;|&] ?trap ['"][^'"]{1,60}['"] [a-z0-9]"#,
    ),
    // Windows: batch language, PowerShell, programs that take switches.
    rule(
        "batch-for",
        0.97,
        r"\bfor (?:/[dflr] [^%]{0,80})*%{1,2}[^ ]{0,4} in ?\([^)]{0,200}\) ?do\b",
    ),
    rule(
        "batch-if",
        0.95,
        r#"\bif (?:/i )?(?:not )?\(?[^ ]{1,30} (?:equ|neq|lss|leq|gtr|geq) [^ ]|\bif (?:/i )?(?:not )?["'\[{(a-z!]{0,3}%[^ =]{1,20} ?==|\bif /i (?:not )?[^ =]{1,30} ?== ?[^ ]|\bif (?:not )?"?![a-z_]{1,20}!"? ?==|(?:^|[="])if (?:not )?[^ =]{1,30} ?== ?[^ ]{1,30} (?:@?echo|goto|call|set|start|del|exit)\b"#,
    ),
    rule(
        "powershell-command",
        0.95,
        r"(?:^|[;|&({='\x22] ?)(?:invoke-(?:webrequest|restmethod|expression|command|item|wmimethod|cimmethod|mimikatz|shellcode)|(?:get|set|new|start|stop|remove|add|out|import|export|copy|move|rename|clear)-(?:process|service|content|childitem|item(?:property)?|wmiobject|ciminstance|eventlog|acl|localuser|localgroup|executionpolicy|netipconfiguration|nettcpconnection|scheduledtask|bitstransfer|psdrive|pssession|module|object|aduser|addomain|adcomputer|mppreference|file|host|csv)|(?:iwr|irm|iex|iwmi|gwmi|gcim|icim|gci|gcm|gps|sasv|spsv|saps|ipmo|nsn|etsn|epcsv|ipcsv))(?: +-[a-z]| +['\x22$(]| +https?:| +[a-z]:|[ ]?[;|&]| *$)",
    ),
    rule(
        "windows-program",
        0.95,
        r"(?:^|[;|&`] ?)(?:regedit|bcdboot|bcdedit|certutil|bitsadmin|cscript|wscript|mshta|regsvr32|rundll32|msiexec|wmic|forfiles|cmstp|installutil|regasm|regsvcs|msbuild|odbcconf|diskshadow|esentutl|extrac32|findstr|ieexec|makecab|mavinject|ntdsutil|pcalua|vssadmin|xwizard|nltest|dsquery|quser|qwinsta|wevtutil|fsutil|icacls|takeown|attrib|netsh|runas|xcopy|robocopy|schtasks|tasklist|taskkill|systeminfo|gpresult|cipher|diskpart|eventvwr|mmc|psexec|procdump|desktopimgdownldr|finger|ftp|hh|print|reg|rpcping|sc|syncappvpublishingserver|winrm|wuauclt)(?:\.exe)?(?: *[/][a-z]|(?: +-[a-z]{2,}|) ?[<>] ?[a-z]| +[a-z]+ +hk(?:lm|cu|cr|ey_)| +%[a-z]{3,20}%)|[a-z0-9]\.(?:txt|log|dat|jpg|ini):[a-z0-9]{1,20}\.(?:exe|reg|vbs|js|dll|bat|ps1)\b",
    ),
    // Functions that run, however the call is written: `('system')('id')`, `exec#(…)`, `"system"(…)`.
    rule(
        "call-disguised",
        0.95,
        r#"\( ?['"]?(?:system|exec|passthru|shell_exec|eval|assert|popen|phpinfo)['"]? ?\) ?\(|\[ ?['"](?:system|exec|passthru|shell_exec|popen|eval|assert|phpinfo)['"] ?\] ?[)\[(]|\[ ?(?:system|passthru|shell_exec|popen|phpinfo) ?\] ?[)\[]|\breturn ?['"](?:system|exec|passthru|shell_exec|popen)['"] ?\(|\b(?:exec|system|passthru|shell_exec|popen|proc_open|eval|assert) ?(?:#|//)[^()]{0,30}\("#,
    ),
    rule(
        "call-that-runs",
        0.95,
        r#"\b(?:shell_exec|passthru|proc_open|pcntl_exec|call_user_func(?:_array)?|create_function|move_uploaded_file|phpinfo)\(|\b(?:system|popen|exec|shell_exec|passthru|eval) ?\( ?['"`](?:/|ls|id\b|cat |whoami|uname|wget |curl |nc |ping |rm |cmd|sh |bash|echo |sleep )"#,
    ),
    rule(
        "interpreter-setting",
        0.95,
        r"\b(?:allow_url_(?:include|fopen)|auto_(?:prepend|append)_file|disable_(?:functions|classes)|open_basedir|safe_mode|extension_dir|error_(?:prepend|append)_string|unserialize_[a-z_]+|session\.(?:auto_start|save_path|save_handler|upload_progress[a-z._]*)|opcache\.[a-z_]+|mbstring\.[a-z_]+|assert\.[a-z_]+|zend\.[a-z_]+|cgi\.[a-z_]+|short_open_tag|register_globals|magic_quotes_[a-z]+|sendmail_path|user_ini\.[a-z_]+) ?= ?[^= ]|\bphp_(?:admin_)?(?:value|flag)\b ?[a-z_.]{3,40} ?=",
    ),
    // Objects of a JavaScript server reached by what a request names, or through their constructors.
    rule(
        "reached-by-name",
        0.96,
        r"\b(?:process|require|global|module|constructor)\[ ?(?:req|request|params|query|body)\b|\bconstructor[.:\[]['\x22]?constructor\b|:(?:__proto__|constructor|prototype)(?::|'|\x22|$)",
    ),
    rule(
        "endless-condition",
        0.93,
        r#"\bwhile ?\( ?\(*(?:true|1|[!+-]{1,2} ?(?:0|''|""|``|false|null|nan|undefined|\{\}|\[\])|[+-]?(?:infinity|1)|this|string|new date)\)+ ?(?:;|\{|$|&)"#,
    ),
    // A command of which all of a value consists, on a path.
    rule(
        "command-on-path",
        0.95,
        r"(?:^|[=\x22])(?:cat|tac|head|tail|nl|strings|find|ls|rm|cp|mv|chmod|chown|xxd|od|base64) +(?:-[a-z0-9]+ +)*/[a-z.]",
    ),
    rule(
        "tool-command",
        0.95,
        r"(?:^|[;|&]) ?ansible-[a-z]+ +(?:(?:install|inventory|doc|vault|pull|playbook|galaxy|collection|decrypt|encrypt|view|plugin) +[a-z0-9]|--[a-z])|[;\n] ?\.(?:databases|tables|schema|dump|shell|system|import|output|read|open)\b",
    ),
    // Commands of mail protocols, behind a line end that a mail function passes on.
    rule(
        "mail-command",
        0.95,
        r"\b(?:mail from|rcpt to):? ?<[^>]{0,80}>|(?:^|[=\x22]) ?[a-z][0-9]{3,4} (?:login [a-z]|authenticate [a-z]|fetch [0-9]|append [^ ]{1,40} ?\(|uid (?:store|fetch|search|copy)|select inbox|examine [a-z]|status [a-z]+ ?\(|search (?:charset|text|flagged|all|from|deleted|since)|copy [0-9]|list \x22)|(?:^|[=\x22]) ?(?:retr|uidl|dele) [0-9]{1,6}\b|[+-]? ?flags(?:\.silent)? ?\(\\{1,2}[a-z]|\(\\{1,2}(?:seen|deleted|answered|flagged|draft)\) ?\{[0-9]|\bapop [a-z0-9]{1,30} [0-9a-f]{32}",
    ),
    // A name in pieces in front of what it runs, a name that begins in quotes or behind a backslash, carets of cmd.exe.
    rule(
        "pieces-run",
        0.96,
        r#"(?:^|[=;|&`(]) ?[a-z]{1,8}(?:''|""|\\|\$@|\$\*|``)[a-z]{1,8} +(?:(?:ba|z|k|da)?sh|whoami|who|id|ls|curl|wget|cat|nc|ping|uname|python[0-9.]*|perl|nslookup)(?: |$)|(?:^|[=;|&`])(?:'[a-z]{1,6}'[a-z]{1,8}|"[a-z]{1,6}"[a-z]{1,8})(?: +[-/a-z0-9.:]{1,60}| *[;|&]|$)|(?:^|[=;|&@ ])[a-z]{1,10}\^[a-z^]{1,24}(?: |$|[;|&/.])|(?:^|=)[a-z]{1,6}(?:["'][a-z]{1,6}){2,10}["']?(?: |$)|(?:^|[=;|&]) ?\\{1,2}[a-z]{2,12}(?: +[-/~$a-z]|$|[;|&])"#,
    )
    .if_also(is_command),
    // A name of which every letter stands between empty quotes.
    rule("empty-quotes", 0.96, r#"(?:(?:''|"")[a-z0-9.]){4}"#),
    // PowerShell runs a command whose name is put together from strings.
    rule(
        "joined-call",
        0.96,
        r#"(?:^|[;|&=. ])[&.] ?\( ?(?:['"][a-z-]{1,12}['"] ?\+ ?){1,8}['"][a-z-]{1,12}['"] ?\)"#,
    ),
    // Programs of Windows that fetch a script and run it.
    rule(
        "fetched-and-run",
        0.96,
        r#"\b(?:mshta|regsvr32|msiexec|rundll32|installutil|cmstp|bitsadmin|certutil)(?:\.exe)? +(?:[/-][a-z]+(?::[a-z0-9]*)? +){0,6}['"]?(?:[/-]i:)?(?:https?:|javascript:|vbscript:|\\\\[a-z0-9])"#,
    ),
    // Editors and `find`, which run commands.
    rule(
        "editor-that-runs",
        0.95,
        r#"(?:^|[;|&`(=] ?)(?:vim?|ex|view|rvim|vimdiff) [^;|&!]{0,40}(?:-c ?['"]?:?|:|silent)[\\ ]{0,4}!['"]?[a-z/]|(?:^|[;|&`(=] ?)find +[./~][^ ;|&]{0,60} +(?:-[a-z]+ +[^ -][^ ;|&]{0,30} +){0,4}-(?:exec(?:dir)?|ok) +[a-z/]"#,
    ),
    rule("string-read", 0.95, r#"[;|&`(] ?`?[a-z0-9.]{2,12}<<<['"$]"#),
    // Arguments by which programs run others.
    rule(
        "argument-that-runs",
        0.96,
        r"--checkpoint-action ?=|\b-?o ?proxycommand ?=|--(?:upload|receive)-pack ?=|--use-compress-program|--to-command ?=|\bext::(?:sh|bash)|\bcore\.(?:sshcommand|fsmonitor|gitproxy|pager) ?=|--config ?= ?alias\.",
    ),
    // Windows: accounts, programs and parts of variables behind a separator; .NET called from a shell.
    rule(
        "windows-behind",
        0.95,
        r"[;|&`] ?net1?(?:\.exe)? +(?:user|localgroup|group|accounts|share|session|view)(?: *$| +(?:/|\\|administrators|[a-z0-9]+ +[^ ]+ +/)|[;|&])|[;|&] ?(?:start +)?[a-z0-9_-]{2,20}\.exe(?: |$|[;|&])|[;|&] ?(?:wmic|schtasks|vssadmin|bcdedit) +[a-z]+ +[a-z/]|\[(?:system\.)?(?:diagnostics|net|io|reflection|text|convert|management|runtime|environment)[a-z.]{0,40}\]::[a-z0-9]{2,30} ?\(|(?:^|[=;|&({'\x22] ?)(?:start-process|invoke-(?:expression|webrequest|restmethod|command)|set-executionpolicy) +[a-z0-9]",
    ),
    // PHP: functions that are given the name of one that runs, the code that scanners look for, what `@` keeps silent.
    rule(
        "named-callback",
        0.96,
        r#"\b(?:u[ak]?sort|array_(?:map|filter|walk|reduce|diff_u[a-z]+|intersect_u[a-z]+)|call_user_func(?:_array)?|register_(?:shutdown|tick)_function|ob_start|preg_replace_callback|iterator_apply|spl_autoload_register|forward_static_call|set_error_handler)\b[^;]{0,80}['"](?:system|exec|passthru|shell_exec|assert|eval|popen|phpinfo|proc_open|pcntl_exec|file_put_contents|include|unlink)['"]"#,
    ),
    rule(
        "probe-printed",
        0.95,
        r#"(?:^|[=;'")}>@ ])(?:print|echo|die|exit|var_dump|print_r|printf)[ (]{1,3}@?(?:md5|sha1|base64_encode|strrev|str_rot13|crc32|phpversion|php_uname|getcwd|get_current_user) ?\("#,
    ),
    rule(
        "silenced-call",
        0.95,
        r"@(?:set_time_limit|ini_set|eval|error_reporting|session_start|system|exec|passthru|shell_exec|file_get_contents|file_put_contents|array_map|preg_replace|base64_decode|create_function|call_user_func) ?\(",
    ),
    rule(
        "reflection",
        0.95,
        r#"\bnew reflection(?:function|method|class)\b ?\(|->invoke(?:args)? ?\(|\bnew (?:splfileobject|directoryiterator|filesystemiterator|globiterator|soapclient) ?\( ?['"$]|\((?:getallheaders|apache_request_headers|get_defined_vars|func_get_args|debug_backtrace|session_id)\( ?\)\)|\(~[\x80-\xff'"%]{2,60}\)\("#,
    ),
    rule("php-settings", 0.95, r"(?:^(?:memory_limit|max_execution_time|upload_max_filesize|post_max_size|include_path|doc_root|user_dir|display_errors) |=(?:memory_limit|max_execution_time|upload_max_filesize|post_max_size|include_path|doc_root|user_dir|display_errors) ?)= ?[a-z0-9./]{1,20}(?:$|&)"),
    rule("php-variable-named", 0.9, r"\$_(?:get|post|request|cookie|server|files|session|env)\b"),
    rule("php-end", 0.9, r"\b__halt_compiler ?\("),
    // Weak by themselves: the model says whether they count.
    rule(
        "call-alone",
        0.5,
        r"(?:^|=)(?:array|str|preg|mb|file|is|in|ob|gz|zlib|curl|ftp|mysqli?|pg|ldap|odbc|oci|posix|pcntl|proc|shell|stream|socket|session|sem|shm|call_user|func|get|set|debug|error|register|spl|create|move|highlight|php|parse|escapeshell|ini|iterator|ctype|openssl|readline|assert|strip|apache|dba|image|zip|sys|disk)_[a-z0-9_]{2,40} ?\([ a-z0-9$_]{0,24}\) ?;?(?:$|&)|(?:^|[=/])(?:chr|strrev|unpack|file|substr|readfile|fopen|fsockopen|phpinfo|phpversion|symlink|glob|gzinflate|gzdecode|getenv|passthru|popen) ?\([ a-z0-9$_]{0,24}\) ?;?(?:$|&)",
    ),
    rule(
        "variable-in-braces",
        0.3,
        r#"\$ ?\{ ?(?:'[^'}]{0,40}'|"[^"}]{0,40}"|\$[a-z_]{1,20})[^}]{0,40}\}|\$ ?\{?[a-z_@][^;={]{0,20}(?:#|//)[^;=]{0,40}\("#,
    ),
    rule("console", 0.3, r"\bconsole ?\. ?(?:log|info|error|warn|debug|dir|table) ?(?:\. ?(?:call|apply) ?)?[(`]"),
    rule(
        "returned-object",
        0.95,
        r#"['"`] ?return (?:process|global(?:this)?|require|this\.constructor)\b"#,
    ),
    // A file written where anybody may write; the output of a command as a file, and nothing else.
    rule(
        "output-kept",
        0.95,
        r"(?:^|[=;|&]) ?[0-9&]?>{1,2} ?/(?:tmp|dev/shm|var/tmp)/[a-z0-9_.]|^[<>]\([a-z/][^()]{1,60}\)$",
    ),
];

/// More rules of `command-injection`. In a set of their own: see [`super::SETS`].
pub(super) const MORE: &[Rule] = &[
    // A quote that closes the argument, and a command that ends there or is closed by the same quote.
    rule(
        "quote-command",
        0.95,
        r#"['"] ?(?:;|\|\|?|&&?) ?(?:/(?:usr/)?bin/)?(?:id|whoami|ls|pwd|uname|hostname|ifconfig|ipconfig|netstat|env|printenv|dir|ps)(?: -[a-z]{1,3})? ?(?:;|\||&|#)? ?['"]?(?:$|&)"#,
    ),
    // Commands behind a separator, with what they alone take.
    rule(
        "separator-argument",
        0.95,
        r"[;|&] ?(?:ip (?:a(?:ddr)?|r(?:oute)?|n(?:eigh)?|link)|start (?:calc|cmd|notepad|powershell|mshta)|ss -[a-z]{1,5}|unset hist[a-z]+)(?:\.exe)? ?(?:$|[;|#])",
    ),
    // A string that is kept in a variable, which is run.
    rule(
        "string-kept",
        0.95,
        r"\b[a-z0-9_]{1,12}=\$?'[^']{2,60}'(?:;|&&) ?\$\{?[a-z0-9_]{1,12}\}?(?:$|[;|&])",
    ),
];
