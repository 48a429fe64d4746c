//! How long a message's body is (RFC 9112 §6.3), and whether another message may follow (§9.3).

use super::fields::{Fields, RawField, is_ows, slice, trim};
use super::{Anomalies, Error, Framing, Version};

/// The method of the request that a response answers, as far as it decides about the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answers {
    Connect,
    Head,
    Other,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Length {
    Absent,
    Known(u64),
    Invalid,
}

/// `Transfer-Encoding`, all its lines as one list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Coding {
    Absent,
    /// `chunked` once and last, among codings that are registered.
    Chunked,
    /// Not `chunked`, or not to every receiver.
    Unclear,
}

/// What the fields say about where the message and the connection end.
pub(super) struct Control {
    length: Length,
    te_lines: usize,
    cl_lines: usize,
    /// Elements of `Transfer-Encoding` that are `chunked`, and whether the last one is.
    chunked: usize,
    chunked_last: bool,
    unclear: bool,
    close: bool,
    keep_alive: bool,
    upgrade: bool,
    hosts: usize,
    anomalies: Anomalies,
}

impl Control {
    pub(super) fn read(fields: &Fields<'_>) -> Control {
        let mut control = Control {
            length: Length::Absent,
            te_lines: 0,
            cl_lines: 0,
            chunked: 0,
            chunked_last: false,
            unclear: false,
            close: false,
            keep_alive: false,
            upgrade: false,
            hosts: 0,
            anomalies: Anomalies::empty(),
        };
        for raw in fields.raw {
            let name = raw.name.of(fields.buf);
            // By length first: most fields are none of these.
            match name.len() {
                4 if name.eq_ignore_ascii_case(b"host") => control.hosts += 1,
                7 if name.eq_ignore_ascii_case(b"upgrade") => control.upgrade = true,
                10 if name.eq_ignore_ascii_case(b"connection") => {
                    for option in elements(raw.value.of(fields.buf)) {
                        control.close |= option.eq_ignore_ascii_case(b"close");
                        control.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                    }
                }
                14 if name.eq_ignore_ascii_case(b"content-length") => {
                    control.content_length(fields.buf, raw);
                }
                17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                    control.transfer_encoding(fields.buf, raw);
                }
                _ => {}
            }
        }
        if control.te_lines > 0 && control.cl_lines > 0 {
            control.anomalies |= Anomalies::TE_AND_CL;
        }
        control
    }

    fn content_length(&mut self, buf: &[u8], raw: &RawField) {
        self.cl_lines += 1;
        for (i, number) in elements(raw.value.of(buf)).enumerate() {
            if i > 0 || self.cl_lines > 1 {
                self.anomalies |= Anomalies::DUPLICATE_CL;
            }
            self.length = match (self.length, decimal(number)) {
                (Length::Absent, Some(n)) => Length::Known(n),
                (Length::Known(known), Some(n)) if n == known => Length::Known(n),
                _ => Length::Invalid,
            };
        }
        if !raw.is_plain(buf) {
            self.length = Length::Invalid;
        }
    }

    fn transfer_encoding(&mut self, buf: &[u8], raw: &RawField) {
        self.te_lines += 1;
        self.unclear |= !raw.is_plain(buf);
        for coding in elements(raw.value.of(buf)) {
            self.chunked_last = coding.eq_ignore_ascii_case(b"chunked");
            if self.chunked_last {
                self.chunked += 1;
            } else if is_registered(coding) {
                self.anomalies |= Anomalies::TRANSFER_CODING;
            } else {
                self.unclear = true;
            }
        }
    }

    fn coding(&self) -> Coding {
        if self.te_lines == 0 {
            Coding::Absent
        } else if self.chunked == 1 && self.chunked_last && !self.unclear {
            Coding::Chunked
        } else {
            Coding::Unclear
        }
    }

    /// Another message may follow unless a party says otherwise (RFC 9112 §9.3).
    pub(super) fn persists(&self, version: Version) -> bool {
        !self.close && (version >= Version::HTTP_11 || self.keep_alive)
    }

    /// A 101 needs `Upgrade` (RFC 9110 §15.2.2); without it nothing says what it would switch to.
    pub(super) fn upgrades(&self) -> bool {
        self.upgrade
    }

    /// RFC 9112 §6.3 for a request. A server that reads another length would take a part of the body for a request
    /// that nobody has inspected, so what a server might read otherwise is an error.
    pub(super) fn of_request(
        &self,
        head: &[u8],
        version: Version,
        anomalies: &mut Anomalies,
    ) -> Result<Framing, Error> {
        *anomalies |= self.anomalies;
        if version >= Version::HTTP_11 && self.hosts != 1 {
            *anomalies |= Anomalies::HOST;
        }
        if anomalies.intersects(Anomalies::HIDING) {
            if count(head, b"transfer-encoding") > self.te_lines {
                return Err(Error::TransferEncoding);
            }
            if count(head, b"content-length") > self.cl_lines {
                return Err(Error::ContentLength);
            }
        }
        match (self.coding(), self.length) {
            (_, Length::Invalid) => Err(Error::ContentLength),
            (Coding::Unclear, _) => Err(Error::TransferEncoding),
            // HTTP/1.0 has no chunked coding; some servers know it there all the same (RFC 9112 §6.1).
            (Coding::Chunked, _) if version < Version::HTTP_11 => Err(Error::TransferEncoding),
            (Coding::Chunked, _) => Ok(Framing::Chunked),
            (Coding::Absent, Length::Known(0)) | (Coding::Absent, Length::Absent) => {
                Ok(Framing::None)
            }
            (Coding::Absent, Length::Known(length)) => Ok(Framing::Length(length)),
        }
    }

    /// RFC 9112 §6.3 for a response that is no tunnel.
    pub(super) fn of_response(
        &self,
        head: &[u8],
        version: Version,
        code: u16,
        answers: Answers,
        anomalies: &mut Anomalies,
    ) -> Framing {
        *anomalies |= self.anomalies;
        if matches!(code, 100 | 102..=199 | 204) {
            let framed = !matches!(self.length, Length::Absent | Length::Known(0));
            *anomalies |= Anomalies::FRAMED_BODILESS.when(framed || self.te_lines > 0);
            return Framing::None;
        }
        if code == 304 || answers == Answers::Head {
            return Framing::None;
        }
        *anomalies |= Anomalies::CONTENT_LENGTH.when(self.length == Length::Invalid);
        let exact = version == Version::HTTP_11 && !anomalies.contains(Anomalies::VERSION);
        let hidden = anomalies.intersects(Anomalies::HIDING) && count(head, b"chunked") > 0;
        match self.coding() {
            Coding::Chunked if exact && !hidden => Framing::Chunked,
            Coding::Absent if !hidden => match self.length {
                Length::Known(0) => Framing::None,
                Length::Known(length) => Framing::Length(length),
                Length::Absent | Length::Invalid => Framing::UntilClose,
            },
            _ => {
                *anomalies |= Anomalies::TRANSFER_ENCODING;
                Framing::Ambiguous
            }
        }
    }
}

