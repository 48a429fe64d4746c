//! Content codings undone (RFC 9110 §8.4), so that nothing hides in them: gzip, deflate, br and zstd, also several on
//! top of each other; below them the codings of gRPC's messages, and base64 as gRPC-Web uses it. A stream in, a stream
//! out, in constant memory.
//!
//! ```text
//!   bytes on the wire ─► outermost coding ─► … ─► innermost coding ─► messages of gRPC ─► content, in chunks
//! ```

mod base64;
mod codec;
mod grpc;
mod gzip;
mod parts;
mod unicode;
mod zip;

use base64::Base64;
use codec::Codec;
use grpc::Messages;
pub use parts::{PartCoding, PartEvent, Parts};
pub use unicode::Unicode;
use zip::Zip;

/// Most codings on top of each other. Real servers use one; a client undoes as many as it is told of.
pub const MAX_CODINGS: usize = 4;
/// What senders leave off the end of a compressed message of WebSocket (RFC 7692 §7.2.1).
pub const WEBSOCKET_TAIL: &[u8] = &[0, 0, 0xff, 0xff];
/// Content is given out in chunks of at most so many bytes.
const CHUNK: usize = 16 << 10;
/// How much larger than its coded form content may be. Ordinary text stays below 100, and DEFLATE can't exceed 1,032.
const MAX_RATIO: u64 = 256;
/// Content that may be larger than that, since a small whole can be very uniform.
const FREE: u64 = 1 << 20;

/// Why content can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A coding that Weir does not know, or too many of them.
    #[error("an unknown content coding")]
    Unknown,
    /// Not what the coding's specification describes.
    #[error("damaged content coding")]
    Damaged,
    /// Content of more than 256 times its coded size and more than 1 MB.
    #[error("content that expands beyond all measure")]
    Expands,
}

/// Undoes the codings of one message's content.
pub struct Decoder {
    /// The coding applied last comes first.
    layers: Vec<Layer>,
    coded: u64,
    content: u64,
}

struct Layer {
    codec: Codec,
    out: Box<[u8]>,
    /// What went in before the first content came out: a coding that was listed and not applied shows by then.
    begun: Option<Vec<u8>>,
    /// It was not applied.
    absent: bool,
}

impl Layer {
    /// A coding that is there because of what the content is, and not only listed.
    fn certain(codec: Codec) -> Layer {
        Layer { codec, out: vec![0; CHUNK].into(), begun: None, absent: false }
    }
}

/// Most that a coding takes before content comes out, and it can still turn out not to be one.
const MAX_BEGUN: usize = 4 << 10;

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Decoder({} codings, {} → {})", self.layers.len(), self.coded, self.content)
    }
}

/// Whether a `Content-Encoding` asks for nothing to be undone: it is empty or says `identity`.
pub fn is_identity(content_encoding: &[u8]) -> bool {
    codings(content_encoding).next().is_none()
}

/// The codings that a field value lists, in the order in which they were applied, without `identity`. What is no
/// letter around a name (`: gzip`, a NUL) is forgiven, as receivers do.
fn codings(content_encoding: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    fn name(mut token: &[u8]) -> &[u8] {
        while let Some((_, rest)) = token.split_first().filter(|(b, _)| !b.is_ascii_alphanumeric())
        {
            token = rest;
        }
        while let Some((_, rest)) = token.split_last().filter(|(b, _)| !b.is_ascii_alphanumeric()) {
            token = rest;
        }
        token
    }
    let names = content_encoding.split(|b| *b == b',').map(name);
    names.filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case(b"identity"))
}

impl Decoder {
    /// A decoder for what a `Content-Encoding` field lists.
    ///
    /// # Errors
    /// [`DecodeError::Unknown`].
    pub fn new(content_encoding: &[u8]) -> Result<Decoder, DecodeError> {
        let mut layers = Vec::new();
        for name in codings(content_encoding).rev() {
            if layers.len() == MAX_CODINGS {
                return Err(DecodeError::Unknown);
            }
            let codec = Codec::named(name).ok_or(DecodeError::Unknown)?;
            layers.push(Layer { begun: Some(Vec::new()), ..Layer::certain(codec) });
        }
        Ok(Decoder { layers, coded: 0, content: 0 })
    }

    /// A decoder for the compressed messages of one direction of a WebSocket connection (RFC 7692), each of which ends with
    /// [`WEBSOCKET_TAIL`].
    pub fn of_websocket() -> Decoder {
        let codec = Codec::WebSocket(Box::new(flate2::Decompress::new(false)));
        Decoder { layers: vec![Layer::certain(codec)], coded: 0, content: 0 }
    }

