//! The members of a GraphQL request in JSON that tell its operation, as a stream. What is not understood is passed over.

use memchr::memchr2;

/// The longest name of a member that counts.
const MAX_KEY: usize = 16;

/// A member that tells something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Member {
    Query,
    OperationName,
}

/// ```text
///   Between ──"──► String ──"──► Between
///                   │  ▲  ▲
///                   \  │  └──4 digits── Code
///                   ▼  │                 ▲
///                  Escape ──u────────────┘
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Between,
    String,
    Escape,
    /// Digits so far, and their value.
    Code(u8, u32),
}

/// Follows a request.
#[derive(Debug, Default)]
pub(super) struct Json {
    state: State,
    /// Objects and lists that are open.
    depth: u32,
    /// The depth of the request's members: that of the first object.
    home: Option<u32>,
    /// The first request is over.
    done: bool,
    /// The next string is the name of a member.
    expects_key: bool,
    key: Vec<u8>,
}

impl Json {
    /// Takes the next bytes; `each` gets those of the members' values, escapes undone.
    pub fn feed(&mut self, bytes: &[u8], each: &mut dyn FnMut(Member, u8)) {
        let mut rest = bytes;
        while let (false, Some((first, after))) = (self.done, rest.split_first()) {
            rest = match self.state {
                State::Between => {
                    self.between(*first);
                    after
                }
                State::String => self.string(rest, each),
                State::Escape => {
                    self.escape(*first, each);
                    after
                }
                State::Code(digits, value) => {
                    let value = value << 4 | char::from(*first).to_digit(16).unwrap_or_default();
                    self.state = State::Code(digits + 1, value);
                    if digits == 3 {
                        self.state = State::String;
                        // Names and keywords are ASCII; what else there is only has to be no letter.
                        self.take(u8::try_from(value).unwrap_or(b'?'), each);
                    }
                    after
                }
            };
        }
    }

    fn is_home(&self) -> bool {
        self.home == Some(self.depth)
    }

    fn between(&mut self, b: u8) {
        match b {
            b'"' => {
                self.state = State::String;
                if self.expects_key {
                    self.key.clear();
                }
            }
            b'{' | b'[' => {
                self.depth = self.depth.saturating_add(1);
                if b == b'{' && self.home.is_none() {
                    self.home = Some(self.depth);
                }
                self.expects_key = self.is_home() && b == b'{';
            }
            b'}' | b']' => {
                self.done = self.is_home();
                self.depth = self.depth.saturating_sub(1);
                self.expects_key = false;
            }
            b',' => self.expects_key = self.is_home(),
            b':' => self.expects_key = false,
            _ => {}
        }
    }

    /// Takes bytes of a string; gives the rest.
    fn string<'b>(&mut self, bytes: &'b [u8], each: &mut dyn FnMut(Member, u8)) -> &'b [u8] {
        let stop = memchr2(b'"', b'\\', bytes).unwrap_or(bytes.len());
        let (inside, rest) = bytes.split_at_checked(stop).unwrap_or((bytes, &[]));
        if self.is_home() {
            inside.iter().for_each(|b| self.take(*b, each));
        }
        let Some((end, rest)) = rest.split_first() else { return rest };
        self.state = if *end == b'"' { State::Between } else { State::Escape };
        rest
    }

    fn escape(&mut self, b: u8, each: &mut dyn FnMut(Member, u8)) {
        self.state = State::String;
        match b {
            b'u' => self.state = State::Code(0, 0),
            b'n' | b'r' => self.take(b'\n', each),
            b't' | b'b' | b'f' => self.take(b' ', each),
            other => self.take(other, each),
        }
    }

    /// A byte of a string.
    fn take(&mut self, b: u8, each: &mut dyn FnMut(Member, u8)) {
        if !self.is_home() {
            return;
        }
        if self.expects_key {
            if self.key.len() < MAX_KEY {
                self.key.push(b);
            }
            return;
        }
        match self.key.as_slice() {
            b"query" => each(Member::Query, b),
            b"operationName" => each(Member::OperationName, b),
            _ => {}
        }
    }
}
