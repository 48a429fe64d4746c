//! Conditions in the Common Expression Language (<https://cel.dev>): what the structured conditions of a rule can't say.
//!
//! ```text
//! text ─► parse (syntax tree, each node with its place) ─► lower (typed; what a message has not is an error) ─► Condition
//! ```
//!
//! A part of the language: what asks for strings, numbers, lists, headers and addresses. It is evaluated on the packet path,
//! so it takes no lock, allocates nothing and cannot fail; the interpreters at hand do all three.

mod lower;
mod parse;

use super::Message;
use super::cidr::{Address, Cidr};
use regex_automata::Input;
use regex_automata::dfa::{Automaton, dense};

/// Longest expression; a longer one is an error.
const MAX_LENGTH: usize = 4096;
/// Deepest nesting; more is an error.
const MAX_DEPTH: usize = 32;

/// Where an expression is wrong, and how.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CelError {
    /// Character, from 1.
    pub at: usize,
    pub problem: String,
}

fn error<T>(at: usize, problem: impl Into<String>) -> Result<T, CelError> {
    Err(CelError { at, problem: problem.into() })
}

/// A compiled expression.
#[derive(Debug)]
pub(super) struct Condition(Test);

impl Condition {
    /// Compiles an expression whose value is true or false.
    pub fn compile(text: &str) -> Result<Condition, CelError> {
        lower::lower(&parse::parse(text)?).map(Condition)
    }

    /// Whether it holds. What asks for a header that is not there is an error in CEL: then it does not.
    pub fn holds(&self, message: &Message<'_>) -> bool {
        self.0.holds(message).unwrap_or(false)
    }
}

/// What is true or false; none is CEL's error, which `||` and `&&` absorb if their other side decides.
#[derive(Debug)]
enum Test {
    Literal(bool),
    Not(Box<Test>),
    And(Box<Test>, Box<Test>),
    Or(Box<Test>, Box<Test>),
    Same(Box<Test>, Box<Test>),
    Text(Text, Compare, Text),
    Number(Number, Compare, Number),
    TextIn(Text, Vec<Text>),
    NumberIn(Number, Vec<Number>),
    StartsWith(Text, Text),
    EndsWith(Text, Text),
    Contains(Text, Text),
    Matches(Text, Box<dense::DFA<Vec<u32>>>),
    /// The message has this header.
    HasHeader(String),
    Within(Cidr, End),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug)]
enum Text {
    Literal(Box<[u8]>),
    Method,
    Path,
    Host,
    /// Its name in lower case.
    Header(String),
}

#[derive(Debug)]
enum Number {
    Literal(i64),
    Port,
    /// In bytes, which for ASCII are CEL's characters.
    Size(Text),
}

/// An end of the connection.
#[derive(Clone, Copy, Debug)]
enum End {
    Source,
    Destination,
}

impl Test {
    fn holds(&self, m: &Message<'_>) -> Option<bool> {
        Some(match self {
            Test::Literal(value) => *value,
            Test::Not(test) => !test.holds(m)?,
            Test::And(a, b) => match (a.holds(m), b.holds(m)) {
                (Some(false), _) | (_, Some(false)) => false,
                (a, b) => a? && b?,
            },
            Test::Or(a, b) => match (a.holds(m), b.holds(m)) {
                (Some(true), _) | (_, Some(true)) => true,
                (a, b) => a? || b?,
            },
            Test::Same(a, b) => a.holds(m)? == b.holds(m)?,
            Test::Text(a, compare, b) => compare.holds(&a.of(m)?, &b.of(m)?),
            Test::Number(a, compare, b) => compare.holds(&a.of(m)?, &b.of(m)?),
            Test::TextIn(text, list) => {
                let text = text.of(m)?;
                list.iter().any(|item| item.of(m) == Some(text))
            }
            Test::NumberIn(number, list) => {
                let number = number.of(m)?;
                list.iter().any(|item| item.of(m) == Some(number))
            }
            Test::StartsWith(text, part) => text.of(m)?.starts_with(part.of(m)?),
            Test::EndsWith(text, part) => text.of(m)?.ends_with(part.of(m)?),
            Test::Contains(text, part) => {
                let (text, part) = (text.of(m)?, part.of(m)?);
                part.is_empty() || text.windows(part.len()).any(|w| w == part)
            }
            // It has no state to give up on.
            Test::Matches(text, dfa) => {
                dfa.try_search_fwd(&Input::new(text.of(m)?)).is_ok_and(|found| found.is_some())
            }
            Test::HasHeader(name) => m.headers.get(name).is_some(),
            Test::Within(cidr, end) => cidr.contains(Address::from(match end {
                End::Source => m.src,
                End::Destination => m.dst,
            })),
        })
    }
}