    /// A decoder for text that is not UTF-8.
    pub fn of_text(unicode: Unicode) -> Decoder {
        Decoder { layers: vec![Layer::certain(Codec::Unicode(unicode))], coded: 0, content: 0 }
    }

    /// Below the content codings lies base64, as in `application/grpc-web-text`.
    pub fn with_base64(mut self) -> Decoder {
        self.layers.push(Layer::certain(Codec::Base64(Base64::default())));
        self
    }

    /// Below the content codings lies a ZIP archive, as office documents are: its content is the entries' names and
    /// contents. One that is encrypted or coded otherwise than by DEFLATE is [`DecodeError::Unknown`].
    pub fn with_zip(mut self) -> Decoder {
        self.layers.push(Layer::certain(Codec::Zip(Box::new(Zip::new()))));
        self
    }

    /// Below all that lie messages of gRPC, coded as `grpc-encoding` says.
    ///
    /// # Errors
    /// [`DecodeError::Unknown`].
    pub fn with_messages(mut self, grpc_encoding: &[u8]) -> Result<Decoder, DecodeError> {
        let name = codings(grpc_encoding).next().unwrap_or_default();
        let messages = Messages::new(name).ok_or(DecodeError::Unknown)?;
        self.layers.push(Layer::certain(Codec::Grpc(Box::new(messages))));
        Ok(self)
    }

    /// Undoes the next piece and gives the content that it completes to `each`, in chunks.
    ///
    /// # Errors
    /// [`DecodeError::Damaged`] and [`DecodeError::Expands`]; what came before has been given out. The decoder is of no
    /// use then.
    pub fn decode(&mut self, piece: &[u8], each: &mut dyn FnMut(&[u8])) -> Result<(), DecodeError> {
        self.coded += piece.len() as u64;
        let room = (self.coded * MAX_RATIO).max(FREE);
        let content = &mut self.content;
        undo(&mut self.layers, piece, &mut |chunk| {
            *content += chunk.len() as u64;
            if *content > room {
                return Err(DecodeError::Expands);
            }
            each(chunk);
            Ok(())
        })?;
        // Of several codings some may be listed too often. But a message without any is not what it says.
        let nothing_undone = self.layers.iter().all(|layer| layer.absent);
        if nothing_undone && !self.layers.is_empty() { Err(DecodeError::Damaged) } else { Ok(()) }
    }
}

/// What takes the chunks of content.
type Sink<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), DecodeError>;

