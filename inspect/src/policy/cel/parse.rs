//! The syntax of expressions (the CEL specification, "Syntax"): what of it conditions need.

use super::{CelError, MAX_DEPTH, MAX_LENGTH, error};

/// A part of an expression and where it begins.
#[derive(Debug)]
pub(super) struct Node {
    /// Character, from 1; of an operator or a call, where its name stands.
    pub at: usize,
    pub kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Bool(bool),
    Int(i64),
    Text(String),
    List(Vec<Node>),
    /// `request.method`: what stands between the dots.
    Name(String),
    /// `base[key]`
    Index(Box<Node>, Box<Node>),
    /// `function(…)`, or of a value `target.function(…)`.
    Call(Option<Box<Node>>, String, Vec<Node>),
    Not(Box<Node>),
    Binary(&'static str, Box<Node>, Box<Node>),
}

/// Operators of two sides by how strongly they bind, the weakest first.
const LEVELS: [&[&str]; 3] = [&["||"], &["&&"], &["==", "!=", "<=", ">=", "<", ">", "in"]];

/// Parses a whole expression.
pub(super) fn parse(text: &str) -> Result<Node, CelError> {
    if text.len() > MAX_LENGTH {
        return error(1, format!("an expression has at most {MAX_LENGTH} bytes"));
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0, end: text.chars().count() + 1 };
    let node = parser.binary(0, 0)?;
    match parser.peek() {
        Some(token) => error(token.at, format!("`{}` is not expected here", token.shown())),
        None => Ok(node),
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Token {
    at: usize,
    kind: TokenKind,
}

#[derive(Clone, Debug, PartialEq)]
enum TokenKind {
    Int(i64),
    Text(String),
    Word(String),
    Sign(&'static str),
}

impl Token {
    fn shown(&self) -> String {
        match &self.kind {
            TokenKind::Int(n) => n.to_string(),
            TokenKind::Text(text) => format!("'{text}'"),
            TokenKind::Word(word) => word.clone(),
            TokenKind::Sign(sign) => (*sign).to_owned(),
        }
    }
}

/// Longer ones first: `<=` is not `<`.
const SIGNS: [&str; 16] =
    ["||", "&&", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")", "[", "]", ",", ".", "="];

fn tokens(text: &str) -> Result<Vec<Token>, CelError> {
    let mut tokens = Vec::new();
    let (mut rest, mut at) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let word =
            rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let raw = rest.strip_prefix('r').filter(|r| r.starts_with(['\'', '"']));
        let (length, kind) = if first.is_whitespace() {
            (first.len_utf8(), None)
        } else if first == '\'' || first == '"' || raw.is_some() {
            let (length, text) = string(raw.unwrap_or(rest), raw.is_some(), at)?;
            (length + usize::from(raw.is_some()), Some(TokenKind::Text(text)))
        } else if first.is_ascii_digit() {
            let digits = rest.get(..word).unwrap_or_default();
            let number = digits.parse();
            let Ok(number) = number else { return error(at, format!("`{digits}` is no number")) };
            (word, Some(TokenKind::Int(number)))
        } else if word > 0 {
            (word, Some(TokenKind::Word(rest.get(..word).unwrap_or_default().to_owned())))
        } else if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            if sign == "=" {
                return error(at, "write `==` to compare");
            }
            (sign.len(), Some(TokenKind::Sign(sign)))
        } else {
            return error(at, format!("`{first}` is not expected here"));
        };
        tokens.extend(kind.map(|kind| Token { at, kind }));
        let (read, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        at += read.chars().count();
        rest = after;
    }
    Ok(tokens)
}

/// A string literal in quotes: how many bytes it takes, and its value.
fn string(text: &str, raw: bool, at: usize) -> Result<(usize, String), CelError> {
    let mut chars = text.char_indices();
    let quote = chars.next().map_or('\'', |(_, quote)| quote);
    let mut value = String::new();
    while let Some((i, c)) = chars.next() {
        match c {
            c if c == quote => return Ok((i + c.len_utf8(), value)),
            '\\' if !raw => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, c)) if "\\'\"".contains(c) => value.push(c),
                _ => {
                    return error(
                        at,
                        "in a string only \\\\, \\', \\\", \\n and \\t are escapes; or write r'…'",
                    );
                }
            },
            c => value.push(c),
        }
    }
    error(at, "the string is not closed")
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    /// The place behind the last character.
    end: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    /// Takes the next token if it is this sign, or the word `in`.
    fn take(&mut self, wanted: &str) -> Option<usize> {
        let token = self.peek()?;
        let at = token.at;
        let is = match &token.kind {
            TokenKind::Sign(sign) => *sign == wanted,
            TokenKind::Word(word) => word == wanted && wanted == "in",
            _ => false,
        };
        self.next += usize::from(is);
        is.then_some(at)
    }

