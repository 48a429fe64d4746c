//! The parts of a multipart body (RFC 2046 §5.1) that can't be read as they stand: archives, and what is compressed. They are told by
//! what they begin with, since a part's own header fields are the sender's word, and many receivers do not look at them.

use crate::path::multipart_boundary;

use super::{DecodeError, Decoder};

/// How a part's content is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartCoding {
    /// A ZIP archive, as office documents are.
    Zip,
    /// The same under `Content-Transfer-Encoding: base64`.
    Base64Zip,
    /// gzip.
    Gzip,
}

/// What the first bytes of a part say.
enum Begun {
    /// Too little to tell.
    More,
    Coded(PartCoding),
    Plain,
}

impl PartCoding {
    /// What content begins with that is coded so.
    const BEGINNINGS: [(&'static [u8], PartCoding); 3] = [
        (b"PK\x03\x04", PartCoding::Zip),
        (b"UEsDB", PartCoding::Base64Zip),
        (b"\x1f\x8b\x08", PartCoding::Gzip),
    ];

    fn of(first: &[u8]) -> Begun {
        let beginnings = PartCoding::BEGINNINGS.iter();
        if let Some((_, coding)) = beginnings.clone().find(|(begins, _)| first.starts_with(begins))
        {
            return Begun::Coded(*coding);
        }
        match beginnings.clone().any(|(begins, _)| begins.starts_with(first)) {
            true => Begun::More,
            false => Begun::Plain,
        }
    }

    /// What undoes it.
    ///
    /// # Errors
    /// None; the codings are known.
    pub fn decoder(self) -> Result<Decoder, DecodeError> {
        Ok(match self {
            PartCoding::Zip => Decoder::new(b"")?.with_zip(),
            PartCoding::Base64Zip => Decoder::new(b"")?.with_base64().with_zip(),
            PartCoding::Gzip => Decoder::new(b"gzip")?,
        })
    }
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartEvent<'a> {
    /// A coded part begins.
    Begin(PartCoding),
    /// The next bytes of its content.
    Bytes(&'a [u8]),
    /// It is over.
    End,
}

/// ```text
///   Plain ──delimiter──► Line ──its end──► Headers ──empty line──► Begun ─┬─► Coded ──delimiter──► Line
///     ▲                                                                   │
///     └───────────────────────────────────────────────────────────────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The preamble, or a part that is read as it stands.
    Plain,
    /// The rest of a delimiter's line.
    Line,
    /// `empty`: nothing has come in this line yet.
    Headers {
        empty: bool,
    },
    /// The first bytes of a part.
    Begun,
    Coded,
}

/// Follows a multipart body, however it is cut.
#[derive(Debug)]
pub struct Parts {
    /// A line's end, two dashes and the boundary.
    delimiter: Vec<u8>,
    /// So much of it seems to have come,
    matched: usize,
    /// and so much of that did not, or is no content in any case.
    skipped: usize,
    state: State,
    /// A coded part's content that has not been given out; of one that has begun, all.
    content: Vec<u8>,
}

impl Parts {
    /// Of a body of this media type; none if it is not multipart.
    pub fn new(content_type: &[u8]) -> Option<Parts> {
        let delimiter = [b"\r\n--", multipart_boundary(content_type)?.as_slice()].concat();
        // The first delimiter may stand at the very beginning.
        let (matched, skipped, content) = (2, 2, Vec::new());
        Some(Parts { delimiter, matched, skipped, state: State::Plain, content })
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, mut bytes: &[u8], each: &mut dyn FnMut(PartEvent<'_>)) {
        while let Some((first, rest)) = bytes.split_first() {
            if self.matched == 0 && matches!(self.state, State::Plain | State::Coded) {
                let line = memchr::memchr2(b'\r', b'\n', bytes).unwrap_or(bytes.len());
                let (run, rest) = bytes.split_at_checked(line).unwrap_or((bytes, &[]));
                if self.state == State::Coded {
                    self.content.extend_from_slice(run);
                }
                if line > 0 {
                    bytes = rest;
                    continue;
                }
            }
            self.byte(*first, each);
            bytes = rest;
        }
        self.give(each);
    }

    fn byte(&mut self, b: u8, each: &mut dyn FnMut(PartEvent<'_>)) {
        match self.state {
            State::Line if b == b'\n' => self.state = State::Headers { empty: true },
            State::Line => {}
            State::Headers { empty: true } if b == b'\n' => {
                self.state = State::Begun;
                (self.matched, self.skipped) = (2, 2);
            }
            State::Headers { empty } => {
                self.state = State::Headers { empty: b == b'\n' || (empty && b == b'\r') };
            }
            State::Plain | State::Begun | State::Coded => self.body(b, each),
        }
    }

    /// A byte of a body, or of the delimiter behind it.
    fn body(&mut self, b: u8, each: &mut dyn FnMut(PartEvent<'_>)) {
        if self.delimiter.get(self.matched) == Some(&b) {
            self.matched += 1;
            if self.matched == self.delimiter.len() {
                self.give(each);
                if self.state == State::Coded {
                    each(PartEvent::End);
                }
                self.content.clear();
                (self.matched, self.skipped) = (0, 0);
                self.state = State::Line;
            }
            return;
        }
        // What looked like a delimiter is content. A boundary has no line's end, so a new delimiter can only begin here.
        for at in self.skipped..self.matched {
            let looked = self.delimiter.get(at).copied().unwrap_or_default();
            self.content(looked, each);
        }
        (self.matched, self.skipped) = match b {
            b'\r' => (1, 0),
            // A line may end without CR.
            b'\n' => (2, 1),
            _ => {
                self.content(b, each);
                (0, 0)
            }
        };
    }

    fn content(&mut self, b: u8, each: &mut dyn FnMut(PartEvent<'_>)) {
        match self.state {
            State::Coded => self.content.push(b),
            State::Begun => {
                self.content.push(b);
                match PartCoding::of(&self.content) {
                    Begun::More => {}
                    Begun::Coded(coding) => {
                        self.state = State::Coded;
                        each(PartEvent::Begin(coding));
                    }
                    Begun::Plain => {
                        self.state = State::Plain;
                        self.content.clear();
                    }
                }
            }
            _ => {}
        }
    }

    fn give(&mut self, each: &mut dyn FnMut(PartEvent<'_>)) {
        if self.state == State::Coded && !self.content.is_empty() {
            each(PartEvent::Bytes(&self.content));
            self.content.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TYPE: &[u8] = b"multipart/form-data; boundary=xYz";

    /// The coded parts, each with its content; and whether the last one is over.
    fn parts(body: &[u8], piece: usize) -> (Vec<(PartCoding, Vec<u8>)>, bool) {
        let mut parts = Parts::new(TYPE).unwrap();
        let (mut all, mut over) = (Vec::new(), true);
        for bytes in body.chunks(piece) {
            parts.feed(bytes, &mut |event| match event {
                PartEvent::Begin(coding) => {
                    assert!(over);
                    over = false;
                    all.push((coding, Vec::new()));
                }
                PartEvent::Bytes(bytes) => {
                    assert!(!over && !bytes.is_empty());
                    all.last_mut().unwrap().1.extend_from_slice(bytes);
                }
                PartEvent::End => over = true,
            });
        }
        (all, over)
    }

    fn body(contents: &[&[u8]]) -> Vec<u8> {
        let part = |content: &&[u8]| {
            [
                b"--xYz\r\nContent-Disposition: form-data; name=a\r\n\r\n".as_slice(),
                content,
                b"\r\n",
            ]
            .concat()
        };
        [contents.iter().map(part).collect::<Vec<_>>().concat(), b"--xYz--\r\nPK\x03\x04".to_vec()]
            .concat()
    }

    #[test]
    fn coded_parts_are_told_by_what_they_begin_with() {
        let (zip, gzip) =
            (b"PK\x03\x04rest\r\n--xY of it\n".as_slice(), b"\x1f\x8b\x08\0".as_slice());
        let all = body(&[b"text", zip, b"", b"PK\x03", gzip, b"UEsDBBQAAA\r\n==", b" PK\x03\x04"]);
        let expected = vec![
            (PartCoding::Zip, zip.to_vec()),
            (PartCoding::Gzip, gzip.to_vec()),
            (PartCoding::Base64Zip, b"UEsDBBQAAA\r\n==".to_vec()),
        ];
        for piece in 1..80 {
            assert_eq!(parts(&all, piece), (expected.clone(), true), "by {piece}");
        }
    }

    #[test]
    fn lines_may_end_without_cr_and_a_body_may_end_anywhere() {
        let bare = b"--xYz\nA: b\n\nPK\x03\x04x\ny\n--xYz--";
        for piece in 1..40 {
            let expected = (vec![(PartCoding::Zip, b"PK\x03\x04x\ny".to_vec())], true);
            assert_eq!(parts(bare, piece), expected, "by {piece}");
            assert_eq!(
                parts(&bare[..bare.len() - 7], piece).0[0].1,
                b"PK\x03\x04x\ny",
                "by {piece}"
            );
        }
        assert_eq!(parts(b"--xYz\r\n\r\n--xYz\r\n\r\n\r\n--xYz--", 99), (vec![], true));
        assert!(
            Parts::new(b"multipart/form-data").is_none() && Parts::new(b"text/plain").is_none()
        );
    }

    proptest! {
        #[test]
        fn content_is_the_same_however_it_is_cut(
            contents in prop::collection::vec("[\\r\\n\\-xYz]{0,12}", 0..4),
            piece in 1..50usize,
        ) {
            let coded: Vec<Vec<u8>> =
                contents.iter().map(|c| [b"PK\x03\x04", c.as_bytes()].concat()).collect();
            let whole = body(&coded.iter().map(Vec::as_slice).collect::<Vec<_>>());
            prop_assert_eq!(parts(&whole, piece), parts(&whole, usize::MAX));
            if !contents.iter().any(|c| c.contains("\n--xYz")) {
                let expected: Vec<_> = coded.into_iter().map(|c| (PartCoding::Zip, c)).collect();
                prop_assert_eq!(parts(&whole, piece), (expected, true));
            }
        }
    }
}
