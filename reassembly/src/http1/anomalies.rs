//! What is odd about a message although it can still be read.

bitflags::bitflags! {
    /// Deviations from RFC 9112 and 9110 that receivers are known to treat differently.
    ///
    /// Weir stands between a client and a server that it does not know, so it reads what any of them may read and says
    /// what was odd; a policy decides what is not let through. The names (`iter_names`) appear in events.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Anomalies: u32 {
        /// A line of the head or of the chunk framing ends in LF alone (RFC 9112 §2.2).
        const BARE_LF = 1;
        /// A CR that no LF follows within the head or a chunk line (RFC 9112 §2.2); some receivers end a line there.
        const BARE_CR = 1 << 1;
        /// A field continued on a line that begins with white space (obs-fold, RFC 9112 §5.2).
        const OBS_FOLD = 1 << 2;
        /// A character that field names or values do not allow (RFC 9110 §5.1, §5.5).
        const INVALID_CHAR = 1 << 3;
        /// A field line without a colon or without a name.
        const MALFORMED_FIELD = 1 << 4;
        /// White space between a field name and its colon (RFC 9112 §5.1).
        const SPACE_BEFORE_COLON = 1 << 5;
        /// A line of white space only in or after the head: the end of it for some receivers, a fold for others.
        const BLANK_LINE = 1 << 6;
        /// The request or status line is not separated by single spaces, or bytes precede it (RFC 9112 §3, §4).
        const START_LINE = 1 << 7;
        /// The version is not `HTTP/1.0` or `HTTP/1.1` to the letter (RFC 9112 §2.3).
        const VERSION = 1 << 8;
        /// The status code is missing or not three digits from 100 to 999 (RFC 9112 §4).
        const STATUS = 1 << 9;
        /// A request target with white space, control or non-ASCII characters (RFC 9112 §3.2).
        const TARGET_CHAR = 1 << 10;
        /// An HTTP/1.1 request without exactly one `Host` field (RFC 9112 §3.2).
        const HOST = 1 << 11;
        /// Both `Transfer-Encoding` and `Content-Length` (RFC 9112 §6.1): the mark of request smuggling.
        const TE_AND_CL = 1 << 12;
        /// `Content-Length` given more than once, with equal values (RFC 9110 §8.6).
        const DUPLICATE_CL = 1 << 13;
        /// A response's `Content-Length` is no number or contradicts another (RFC 9112 §6.3).
        const CONTENT_LENGTH = 1 << 14;
        /// It is not plain whether the body is chunked: see [`super::Framing::Ambiguous`].
        const TRANSFER_ENCODING = 1 << 15;
        /// A transfer coding besides `chunked`: what is in the chunks is still encoded (RFC 9112 §7).
        const TRANSFER_CODING = 1 << 16;
        /// A response without a status line, read as HTTP/0.9: all of it is content.
        const NO_STATUS_LINE = 1 << 17;
        /// A message after one that said it was the last (`Connection: close`, RFC 9112 §9.6).
        const AFTER_CLOSE = 1 << 18;
        /// `Content-Length` or `Transfer-Encoding` in a 1xx or 204 response, which has no body (RFC 9110 §8.6).
        const FRAMED_BODILESS = 1 << 19;
        /// A chunk extension (RFC 9112 §7.1.1): allowed, and hardly ever sent.
        const CHUNK_EXTENSION = 1 << 20;
        /// A chunk-size line with more or other characters than RFC 9112 §7.1 allows.
        const CHUNK_LINE = 1 << 21;
        /// An [`super::Framing::Ambiguous`] body turned out not to be chunked.
        const NOT_CHUNKED = 1 << 22;
    }
}

impl Anomalies {
    /// Those that put in question which bytes are a field at all: another receiver may see a field here that we do not.
    pub(super) const HIDING: Anomalies = Anomalies::BARE_CR
        .union(Anomalies::OBS_FOLD)
        .union(Anomalies::INVALID_CHAR)
        .union(Anomalies::MALFORMED_FIELD)
        .union(Anomalies::SPACE_BEFORE_COLON)
        .union(Anomalies::BLANK_LINE)
        .union(Anomalies::START_LINE)
        .union(Anomalies::STATUS);

    /// `self` if the condition holds, else none.
    pub(super) fn when(self, condition: bool) -> Anomalies {
        if condition { self } else { Anomalies::empty() }
    }
}
