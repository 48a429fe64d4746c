//! All that can be seen of TLS without the keys: what a client says of itself in its first message (RFC 8446 §4.1.2).

use sha2::{Digest, Sha256};

/// Extensions (IANA, TLS ExtensionType Values).
const SERVER_NAME: u16 = 0;
const SIGNATURE_ALGORITHMS: u16 = 13;
const ALPN: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;

/// A ClientHello.
#[derive(Clone, Copy, Debug)]
pub struct ClientHello<'a> {
    version: u16,
    ciphers: &'a [u8],
    extensions: &'a [u8],
}

/// Longest ClientHello that is gathered, with its type and length. Browsers send up to 2 KB; beyond it there is none
/// ([`Progress::Broken`]).
pub const MAX_HELLO: usize = 16 << 10;
/// Bytes in front of a record's fragment: type, version, length (RFC 8446 §5.1).
const RECORD_HEADER: usize = 5;
/// The record type of handshakes, and the message type of a ClientHello.
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// How far a [`HelloReader`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More bytes are needed.
    More,
    /// The message is whole.
    Whole,
    /// There is none.
    Broken,
}

/// Gathers the ClientHello from a client's first bytes, however they and the records are cut.
#[derive(Debug, Default)]
pub struct HelloReader {
    header: [u8; RECORD_HEADER],
    /// How much of the header is there.
    have: usize,
    /// Bytes of the record's fragment that have not come.
    left: usize,
    message: Vec<u8>,
}

impl HelloReader {
    /// Takes the client's next bytes; what follows the message is left alone.
    pub fn push(&mut self, mut bytes: &[u8]) -> Progress {
        loop {
            match self.needed() {
                Some(0) => return Progress::Whole,
                Some(_) => {}
                None => return Progress::Broken,
            }
            if self.left == 0 {
                let Some((next, rest)) = bytes.split_first() else { return Progress::More };
                bytes = rest;
                if let Some(place) = self.header.get_mut(self.have) {
                    *place = *next;
                }
                self.have += 1;
                if self.have < RECORD_HEADER {
                    continue;
                }
                self.have = 0;
                let [kind, major, _, high, low] = self.header;
                self.left = usize::from(u16::from_be_bytes([high, low]));
                // An empty fragment of a handshake must not be sent (RFC 8446 §5.1).
                if kind != HANDSHAKE || major != 3 || self.left == 0 {
                    return Progress::Broken;
                }
            }
            let take = self.left.min(self.needed().unwrap_or(0)).min(bytes.len());
            let (taken, rest) = bytes.split_at_checked(take).unwrap_or((bytes, &[]));
            self.message.extend_from_slice(taken);
            self.left -= taken.len();
            bytes = rest;
            if bytes.is_empty() && self.needed() != Some(0) {
                return if self.needed().is_none() { Progress::Broken } else { Progress::More };
            }
        }
    }

    /// The message as far as it is there.
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// How many bytes are certain to be a part of the message and have not come; none: it is no ClientHello, or too long.
    fn needed(&self) -> Option<usize> {
        match self.message.as_slice() {
            [] => Some(1),
            [kind, ..] if *kind != CLIENT_HELLO => None,
            [_, a, b, c, ..] => {
                let len = 4 + (usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c));
                (len <= MAX_HELLO).then(|| len.saturating_sub(self.message.len()))
            }
            begun => Some(4 - begun.len()),
        }
    }
}

impl<'a> ClientHello<'a> {
    /// Reads a whole message, as [`HelloReader`] gathers it.
    pub fn parse(message: &'a [u8]) -> Option<ClientHello<'a>> {
        let mut hello = Reader(message);
        if hello.take(1)? != [CLIENT_HELLO] {
            return None;
        }
        let mut hello = Reader(hello.vector(3)?);
        let version = number(hello.take(2)?);
        hello.take(32)?;
        hello.vector(1)?; // session id
        let ciphers = hello.vector(2)?;
        hello.vector(1)?; // compression methods
        Some(ClientHello { version, ciphers, extensions: hello.vector(2).unwrap_or_default() })
    }

    fn extensions(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let mut rest = Reader(self.extensions);
        std::iter::from_fn(move || Some((number(rest.take(2)?), rest.vector(2)?)))
    }

    fn extension(&self, kind: u16) -> Option<&'a [u8]> {
        self.extensions().find(|(k, _)| *k == kind).map(|(_, data)| data)
    }

