//! Where in a document a byte of it lies: `$.customer.cards[2].number`, `#3.5`, `/order/card/@number`, a form's field.
//!
//! ```text
//!   content, kept by the scanner ──a finding──► tracker runs from its checkpoint to the finding ─► path
//!      └─128 KB behind the checkpoint─► the checkpoint moves on to the last 4 KB
//! ```
//!
//! Nearly all content holds nothing to report, so a tracker runs only when a finding asks for its path; content that is
//! longer than what is kept is tracked as it passes. A path depends on the bytes before the finding (in protobuf also
//! on those of the finding), and never on the cuts. Its notation:
//!
//! | content | path |
//! |---|---|
//! | JSON | JSONPath (RFC 9535): `$.a[2]['other name']`; the n-th of several documents in a row, from the second on: `$(2).a` |
//! | JSON in a string, field or event | `$.payload<json>.card`, `field<json>.card`, `data<json>.card` |
//! | a name itself | `$.cards.*~` in JSON, `*~` in a form |
//! | MessagePack | as JSON |
//! | protobuf, gRPC | field numbers: `#3.5` |
//! | form, multipart | the field's name |
//! | XML | `/a/b`, of an attribute `/a/b/@c` |
//! | server-sent events | the field's name |

mod events;
mod form;
mod json;
mod media;
pub(crate) mod messagepack;
mod multipart;
mod nested;
mod place;
mod protobuf;
mod xml;

use media::Media;
pub(crate) use media::multipart_boundary;
pub use media::{is_json, is_messagepack, is_text, message_type};
pub use place::Place;

use crate::scan::Kept;

/// Levels of nesting that are told apart. Deeper: the path ends there with [`CUT`].
const MAX_DEPTH: usize = 64;
/// Bytes of a name that are kept. Longer: it ends with [`CUT`].
const MAX_NAME: usize = 64;
/// Bytes of a path. Longer: it ends with [`CUT`].
const MAX_PATH: usize = 256;
/// Where something was left out.
const CUT: char = '…';
/// Content behind the checkpoint until a finding asks for its path, but at least the last piece. Beyond: the tracker runs
/// over it as it passes.
const KEPT: u64 = 128 << 10;
/// How far back from the end of the content a finding may begin.
const BACK: u64 = 4 << 10;

/// What follows a document and can say where in it the next byte lies. All in constant memory.
#[derive(Clone, Debug, Default)]
enum Tracker {
    /// What the content is shows in its first two bytes that are not white space.
    Undecided(Option<u8>),
    /// Nothing that has paths.
    #[default]
    Opaque,
    Json(json::Json),
    MessagePack(messagepack::MessagePack),
    Protobuf(protobuf::Protobuf),
    Form(form::Form),
    Multipart(multipart::Multipart),
    Xml(xml::Xml),
    Events(events::Events),
}

impl Tracker {
    fn new(media: &Media) -> Tracker {
        match media {
            Media::Unknown => Tracker::Undecided(None),
            Media::Other => Tracker::Opaque,
            Media::Json => Tracker::Json(json::Json::default()),
            Media::MessagePack => Tracker::MessagePack(messagepack::MessagePack::default()),
            Media::Protobuf => Tracker::Protobuf(protobuf::Protobuf::message()),
            Media::Grpc { lengths } => Tracker::Protobuf(protobuf::Protobuf::grpc(*lengths)),
            Media::Form => Tracker::Form(form::Form::default()),
            Media::Multipart(boundary) => Tracker::Multipart(multipart::Multipart::new(boundary)),
            Media::Xml => Tracker::Xml(xml::Xml::default()),
            Media::Events => Tracker::Events(events::Events::default()),
        }
    }

    /// Looks at the next byte of content that does not say what it is.
    fn decide(first: Option<u8>, b: u8) -> Tracker {
        let mut tracker = match (first, b) {
            (_, b) if b.is_ascii_whitespace() || BOM.contains(&b) => {
                return Tracker::Undecided(first);
            }
            (None, b'{' | b'[' | b'<') => return Tracker::Undecided(Some(b)),
            (Some(b'{'), b'"' | b'}') | (Some(b'['), b'"' | b'{' | b'[' | b']') => {
                Tracker::Json(json::Json::default())
            }
            (Some(b'<'), b'?' | b'!' | b'A'..=b'Z' | b'a'..=b'z') => {
                Tracker::Xml(xml::Xml::default())
            }
            _ => Tracker::Opaque,
        };
        tracker.feed(&[first.unwrap_or_default(), b]);
        tracker
    }

