//! JSON that stands in a string of other JSON, in a form's field, in a part of a multipart body or in an event.

use super::json::Json;

/// Documents in each other. Beyond: the path ends at the innermost one that is followed.
const MAX_NESTED: u8 = 3;

/// A value that may be a JSON document.
#[derive(Clone, Debug, Default)]
pub(super) struct Nested {
    state: State,
    /// How deep it is in other documents.
    depth: u8,
    /// Kept, so that the next value needs no allocation.
    document: Option<Box<Json>>,
    /// The hexadecimal digits of a `\u` escape: how many are to come, and their value so far.
    unicode: (u8, u32),
}

/// ```text
///   Begins ──{ [──► Perhaps ──a name or value in quotes, or another bracket──► Document ──its end, and more──► Text
///      └─anything else─► Text ◄──anything else──┘
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Begins,
    Perhaps(u8),
    Document,
    Text,
}

impl Nested {
    /// A value begins.
    pub fn begin(&mut self) {
        self.state = if self.depth < MAX_NESTED { State::Begins } else { State::Text };
        self.unicode = (0, 0);
    }

    /// The next bytes of the value.
    pub fn feed(&mut self, bytes: &[u8]) {
        for b in bytes {
            if self.state == State::Text {
                return;
            }
            self.byte(*b);
        }
    }

    /// A byte behind a backslash, which belongs to the string and not to the value.
    pub fn escaped(&mut self, b: u8) {
        match b {
            b'u' => self.unicode = (4, 0),
            b'n' | b'r' | b't' | b'b' | b'f' => self.value(b' '),
            _ => self.value(b),
        }
    }

    fn byte(&mut self, b: u8) {
        let (left, value) = self.unicode;
        if left == 0 {
            return self.value(b);
        }
        let digit = char::from(b).to_digit(16).unwrap_or(0);
        self.unicode = (left - 1, value << 4 | digit);
        if left == 1 {
            // Beyond ASCII nothing has a meaning in JSON.
            self.value(u8::try_from(self.unicode.1).unwrap_or(b'?'));
        }
    }

    fn value(&mut self, b: u8) {
        match self.state {
            State::Text => {}
            _ if b.is_ascii_whitespace() && self.state != State::Document => {}
            State::Begins if matches!(b, b'{' | b'[') => self.state = State::Perhaps(b),
            State::Perhaps(first) if b == b'"' || first == b'[' && matches!(b, b'{' | b'[') => {
                self.state = State::Document;
                let depth = self.depth + 1;
                let document = self.document.get_or_insert_with(Box::default);
                **document = Json::at_depth(depth);
                document.feed(&[first, b]);
            }
            State::Begins | State::Perhaps(_) => self.state = State::Text,
            State::Document => {
                let Some(document) = &mut self.document else { return };
                if document.is_open() {
                    document.feed(&[b]);
                } else if !b.is_ascii_whitespace() {
                    self.state = State::Text;
                }
            }
        }
    }

    /// Writes the rest of the path, if the value is a document.
    pub fn write(&self, out: &mut String) {
        if self.state == State::Document
            && let Some(document) = &self.document
            && document.is_open()
        {
            out.push_str("<json>");
            document.write_from_root(out);
        }
    }

    pub fn at_depth(depth: u8) -> Nested {
        Nested { depth, ..Nested::default() }
    }
}