impl Compare {
    fn holds<T: Ord>(self, a: &T, b: &T) -> bool {
        match self {
            Compare::Equal => a == b,
            Compare::NotEqual => a != b,
            Compare::Less => a < b,
            Compare::LessOrEqual => a <= b,
            Compare::Greater => a > b,
            Compare::GreaterOrEqual => a >= b,
        }
    }
}

impl Text {
    fn of<'a>(&'a self, m: &Message<'a>) -> Option<&'a [u8]> {
        match self {
            Text::Literal(bytes) => Some(bytes),
            Text::Method => Some(m.method),
            Text::Path => Some(m.path),
            Text::Host => m.host.map(super::bare_host),
            Text::Header(name) => m.headers.get(name),
        }
    }
}

impl Number {
    fn of(&self, m: &Message<'_>) -> Option<i64> {
        match self {
            Number::Literal(value) => Some(*value),
            Number::Port => Some(m.port.into()),
            Number::Size(text) => i64::try_from(text.of(m)?.len()).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Direction, HeaderLookup};
    use super::*;
    use proptest::prelude::*;

    struct Headers;

    impl HeaderLookup for Headers {
        fn get(&self, name: &str) -> Option<&[u8]> {
            match name {
                "x-team" => Some(b"payments"),
                "x-empty" => Some(b""),
                _ => None,
            }
        }
    }

    fn message() -> Message<'static> {
        Message {
            host: Some(b"orders.internal:8080"),
            method: b"POST",
            path: b"/api/v2/orders",
            headers: &Headers,
            ..Message::new(Direction::Request, [10, 1, 2, 3].into(), [10, 9, 0, 1].into(), 8080)
        }
    }

    #[test]
    fn what_holds_and_what_does_not() {
        for (text, holds) in [
            ("true", true),
            ("!true || false", false),
            ("request.method == 'POST' && destination.port == 8080", true),
            ("request.method in ['PUT', \"PATCH\"]", false),
            ("destination.port in [80, 8080]", true),
            ("request.path.startsWith('/api/') && !request.path.endsWith('/health')", true),
            ("request.path.matches('^/api/v[0-9]+/')", true),
            ("request.path.matches(r'^/v\\d')", false),
            ("request.host == 'orders.internal'", true),
            ("request.headers['X-Team'] == 'payments'", true),
            ("request.headers['x-none'] == 'payments'", false),
            ("request.headers['x-none'] != 'payments'", false),
            ("request.headers['x-none'] == 'a' || true", true),
            ("!(request.headers['x-none'] == 'a')", false),
            ("'x-empty' in request.headers && !('x-none' in request.headers)", true),
            ("size(request.headers['x-empty']) == 0 && size(request.path) > 10", true),
            ("cidr('10.0.0.0/8').containsIP(source.ip)", true),
            ("cidr('10.1.0.0/16').containsIP(destination.ip)", false),
            ("(request.path.contains('order')) == (destination.port >= 1024)", true),
            ("false && true || true", true),
        ] {
            let compiled = Condition::compile(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
            assert_eq!(compiled.holds(&message()), holds, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, at, part) in [
            ("", 1, "ends"),
            ("request.metod == 'GET'", 1, "did you mean `request.method`?"),
            ("request.method = 'GET'", 16, "`==`"),
            ("request.method == 80", 16, "string"),
            ("request.method", 1, "true or false"),
            ("request.path.startswith('/')", 14, "did you mean `startsWith`?"),
            ("request.path.matches('(')", 22, "regular expression"),
            ("cidr('10.0.0.0/33').containsIP(source.ip)", 6, "10.0.0.0/33"),
            ("'open", 1, "not closed"),
            ("true true", 6, "`true`"),
            ("destination.port < 'x'", 18, "string"),
            ("request.headers == 'x'", 17, "a map"),
            ("now() > 3", 1, "there is no function `now`"),
        ] {
            let error = Condition::compile(text).expect_err(text);
            assert!(error.problem.contains(part), "{text}: {error:?}");
            assert_eq!(error.at, at, "{text}: {error:?}");
        }
        let deep = format!("{}true{}", "(".repeat(100), ")".repeat(100));
        assert!(Condition::compile(&deep).is_err());
        assert!(Condition::compile(&"!".repeat(4000)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "[a-z.()'\\[\\]!&|=<>0-9 ]{0,60}|\\PC{0,40}") {
            match Condition::compile(&text) {
                Ok(condition) => drop(condition.holds(&message())),
                Err(error) => prop_assert!(error.at <= text.chars().count() + 1),
            }
        }
    }
}
