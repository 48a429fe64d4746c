//! How a message's body is read, going by its header fields.

use weir_inspect::decode::{self, Decoder};
use weir_inspect::policy::{Cause, ExceptionAction, Part, Selection};

use super::Feed;
use super::content::{Content, Reading};
use super::head::HeadFields;
use super::record::Noted;

/// Fields under which a body can't be edited without its receiver noticing (RFC 9530, RFC 3230, RFC 1864, RFC 9421).
const SEALS: [&str; 6] = [
    "content-md5",
    "digest",
    "content-digest",
    "repr-digest",
    "signature",
    "x-amz-checksum-sha256",
];
/// The content type of gRPC-Web that is base64.
const WEB_TEXT: &[u8] = b"application/grpc-web-text";
/// Media types of ZIP archives; office documents are named by their makers' (IANA's registry).
const ARCHIVES: [&[u8]; 5] = [
    b"application/zip",
    b"application/x-zip",
    b"application/java-archive",
    b"application/vnd.openxmlformats-officedocument.",
    b"application/vnd.oasis.opendocument.",
];
/// Why a match in an archive is not masked.
pub const ARCHIVED: &str = "zip";
/// Why a match in coded content is not masked.
pub const CODED: &str = "content-encoding";

/// Begins the content of a message that has a body (`has_body`). True: it can't be read and must not pass.
pub fn begin(
    feed: &mut Feed<'_>,
    noted: &Noted,
    content: &mut Content,
    rules: Selection,
    fields: &dyn HeadFields,
    has_body: bool,
) -> bool {
    let content_type = fields.find("content-type").unwrap_or_default();
    let binary = is_binary(content_type);
    if has_body && noted.tells_shapes() {
        noted.begin_body(feed.dir, content_type, rules.scans(Part::Body) || !is_coded(fields));
    }
    if !has_body || !rules.scans(Part::Body) {
        content.begin(rules, Reading::Skip, binary);
        return false;
    }
    let mut coding = std::mem::take(&mut feed.cx.decoded);
    let sealed = codings_and_seal(fields, &mut coding);
    let messages = fields.find("grpc-encoding").filter(|v| !decode::is_identity(v));
    let decoder = decoder(&coding, content_type, messages);
    feed.cx.decoded = coding;
    let full = feed.cx.decoders_in_use() >= feed.cx.settings.limits.decoders;
    match decoder.and_then(|d| if full && d.is_some() { Err(Cause::Overload) } else { Ok(d) }) {
        Ok(decoder) => {
            content.begin(rules, Reading::Scan, binary);
            content.sealed = sealed;
            content.track(feed, content_type, messages.is_some());
            if decoder.is_none() && is_media_type(content_type, b"multipart/") {
                content.read_parts(content_type);
            }
            if let Some(decoder) = decoder {
                let coded = if is_archive(content_type) { ARCHIVED } else { CODED };
                content.sealed = Some(coded);
                content.undo(Box::new(decoder), feed.cx.decoder_token());
            }
            false
        }
        Err(cause) => {
            content.begin(rules, Reading::Encoded, binary);
            content.sealed = Some(CODED);
            unreadable(feed, &rules, cause)
        }
    }
}

/// What undoes the codings of a message, and that of the gRPC `messages` in it; none if it has none.
fn decoder(
    coding: &[u8],
    content_type: &[u8],
    messages: Option<&[u8]>,
) -> Result<Option<Decoder>, Cause> {
    let text = is_media_type(content_type, WEB_TEXT);
    let archive = is_archive(content_type);
    if !text && !archive && messages.is_none() && decode::is_identity(coding) {
        return Ok(None);
    }
    let decoder = Decoder::new(coding).map(|d| if text { d.with_base64() } else { d });
    let decoder = decoder.map(|d| if archive { d.with_zip() } else { d });
    let decoder = match messages {
        Some(name) => decoder.and_then(|d| d.with_messages(name)),
        None => decoder,
    };
    decoder.map(Some).map_err(|_| Cause::Undecodable)
}

fn is_archive(content_type: &[u8]) -> bool {
    ARCHIVES.iter().any(|kind| is_media_type(content_type, kind))
}

/// Whether content of this type is binary with text in it: then a number may be glued to framing bytes.
fn is_binary(content_type: &[u8]) -> bool {
    let kinds = [&b"application/grpc"[..], b"application/x-protobuf", b"application/protobuf"];
    kinds.iter().any(|kind| is_media_type(content_type, kind))
}

/// Whether a `Content-Type` begins with this media type, in any case (RFC 9110 §8.3.1).
pub fn is_media_type(content_type: &[u8], kind: &[u8]) -> bool {
    content_type.get(..kind.len()).is_some_and(|c| c.eq_ignore_ascii_case(kind))
}

/// Counts content that can't be read. True: it must not pass, since an enforced rule waits for what it holds.
pub fn unreadable(feed: &mut Feed<'_>, rules: &Selection, cause: Cause) -> bool {
    let action = feed.cx.exception(cause);
    rules.edits_body() && action != ExceptionAction::Pass
}

/// Whether a field has this name. A receiver may forgive what does not belong in a name (a space, a NUL).
fn is(name: &[u8], wanted: &[u8]) -> bool {
    let tokens = name.iter().filter(|b| b.is_ascii_graphic()).map(u8::to_ascii_lowercase);
    tokens.eq(wanted.iter().copied())
}

/// Whether a message names a coding of its body.
pub fn is_coded(fields: &dyn HeadFields) -> bool {
    fields.find("content-encoding").is_some_and(|coding| !decode::is_identity(coding))
}

/// All that the `Content-Encoding` fields list, as one list (RFC 9110 §5.3), and the field that seals the body, if any:
/// in one pass, since this is asked of every message with a body.
fn codings_and_seal(fields: &dyn HeadFields, list: &mut Vec<u8>) -> Option<&'static str> {
    list.clear();
    let mut sealed = None;
    fields.each(&mut |name, value, _| {
        if is(name, b"content-encoding") {
            list.extend_from_slice(value);
            list.push(b',');
        } else if sealed.is_none() {
            sealed = SEALS.into_iter().find(|seal| name.eq_ignore_ascii_case(seal.as_bytes()));
        }
    });
    sealed
}
