//! A GraphQL document as a stream (GraphQL §2): the operations in it, with kind and name. It does not check the document.

use super::{Kind, is_letter, push};

/// Operations of a document that are told apart; of further ones the kind is not known.
const OPERATIONS: usize = 16;

/// ```text
///   Token ──#──► Comment ──line end──► Token
///   Token ──"──► Quotes ─┬─one───► Text ──"──► Token
///                        └─three─► Block ──"""──► Token
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Lex {
    #[default]
    Token,
    Comment,
    /// So many quotation marks that begin a string.
    Quotes(u8),
    /// In a string; the next byte is escaped.
    Text(bool),
    /// In a block string; quotation marks that may end it.
    Block(u8),
}

/// ```text
///   Between ─┬─query…──► Named ──name──► Begun ──{──► Inside ──}──► Between
///            │             └──( or @──► Nameless ──{──► Field ──name──► Alias ──:──► Field
///            ├─{──────────────────────────────────────► Field              └──else──► Inside
///            └─fragment…──► Begun
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Head {
    /// Between two definitions.
    #[default]
    Between,
    /// A keyword was read, and a name may follow.
    Named(Kind),
    /// A keyword was read, and no name can follow.
    Nameless(Kind),
    /// The first field is the name.
    Field(Kind),
    /// That may have been an alias.
    Alias(Kind),
    /// What is known of this definition is kept.
    Begun,
}

/// Follows a document.
#[derive(Debug, Default)]
pub(super) struct Document {
    lex: Lex,
    head: Head,
    /// Brackets of any kind that are open.
    depth: u32,
    word: Vec<u8>,
    field: Vec<u8>,
    operations: Vec<(Kind, Vec<u8>)>,
}

impl Document {
    /// The next byte.
    pub fn feed(&mut self, b: u8) {
        match (self.lex, b) {
            (Lex::Token, _) => self.token(b),
            (Lex::Comment, b'\n' | b'\r') => self.lex = Lex::Token,
            (Lex::Comment, _) => {}
            (Lex::Quotes(n), b'"') => {
                self.lex = if n == 2 { Lex::Block(0) } else { Lex::Quotes(n + 1) };
            }
            // Two quotation marks are an empty string.
            (Lex::Quotes(2), _) => {
                self.lex = Lex::Token;
                self.token(b);
            }
            (Lex::Quotes(_), _) => self.lex = Lex::Text(b == b'\\'),
            (Lex::Text(true), _) => self.lex = Lex::Text(false),
            (Lex::Text(false), b'"') => self.lex = Lex::Token,
            (Lex::Text(false), _) => self.lex = Lex::Text(b == b'\\'),
            (Lex::Block(2), b'"') => self.lex = Lex::Token,
            (Lex::Block(n), b'"') => self.lex = Lex::Block(n + 1),
            (Lex::Block(_), _) => self.lex = Lex::Block(0),
        }
    }

    /// The kind of the operation of this name.
    pub fn kind_of(&self, name: &[u8]) -> Option<Kind> {
        self.operations.iter().find(|(_, known)| known == name).map(|(kind, _)| *kind)
    }

    /// The first operation.
    pub fn first(&self) -> Option<(Kind, &[u8])> {
        let pending = match self.head {
            Head::Alias(kind) => Some((kind, &*self.field)),
            _ => None,
        };
        self.operations.first().map(|(kind, name)| (*kind, &**name)).or(pending)
    }

    fn token(&mut self, b: u8) {
        if is_letter(b) {
            return push(&mut self.word, b);
        }
        if !self.word.is_empty() {
            let word = std::mem::take(&mut self.word);
            self.word(&word);
            self.word = word;
            self.word.clear();
        }
        match b {
            b'#' => self.lex = Lex::Comment,
            b'"' => self.lex = Lex::Quotes(1),
            b'{' | b'(' | b'[' => self.open(b),
            b'}' | b')' | b']' => self.close(b),
            b':' => {
                if let Head::Alias(kind) = self.head {
                    self.head = Head::Field(kind);
                }
            }
            b'@' => {
                if let (Head::Named(kind), 0) = (self.head, self.depth) {
                    self.head = Head::Nameless(kind);
                }
            }
            _ => {}
        }
        let ignored = b.is_ascii_whitespace() || matches!(b, b',' | b'#');
        if let (Head::Alias(_), false) = (self.head, ignored) {
            self.keep_field();
        }
    }

    fn word(&mut self, word: &[u8]) {
        match (self.head, self.depth) {
            (Head::Between, 0) => {
                self.head = Kind::named(word).map_or(Head::Begun, Head::Named);
            }
            (Head::Named(kind), 0) => self.keep(kind, word),
            (Head::Field(kind), 1) => {
                self.field.clear();
                self.field.extend_from_slice(word);
                self.head = Head::Alias(kind);
            }
            (Head::Alias(_), _) => self.keep_field(),
            _ => {}
        }
    }

    fn open(&mut self, b: u8) {
        if self.depth == 0 {
            self.head = match (self.head, b) {
                (Head::Between, b'{') => Head::Field(Kind::Query),
                (Head::Named(kind) | Head::Nameless(kind), b'{') => Head::Field(kind),
                (Head::Named(kind), _) => Head::Nameless(kind),
                (head, _) => head,
            };
        }
        self.depth = self.depth.saturating_add(1);
    }

    /// A definition ends with its selection; parentheses and lists stand in front of it.
    fn close(&mut self, b: u8) {
        if let Head::Alias(_) = self.head {
            self.keep_field();
        }
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 0 && b == b'}' {
            self.head = Head::Between;
        }
    }

    fn keep_field(&mut self) {
        if let Head::Alias(kind) = self.head {
            let field = std::mem::take(&mut self.field);
            self.keep(kind, &field);
        }
    }

    fn keep(&mut self, kind: Kind, name: &[u8]) {
        if self.operations.len() < OPERATIONS {
            self.operations.push((kind, name.to_vec()));
        }
        self.head = Head::Begun;
    }
}
