//! What frameworks, drivers and libraries of one language would run, by the names that they give it.

use super::{Rule, rule};

/// More rules of `command-injection`: PHP, Groovy and the drivers of databases.
pub(super) const CODE: &[Rule] = &[
    // ThinkPHP calls what a request names: a class behind a backslash, or a method over the one that was sent.
    rule(
        "named-method",
        0.96,
        r"[\\/]think\\{1,2}(?:app|container|request|view|template|module|config)\b|[\\/]invokefunction\b|(?:^|[?&=])_method=__construct\b|\bfilter\[\d{0,2}\]=(?:system|exec|passthru|shell_exec|assert|phpinfo|call_user_func)\b",
    ),
    rule(
        "strings-combined",
        0.95,
        r#"\( ?(?:'[^' ]{1,20}' ?\^ ?'[^' ]{1,20}'|"[^" ]{1,20}" ?\^ ?"[^" ]{1,20}") ?\)|\$_{1,8} ?= ?\(?['"~]"#,
    ),
    rule(
        "wrapper-included",
        0.96,
        r#"\b(?:include|require)(?:_once)?[ (]{1,2}['"](?:data:|php:|phar:|expect:|zip:|ftp:|https?:)"#,
    ),
    rule(
        "callback-set",
        0.96,
        r#"\b(?:assert_options|array_walk_recursive|iterator_apply|header_register_callback|sqlite_create_function|libxml_set_[a-z_]+) ?\([^;]{0,60}['"](?:system|exec|passthru|shell_exec|assert|eval|popen|phpinfo)['"]"#,
    ),
    // Groovy: a string or a list of strings as a command, its shell, and annotations that run when it is compiled.
    rule(
        "string-executed",
        0.95,
        r#"['"]\.execute ?\( ?(?:\)|null)|['"] ?\]\.execute ?\( ?(?:null|\)\.text)"#,
    ),
    rule(
        "groovy",
        0.96,
        r"\bgroovyshell ?\(|\bgroovy\.(?:lang\.groovy|util\.eval)|@groovy\.transform\.|@grab(?:config|resolver)? ?\(",
    ),
    // Settings in a database's address by which its driver loads classes or runs scripts.
    rule(
        "driver-setting",
        0.96,
        r"\bjdbc:[a-z0-9]{2,20}:[^ ]{0,300}\b(?:init ?= ?runscript|(?:autodeserialize|allowurlinlocalinfile) ?= ?(?:true|yes|1)|(?:query|statement)interceptors ?= ?com\.mysql|(?:socket|ssl)factory ?= ?(?:org\.springframework|java)|trace_level_system_out ?=|clientrerouteserverlistjndiname ?=)|\binit ?= ?runscript from ?['\x22]",
    ),
];

/// More rules of `deserialisation`: what names a class that is made, beside those of Java's and PHP's own streams.
pub(super) const CLASSES: &[Rule] = &[
    // XStream and XMLDecoder.
    rule(
        "xml-class",
        0.95,
        r"<(?:linked-hash-set|jdk\.nashorn|com\.sun\.|sun\.|javax\.(?:naming|imageio|script)\.|java\.beans\.|ex:serializable|java\.util\.[a-z]{4,30} serialization ?=)",
    ),
    // Jackson: a class and what it is made with.
    rule(
        "class-with-argument",
        0.95,
        r#"\[ ?"(?:ch\.qos\.logback|org\.(?:springframework|apache|hibernate|jdom|quartz)|com\.(?:sun|mchange|zaxxer|alibaba|caucho|ibatis|newrelic)|javax?|net\.sf\.ehcache|br\.com\.anteros)\.[a-z0-9_.$]{3,100}" ?, ?(?:\{|"(?:https?|ldaps?|rmi|jdbc|file|dns):)"#,
    ),
    // .NET's binary formatter in the middle of other base64, and what JSON readers take as a type.
    rule(
        "dotnet-stream",
        0.95,
        r#"aaqaaap////8baaaaaa|abaaaa/////weaaaaa|"_{1,2}type" ?: ?"[^"]{0,80}\bsystem\.(?:diagnostics|windows|configuration\.install|management\.automation|io\.(?:file|directory)|workflow|activities|security\.principal|data\.dataset|resources)"#,
    ),
    // Ruby: Oj's modes, JSON's addition, Marshal in base64.
    rule("ruby-json", 0.95, r#""\^[ocum]" ?: ?["\[{]|"json_class" ?: ?"[a-z]"#),
    rule(
        "ruby-marshal",
        0.95,
        r"(?:^|[=\x22])bahvo[a-z0-9+/]{16}|(?:^|[=\x22])bah[bs7i][a-z0-9+/]{0,24}(?:r2vtoj|hzw06o|dlbto6)",
    ),
    rule(
        "yaml-tag",
        0.95,
        r"tag:yaml\.org,2002:(?:python/(?:object|name|module)|java|ruby/(?:object|hash|struct)|js/function)",
    ),
    rule("json-call", 0.95, r#""__jsonclass__" ?: ?\["#),
    // Pickles of the second to fourth protocol with the name of a module that runs.
    rule(
        "pickle-stream",
        0.95,
        r"(?:^|[=\x22])ga[jmn][a-z0-9+/=]{0,200}(?:cg9zax|bvc2l4|b3npe|c3lzdgvt|n5c3rlb|zexn0zw|c3vichjvy|zdwjwcm9j)",
    ),
];

/// More rules of `template-injection`: OGNL, and what engines give away.
pub(super) const TEMPLATES: &[Rule] = &[
    rule(
        "ognl",
        0.96,
        r"#_?memberaccess\b|@ognl\.ognlcontext\b|#context\[|\bdenymethodexecution\b|\bxwork\.methodaccessor\b|%\{ ?\(?#[a-z_]{1,20} ?=",
    ),
    // From a string to its class, and from there to any.
    rule(
        "class-of-string",
        0.96,
        r#"(?:''|"")\.(?:getclass ?\(|class\b)|\bgetclass ?\( ?\) ?\.(?:forname|getprotectiondomain)\b"#,
    ),
    rule(
        "filter-that-runs",
        0.96,
        r#"\{\{[^}]{0,60}['")\]] ?\| ?(?:system|exec|passthru|popen|shell_exec|eval|file_excerpt|readfile|readdir|file_get_contents)\b"#,
    ),
    rule(
        "secrets-of-engine",
        0.96,
        r"\bget_admin_log\b|\bstorages\.0\.signer\b|<#list \.|\$\{ ?\.(?:version|data_model|globals|vars|main)\b",
    ),
    rule(
        "tag-alone",
        0.95,
        r#"\{%-? ?(?:debug|print ?\([^%]{1,60}\)|(?:include|import|extends) ['"]/(?:etc|proc|var|home|root)/[^%]{1,60}) ?-?%\}"#,
    ),
];
