//! SQL in a parameter. What separates its words: white space, or a bracket, quote, or `+` in its place.

use super::{Rule, rule};

/// The rules of `sql-injection`.
pub(super) const RULES: &[Rule] = &[
    // What a union needs to learn how many columns there are, or to tell what it wants.
    rule(
        "union-of-columns",
        0.96,
        r#"\bunion[ ('"+]+(?:(?:all|distinct)[ ('"+]+)?select[ ('"+]+(?:null\b|[0-9]+[ '")]*(?:,|--|#|$)|@@|(?:char|chr|concat|group_concat|version|user|database|load_file|current_user|hex|unhex|cast)[ (]|0x[0-9a-f]|[^&]{0,60}\bfrom[ (]+(?:information_schema|mysql\.|pg_|sys|master|all_tables|dual\b))"#,
    ),
    // UNION SELECT, also with ALL, DISTINCT and brackets between.
    rule(
        "union-select",
        0.93,
        r#"\bunion[ ('"+]+(?:(?:all|distinct)[ ('"+]+)?(?:select\b|values? ?\(|table\b)"#,
    ),
    // The same behind a number that ends where the word begins, with a comment to the end of a line between, and with words that a
    // filter took comments, or the word itself, out of.
    rule(
        "union-hidden",
        0.96,
        r#"[0-9.]union[ ('"+]+(?:(?:all|distinct(?:row)?)[ ('"+]+)?select\b|\bunion(?:#|--)[^ &]{0,60} ?(?:(?:all|distinct) )?select\b|\bunion[ (]+distinctrow[ (]+select\b|\bunion[ (]+(?:all[ (]+)?values ?row ?\(|\b(?:u nion|un ion|unio n) (?:all )?select\b|\b(?:u nion|un ion|uni on|unio n) (?:all )?(?:s elect|se lect|sel ect|sele ct|selec t)\b"#,
    ),
    // A tautology or contradiction of numbers behind a boolean operator: `or 1=1`, `and 2*3=6`.
    rule(
        "number-comparison",
        0.9,
        r#"(?:\b(?:or|and|xor|having|where|when|not)\b|\|\||&&)[ ('"!~+-]*[0-9]+[ '")]*(?:=|<>|!=|<=>|<|>|\blike\b|\bin\b ?\(|\bbetween\b|\brlike\b|\bregexp\b)[ ('"]*(?:[0-9]|select\b|char ?\(|ascii|\()"#,
    ),
    // The same with strings: `' or 'a'='a`, `" or ""="`.
    rule(
        "string-comparison",
        0.9,
        r#"['"`)%] ?(?:\b(?:or|and|xor|where|having)\b|\|\||&&)[ (!~]*['"`(]+[^'"`=]{0,32}['"`]? ?(?:=|<>|!=|<|>|\blike\b|\bin\b|\bregexp\b|\brlike\b) ?\(?['"`]?"#,
    ),
    // A quote closes the value, and an operator with a known operand follows.
    rule(
        "quote-operator",
        0.85,
        r#"['"`] ?(?:\b(?:or|and|xor)\b|\|\||&&) ?(?:true|false|null|not|exists|isnull|[0-9]+\b|\(? ?select\b)|\) ?(?:\b(?:or|and|xor)\b|\|\||&&) ?(?:true\b|false\b|null\b|exists ?\(|isnull|[0-9]+\b|\(? ?select\b)"#,
    ),
    // The same with a name, and what an attacker compares it with.
    rule(
        "quote-name",
        0.88,
        r#"['"`][ )]*(?:\b(?:or|and|xor|having|where)\b|\|\||&&)[ (!]*(?:not )?[a-z_.]{1,30}[ )]*(?:=|<>|!=|<|>|like\b|rlike\b|regexp\b|is (?:not )?null|in ?\(|between\b)[ (]*(?:['"`%0-9(]|[a-z_]{1,20}[ )]*(?:--|#|/\*|$)|$)"#,
    ),
    rule(
        "name-compared",
        0.75,
        r#"^[^'"=]{0,24}(?:\b(?:or|and|xor|having)\b|\|\||&&)[ (!]*(?:not )?(?:(?:user(?:name|id)?|uid|uname|pass(?:word|wd)?|email|login|id|name) ?(?:=|<>|!=|like\b|is (?:not )?null|between\b)|true\b ?(?:--|#|$)|[0-9]+ ?(?:--|#|/\*)|not (?:true|false|[0-9]))|^ ?'? ?(?:or|and|\|\|) [a-z0-9'"]{1,12} ?= ?[a-z0-9'"]{1,12} ?(?:--|#|$)"#,
    ),
    rule(
        "condition-function",
        0.9,
        r"\b(?:iif|elt|if|make_set|ifnull|nullif|decode) ?\( ?\(?[0-9]+ ?= ?\(?[0-9]+|\bif ?\( ?(?:now ?\(|[0-9']+ ?=|\(? ?select\b|ascii|substr|length|user|version)|\b(?:and|or|xor|,|;)[ (]*(?:iif|elt|if) ?\(",
    ),
    rule(
        "delayed",
        0.93,
        r#"(?:^|['"`)0-9;|&,(=-]|\b(?:or|and|xor|select|then|else)\b)[ (!-]*(?:(?:pg_)?sleep ?\( ?[0-9_]|benchmark ?\( ?[0-9]{4,} ?,|waitfor[ (]+(?:delay|time)[ ('"]*[0-9]|dbms_(?:pipe\.receive_message|lock\.sleep|session\.sleep) ?\()"#,
    ),
    rule("sleep-spaced", 0.85, r"\bsleep ?\( ?_{0,2}[a-z0-9]{1,10}_{0,2} ?\)"),
    // Errors that tell: what is asked for is in them.
    rule(
        "told-by-error",
        0.93,
        r#"\b(?:extractvalue|updatexml) ?\( ?[^,)]{1,40},[ ]?(?:concat|make_set|0x|\()|\butl_inaddr\.get_host_|\bctxsys\.drithsx|\b(?:convert|cast) ?\( ?(?:int ?,)? ?\( ?select|\bgtid_subset ?\( ?concat|floor ?\( ?rand ?\( ?[0-9]? ?\) ?\* ?2|\bst_latfromgeohash ?\( ?concat|\bxp_(?:cmdshell|dirtree|fileexist|regread)\b|\bexec(?:ute)?[ (]+(?:master\.)?(?:\.|dbo\.)?[xs]p_[a-z]"#,
    ),
    rule(
        "order-by-number",
        0.85,
        r#"(?:^|['"`)0-9 ])[ )]*\border by [0-9]{1,5} ?(?:--|#|/\*|;)|(?:^|=)[ 0-9'"`)%-]{0,12}(?:end )?\border by [0-9]{1,5}$"#,
    ),
    rule(
        "json-operator",
        0.93,
        r#"['"`)][^&]{0,40}(?:@>|<@) ?['"]|::jsonb? ?(?:@>|<@|->|\?)|\bor [a-z_]{1,20} ?@> ?'"#,
    ),
    rule(
        "list-closed",
        0.85,
        r#"(?:^|['"`)0-9])[ )]*\bend (?:and|or)\b[ (]*['"]?[a-z0-9]|\bin boolean mode ?\)"#,
    ),
    rule(
        "declared",
        0.88,
        r"\bdeclare[ (]+@[a-z]{1,12} (?:as )?[a-z]{3,12}|\bset @[a-z]{1,12} ?= ?(?:0x|'|\()|\bexec ?\( ?@[a-z]",
    ),
    rule("inline-digits", 0.93, r"\b[0-9]\.e ?\( ?(?:ascii|substring|select|[0-9]\.e)"),
    // A quote, then a statement's end or a comment.
    rule(
        "quote-clause",
        0.7,
        r#"['")] ?(?:or|and|where|having|order by|group by|limit)[ ('"!~+0-9-][^&]{0,80}(?:--|#|;|[^a-z0-9]/\*)"#,
    ),
    // Two quotes that pair with those of the statement around them.
    rule(
        "quotes-left-open",
        0.88,
        r#"^[^'"]{0,24}['"][ )]*(?:\b(?:or|and|xor|like)\b|\|\||&&)[ (]*['"][^'"]{0,12}$"#,
    ),
    rule("quote-order-by", 0.85, r#"^[^'"`]{0,32}['"`][ )]*(?:order|group) by [0-9(]"#),
    rule(
        "quote-comment",
        0.75,
        r#"(?:^|[=?&"])[^&=?:{\[ ]{0,24}(?:'|")[ )]*(?:--(?:[^-]|$)|#(?:$|[^0-9a-z])|/\*)"#,
    ),
    // A second statement.
    rule(
        "second-statement",
        0.9,
        r"[;'][ )(]*(?:select\b[^&]{0,80}?(?:\bfrom\b|\(|[0-9@])|insert[ (]+into\b|update [^&]{1,60} set\b|delete from\b|drop (?:table|database|user|view|index|schema)\b|create (?:table|user|or replace|function|database)\b|alter (?:table|user|database)\b|truncate table\b|exec(?:ute)?[ (]|declare[ (]+@?[a-z]|shutdown\b|waitfor[ (]+(?:delay|time)\b|begin\b|merge into\b|grant \w+|call [a-z])",
    ),
    // A subquery.
    rule(
        "subquery",
        0.85,
        r"\(+ ?select\b[^&]{0,200}?(?:\bfrom\b|\bcase\b|\bwhen\b|\(|@@|[0-9] ?\))",
    ),
    rule(
        "select-from-system",
        0.85,
        r"\bselect\b[ (*]+[^&]{0,100}?\bfrom\b[ (]+(?:information_schema|pg_|sys\.?|all_users|dual\b|mysql\.|master\b|[a-z_]+ ?(?:union|--|#|;))",
    ),
    rule(
        "select-from",
        0.55,
        r"\bselect\b[ (*]+[^&]{0,100}?\bfrom\b[ (]+(?:users?\b|[a-z_]+ ?(?:where|limit|order by))",
    ),
    rule(
        "select-function",
        0.85,
        r"\bselect\b ?(?:@@|(?:case|iif|if|char|chr|ascii|hex|md5|concat|current_user|session_user|sleep|pg_sleep|benchmark|version|user|database|group_concat|char_length|load_file|dbms_)\b ?[( ])",
    ),
    // Functions that only an attacker puts into a parameter.
    rule(
        "attack-function",
        0.9,
        r"\b(?:sleep|pg_sleep|benchmark|extractvalue|updatexml|load_file|xp_cmdshell|xp_dirtree|sp_executesql|randomblob|generate_series|make_set|regexp_substring|utl_inaddr\.get_host_address|utl_http\.request|dbms_[a-z]+\.[a-z_]+|ctxsys\.drithsx\.sn|sys\.database_name|group_concat|json_keys|gtid_subset|st_latfromgeohash|crypt_key|char_length|octet_length) ?\( ?[0-9a-z('@]",
    ),
    rule(
        "system-table",
        0.9,
        r"\b(?:information_schema|sysobjects|syscolumns|sqlite_master|pg_catalog|all_tables|msysobjects|sys\.(?:user_objects|tables|objects)|rdb\$|domain\.(?:columns|tables))\b",
    ),
    rule("wait-for", 0.9, r"\bwaitfor[ (]+(?:delay|time)[ ('\x22]"),
    rule("file-or-analyse", 0.85, r"\b(?:into|from) (?:out|dump)file\b|\bprocedure analyse ?\("),
    rule("case-when", 0.85, r"\bcase[ (]+when\b[^&]{0,120}\bthen\b"),
    rule(
        "function-compared",
        0.8,
        r#"\b(?:char|chr|nchar|ascii|unhex|hex|concat|concat_ws|elt|substring|substr|mid|ord|cast|convert|iif|if|ifnull|nullif) ?\([^&)]{0,80}\)[ )]*(?:\|\||\+|=|<|>|,|-- ?)"#,
    ),
    rule("joined-characters", 0.8, r"(?:\|\||\+) ?(?:char|chr|nchar) ?\( ?[0-9]"),
    rule("bare-comparison", 0.8, r"\b(?:where|having|rlike|and|or) [0-9]+ ?(?:=|in ?\(|<|>)"),
    rule(
        "quote-like",
        0.8,
        r#"['"`)] ?(?:(?:rlike|regexp|sounds like)\b ?[0-9('"]|procedure [a-z]{3,12} ?\(|into (?:out|dump)file\b|into ?@|limit [0-9]+(?:$|[ ,]|--|#)|as [a-z0-9]+ where\b)"#,
    ),
    rule("cast", 0.8, r"\)::(?:int|text|bigint|jsonb?|numeric|varchar)\b|::(?:regclass|jsonb)\b"),
    rule(
        "dialect-function",
        0.85,
        r"\b(?:json_(?:valid|extract|type|array|object|depth|length)|jsonb?_[a-z_]{3,30}|lo_(?:get|export|import|create)|pg_(?:read_file|ls_dir|stat_file|sleep)|find_in_set|from_base64|to_base64|xmltype|row_to_json|array_to_string|query_to_xml|sys_context|string_to_array|regexp_(?:like|replace)|json_unquote|connection_id|last_insert_id|load_extension|instr|name_const|charindex|patindex|is_srvrolemember|object_id|db_name|system_user|session_user) ?\( ?[^ )]",
    ),
    rule("having-aggregate", 0.8, r"\bhaving (?:count|sum|min|max|avg) ?\("),
    rule(
        "quote-predicate",
        0.8,
        r#"['"`)] ?(?:is (?:not )?(?:null|true|false|[0-9])|(?:not )?(?:glob|isnull|notnull|rlike|regexp|collate)\b ?[^a-z ]|(?:not )?in ?\( ?(?:[0-9'"(]|select)|between [0-9'"]|similar to ?['"(])"#,
    ),
    rule(
        "definition",
        0.75,
        r"\b(?:alter|drop|truncate|create) (?:table|database|schema) [`'a-z_.]{1,40}(?: (?:add|drop|change|modify|rename|cascade)\b| ?[(;]|--)",
    ),
    rule(
        "values-list",
        0.75,
        r"\b(?:union|except|intersect)[ (]+values ?\(|\bexcept[ (]+(?:all[ (]+)?select\b|\bintersect[ (]+select\b",
    ),
    // A value that goes on where the statement around it was left: operator, name, comparison, and the quote that opens.
    rule(
        "goes-on",
        0.95,
        r#"^['"`) ]*(?:or|and|xor|\|\||&&)[ (]*[a-z_.]{1,40}[ )]*(?:!=|==?|<>|<|>|like|regexp)[ (]*['"`]"#,
    ),
    rule(
        "true-behind-number",
        0.93,
        r"(?:^|[=\x22])[0-9]{1,10}['\x22]? (?:or|and|xor|\|\||&&) (?:true|false|null|not [a-z0-9]|exists ?\(|[0-9]{1,6}(?: ?(?:--|#|/\*))?(?:$|[&\x22])|\{ ?[a-z]+ )",
    ),
    // One quote, what the statement goes on with, and a comment at the end. Dashes alone are a line (`"-----BEGIN`).
    rule(
        "quote-to-comment",
        0.93,
        r#"['"`] ?(?:[=<>|*^&!+%~]{1,3}-? ?[a-z0-9_]{0,20}|- ?[a-z0-9_]{1,20}) ?(?:--|#|/\*) ?-?(?:$|[&"])|['"`] ?(?:is (?:not )?|sounds like|collate|not|div|mod|rlike|regexp|glob|like)\b[^'"`]{0,30}(?:--|#|/\*) ?(?:$|[&"])"#,
    ),
    rule(
        "waits",
        0.96,
        r#"\bwaitfor[ (]+(?:delay|time) ?['"(]|\bselect[ (]+(?:pg_sleep|sleep|benchmark)\b|['"`)] ?;? ?(?:or|and|;|\|\||&&)? ?(?:pg_)?sleep ?\( ?[0-9]{1,6}(?:\.[a-z_0-9]{1,8})? ?\)"#,
    ),
    rule(
        "asks-system",
        0.95,
        r#"\b(?:from|join)[ (`'"]+(?:information_schema\b|mysql\.user|pg_(?:user|shadow|catalog|tables)\b|sysobjects\b|sqlite_master\b)|\bselect[ (]+(?:(?:[0-9]+|null) ?, ?)*(?:user|version|database|current_user|system_user|load_file|schema) ?\(|\bselect[ (]+@@[a-z]|(?:^|[="])xp_(?:cmdshell|reg[a-z]+|dirtree|fileexist|servicecontrol|loginconfig|terminate_process)(?:$|[&"])"#,
    ),
    rule(
        "statement-begun",
        0.95,
        r#"\bdeclare[ (]+@[a-z]|\bexec(?:ute)?[ (]+(?:immediate ?['"]|master\b)|[;] ?(?:replace [a-z_]{1,30} ?\(|truncate ?[a-z\[`"]|handler [a-z_]{1,30} (?:open|read)|load data|rename table)|\bcreate (?:or replace )?(?:function|procedure|trigger) [a-z_.]{1,40} ?\([^)]{0,100}\)? ?\)? ?(?:returns?|is begin|as begin|begin)\b"#,
    ),
    // Operators on JSON, with which tautologies are written past those who don't know them.
    rule(
        "json-tautology",
        0.95,
        r#"'[\[{][^;]{0,80}[\]}]' ?(?:::jsonb?)? ?(?:->>?|#>>?|@>|<@|\?[|&]?|@\?|<|>|=) ?(?:'|array\[|[0-9])|\]'::jsonb? ?[-?@<#]"#,
    ),
    rule("program-copied", 0.96, r#"\bcopy\b[^;]{1,120}\b(?:to|from) program ?['"$]"#),
    rule(
        "strings-behind-number",
        0.95,
        r#"(?:^|=)-?[0-9]{1,10}\)* (?:or|and|xor|\|\||&&) ?\(*['"][a-z0-9]{0,12}['"] ?(?:!=|<>|=|<|>|(?:not )?like\b|in\b) ?\(*['"]"#,
    ),
    // Two empty strings, an operator, and the quote that the statement closes.
    rule("empty-strings", 0.95, r"'[ )]*(?:or|and|xor|\|\||&&) ?'' ?[&*^|/%<>=+-]{1,2} ?'"),
    rule(
        "into-variables",
        0.93,
        r"(?:^|=)[^&=]{0,40}\binto @[a-z_][a-z0-9_]{0,20}(?: ?, ?@[a-z_][a-z0-9_]{0,20}){0,40} ?(?:$|&|--|#|/\*)",
    ),
    rule("digits-dot-e", 0.96, r"\b[0-9]+\.e ?\("),
    rule(
        "value-cast",
        0.95,
        r"(?:^|=)[^&=:]{0,20}[a-z_]{2,40} ?\([^&=]{0,80}\)::(?:int(?:eger)?|text|bigint|jsonb?|numeric|varchar|double precision|float|bool(?:ean)?|date|bytea|name)(?:$|[&-])",
    ),
    rule(
        "quote-function",
        0.95,
        r#"['"`][ )]*(?:or|and|xor|\|\||&&)[ (]*(?:not )?[a-z]{2,20}_[a-z_]{2,40} ?\([^)]{0,60}\)[ )]*(?:--|#|=|<|>|/\*|(?:and|or) )"#,
    ),
    rule("name-like", 0.93, r#"\b(?:or|and) [a-z_.]{1,30} (?:not )?like ?['"][^'"]{0,20}%"#),
    // A condition on what only a server knows: a row's number, a variable, an error.
    rule(
        "condition-of-server",
        0.93,
        r"\b(?:or|and)[ (]+(?:row(?:num|id) ?[<=>]|isnull ?\( ?1/0|@@[a-z_]{3,30} ?(?:[<=>]|like\b))",
    ),
    rule(
        "operators-in-quotes",
        0.95,
        r"(?:^|=)'(?:[-+*/^&|<>=]{1,3}[0-9]{1,6}){0,2}[-+*/^&|<>=]{1,3}'[0-9a-z]{0,6}(?:$|&)|(?:^|=)\(?\|\| ?'?[0-9]{1,4}\)?(?:$|&)",
    ),
    // All of a value: an operator between two quotes that pair with those around it, a variable of the server, a quote that closes an
    // address of e-mail.
    rule("operator-in-quotes", 0.95, r"(?:^|=)'(?:[-&^*+|/%<>]{1,3}|=|<=>|!=)'(?:$|&)"),
    rule("server-variable", 0.93, r"(?:^|=)@@[a-z_.]{3,40}(?:$|&)"),
    rule(
        "quoted-address",
        0.95,
        r#"(?:^|=)[a-z0-9._+-]{1,60}@[a-z0-9.-]{1,60}['"`] ?(?:;|--|#|/\*)"#,
    ),
    rule(
        "quote-statement",
        0.4,
        r#"(?:^|=)['"`] ?; ?(?:select|insert|update|delete|drop|create|alter|exec|union)\b|(?:^|=)[a-z0-9]{0,12}['"`] ?(?:!=|<>|<=>|=) ?['"`][a-z0-9]{0,12}(?:$|&)"#,
    ),
];

/// Words that a filter took one of out of. In a set of their own: see [`super::SETS`].
pub(super) const WORDS: &[Rule] = &[rule(
    "word-in-word",
    0.96,
    r"u(?:union|nunion|niunion|niounion)(?:nion|ion|on|n)\b|s(?:select|eselect|elselect|eleselect|elecselect)(?:elect|lect|ect|ct|t)\b|f(?:from|rfrom|rofrom)(?:rom|om|m)\b|w(?:where|hwhere|hewhere|herwhere)(?:here|ere|re|e)\b|\boorr\b ?[0-9('\x22]|\b(?:aandnd|anandd)\b ?[0-9('\x22]|<scr<script>ipt|<scrscriptipt",
)];