    /// The server name indication (RFC 6066 §3).
    pub fn server_name(&self) -> Option<&'a [u8]> {
        let mut names = Reader(Reader(self.extension(SERVER_NAME)?).vector(2)?);
        // The only name type there is: host_name.
        (names.take(1)? == [0]).then(|| names.vector(2)).flatten()
    }

    /// The first protocol that it offers for what is inside (RFC 7301 §3.1).
    fn alpn(&self) -> Option<&'a [u8]> {
        Reader(Reader(self.extension(ALPN)?).vector(2)?).vector(1).filter(|p| !p.is_empty())
    }

    /// The newest version that it offers.
    fn newest_version(&self) -> u16 {
        let offered = self.extension(SUPPORTED_VERSIONS).and_then(|data| Reader(data).vector(1));
        numbers(offered.unwrap_or_default()).max().unwrap_or(self.version)
    }

    /// Its JA4 fingerprint (FoxIO, "JA4: TLS Client Fingerprinting", BSD 3-Clause): what kind of client it is, and not which.
    pub fn ja4(&self) -> String {
        let version = match self.newest_version() {
            0x0304 => "13",
            0x0303 => "12",
            0x0302 => "11",
            0x0301 => "10",
            0x0300 => "s3",
            _ => "00",
        };
        let name = if self.extension(SERVER_NAME).is_some() { 'd' } else { 'i' };
        let mut ciphers: Vec<u16> = numbers(self.ciphers).collect();
        let kinds = self.extensions().map(|(kind, _)| kind).filter(|kind| !is_grease(*kind));
        let mut kinds: Vec<u16> = kinds.collect();
        let counts = (ciphers.len().min(99), kinds.len().min(99));
        let protocol = match self.alpn() {
            Some([first, .., last]) => ends(*first, *last),
            Some([only]) => ends(*only, *only),
            _ => "00".to_owned(),
        };
        ciphers.sort_unstable();
        kinds.retain(|kind| ![SERVER_NAME, ALPN].contains(kind));
        kinds.sort_unstable();
        let signatures = self.extension(SIGNATURE_ALGORITHMS).and_then(|d| Reader(d).vector(2));
        let mut offered = list(kinds);
        if let Some(signatures) = signatures.filter(|s| !s.is_empty()) {
            offered = format!("{offered}_{}", list(numbers(signatures)));
        }
        let (ciphers, offered) = (hashed(&list(ciphers)), hashed(&offered));
        format!("t{version}{name}{:02}{:02}{protocol}_{ciphers}_{offered}", counts.0, counts.1)
    }
}

/// The first and the last character of a protocol's name; if one is no letter or digit, of its hexadecimal form.
fn ends(first: u8, last: u8) -> String {
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [char::from(first), char::from(last)].iter().collect();
    }
    format!("{:x}{:x}", first >> 4, last & 15)
}

fn list(numbers: impl IntoIterator<Item = u16>) -> String {
    let all: Vec<_> = numbers.into_iter().map(|n| format!("{n:04x}")).collect();
    all.join(",")
}

/// The first twelve hexadecimal digits of SHA-256; zeros for nothing.
fn hashed(text: &str) -> String {
    if text.is_empty() {
        return "0".repeat(12);
    }
    Sha256::digest(text).iter().take(6).map(|b| format!("{b:02x}")).collect()
}

/// Values that mean nothing, which clients send so that servers get used to unknown ones (RFC 8701).
fn is_grease(n: u16) -> bool {
    n & 0x0f0f == 0x0a0a && n >> 8 == n & 0xff
}

/// The numbers of a list, those that mean nothing left out.
fn numbers(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes.chunks_exact(2).map(number).filter(|n| !is_grease(*n))
}

