//! From the syntax tree to what can be evaluated: every value gets its type, and what a message does not have is an error.

use regex_automata::dfa::dense;
use regex_automata::util::syntax;

use super::super::cidr::Cidr;
use super::super::diagnostic::did_you_mean;
use super::parse::{Kind, Node};
use super::{CelError, Compare, End, Number, Test, Text, error};

/// Bytes of a regular expression's automaton, and of what it takes to make it; more is an error.
const MAX_AUTOMATON: usize = 1 << 20;

/// Strings and numbers of a message.
const NAMES: [&str; 4] = ["request.method", "request.path", "request.host", "destination.port"];
/// What can be asked of a string.
const METHODS: [&str; 4] = ["startsWith", "endsWith", "contains", "matches"];

/// A value of any type.
enum Value {
    Test(Test),
    Text(Text),
    Number(Number),
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Value::Test(_) => "true or false",
            Value::Text(_) => "a string",
            Value::Number(_) => "a number",
        }
    }
}

/// The test that an expression is.
pub(super) fn lower(node: &Node) -> Result<Test, CelError> {
    match value(node)? {
        Value::Test(test) => Ok(test),
        other => error(node.at, format!("this is {}, and not true or false", other.kind())),
    }
}

fn value(node: &Node) -> Result<Value, CelError> {
    Ok(match &node.kind {
        Kind::Bool(b) => Value::Test(Test::Literal(*b)),
        Kind::Int(n) => Value::Number(Number::Literal(*n)),
        Kind::Text(t) => Value::Text(Text::Literal(t.as_bytes().into())),
        Kind::Name(name) => named(node.at, name)?,
        Kind::Index(base, key) => match (&base.kind, &key.kind) {
            (Kind::Name(name), Kind::Text(key)) if name == "request.headers" => {
                Value::Text(Text::Header(key.to_ascii_lowercase()))
            }
            _ => return error(node.at, "only `request.headers['name']` is asked by a key"),
        },
        Kind::Call(None, name, arguments) => function(node.at, name, arguments)?,
        Kind::Call(Some(target), name, arguments) => {
            Value::Test(method(node.at, target, name, arguments)?)
        }
        Kind::Not(inner) => Value::Test(Test::Not(Box::new(lower(inner)?))),
        Kind::Binary(operator, left, right) => Value::Test(binary(node.at, operator, left, right)?),
        Kind::List(_) => return error(node.at, "a list stands only behind `in`"),
    })
}

fn named(at: usize, name: &str) -> Result<Value, CelError> {
    Ok(match name {
        "request.method" => Value::Text(Text::Method),
        "request.path" => Value::Text(Text::Path),
        "request.host" => Value::Text(Text::Host),
        "destination.port" => Value::Number(Number::Port),
        "request.headers" => return error(at, "this is a map; write `request.headers['name']`"),
        "source.ip" | "destination.ip" => {
            return error(at, format!("write `cidr('10.0.0.0/8').containsIP({name})`"));
        }
        _ => {
            let hint = did_you_mean(name, NAMES);
            return error(at, format!("there is no `{name}`{hint}"));
        }
    })
}

fn function(at: usize, name: &str, arguments: &[Node]) -> Result<Value, CelError> {
    match (name, arguments) {
        ("size", [of]) => Ok(Value::Number(Number::Size(text(of)?))),
        ("cidr", _) => error(at, "write `cidr('10.0.0.0/8').containsIP(source.ip)`"),
        ("size", _) => error(at, "`size` is asked of one string"),
        _ => error(at, format!("there is no function `{name}`")),
    }
}

/// `target.name(arguments)`
fn method(at: usize, target: &Node, name: &str, arguments: &[Node]) -> Result<Test, CelError> {
    let [argument] = arguments else {
        return error(at, format!("`{name}` is given one value, not {}", arguments.len()));
    };
    if let (Kind::Call(None, function, network), "containsIP") = (&target.kind, name)
        && function == "cidr"
    {
        return within(at, network, argument);
    }
    let of = text(target)?;
    match name {
        "startsWith" => Ok(Test::StartsWith(of, text(argument)?)),
        "endsWith" => Ok(Test::EndsWith(of, text(argument)?)),
        "contains" => Ok(Test::Contains(of, text(argument)?)),
        "matches" => Ok(Test::Matches(of, Box::new(automaton(argument)?))),
        _ => {
            let hint = did_you_mean(name, METHODS);
            error(at, format!("a string has no `{name}`{hint}"))
        }
    }
}

