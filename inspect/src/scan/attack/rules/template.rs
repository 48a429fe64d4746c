//! Template and expression injection: what a template engine would evaluate.

use super::{Rule, rule};

/// The rules of `template-injection`.
pub(super) const RULES: &[Rule] = &[
    // `{{7*7}}`, `${7*7}`, `#{7*7}`, `<%= 7*7 %>`, `@(7*7)`: the probes that every engine answers.
    rule(
        "arithmetic",
        0.96,
        r#"(?:\{\{|[$#*%]\{|\{%|<%=?|\[\[)[ ('"={$:>^]*-?[0-9][0-9a-fx]* ?['"]? ?[*+/-] ?['"]?[0-9][0-9a-fx]*['"]?[ )]*(?:\}|%|\]\])|[@#]\([0-9]+ ?[*+/-] ?[0-9]+\)"#,
    ),
    rule(
        "arithmetic-begun",
        0.9,
        r#"(?:\{\{|[$#@*%]\{|\{%|<%=?|[@#]\(|\[\[)[ ('"]*-?[0-9]+ ?['"]? ?[*+/-] ?['"]?[0-9]+"#,
    ),
    // What makes every engine fail, and so tells which one it is.
    rule("polyglot", 0.96, r#"\$\{\{<%|<%\[%|\{\{[^}]{0,20}\$\{[^}]{0,20}<%"#),
    rule(
        "helper-chain",
        0.9,
        r#"\{\{#with \W|\{\{#each [^}]{0,40}\b(?:conslist|this)\b|lookup string\.sub|\{\{[^}]{0,80}\bconstructor\b"#,
    ),
    // An object from which everything can be reached.
    rule(
        "braces-object",
        0.9,
        r#"(?:\{\{|\{%|\[\[\$?)[^}]{0,60}(?:\b(?:config|self|request|cycler|joiner|lipsum|namespace|_self|settings|application|dump|constructor|process|global|require|get_flashed_messages|url_for)\b ?[.\[(|}]|\b(?:config|_self|self|settings) ?\}|__|\battr ?\(|\|(?:attr|filter|map|sort|reduce|join)\b)"#,
    ),
    rule(
        "python-internals",
        0.9,
        r"__(?:class|mro|subclasses|globals|builtins|import|init|base|bases|getattribute|getitem|dict|reduce|code)__",
    ),
    // Expression languages of Java: SpEL, OGNL, EL, Thymeleaf.
    rule(
        "java-expression",
        0.9,
        r"[$#*%@]\{[^}]{0,80}(?:\bt ?\( ?java|@java\.|\bnew java|getclass|\.class\b|getruntime|#context|#_memberaccess|#application|#request|#session|#parameters|@ognl|processbuilder|\bexec ?\(|applicationscope|sessionscope|requestscope|pagecontext|facescontext|scriptengine)",
    ),
    rule(
        "velocity",
        0.9,
        r"#set ?\( ?\$[a-z]|\$class\.inspect|\$[a-z_]{1,30}\.(?:getclass|class\.forname)\b|#(?:foreach|include|parse|evaluate|define) ?\( ?[$'\x22]",
    ),
    rule(
        "freemarker",
        0.9,
        r"<#(?:assign|include|import|list|if|global)\b|freemarker\.template|['\x22] ?\? ?new ?\( ?\)",
    ),
    // A class that is made by its name.
    rule("class-made", 0.96, r#"[a-z0-9'"]\?new ?\( ?\)"#),
    // A condition that is one already: what is printed between tells that an engine read it.
    rule(
        "constant-condition",
        0.93,
        r"\{%-? ?(?:if|unless|elif) (?:not )?(?:true|false|[0-9]+)(?: ?[=!<>]=? ?[0-9]+)? ?-?%\}",
    ),
    rule(
        "smarty",
        0.85,
        r"\{(?:php|literal|\$smarty|system ?\(|/?php|self::|function name|fetch file)[^}]{0,80}\}",
    ),
    rule(
        "block-tag",
        0.85,
        r"\{%-? ?(?:import|include|extends|debug|load|macro|from|autoescape|set [^%]{0,60}(?:__|\(|self|request|config|cycler|joiner|lipsum|namespace)|(?:for|if|with) [^%]{0,80}(?:__|\[\]|\(\)|request\.|config|self|\bpopen|subclasses))\b?[^%]{0,120}%\}",
    ),
    rule("control-tag", 0.55, r"\{%-? ?(?:set|for|if|block|raw|with)\b[^%]{0,120}%\}"),
    // A method of a class by its name: `Some_Class::method(`.
    rule("static-call", 0.85, r"\{[a-z_]{3,60}::[a-z_]{2,40} ?\("),
    // ERB, EJS, ASP, JSP.
    rule(
        "percent-tag",
        0.85,
        r"<%[=@!-]? ?[^%>]{0,80}(?:system|exec|`|file\.|io\.|require|dir\.|kernel|eval|response\.write|request\.|runtime|process|getruntime|server\.|import)",
    ),
    rule(
        "hash-braces",
        0.85,
        r"#\{ ?(?:`|system|exec|%x|file\.|io\.|dir\.|eval|open|kernel|require|self|global|root|process|this)",
    ),
    // Perl's `@{[ … ]}` and Ruby's `%x( … )`.
    rule("perl-expression", 0.85, r"@\{ ?\[ ?[^ ]|%x[\[({|]"),
    rule(
        "string-format",
        0.8,
        r"%[0-9]{0,4}\$?[ns](?:%[0-9]{0,4}\$?[nsxdp]){3,}|(?:%[xp][ .-]?){4,}",
    ),
    rule(
        "tag-statement",
        0.95,
        r"<%[=-]? ?(?:if|for|foreach|while|unless|case|each|set|import|include)\b[^%]{1,80}%>",
    ),
    rule(
        "engine-object",
        0.95,
        r#"\{\{#with [^}]{1,40} as \||\{\{[^}]{0,60}\.getclass ?\(|[#$]\{ ?(?:session|request|response|application(?:scope)?|sessionscope|facescontext|pagecontext)\.[a-z]{2,30} ?\(|@system\.[a-z.]{3,60}\(|@\{ ?(?:var|int|string|system|object) [a-z]|@[({]?(?:system\.|html\.raw|new system|process\.start)"#,
    ),
    // Look-ups of Apache Commons Text.
    rule(
        "text-lookup",
        0.96,
        r"\$\{(?:dns:address|script:(?:javascript|js|groovy|nashorn)|url:utf-?8|file:utf-?8|xml:|properties:|urldecoder:|resourcebundle:)[:|a-z]",
    ),
    rule(
        "go-call",
        0.9,
        r#"\{\{ ?\.(?:system|exec|eval|getfile|readfile|os\.[a-z]+|runtime)[ .("]"#,
    ),
];