    fn need(&mut self, wanted: &str) -> Result<usize, CelError> {
        let Some(at) = self.take(wanted) else {
            return match self.peek() {
                Some(token) => error(token.at, format!("`{wanted}` is missing")),
                None => error(self.end, format!("the expression ends, and `{wanted}` is missing")),
            };
        };
        Ok(at)
    }

    fn binary(&mut self, level: usize, depth: usize) -> Result<Node, CelError> {
        let Some(operators) = LEVELS.get(level) else { return self.unary(depth) };
        let mut left = self.binary(level + 1, depth)?;
        while let Some((operator, at)) =
            operators.iter().find_map(|o| self.take(o).map(|at| (*o, at)))
        {
            let right = self.binary(level + 1, depth)?;
            let kind = Kind::Binary(operator, Box::new(left), Box::new(right));
            left = Node { at, kind };
        }
        Ok(left)
    }

    fn unary(&mut self, depth: usize) -> Result<Node, CelError> {
        if depth > MAX_DEPTH {
            return error(
                self.peek().map_or(self.end, |t| t.at),
                "the expression is nested too deeply",
            );
        }
        match self.take("!") {
            Some(at) => Ok(Node { at, kind: Kind::Not(Box::new(self.unary(depth + 1)?)) }),
            None => self.member(depth),
        }
    }

    /// A value and what is asked of it: `.name`, `.function(…)`, `[key]`.
    fn member(&mut self, depth: usize) -> Result<Node, CelError> {
        let mut node = self.primary(depth)?;
        loop {
            if self.take(".").is_some() {
                let (at, name) = self.word()?;
                node = if self.take("(").is_some() {
                    let arguments = self.list(")", depth)?;
                    Node { at, kind: Kind::Call(Some(Box::new(node)), name, arguments) }
                } else {
                    match node.kind {
                        Kind::Name(base) => {
                            Node { at: node.at, kind: Kind::Name(format!("{base}.{name}")) }
                        }
                        _ => return error(at, format!("a value has no `{name}`")),
                    }
                };
            } else if let Some(at) = self.take("[") {
                let key = self.binary(0, depth + 1)?;
                self.need("]")?;
                node = Node { at, kind: Kind::Index(Box::new(node), Box::new(key)) };
            } else {
                return Ok(node);
            }
        }
    }

    fn word(&mut self) -> Result<(usize, String), CelError> {
        match self.peek().cloned() {
            Some(Token { at, kind: TokenKind::Word(word) }) => {
                self.next += 1;
                Ok((at, word))
            }
            Some(token) => error(token.at, format!("`{}` is no name", token.shown())),
            None => error(self.end, "the expression ends behind a dot"),
        }
    }

    fn primary(&mut self, depth: usize) -> Result<Node, CelError> {
        if self.take("(").is_some() {
            let node = self.binary(0, depth + 1)?;
            self.need(")")?;
            return Ok(node);
        }
        if let Some(at) = self.take("[") {
            return Ok(Node { at, kind: Kind::List(self.list("]", depth)?) });
        }
        let Some(token) = self.peek().cloned() else {
            return error(self.end, "the expression ends where a value is expected");
        };
        self.next += 1;
        let at = token.at;
        let kind = match token.kind {
            TokenKind::Int(n) => Kind::Int(n),
            TokenKind::Text(text) => Kind::Text(text),
            TokenKind::Word(word) if word == "true" || word == "false" => {
                Kind::Bool(word == "true")
            }
            TokenKind::Word(word) if self.take("(").is_some() => {
                Kind::Call(None, word, self.list(")", depth)?)
            }
            TokenKind::Word(word) => Kind::Name(word),
            TokenKind::Sign(sign) => {
                return error(at, format!("`{sign}` stands where a value is expected"));
            }
        };
        Ok(Node { at, kind })
    }

    /// What stands between commas, up to `close`.
    fn list(&mut self, close: &str, depth: usize) -> Result<Vec<Node>, CelError> {
        let mut items = Vec::new();
        if self.take(close).is_some() {
            return Ok(items);
        }
        loop {
            items.push(self.binary(0, depth + 1)?);
            if self.take(",").is_none() {
                self.need(close)?;
                return Ok(items);
            }
        }
    }
}
