//! What readers of structured data do wrong: XML entities, deserialised objects, operators in
//! queries, filters of directories.

use super::{Rule, rule};

/// The rules of `xxe`.
pub(super) const XXE: &[Rule] = &[
    rule("external-entity", 0.98, r#"<!entity ?(?:% ?)?[^ >]{1,60} (?:system|public)\b ?['"]"#),
    // The same behind something that took its bracket away.
    rule("entity-unbracketed", 0.95, r"!entity (?:% ?)?[a-z0-9_.-]{0,40} ?(?:system|public)\b"),
    rule("entity", 0.93, r"<!entity\b"),
    rule("internal-subset", 0.9, r"<!doctype[^>]{0,100}\["),
    rule("external-subset", 0.85, r#"<!doctype [^>]{0,80}\bsystem\b ?['"]"#),
    rule(
        "public-subset",
        0.85,
        r#"<!doctype [^>]{1,40} public ?['"][^'"/]{0,30}['"] ?['"](?:https?|ftp|file):"#,
    ),
    rule("inclusion", 0.9, r"<xi:include\b|http://www\.w3\.org/2001/xinclude"),
    rule(
        "stylesheet",
        0.8,
        r"<\?xml-stylesheet|<xsl:(?:value-of|include|import|stylesheet|copy-of)\b",
    ),
    rule(
        "parameter-entity",
        0.85,
        r"%[a-z]{1,20};[^%]{0,20}%[a-z]{1,20};|\]>[^<]{0,20}<[a-z]+>&[a-z]+;",
    ),
    // One element with nothing in it but where its schema is, which a reader fetches.
    rule(
        "schema-fetched",
        0.95,
        r#"(?:^|=)<([a-z0-9]{1,20}) xmlns ?= ?["'][^"']{1,80}["'][^<>]{0,160}schemalocation ?= ?["'][^"']{0,80}https?://[^"']{4,160}["'] ?/?>[^<]{0,40}(?:</[a-z0-9]{1,20}>)?(?:$|&)"#,
    ),
    rule(
        "other-charset",
        0.95,
        r#"<\?xml [^>]{0,60}encoding ?= ?['"](?:utf-?7|utf-?16|ucs-?[24]|ibm|ebcdic)"#,
    ),
    rule(
        "image-of-file",
        0.95,
        r#"<(?:image|use|img) [^>]{0,80}href ?= ?['"](?:file:|https?://(?:169\.254\.|127\.|localhost|10\.))"#,
    ),
];

/// The rules of `deserialisation`.
pub(super) const OBJECTS: &[Rule] = &[
    // The header of Java's stream: as bytes, hexadecimal, and base64.
    rule(
        "java-stream",
        0.95,
        r"(?:^|[^a-z0-9+/])ro0ab[a-z0-9+/=_-]{2,}|\baced0005[0-9a-f]|\xac\xed\x00?\x05",
    ),
    rule(
        "php-object",
        0.95,
        r#"(?:^|[^a-z0-9])[oc]:[ +]?[0-9]{1,4}:"[a-z0-9_\\]{1,80}":[0-9x]{1,4}:\{"#,
    ),
    rule("php-array", 0.8, r#"(?:^|[^a-z0-9])a:[0-9]{1,4}:\{(?:i:[0-9]+|s:[0-9]+:")"#),
    rule(
        "python-pickle",
        0.95,
        r"\bc(?:os|posix|nt|subprocess|builtins|__builtin__|commands) (?:system|popen|eval|exec|check_output|call)\b|(?:^|[^a-z0-9+/])ga[rs][vw][a-z0-9+/=]{6,}(?:jax|lgjb|cg9zax|bvc2l4|b3npe|c3lzdgv|b3m)|\(s'[a-z /.-]{1,60}' ?tr\.",
    ),
    rule(
        "yaml-object",
        0.95,
        r"!ruby/(?:object|hash|struct|regexp)|!!python/(?:object|name|module)|!!(?:javax?|com|org|sun)\.[a-z]",
    ),
    // Java objects as XML.
    rule(
        "xml-object",
        0.95,
        r#"<(?:object|void|java\.[a-z.]{2,40}) [^>]{0,60}class ?= ?['"](?:java|com\.sun|javax)|<(?:sorted-set|dynamic-proxy|tree-map)>|<java\.lang\.processbuilder|<map><entry><jdk\.nashorn"#,
    ),
    rule(
        "dotnet-object",
        0.95,
        r#"aaeaaad/////|"\$type" ?: ?"[^"]{0,80}(?:system\.|microsoft\.)|objectdataprovider|typeconfusedelegate"#,
    ),
    // node-serialize, and funcster.
    rule("node-object", 0.95, r"_\$\$nd_func\$\$_|\b__js_function\b"),
    // jsonpickle: what its reader makes an object of, or calls.
    rule(
        "python-json-object",
        0.95,
        r#""py/(?:object|reduce|function|type|newargs(?:ex)?|repr|mod)" ?: ?["\[{]"#,
    ),
    // Ruby's Marshal, version 4.8, in base64: an object or one that reads itself.
    rule("ruby-stream", 0.95, r"(?:^|[^a-z0-9+/])bahvo[g-j][a-z0-9+/]{10}"),
    rule("prototype-by-constructor", 0.95, r#""constructor" ?: ?\{ ?"prototype" ?: ?\{"#),
    rule("json-type", 0.9, r#""@type" ?: ?"(?:l?com\.|l?org\.|java|sun\.|\[)"#),
    // Not those that hold data (`java.util`, `java.math`, `java.time`): interfaces and their errors name them.
    rule(
        "java-class",
        0.85,
        r"\bjava\.(?:lang|io|net|nio|beans|rmi|sql|naming|security|awt|applet)\.[a-z0-9_$.]*(?:[a-mo-qs-z0-9_$]|[a-np-z][nr])(?:[^a-z0-9_$.]|$)|\bjavax\.(?:el|script|naming|management|servlet|swing|xml|imageio)\b|\bcom\.(?:sun\.|mchange\.|opensymphony|alibaba\.fastjson|caucho|thoughtworks)|\bsun\.(?:misc|reflect|rmi)\.|\borg\.(?:apache\.(?:commons|xalan|struts|wicket|logging|catalina|tomcat|velocity|xbean|bcel|felix|ibatis)|springframework|codehaus\.groovy|hibernate|mozilla\.javascript|jboss|omg|python\.core|reflections)\b",
    ),
    rule(
        "java-gadget",
        0.9,
        r"\b(?:invoker|instantiate|clone|chained|constant|closure)transformer\b|\b(?:for|while|do|prototype)clos?ure\b|\b(?:instantiate|prototypeclone|prototypeserialization)factory\b|\btemplatesimpl\b|\bprocessbuilder\b|\bgetruntime\b|\bannotationinvocationhandler\b|\bbadattributevalueexp|\bjdbcrowset",
    ),
    rule(
        "java-binding",
        0.9,
        r"\bclass[.\[](?:module|classloader|protectiondomain)\b|\bclassloader[.\[]\w",
    ),
    // Such a stream in the middle of other base64, at each of the three ways that it can fall.
    rule("java-stream-begins", 0.95, r"(?:^|[^a-z0-9+/])(?:ro0abq|kztaau|cs7qaf)"),
    // A class by which code is run, and nothing else, as a value.
    rule(
        "running-class",
        0.95,
        r"(?:^|[=\x22])(?:java\.lang\.(?:runtime|system|process(?:builder)?|class(?:loader)?|thread|compiler|object|shutdown|reflect\.[a-z]+|invoke\.[a-z]+|management\.[a-z]+)|java\.io\.(?:file|[a-z]+(?:stream|reader|writer))|java\.(?:net\.(?:url(?:classloader|connection)?|socket|serversocket)|nio\.file\.[a-z]+|beans\.[a-z]+|rmi\.[a-z.]+|util\.scanner|sql\.drivermanager)|javax\.(?:script|naming|management|el)\.[a-z.]+|com\.(?:opensymphony|sun\.(?:org|rowset|jndi)|mchange|caucho|thoughtworks|alibaba\.fastjson|bea\.core)[a-z0-9.]*|sun\.(?:misc|reflect|rmi)\.[a-z.]+|org\.(?:apache\.(?:commons\.(?:collections|beanutils|fileupload|jxpath)|xalan|struts|wicket|velocity|xbean|bcel)|springframework\.(?:context|expression|beans|aop|core\.io|jndi|scripting)|codehaus\.groovy|mozilla\.javascript|jboss|python\.core|omg)[a-z0-9.]*)(?:[a-z0-9.$]{0,60}(?:[a-mo-qs-z0-9$]|[a-np-z][nr]))?(?:\( ?['\x22][^)]{0,120}\)?)?(?:$|[&\x22])",
    ),
    rule(
        "gadget-alone",
        0.95,
        r"(?:^|[=\x22])[^a-z]{0,2}(?:(?:invoker|instantiate|clone|chained|constant|closure)transformer|(?:for|while|do|prototype)clos?ure|instantiatefactory|prototype(?:clone|serialization)factory|templatesimpl|processbuilder|getruntime|annotationinvocationhandler|badattributevalueexp(?:exception)?|jdbcrowsetimpl)[^a-z]{0,2}(?:$|[&\x22])",
    ),
];

/// The rules of `nosql-injection`.
pub(super) const NOSQL: &[Rule] = &[
    rule(
        "bracket-operator",
        0.95,
        r"\[ ?['\x22]?\$(?:ne|eq|gte?|lte?|n?in|regex|where|exists|n?or|and|not|type|mod|size|all|elemmatch|expr|text|func|options|slice)\b",
    ),
    // A condition that everything meets, behind what closes the one before.
    rule(
        "any-of-nothing",
        0.93,
        r#"\$or['"]? ?: ?\[ ?\{ ?\}|['"\]] ?\]? ?, ?\$(?:or|where|ne|nor) ?:"#,
    ),
    rule("operator-pair", 0.85, r#"(?:^|, ?)\$(?:where|or|ne|gt|regex) ?: ?['"\[{]"#),
    rule(
        "key-operator",
        0.9,
        r#"['"{,] ?['"]?\$(?:ne|eq|gte?|lte?|n?in|regex|where|exists|nor|not|elemmatch|expr|jsonschema|func|function|accumulator|lookup)['"]? ?:"#,
    ),
    // Cockpit and MongoLite call the function that a condition names.
    rule("function-named", 0.96, r#"['"{,] ?['"]?\$func['"]? ?: ?['"][a-z_]"#),
    rule("where-script", 0.9, r"\$where\b|\bthis\.[a-z_]{1,30} ?(?:[!=]==?|\.match|\.length)"),
    rule(
        "script-tautology",
        0.85,
        r#"['"] ?(?:\|\||&&) ?['"]?[a-z0-9]{0,20}['"]? ?={2,3} ?['"]?|['"] ?; ?(?:return|while ?\(|sleep ?\(|var [a-z]+ ?=)|\breturn ?(?:true|\(?1 ?==? ?1)"#,
    ),
    rule(
        "shell-method",
        0.9,
        r"\bdb\.(?:[a-z_]{1,40}\.(?:find|insert|drop|remove|update|count|aggregate|mapreduce|delete)[a-z]*|(?:dropdatabase|getcollection|runcommand|admincommand|currentop|eval|stats|version|getcollectionnames|injection)) ?\(",
    ),
];

/// The rules of `ldap-injection`.
pub(super) const LDAP: &[Rule] = &[
    rule(
        "filter-closed",
        0.9,
        r"\*? ?\) ?\) ?\( ?[|&!(]|\) ?\( ?[|&!] ?(?:\(|\)|$)|\* ?\( ?\| ?\(|^[a-z0-9]{0,20}\* ?\)+(?:[|&%]|$)|^\*? ?\(\) ?[|&%]|\*\)\)\(|\)\([a-z]{1,20}= ?\)",
    ),
    rule(
        "filter-extended",
        0.9,
        r"\) ?\(? ?\(? ?[|&!]? ?\(? ?(?:uid|cn|sn|ou|dc|mail|objectclass|objectcategory|(?:user)?password|samaccountname|memberof|givenname|title|description|name|admin|role) ?[~<>:]?= ?[^ )=][^ ]{0,60}\)?",
    ),
    rule("filter", 0.85, r"\( ?[|&] ?\( ?!?\(? ?[a-z]{2,30} ?[~<>]?="),
    rule(
        "any-object",
        0.9,
        r"\(objectclass ?= ?\*|\) ?\( ?[a-z]{1,20} ?[~<>]?= ?\*|\* ?\) ?\( ?[a-z0-9]{1,20} ?[~<>]?=",
    ),
    rule(
        "xpath",
        0.8,
        r"\b(?:ancestor|child|descendant|following|parent|preceding|self)(?:-or-self|-sibling)?::(?:node|text|\*|[a-z])|/text\(\)|\bcount ?\( ?/|\bstring-length ?\( ?(?:name|/)|\bname ?\( ?/|//\*|//user\[",
    ),
    rule("xpath-union", 0.96, r#"['"] ?\)?\] ?\| ?//?[a-z*]"#),
    rule("next-condition", 0.93, r"\)\([a-z]{2,30}[<>~]?=[^ ]"),
];