    fn feed(&mut self, mut bytes: &[u8]) {
        while let (Tracker::Undecided(first), Some((b, rest))) = (&self, bytes.split_first()) {
            *self = Tracker::decide(*first, *b);
            bytes = rest;
        }
        match self {
            Tracker::Undecided(_) | Tracker::Opaque => {}
            Tracker::Json(t) => t.feed(bytes),
            Tracker::MessagePack(t) => t.feed(bytes, &mut |_| {}),
            Tracker::Protobuf(t) => t.feed(bytes),
            Tracker::Form(t) => t.feed(bytes),
            Tracker::Multipart(t) => t.feed(bytes),
            Tracker::Xml(t) => t.feed(bytes),
            Tracker::Events(t) => t.feed(bytes),
        }
    }

    /// Writes the path of the next byte; `ahead`: what is known of the bytes from there on.
    fn write(&self, ahead: &[u8], out: &mut String) {
        match self {
            Tracker::Undecided(_) | Tracker::Opaque => {}
            Tracker::Json(t) => t.write(out),
            Tracker::MessagePack(t) => t.write(out),
            Tracker::Protobuf(t) => t.write(ahead, out),
            Tracker::Form(t) => t.write(out),
            Tracker::Multipart(t) => t.write(out),
            Tracker::Xml(t) => t.write(out),
            Tracker::Events(t) => t.write(out),
        }
    }
}

/// UTF-8's byte order mark.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// The paths of one message's content. Reusable with [`Paths::begin`].
#[derive(Debug, Default)]
pub struct Paths {
    media: Media,
    /// Where in the content the checkpoint stands.
    base: u64,
    checkpoint: Tracker,
    /// A tracker further on, for findings that come in order.
    ahead: Option<(u64, Tracker)>,
}

impl Paths {
    /// Begins a message of this media type (`Content-Type`; empty: not known). `coded`: gRPC messages come from a
    /// decoder, which does not give their lengths.
    pub fn begin(&mut self, content_type: &[u8], coded: bool) {
        self.media = Media::of(content_type, coded);
        self.base = 0;
        self.checkpoint = Tracker::new(&self.media);
        self.ahead = None;
    }

    /// Whether paths can be told at all.
    pub fn is_tracked(&self) -> bool {
        self.media != Media::Other
    }

    /// Before the next bytes of the content come, so many: gives from where on it must be kept. What is found in them may
    /// be asked for until the next call.
    pub fn begin_piece(&mut self, kept: Kept, len: usize) -> u64 {
        let begun = kept.end().saturating_sub(self.base);
        if begun + len as u64 > KEPT {
            let to = self.base.max(kept.end().saturating_sub(BACK));
            self.checkpoint.feed(kept.get(self.base, to));
            self.base = to;
            self.ahead.take_if(|(at, _)| *at < to);
        }
        self.base
    }

    /// The path of what lies at `start..end` of the content; empty where none is known.
    pub fn path(&mut self, kept: Kept, start: u64, end: u64) -> String {
        let mut out = String::new();
        if start < self.base {
            return out;
        }
        let (mut at, mut tracker) = match self.ahead.take() {
            Some((at, tracker)) if at <= start => (at, tracker),
            _ => (self.base, self.checkpoint.clone()),
        };
        tracker.feed(kept.get(at, start));
        at = start;
        tracker.write(kept.get(start, end.max(start)), &mut out);
        self.ahead = Some((at, tracker));
        cut(&mut out, MAX_PATH);
        out
    }
}

/// Cuts a text down to about so many bytes, and says so.
fn cut(text: &mut String, most: usize) {
    if text.len() > most {
        let end = (0..=most).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        text.truncate(end);
        text.push(CUT);
    }
}

/// A name as it is gathered, byte by byte.
#[derive(Clone, Debug, Default)]
struct Name {
    bytes: Vec<u8>,
    cut: bool,
}

impl Name {
    fn clear(&mut self) {
        self.bytes.clear();
        self.cut = false;
    }

    fn push(&mut self, b: u8) {
        self.extend(&[b]);
    }

    fn extend(&mut self, bytes: &[u8]) {
        let room = MAX_NAME - self.bytes.len().min(MAX_NAME);
        self.cut |= bytes.len() > room;
        self.bytes.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    fn write(&self, out: &mut String) {
        out.push_str(&String::from_utf8_lossy(&self.bytes));
        if self.cut {
            out.push(CUT);
        }
    }
}

#[cfg(test)]
mod tests;
