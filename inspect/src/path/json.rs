//! JSON (RFC 8259) as a stream, and JSON Lines: which member or element the next byte belongs to.
//!
//! It does not check the document: whatever reads it forgives other things, so what is not understood is passed over.

use memchr::memchr2;

use super::nested::Nested;
use super::{MAX_DEPTH, Name};

/// An object or array that is open.
#[derive(Clone, Debug)]
struct Level {
    /// The element of an array; none in an object.
    index: Option<u64>,
    /// Length of the path to the container.
    path: usize,
}

/// ```text
///   Between ──"──► Key ──"──► Between ──:──► Between ──"──► Text ──"──► Between
///                   │ \ ▲                                    │ \ ▲
///                   └───┘ the escaped byte                   └───┘
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Between,
    /// In a number or literal.
    Bare,
    Key,
    Text,
}

/// Follows a document.
#[derive(Clone, Debug, Default)]
pub(super) struct Json {
    levels: Vec<Level>,
    /// Levels beyond the cap.
    beyond: u64,
    /// The path to the innermost container, without the root.
    path: String,
    state: State,
    /// The next byte is escaped.
    escaped: bool,
    /// A name comes next.
    expects_name: bool,
    /// The name of the innermost object's current member.
    name: Name,
    /// What the current string holds.
    nested: Nested,
    /// Values at the root that have begun.
    documents: u64,
}

impl Json {
    /// A document that is inside of so many others.
    pub fn at_depth(depth: u8) -> Json {
        Json { nested: Nested::at_depth(depth), ..Json::default() }
    }

    pub fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some((b, after)) = rest.split_first() {
            match self.state {
                State::Between | State::Bare => {
                    self.between(*b);
                    rest = after;
                }
                State::Key | State::Text => {
                    let taken = self.string(rest);
                    rest = rest.get(taken..).unwrap_or_default();
                }
            }
        }
    }

    /// Whether a document has begun and is not complete.
    pub fn is_open(&self) -> bool {
        !self.levels.is_empty()
    }

    fn between(&mut self, b: u8) {
        match b {
            b'"' if self.expects_name => {
                self.state = State::Key;
                self.name.clear();
            }
            b'"' => {
                self.begins();
                self.state = State::Text;
                self.nested.begin();
            }
            b'{' => self.open(None),
            b'[' => self.open(Some(0)),
            b'}' | b']' => self.close(),
            b',' => {
                self.state = State::Between;
                if self.beyond == 0
                    && let Some(level) = self.levels.last_mut()
                {
                    match &mut level.index {
                        Some(index) => *index += 1,
                        None => {
                            self.expects_name = true;
                            self.name.clear();
                        }
                    }
                }
            }
            b':' => self.expects_name = false,
            b' ' | b'\t' | b'\r' | b'\n' => self.state = State::Between,
            _ if self.state == State::Between => {
                self.begins();
                self.state = State::Bare;
            }
            _ => {}
        }
    }

    /// A value begins.
    fn begins(&mut self) {
        self.documents += u64::from(self.levels.is_empty());
    }

    fn open(&mut self, index: Option<u64>) {
        self.begins();
        self.state = State::Between;
        if self.levels.len() >= MAX_DEPTH {
            self.beyond += 1;
            self.expects_name = false;
            return;
        }
        let mut path = std::mem::take(&mut self.path);
        self.member(&mut path);
        self.levels.push(Level { index, path: path.len() });
        self.path = path;
        self.name.clear();
        self.expects_name = index.is_none();
    }

    fn close(&mut self) {
        self.state = State::Between;
        self.expects_name = false;
        if self.beyond > 0 {
            self.beyond -= 1;
            return;
        }
        self.levels.pop();
        self.name.clear();
        self.path.truncate(self.levels.last().map_or(0, |l| l.path));
    }

    /// Takes bytes of a string; gives how many.
    fn string(&mut self, bytes: &[u8]) -> usize {
        if self.escaped {
            self.escaped = false;
            self.inside(bytes.get(..1).unwrap_or_default(), true);
            return 1;
        }
        let stop = memchr2(b'"', b'\\', bytes).unwrap_or(bytes.len());
        self.inside(bytes.get(..stop).unwrap_or_default(), false);
        match bytes.get(stop) {
            Some(b'\\') => {
                self.escaped = true;
                if self.state == State::Key {
                    self.name.push(b'\\');
                }
            }
            Some(_) => self.state = State::Between,
            None => return stop,
        }
        stop + 1
    }

    fn inside(&mut self, bytes: &[u8], escaped: bool) {
        if self.state == State::Key {
            self.name.extend(bytes);
        } else if escaped {
            bytes.iter().for_each(|b| self.nested.escaped(*b));
        } else {
            self.nested.feed(bytes);
        }
    }

    /// Writes the part of the path from the innermost container to what comes next in it.
    fn member(&self, out: &mut String) {
        match self.levels.last() {
            Some(Level { index: Some(index), .. }) => out.push_str(&format!("[{index}]")),
            Some(_) if self.state == State::Key => out.push_str(".*~"),
            Some(_) if !self.name.bytes.is_empty() || !self.expects_name => {
                write_member(&self.name, out);
            }
            _ => {}
        }
    }

    /// Writes the path of the next byte.
    pub fn write(&self, out: &mut String) {
        out.push('$');
        let document =
            self.documents + u64::from(self.levels.is_empty() && self.state == State::Between);
        if document > 1 {
            out.push_str(&format!("({document})"));
        }
        self.write_from_root(out);
    }

    /// The same without the root.
    pub fn write_from_root(&self, out: &mut String) {
        out.push_str(&self.path);
        if self.beyond > 0 {
            return out.push(super::CUT);
        }
        self.member(out);
        if self.state == State::Text {
            self.nested.write(out);
        }
    }
}

/// A name as it stands in the document.
fn write_member(name: &Name, out: &mut String) {
    let text = String::from_utf8_lossy(&name.bytes);
    let decoded = || serde_json::from_str::<String>(&format!("\"{text}\"")).ok();
    let text = if text.contains('\\') { decoded().unwrap_or(text.into()) } else { text.into() };
    write_name(&text, name.cut, out);
}

/// A name in the notation of RFC 9535: short where it can be. `cut`: there was more of it.
pub(super) fn write_name(text: &str, cut: bool, out: &mut String) {
    let plain = |c: char| c.is_alphanumeric() || c == '_';
    if text.starts_with(|c: char| plain(c) && !c.is_ascii_digit()) && text.chars().all(plain) {
        out.push('.');
        out.push_str(text);
        if cut {
            out.push(super::CUT);
        }
        return;
    }
    out.push_str("['");
    out.push_str(&text.replace('\\', "\\\\").replace('\'', "\\'"));
    if cut {
        out.push(super::CUT);
    }
    out.push_str("']");
}