fn within(at: usize, network: &[Node], ip: &Node) -> Result<Test, CelError> {
    let [Node { at: place, kind: Kind::Text(network) }] = network else {
        return error(at, "write `cidr('10.0.0.0/8')`");
    };
    let cidr = Cidr::parse(network).or_else(|problem| error(*place, problem))?;
    match &ip.kind {
        Kind::Name(name) if name == "source.ip" => Ok(Test::Within(cidr, End::Source)),
        Kind::Name(name) if name == "destination.ip" => Ok(Test::Within(cidr, End::Destination)),
        _ => error(ip.at, "an address is `source.ip` or `destination.ip`"),
    }
}

fn automaton(node: &Node) -> Result<dense::DFA<Vec<u32>>, CelError> {
    let Kind::Text(pattern) = &node.kind else {
        return error(node.at, "`matches` is given a regular expression as a literal");
    };
    let config = dense::Config::new()
        .dfa_size_limit(Some(MAX_AUTOMATON))
        .determinize_size_limit(Some(MAX_AUTOMATON));
    let syntax = syntax::Config::new().unicode(false).utf8(false);
    let built = dense::Builder::new().configure(config).syntax(syntax).build(pattern);
    built.or_else(|e| error(node.at, format!("not a regular expression that can be used: {e}")))
}

fn text(node: &Node) -> Result<Text, CelError> {
    match value(node)? {
        Value::Text(text) => Ok(text),
        other => error(node.at, format!("this is {}, and not a string", other.kind())),
    }
}

fn binary(at: usize, operator: &str, left: &Node, right: &Node) -> Result<Test, CelError> {
    let compare = match operator {
        "&&" => return Ok(Test::And(Box::new(lower(left)?), Box::new(lower(right)?))),
        "||" => return Ok(Test::Or(Box::new(lower(left)?), Box::new(lower(right)?))),
        "in" => return within_list(at, left, right),
        "==" => Compare::Equal,
        "!=" => Compare::NotEqual,
        "<" => Compare::Less,
        "<=" => Compare::LessOrEqual,
        ">" => Compare::Greater,
        _ => Compare::GreaterOrEqual,
    };
    // A map has no value, but more to say than that it has none.
    if let Kind::Name(name) = &left.kind
        && name == "request.headers"
    {
        return error(at, "a map is compared with nothing; write `request.headers['name']`");
    }
    let equality = matches!(compare, Compare::Equal | Compare::NotEqual);
    match (value(left)?, value(right)?) {
        (Value::Text(a), Value::Text(b)) => Ok(Test::Text(a, compare, b)),
        (Value::Number(a), Value::Number(b)) => Ok(Test::Number(a, compare, b)),
        (Value::Test(a), Value::Test(b)) if equality => {
            let same = Test::Same(Box::new(a), Box::new(b));
            Ok(if compare == Compare::Equal { same } else { Test::Not(Box::new(same)) })
        }
        (a, b) => error(at, format!("{} is not compared with {}", a.kind(), b.kind())),
    }
}

fn within_list(at: usize, left: &Node, right: &Node) -> Result<Test, CelError> {
    match (&right.kind, &left.kind) {
        (Kind::Name(name), Kind::Text(header)) if name == "request.headers" => {
            return Ok(Test::HasHeader(header.to_ascii_lowercase()));
        }
        (Kind::List(items), _) => match value(left)? {
            Value::Text(of) => {
                let list = items.iter().map(text).collect::<Result<_, _>>()?;
                return Ok(Test::TextIn(of, list));
            }
            Value::Number(of) => {
                let list = items.iter().map(number).collect::<Result<_, _>>()?;
                return Ok(Test::NumberIn(of, list));
            }
            Value::Test(_) => {}
        },
        _ => {}
    }
    error(at, "`in` asks for a string or number in a list, or for a name in `request.headers`")
}

fn number(node: &Node) -> Result<Number, CelError> {
    match value(node)? {
        Value::Number(number) => Ok(number),
        other => error(node.at, format!("this is {}, and not a number", other.kind())),
    }
}