fn undo(layers: &mut [Layer], mut piece: &[u8], sink: Sink<'_>) -> Result<(), DecodeError> {
    let Some((layer, inner)) = layers.split_first_mut() else { return sink(piece) };
    if layer.absent {
        return undo(inner, piece, sink);
    }
    loop {
        let step = match layer.codec.step(piece, &mut layer.out) {
            Err(DecodeError::Damaged) if layer.begun.is_some() => {
                layer.absent = true;
                undo(inner, &layer.begun.take().unwrap_or_default(), sink)?;
                return undo(inner, piece, sink);
            }
            step => step?,
        };
        let (taken, rest) = piece.split_at_checked(step.read).unwrap_or((piece, &[]));
        piece = rest;
        if let Some(begun) = &mut layer.begun {
            begun.extend_from_slice(taken);
        }
        layer.begun.take_if(|begun| step.written > 0 || begun.len() > MAX_BEGUN);
        let chunk = layer.out.get(..step.written).unwrap_or_default();
        if !chunk.is_empty() {
            undo(inner, chunk, sink)?;
        }
        if step.read == 0 && chunk.is_empty() || piece.is_empty() && chunk.len() < CHUNK {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        to.write_all(bytes).unwrap();
        to.finish().unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut to = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        to.write_all(bytes).unwrap();
        to.finish().unwrap()
    }

    fn deflate(bytes: &[u8]) -> Vec<u8> {
        let mut to = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        to.write_all(bytes).unwrap();
        to.finish().unwrap()
    }

    fn br(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        brotli::CompressorWriter::new(&mut out, 4096, 5, 20).write_all(bytes).unwrap();
        out
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 3).unwrap()
    }

    fn decode(codings: &str, coded: &[u8], cut: usize) -> Result<Vec<u8>, DecodeError> {
        let mut decoder = Decoder::new(codings.as_bytes())?;
        let mut content = Vec::new();
        for piece in coded.chunks(cut) {
            decoder.decode(piece, &mut |chunk| content.extend_from_slice(chunk))?;
        }
        Ok(content)
    }

    fn text() -> Vec<u8> {
        let lines = (0..3_000).map(|i| format!("{{\"id\":{i},\"note\":\"{:x}\"}}\n", i * 7919));
        lines.collect::<String>().into_bytes()
    }

    #[test]
    fn each_coding_in_each_cut() {
        let text = text();
        for (name, coded) in [
            ("gzip", gzip(&text)),
            ("X-GZIP", gzip(&text)),
            ("deflate", zlib(&text)),
            ("deflate", deflate(&text)),
            ("br", br(&text)),
            ("zstd", zstd(&text)),
            ("gzip, br", br(&gzip(&text))),
            (" deflate ,identity,, zstd", zstd(&zlib(&text))),
            // Listed twice and applied once.
            ("gzip, gzip", gzip(&text)),
            ("gzip, deflate", gzip(&text)),
            (":\rgzip\0", gzip(&text)),
        ] {
            for cut in [1, 7, 1448, usize::MAX] {
                assert!(decode(name, &coded, cut) == Ok(text.clone()), "{name} in pieces of {cut}");
            }
        }
    }

    #[test]
    fn content_that_fills_the_chunks_comes_out_whole() {
        for length in [CHUNK - 1, CHUNK, CHUNK + 1, 40 * CHUNK, 40 * CHUNK + 5] {
            let text = vec![b'x'; length];
            for (name, coded) in [
                ("gzip", gzip(&text)),
                ("deflate", deflate(&text)),
                ("deflate", zlib(&text)),
                ("br", br(&text)),
                ("zstd", zstd(&text)),
            ] {
                let content = decode(name, &coded, usize::MAX).map(|content| content.len());
                assert_eq!(content, Ok(length), "{name}");
            }
        }
    }

    #[test]
    fn members_and_frames_in_a_row_are_one_content() {
        for (name, coded) in [
            ("gzip", [gzip(b"4111 1111 "), gzip(b"1111 1111")].concat()),
            ("zstd", [zstd(b"4111 1111 "), zstd(b"1111 1111")].concat()),
        ] {
            for cut in 1..coded.len() {
                let content = decode(name, &coded, cut);
                assert_eq!(content.as_deref(), Ok(&b"4111 1111 1111 1111"[..]), "{name} by {cut}");
            }
        }
    }

    #[test]
    fn what_was_begun_is_given_out_at_once() {
        let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        to.write_all(b"data: 4111111111111111\n\n").unwrap();
        to.flush().unwrap();
        let begun = to.get_ref().clone();
        assert_eq!(decode("gzip", &begun, 5).as_deref(), Ok(&b"data: 4111111111111111\n\n"[..]));
    }

    #[test]
    fn damage_is_said() {
        for name in ["gzip", "br", "zstd"] {
            assert_eq!(
                decode(name, b"{\"plain\":\"text, and enough of it\"}", 8),
                Err(DecodeError::Damaged),
                "{name}"
            );
        }
        let trailing = [gzip(b"content"), b"and something else".to_vec()].concat();
        assert_eq!(decode("gzip", &trailing, 1448), Err(DecodeError::Damaged));
        assert_eq!(decode("compress", b"", 1), Err(DecodeError::Unknown));
        assert_eq!(decode("gzip,gzip,gzip,gzip,gzip", b"", 1), Err(DecodeError::Unknown));
    }

    #[test]
    fn a_bomb_is_no_content() {
        let zeros = vec![0; 64 << 20];
        for (name, coded) in [("gzip", gzip(&zeros)), ("zstd", zstd(&zeros)), ("br", br(&zeros))] {
            assert_eq!(decode(name, &coded, 1448), Err(DecodeError::Expands), "{name}");
        }
    }

    /// A stream of messages; those with the flag are gzip.
    fn messages(list: &[(bool, &[u8])]) -> Vec<u8> {
        let mut stream = Vec::new();
        for (coded, message) in list {
            let body = if *coded { gzip(message) } else { message.to_vec() };
            stream.push(u8::from(*coded));
            stream.extend((body.len() as u32).to_be_bytes());
            stream.extend(body);
        }
        stream
    }

    fn decode_messages(mut decoder: Decoder, stream: &[u8], cut: usize) -> Vec<u8> {
        let mut content = Vec::new();
        for piece in stream.chunks(cut) {
            decoder.decode(piece, &mut |chunk| content.extend_from_slice(chunk)).unwrap();
        }
        content
    }

    #[test]
    fn messages_of_grpc_are_decoded_one_by_one() {
        let long = text();
        let stream = messages(&[(true, b"first"), (false, b"second"), (true, b""), (true, &long)]);
        let wanted = [&b"\0\0\0\0\0first\0\0\0\0\0second\0\0\0\0\0\0\0\0\0\0"[..], &long].concat();
        for cut in [1, 7, 1448, usize::MAX] {
            let decoder = || Decoder::new(b"").unwrap().with_messages(b"gzip").unwrap();
            assert!(decode_messages(decoder(), &stream, cut) == wanted, "in pieces of {cut}");
        }
        assert!(Decoder::new(b"").unwrap().with_messages(b"snappy").is_err());
        let mut decoder = Decoder::new(b"").unwrap().with_messages(b"gzip").unwrap();
        assert_eq!(decoder.decode(b"\x01\0\0\0\x05plain", &mut |_| {}), Err(DecodeError::Damaged));
        let mut decoder = Decoder::new(b"").unwrap().with_messages(b"gzip").unwrap();
        assert_eq!(decoder.decode(b"\x07\0\0\0\x05plain", &mut |_| {}), Err(DecodeError::Damaged));
    }

    #[test]
    fn the_text_form_of_grpc_web_is_base64_in_pieces_that_may_be_padded() {
        // "card=4111" and "1111", each padded on its own.
        let text = b"Y2FyZD00MTE=MQ==MTExMQ==\r\n";
        for cut in 1..text.len() {
            let decoder = Decoder::new(b"").unwrap().with_base64();
            assert_eq!(decode_messages(decoder, text, cut), b"card=41111111");
        }
        let mut decoder = Decoder::new(b"").unwrap().with_base64();
        assert_eq!(decoder.decode(b"{}", &mut |_| {}), Err(DecodeError::Damaged));
    }

    /// A local header and what follows it; `described`: the sizes stand behind the content.
    fn entry(name: &str, method: u16, flags: u16, content: &[u8]) -> Vec<u8> {
        let described = flags & 8 != 0;
        let size = if described { 0 } else { content.len() as u32 };
        let mut out = b"PK\x03\x04\x14\0".to_vec();
        out.extend(flags.to_le_bytes());
        out.extend(method.to_le_bytes());
        out.extend([0; 8]);
        out.extend(size.to_le_bytes());
        out.extend(99u32.to_le_bytes());
        out.extend((name.len() as u16).to_le_bytes());
        out.extend([3, 0]);
        out.extend(name.as_bytes());
        out.extend(b"ext");
        out.extend(content);
        if described {
            out.extend(b"PK\x07\x08\0\0\0\0\x05\0\0\0\x05\0\0\0");
        }
        out
    }

    #[test]
    fn entries_of_an_archive_in_each_cut() {
        let text = text();
        let directory = b"PK\x01\x02 names and places";
        let archive = [
            &entry("a", 8, 0, &deflate(&text))[..],
            &entry("b/c", 0, 0, b"4111 1111 "),
            &entry("d", 8, 8, &deflate(b"1111 1111")),
            &entry("e", 0, 0, b""),
            directory,
        ]
        .concat();
        let wanted =
            [b"a\n", &text[..], b"\nb/c\n4111 1111 \nd\n1111 1111\ne\n\n", directory].concat();
        for cut in [1, 7, 1448, usize::MAX] {
            let decoder = Decoder::new(b"").unwrap().with_zip();
            assert!(decode_messages(decoder, &archive, cut) == wanted, "in pieces of {cut}");
        }
        for (archive, error) in [
            (entry("a", 8, 1, b"encrypted"), DecodeError::Unknown),
            (entry("a", 12, 0, b"bzip2"), DecodeError::Unknown),
            (entry("a", 0, 8, b"of no known length"), DecodeError::Unknown),
            (entry("a", 8, 0, b"\xff\xff no DEFLATE"), DecodeError::Damaged),
            ([&entry("a", 0, 0, b"1")[..], b"something else"].concat(), DecodeError::Damaged),
            (b"no archive".to_vec(), DecodeError::Damaged),
            // Behind the two bytes of zlib's header stands DEFLATE.
            (entry("a", 8, 0, &zlib(&vec![0; 64 << 20])[2..]), DecodeError::Expands),
        ] {
            let mut decoder = Decoder::new(b"").unwrap().with_zip();
            let all = archive.chunks(64).try_for_each(|piece| decoder.decode(piece, &mut |_| {}));
            assert_eq!(all, Err(error));
        }
    }

    #[test]
    fn identity_is_no_coding() {
        for plain in ["", "identity", " , Identity"] {
            assert!(is_identity(plain.as_bytes()), "{plain:?}");
        }
        assert!(!is_identity(b"identity, gzip"));
    }
}
