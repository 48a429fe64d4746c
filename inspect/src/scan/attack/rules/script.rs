//! Script in a parameter: tags, event handlers, script URLs.

use super::{Rule, rule};

/// The rules of `xss`.
pub(super) const RULES: &[Rule] = &[
    // Attributes of frameworks, which run what is in them.
    rule(
        "framework-attribute",
        0.95,
        r"\b(?:ng-(?:click|init|focus|blur|mouse[a-z]{2,6}|key[a-z]{2,6}|copy|cut|paste|change|submit|bind-html)|v-(?:html|on:[a-z]{3,12}|bind:[a-z]{3,12}|if|show)|x-(?:init|data|on:[a-z]{3,12})|hx-on:{1,2}[a-z]{3,20}) ?= ?['\x22]?[^>]{0,80}(?:\$event\.view|constructor|\balert ?[(`]|\bprompt ?[(`]|\beval ?\(|document\.cookie)",
    ),
    // Script.
    rule("script-tag", 0.93, r"<[ /]?script\b"),
    // Script that does what only a test or a theft does.
    rule(
        "script-that-acts",
        0.97,
        r"<[ /]?script[^>]{0,100}>[^<]{0,60}?(?:\b(?:alert|prompt|confirm|eval|fetch|import|atob) ?[(`]|document ?\. ?(?:cookie|location|domain|write)|string\.fromcharcode|location ?= ?['\x22]|new image)",
    ),
    rule(
        "handler-that-acts",
        0.97,
        r#"<[a-z!?/][^>]{0,200}?[ /"'`]on[a-z]{3,25} ?= ?['"`]?[^>]{0,60}?(?:\b(?:alert|prompt|confirm|eval|fetch|import|atob|print) ?[(`]|document ?\.|javascript ?:|string\.from|location ?=|\[['"`][a-z]+['"`]\]|=alert)"#,
    ),
    rule(
        "tag-to-script",
        0.96,
        r#"<[a-z][^>]{0,200}?\b(?:href|src|action|formaction|data|background|xlink:href|from|to|values|content|srcdoc|poster|dynsrc|lowsrc)[ =:'"`]{1,4}[^>]{0,40}?(?:j ?a ?v ?a|v ?b) ?s ?c ?r ?i ?p ?t ?: ?[^ ;v)'"]"#,
    ),
    rule("event-handler", 0.9, r#"<[a-z!?/][^>]{0,200}?[ /"'`]on[a-z]{3,25} ?= ?[^ ]"#),
    rule(
        "quote-event",
        0.8,
        r#"['"`][ /]*\bon(?:error|load|click|focus|blur|mouse[a-z]+|key[a-z]+|pointer[a-z]+|toggle|begin|end|animation[a-z]+|transition[a-z]+|input|change|submit|resize|scroll|wheel|drag[a-z]*|drop|copy|cut|paste|hashchange|message|pageshow|popstate)\b ?="#,
    ),
    rule(
        "script-url",
        0.9,
        r#"(?:^|[=:("'`, <>])(?:j ?a ?v ?a|v ?b|live) ?s ?c ?r ?i ?p ?t ?:(?:[^ ;v]|v[^o]| (?:[a-z0-9_.$]{1,30}[(`=\[]|[/'"`(\[{\\]))"#,
    ),
    rule("data-url", 0.9, r"\bdata:(?:text/html|image/svg\+xml|application/x?html)[^ ]{0,40},"),
    // Whatever type it says that it is of.
    rule(
        "markup-as-url",
        0.95,
        r"\bdata: ?(?:[a-z]{1,20}/[a-z+.-]{1,30})?(?:;[^ ,<]{0,40})? ?, ?<",
    ),
    // A slash takes the place of the space, as filters do not expect; of usage texts (`<input/file>`) the `=` is missing.
    rule(
        "slashed-tag",
        0.95,
        r"<(?:script|style|link|meta|base|svg|math|img|image|video|audio|body|input|form|iframe|object|embed|details|marquee)(?: ?/ ?)+[a-z:-]{2,30}[^<>]{0,60}=",
    ),
    // Out of a comment that a value is written into.
    rule("comment-closed", 0.9, r"^-->(?:[^ a-z]|$)"),
    rule(
        "active-tag",
        0.85,
        r"<(?:iframe|i?layer|embed|object|applet|svg|math|meta|base|link|frameset|isindex|marquee|bgsound|keygen|animate|set|template|portal|foreignobject)\b[^>]{0,200}?[ /=>]",
    ),
    rule(
        "document-object",
        0.85,
        r"\b(?:document ?\. ?(?:cookie|write(?:ln)?|location|domain|body)|window ?\. ?(?:location|name|open)|(?:local|session)storage ?\.)\b ?[=(.\[]?",
    ),
    rule(
        "script-call",
        0.85,
        r"[ =(;>'\x22`,{}&]?\b(?:(?:alert|prompt|confirm|settimeout|setinterval|atob|btoa|string\.fromcharcode|fetch|importscripts) ?[(`][^ ]|eval ?[(`](?:[^ a-z0-9_$]|[a-z0-9_$]{1,60}[^ a-z0-9_$)]))",
    ),
    // Code of many languages has a function of that name.
    rule("evaluated-name", 0.75, r"\beval ?\( ?[a-z_$][a-z0-9_$]{0,60} ?\)"),
    rule(
        "style-expression",
        0.8,
        r"<[a-z][^>]{0,100}\bstyle ?=[^>]{0,100}(?:expression ?\(|behaviou?r ?:|-moz-binding|url ?\( ?.?javascript)",
    ),
    rule(
        "bracket-call",
        0.85,
        r#"\b(?:self|window|top|this|frames|parent|globalthis|document|console|reflect|navigation) ?\[ ?(?:['"`/]|[a-z]+ ?\+)|\bdocument ?\. ?(?:queryselector|getelement|createelement|append|implementation|forms|referrer|url)"#,
    ),
    rule(
        "style",
        0.8,
        r#"<style\b|@import ?['"(u]|-moz-binding|\burl ?\( ?['"]?(?:javascript|vbscript|data:text)"#,
    ),
    rule(
        "handler-alone",
        0.8,
        r"^[ '\x22]*on(?:error|load|click|focus|blur|mouse[a-z]+|key[a-z]+|pointer[a-z]+|toggle|begin|start) ?= ?[a-z(]",
    ),
    rule(
        "thrown",
        0.85,
        r"\bonerror ?= ?[a-z.]{2,20}[ ;,]|\bthrow ?(?:onerror|/a/|\[)|valueof ?[:=] ?alert|tostring ?[:=] ?alert",
    ),
    rule(
        "script-import",
        0.85,
        r#"\bimport ?\( ?['"`](?:https?:)?//|\$\.getscript ?\(|\.innerhtml ?= ?['"`] ?<|\blocation(?:\.href)? ?= ?['"`](?:javascript|(?:https?:)?//)|\bnew image ?\( ?\) ?\.src|\.src ?= ?['"`](?:https?:)?//[^'"`]{1,80}['"`] ?\+ ?document"#,
    ),
    rule(
        "cookie-sent",
        0.96,
        r"(?:fetch|open|location|src|href|send|get|post|ajax)\b[^;]{0,80}\+ ?document ?\. ?cookie|document\.cookie\)? ?['\x22`]?\)",
    ),
    rule(
        "wrapped-call",
        0.85,
        r"\( ?(?:alert|prompt|confirm|eval) ?\) ?[(`]|\[[^\]]{0,20}\] ?\.[a-z]{2,20}\.constructor ?\(|\.constructor ?\( ?['\x22`](?:alert|return|throw|console|eval|prompt|import)|\.\s?call ?`",
    ),
    rule(
        "broken-string",
        0.85,
        r#"^[^'"`]{0,20}['"`] ?(?:-|\+|;|\^|\*|\|\||&&) ?(?:alert|prompt|confirm|eval|console\.log|print|import|fetch) ?[(`]"#,
    ),
    rule(
        "function-made",
        0.85,
        r"\bnew function ?[(`]|\breflect ?\. ?(?:apply|get|construct)|\b[a-z]{2,20}\.(?:call|apply|constructor) ?`",
    ),
    // A name that another page sets, taken for an address.
    rule(
        "location-from-name",
        0.93,
        r"(?:^|[=;('\x22`{, ])location(?:\.href)?=(?:(?:window\.|self\.|top\.)?name|location\.hash|document\.referrer)\b",
    ),
    // What closes an attribute and its tag, and begins the next one.
    rule("attribute-closed", 0.93, r#"(?:^|=)[^<>="'&]{0,24}['"]{1,3} ?/?> ?<[a-z/!]"#),
    rule("text-only-tag", 0.9, r"<(?:plaintext|xmp|noembed|noframes)[ /]{0,2}>"),
    rule("vector-frame", 0.95, r"<(?:[a-z]{0,8}:)vmlframe\b[^>]{0,60}\bsrc"),
    // Script of six characters.
    rule("punctuation-script", 0.9, r"[\[\]()!+ ]{24}"),
    rule("utf-7", 0.95, r"[+ ]adw-[^+]{0,80}[+ ]ad4-"),
    rule(
        "spelt-out-script",
        0.85,
        r"< ?(?:[a-z]:)? ?s ?c ?r ?i ?p ?t\b|<\?import|<(?:[a-z]{0,8}:)?vmlframe|<xss\b",
    ),
    // A handler named by an event that browsers know, where an attribute can stand.
    rule(
        "known-event",
        0.95,
        r#"(?:<(?:[a-z!?/][^>]{0,100}[ /"'`]|["'])|[?&=] {1,2}|['"`>])[ /]{0,4}on(?:abort|activate|after(?:print|scriptexecute|update)|animation(?:cancel|end|iteration|start)|auxclick|before(?:copy|cut|input|paste|print|scriptexecute|toggle|unload|match)|begin|blur|bounce|canplay(?:through)?|change|click|close|contextmenu|copy|cuechange|cut|dblclick|drag(?:end|enter|exit|leave|over|start)?|drop|durationchange|emptied|end|ended|error|finish|focus(?:in|out)?|formdata|fullscreenchange|gotpointercapture|hashchange|input|invalid|key(?:down|press|up)|load(?:eddata|edmetadata|end|start)?|lostpointercapture|message(?:error)?|mouse(?:down|enter|leave|move|out|over|up|wheel)|page(?:hide|show)|paste|pause|play(?:ing)?|pointer(?:cancel|down|enter|leave|move|out|over|rawupdate|up)|popstate|progress|ratechange|readystatechange|repeat|reset|resize|scroll(?:end|snapchange)?|search|seek(?:ed|ing)|select(?:ionchange|start)?|show|start|storage|submit|suspend|timeupdate|toggle|touch(?:cancel|end|move|start)|transition(?:cancel|end|run|start)|unhandledrejection|unload|volumechange|waiting|webkit[a-z]{4,40}|wheel|zoom) ?="#,
    ),
    rule(
        "attribute-behind-quote",
        0.95,
        r#"['"`>][ /]*\b(?:formaction|srcdoc|xlink:href|autofocus onfocus|style=animation)[ ]?="#,
    ),
    rule("spaced-tag", 0.95, r"<(?:[a-z] ){3,12}[a-z](?:\b|$)"),
    rule(
        "spaced-scheme",
        0.96,
        r"\b(?:j a ?v ?a|j ?a v ?a|j ?a ?v a|java s c|v b ?s ?c|v ?b s c) ?s? ?c? ?r ?i ?p ?t ?:",
    ),
    rule(
        "base-tag",
        0.96,
        r"<base [^>]{0,60}\bhref ?=|<\?import\b|<import[ a-z]{0,20}implementation ?=|<link [^>]{0,60}\brel ?= ?['\x22]?import",
    ),
    rule("meta-acts", 0.95, r#"<meta[^>]{0,60}http-equiv ?= ?['"]?(?:refresh|set-cookie)"#),
    rule(
        "tagged-template",
        0.97,
        r"\. ?call ?` ?\$\{|\$\{ ?(?:alert|eval|prompt|confirm) ?\}|\\u\{?0*61\}?lert",
    ),
    rule("made-of-brackets", 0.95, r"\(?!\[\] ?\+? ?\[\]\)? ?\[|\[ ?\+? ?!\+?\[\]|^ ?!!\[\] ?$"),
    rule(
        "document-by-name",
        0.95,
        r#"\b(?:document|window|self|top|globalthis|this) ?\)? ?\[ ?['"`](?:cookie|location|domain|write(?:ln)?|alert|eval|prompt|open)['"`] ?\]"#,
    ),
    // A function that acts handed to one that calls it, or called by another name.
    rule(
        "handed-over",
        0.96,
        r#"\.(?:find|map|foreach|filter|some|every|findindex|reduce|sort|from|of|then|replace)\((?:[^()]{0,20},)? ?(?:alert|prompt|confirm|eval)\b ?[,)]|(?:^|[;,{('"=])[a-z_$]{1,10}=(?:alert|prompt|confirm|eval)[,;] ?[a-z_$]{1,10}[(`]|\bonerror ?= ?(?:alert|prompt|confirm|eval)\}?[;, ]{0,3}throw\b|[0-9]\.\.tostring ?\([0-9]|\bset(?:timeout|interval) ?`"#,
    ),
    rule(
        "angular",
        0.95,
        r#"<[a-z][^>]{0,120}[ /]ng-(?:focus|click|init|load|blur|change|mouse[a-z]+|key[a-z]+|copy|cut|paste|csp)\b ?= ?['"]?[^>"']{0,80}(?:\$event|constructor|alert|eval)|\|orderby:['"\[]"#,
    ),
    rule("untyped-data", 0.85, r"(?:^|[=\x22])data:;base64,[a-z0-9+/=]{8}"),
    // Full-width brackets, which some servers turn into plain ones; methods of objects called by tags of templates.
    rule(
        "tag-in-full-width",
        0.96,
        r"\xef\xbc\x9c ?/?(?:script|img|svg|iframe|body|video|input|details)\b|\breflect ?\. ?[a-z]{2,24} ?\. ?(?:call|apply|bind) ?`",
    ),
    // A value that is a script URL with something of a script in it.
    rule(
        "script-url-alone",
        0.95,
        r"^(?:java|vb)script:(?:[^ &v]|v[^o&])[^ &]{0,60}[=(\[`{\\]|^(?:java|vb)script:[=(\[`{\\]",
    ),
    // A script that is begun, and another tag in it.
    rule(
        "script-begun",
        0.95,
        r"<script(?: [^<>]{0,60})?></?(?:script|i?frame|img|svg|body|input)\b",
    ),
    // Angle brackets with the eighth bit set, which browsers that take a page for US-ASCII drop.
    rule("eighth-bit-tag", 0.95, r"(?:^|[\x00-\x7f])\xbc/?[a-z]{2,20}[^\x80-\xff]{0,60}\xbe"),
];
