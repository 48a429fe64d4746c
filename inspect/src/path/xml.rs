//! XML 1.0 as a stream: which element or attribute the next byte belongs to. Names are taken with their prefixes.

use super::{CUT, MAX_DEPTH, Name};

/// ```text
///   Text ──<──► Open ──a letter──► Element ──space──► Within ──a letter──► Attribute ──" '──► Value ──" '──► Within
///    ▲           ├─/─► Close ──>──┐                      └──/ >──┐
///    └───────────┴─! ?─► Markup (comment, CDATA, instruction) ───┴─► Text
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    Open,
    Element,
    Within,
    Attribute,
    Value(u8),
    Close,
    Markup(Markup),
}

/// What begins with `<!` or `<?`, and how much of its end was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Markup {
    /// `<!`: its first bytes tell what it is.
    Begins,
    /// `<![CDATA[ … ]]>`: text.
    Cdata(u8),
    /// `<!-- … -->`
    Comment(u8),
    /// `<? … ?>` and `<!DOCTYPE … >`.
    Other,
}

/// Follows a document.
#[derive(Clone, Debug, Default)]
pub(super) struct Xml {
    state: State,
    path: String,
    /// Lengths of the path to the elements that are open.
    levels: Vec<usize>,
    /// Levels beyond the cap.
    beyond: u64,
    /// Of the element or attribute whose name is read.
    name: Name,
    /// The element was closed in its own tag if `>` comes next.
    slash: bool,
}

impl Xml {
    pub fn feed(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|b| self.byte(*b));
    }

    fn byte(&mut self, b: u8) {
        self.state = match (self.state, b) {
            (State::Text, b'<') => State::Open,
            (State::Text, _) => State::Text,
            (State::Open, b'/') => State::Close,
            (State::Open, b'!') => {
                self.name.clear();
                State::Markup(Markup::Begins)
            }
            (State::Open, b'?') => State::Markup(Markup::Other),
            (State::Open, _) => {
                self.name.clear();
                self.name.push(b);
                State::Element
            }
            (State::Element, b'>' | b'/' | b' ' | b'\t' | b'\r' | b'\n') => {
                self.open();
                self.within(b)
            }
            (State::Element, _) => {
                self.name.push(b);
                State::Element
            }
            (State::Within, _) => self.within(b),
            (State::Attribute, b'"' | b'\'') => State::Value(b),
            (State::Attribute, b'>' | b'/') => self.within(b),
            (State::Attribute, b'=' | b' ' | b'\t' | b'\r' | b'\n') => State::Attribute,
            (State::Attribute, _) => {
                self.name.push(b);
                State::Attribute
            }
            (State::Value(quote), b) if b == quote => State::Within,
            (State::Value(quote), _) => State::Value(quote),
            (State::Close, b'>') => {
                self.close();
                State::Text
            }
            (State::Close, _) => State::Close,
            (State::Markup(markup), _) => self.markup(markup, b),
        };
    }

    /// In a tag, behind its name.
    fn within(&mut self, b: u8) -> State {
        match b {
            b'>' => {
                if self.slash {
                    self.close();
                }
                self.slash = false;
                State::Text
            }
            b'/' => {
                self.slash = true;
                State::Within
            }
            b' ' | b'\t' | b'\r' | b'\n' => State::Within,
            _ => {
                self.slash = false;
                self.name.clear();
                self.name.push(b);
                State::Attribute
            }
        }
    }

    fn markup(&mut self, markup: Markup, b: u8) -> State {
        let end = |seen: u8, mark: u8| if b == mark { (seen + 1).min(2) } else { 0 };
        match markup {
            Markup::Begins => {
                self.name.push(b);
                match self.name.bytes.as_slice() {
                    b"--" => State::Markup(Markup::Comment(0)),
                    b"[CDATA[" => State::Markup(Markup::Cdata(0)),
                    begun if b"--".starts_with(begun) || b"[CDATA[".starts_with(begun) => {
                        State::Markup(Markup::Begins)
                    }
                    _ if b == b'>' => State::Text,
                    _ => State::Markup(Markup::Other),
                }
            }
            Markup::Cdata(2) | Markup::Comment(2) | Markup::Other if b == b'>' => State::Text,
            Markup::Cdata(seen) => State::Markup(Markup::Cdata(end(seen, b']'))),
            Markup::Comment(seen) => State::Markup(Markup::Comment(end(seen, b'-'))),
            Markup::Other => State::Markup(Markup::Other),
        }
    }

    fn open(&mut self) {
        self.slash = false;
        if self.levels.len() >= MAX_DEPTH {
            self.beyond += 1;
            return;
        }
        self.levels.push(self.path.len());
        self.path.push('/');
        self.name.write(&mut self.path);
    }

    fn close(&mut self) {
        if self.beyond > 0 {
            self.beyond -= 1;
        } else if let Some(length) = self.levels.pop() {
            self.path.truncate(length);
        }
    }

    pub fn write(&self, out: &mut String) {
        out.push_str(&self.path);
        if self.beyond > 0 {
            out.push('/');
            return out.push(CUT);
        }
        if matches!(self.state, State::Value(_)) {
            out.push_str("/@");
            self.name.write(out);
        }
    }
}