impl RawField {
    /// Is the line `name: value CRLF` to every receiver: no space before the colon, no fold, no lone CR beside it?
    fn is_plain(&self, buf: &[u8]) -> bool {
        let (start, end) = (self.name.end(), self.value.start());
        let before = slice(buf, 0, self.name.start()).last();
        let after = slice(buf, self.value.end(), buf.len());
        let after = slice(after, after.iter().position(|&b| !is_ows(b)).unwrap_or(0), after.len());
        before == Some(&b'\n')
            && slice(buf, start, end)
                .strip_prefix(b":")
                .is_some_and(|s| s.iter().all(|&b| is_ows(b)))
            && matches!(after, [b'\r', b'\n', next, ..] | [b'\n', next, ..] if !is_ows(*next))
    }
}

fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&b| b == b',').map(|element| {
        let (start, end) = trim(element, 0, element.len());
        slice(element, start, end)
    })
}

fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The IANA registry of transfer codings, besides `chunked` (RFC 9112 §7.2).
fn is_registered(coding: &[u8]) -> bool {
    [&b"gzip"[..], b"x-gzip", b"deflate", b"compress", b"x-compress"]
        .iter()
        .any(|name| coding.eq_ignore_ascii_case(name))
}

/// How often `word` occurs in `head` for a reader that passes over control characters. Only used on odd heads.
fn count(head: &[u8], word: &[u8]) -> usize {
    let plain: Vec<u8> =
        head.iter().filter(|b| !b.is_ascii_control()).map(u8::to_ascii_lowercase).collect();
    memchr::memmem::find_iter(&plain, word).count()
}