fn number(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |n, b| n << 8 | u16::from(*b))
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }

    /// A vector whose length stands before it in `n` bytes.
    fn vector(&mut self, n: usize) -> Option<&'a [u8]> {
        let len = self.take(n)?.iter().fold(0, |len, b| len << 8 | usize::from(*b));
        self.take(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(n: usize, bytes: &[u8]) -> Vec<u8> {
        let len = (bytes.len() as u32).to_be_bytes();
        [&len[4 - n..], bytes].concat()
    }

    #[test]
    fn the_name_in_a_client_hello() {
        let name = vector(2, &[vec![0], vector(2, b"api.example")].concat());
        let extensions = [vec![0, 10], vector(2, &[1, 2]), vec![0, 0], vector(2, &name)].concat();
        let body = [
            vec![3, 3],
            vec![7; 32],
            vec![0],
            vector(2, &[1, 2]),
            vec![1, 0],
            vector(2, &extensions),
        ];
        let hello = [vec![1], vector(3, &body.concat())].concat();
        let read = ClientHello::parse(&hello).unwrap();
        assert_eq!(read.server_name(), Some(&b"api.example"[..]));
        for cut in 0..hello.len() {
            assert!(ClientHello::parse(&hello[..cut]).is_none(), "cut at {cut}");
        }
    }

    fn gathered(stream: &[u8], piece: usize) -> (Progress, Vec<u8>) {
        let mut reader = HelloReader::default();
        let mut progress = Progress::More;
        for bytes in stream.chunks(piece) {
            progress = reader.push(bytes);
            if progress != Progress::More {
                break;
            }
        }
        (progress, reader.message().to_vec())
    }

    #[test]
    fn what_is_no_hello_is_told_at_once() {
        let record = |fragment: &[u8]| [vec![0x16, 3, 1], vector(2, fragment)].concat();
        let too_long = record(&[vec![1], (MAX_HELLO as u32).to_be_bytes()[1..].to_vec()].concat());
        for (stream, progress) in [
            (record(&[2, 0, 0, 0]), Progress::Broken),
            (vec![0x17, 3, 3, 0, 1, 1], Progress::Broken),
            (vec![0x16, 2, 0, 0, 1, 1], Progress::Broken),
            (vec![0x16, 3, 1, 0, 0], Progress::Broken),
            (too_long, Progress::Broken),
            (record(&[1, 0, 0, 2, 7]), Progress::More),
            (vec![], Progress::More),
        ] {
            for piece in 1..8 {
                assert_eq!(gathered(&stream, piece).0, progress, "{stream:?} by {piece}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn a_hello_is_the_same_however_segments_and_records_are_cut(
            body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..600),
            records in proptest::collection::vec(1..300usize, 1..8),
            piece in 1..700usize,
        ) {
            let hello = [vec![1], vector(3, &body)].concat();
            let (mut rest, mut stream) = (hello.as_slice(), Vec::new());
            for size in records.iter().cycle() {
                let (fragment, after) = rest.split_at(rest.len().min(*size));
                if fragment.is_empty() {
                    break;
                }
                stream.extend([vec![0x16, 3, 1], vector(2, fragment)].concat());
                rest = after;
            }
            stream.extend(b"what follows");
            proptest::prop_assert_eq!(gathered(&stream, piece), (Progress::Whole, hello));
        }
    }

    /// The example of the specification: a browser.
    #[test]
    fn the_fingerprint_of_a_client() {
        let bytes = |list: &str| -> Vec<u8> {
            let numbers = list.split(',').map(|n| u16::from_str_radix(n, 16).unwrap());
            numbers.flat_map(u16::to_be_bytes).collect()
        };
        // In another order than sorted, with values that mean nothing.
        let ciphers = bytes(
            "0a0a,1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035",
        );
        let signatures = bytes("0403,0804,0401,0503,0805,0501,0806,0601");
        let extension =
            |kind: u16, data: Vec<u8>| [kind.to_be_bytes().to_vec(), vector(2, &data)].concat();
        let name = vector(2, &[vec![0], vector(2, b"a.example")].concat());
        let mut extensions = vec![
            extension(0x1a1a, Vec::new()),
            extension(SERVER_NAME, name),
            extension(ALPN, vector(2, &[vector(1, b"h2"), vector(1, b"http/1.1")].concat())),
            extension(SIGNATURE_ALGORITHMS, vector(2, &signatures)),
            extension(SUPPORTED_VERSIONS, vector(1, &bytes("2a2a,0304,0303"))),
        ];
        for kind in bytes("0017,ff01,000a,000b,0023,0005,0012,0033,002d,001b,4469,0015").chunks(2) {
            extensions.push(extension(number(kind), Vec::new()));
        }
        let body = [
            vec![3, 3],
            vec![7; 32],
            vec![0],
            vector(2, &ciphers),
            vec![1, 0],
            vector(2, &extensions.concat()),
        ];
        let hello = [vec![1], vector(3, &body.concat())].concat();
        let ja4 = ClientHello::parse(&hello).unwrap().ja4();
        assert_eq!(ja4, "t13d1516h2_8daaf6152771_e5627efa2ab1");
    }
}
