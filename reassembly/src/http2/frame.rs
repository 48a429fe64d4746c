//! Frames of HTTP/2 on the wire (RFC 9113 §4.1, §6), read and made.

use super::Error;

/// What a client sends first (RFC 9113 §3.4); its first SETTINGS frame follows.
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Octets of a frame header.
pub const HEADER_LEN: usize = 9;

/// Frame types (RFC 9113 §6).
pub mod kind {
    #![allow(missing_docs)] // the RFC's own names
    pub const DATA: u8 = 0x0;
    pub const HEADERS: u8 = 0x1;
    pub const PRIORITY: u8 = 0x2;
    pub const RST_STREAM: u8 = 0x3;
    pub const SETTINGS: u8 = 0x4;
    pub const PUSH_PROMISE: u8 = 0x5;
    pub const PING: u8 = 0x6;
    pub const GOAWAY: u8 = 0x7;
    pub const WINDOW_UPDATE: u8 = 0x8;
    pub const CONTINUATION: u8 = 0x9;
    /// A type that nobody assigned: a receiver discards the frame (RFC 9113 §4.1). The first of those that the
    /// registry keeps for experiments.
    pub const UNASSIGNED: u8 = 0xf0;
}

/// Frame flags (RFC 9113 §6).
pub mod flag {
    #![allow(missing_docs)] // the RFC's own names
    pub const END_STREAM: u8 = 0x1;
    pub const ACK: u8 = 0x1;
    pub const END_HEADERS: u8 = 0x4;
    pub const PADDED: u8 = 0x8;
    pub const PRIORITY: u8 = 0x20;
}

/// Error codes that the device has a use for (RFC 9113 §7).
pub mod code {
    #![allow(missing_docs)] // the RFC's own names
    pub const NO_ERROR: u32 = 0x0;
    pub const PROTOCOL_ERROR: u32 = 0x1;
    pub const CANCEL: u32 = 0x8;
    pub const INADEQUATE_SECURITY: u32 = 0xc;
}

/// A frame header (RFC 9113 §4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameHeader {
    /// Offset in the stream of octets of its first octet.
    pub at: u64,
    /// Octets of the payload, 24 bits. All of them are accepted: what a receiver announced as
    /// SETTINGS_MAX_FRAME_SIZE it enforces itself, and here a payload is never stored, so its size costs nothing.
    pub length: u32,
    /// Its type, one of [`kind`] or any other.
    pub kind: u8,
    /// Its [`flag`]s.
    pub flags: u8,
    /// The stream, 31 bits; 0 is the connection.
    pub stream: u32,
}

impl FrameHeader {
    /// Reads the header that begins at offset `at`.
    pub fn parse(octets: &[u8; HEADER_LEN], at: u64) -> FrameHeader {
        let &[l0, l1, l2, kind, flags, s0, s1, s2, s3] = octets;
        FrameHeader {
            at,
            length: u32::from_be_bytes([0, l0, l1, l2]),
            kind,
            flags,
            stream: u32::from_be_bytes([s0, s1, s2, s3]) & 0x7fff_ffff,
        }
    }

    /// The header as sent, reserved bit unset.
    pub fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let [_, l0, l1, l2] = self.length.to_be_bytes();
        let [s0, s1, s2, s3] = self.stream.to_be_bytes();
        [l0, l1, l2, self.kind, self.flags, s0, s1, s2, s3]
    }

    /// Whether all of these flags are set.
    pub fn has(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }

    /// Offset of the first octet of the payload.
    pub fn payload(&self) -> u64 {
        self.at + HEADER_LEN as u64
    }

    /// Offset just past the frame.
    pub fn end(&self) -> u64 {
        self.payload() + u64::from(self.length)
    }

    /// Whether the frame carries (a part of) a header block.
    pub fn has_block(&self) -> bool {
        matches!(self.kind, kind::HEADERS | kind::PUSH_PROMISE | kind::CONTINUATION)
    }

    /// What can be said against a frame by its header alone (RFC 9113 §6).
    pub(super) fn validate(&self) -> Result<(), Error> {
        use kind::*;
        match (self.kind, self.stream) {
            (DATA | HEADERS | PRIORITY | RST_STREAM | PUSH_PROMISE | CONTINUATION, 0)
            | (SETTINGS | PING | GOAWAY, 1..) => return Err(Error::Stream(self.kind)),
            _ => {}
        }
        let sized = match self.kind {
            RST_STREAM | WINDOW_UPDATE => self.length == 4,
            PING => self.length == 8,
            GOAWAY => self.length >= 8,
            SETTINGS if self.has(flag::ACK) => self.length == 0,
            SETTINGS => self.length.is_multiple_of(6),
            // PRIORITY of a wrong size is an error of its stream only.
            _ => true,
        };
        if sized { Ok(()) } else { Err(Error::FrameSize(self.kind)) }
    }
}

/// A SETTINGS frame (RFC 9113 §6.5); of a setting sent twice the last value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// It acknowledges the other end's.
    pub ack: bool,
    /// SETTINGS_HEADER_TABLE_SIZE: give it to the other direction's [`super::Http2::set_max_table_size`].
    pub header_table_size: Option<u32>,
    /// SETTINGS_ENABLE_PUSH.
    pub enable_push: Option<bool>,
    /// SETTINGS_MAX_CONCURRENT_STREAMS.
    pub max_concurrent_streams: Option<u32>,
    /// SETTINGS_INITIAL_WINDOW_SIZE.
    pub initial_window_size: Option<u32>,
    /// SETTINGS_MAX_FRAME_SIZE.
    pub max_frame_size: Option<u32>,
    /// SETTINGS_MAX_HEADER_LIST_SIZE.
    pub max_header_list_size: Option<u32>,
}

impl Settings {
    /// Adds one setting as sent. Unknown ones are ignored (RFC 9113 §6.5.2).
    pub(super) fn add(&mut self, setting: &[u8; 6]) -> Result<(), Error> {
        let &[i0, i1, v0, v1, v2, v3] = setting;
        let id = u16::from_be_bytes([i0, i1]);
        let value = u32::from_be_bytes([v0, v1, v2, v3]);
        let valid = match id {
            2 => value <= 1,
            4 => value <= 0x7fff_ffff,
            5 => (0x4000..=0xff_ffff).contains(&value),
            _ => true,
        };
        if !valid {
            return Err(Error::Setting { id, value });
        }
        match id {
            1 => self.header_table_size = Some(value),
            2 => self.enable_push = Some(value == 1),
            3 => self.max_concurrent_streams = Some(value),
            4 => self.initial_window_size = Some(value),
            5 => self.max_frame_size = Some(value),
            6 => self.max_header_list_size = Some(value),
            _ => {}
        }
        Ok(())
    }

    /// Reads the value of an `HTTP2-Settings` field, the client's settings in an upgrade of HTTP/1.1 to h2c
    /// (RFC 7540 §3.2.1: the payload of a SETTINGS frame in base64url without padding). `None` if it is malformed:
    /// then a server does not upgrade.
    pub fn from_upgrade(value: &[u8]) -> Option<Settings> {
        let mut settings = Settings::default();
        let mut setting = [0; 6];
        let chunks = value.chunks_exact(8); // eight characters are one setting
        if !chunks.remainder().is_empty() {
            return None;
        }
        for chunk in chunks {
            let mut bits = 0u64;
            for &character in chunk {
                bits = bits << 6 | base64url(character)?;
            }
            setting.copy_from_slice(bits.to_be_bytes().get(2..)?);
            settings.add(&setting).ok()?;
        }
        Some(settings)
    }
}

/// The six bits of a base64url character (RFC 4648 §5).
fn base64url(character: u8) -> Option<u64> {
    Some(u64::from(match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'-' => 62,
        b'_' => 63,
        _ => return None,
    }))
}

/// A whole RST_STREAM frame (RFC 9113 §6.4). As long as WINDOW_UPDATE, which it can take the place of.
pub fn rst_stream(stream: u32, code: u32) -> [u8; 13] {
    let header = FrameHeader { length: 4, kind: kind::RST_STREAM, stream, ..Default::default() };
    let mut frame = [0; 13];
    let (head, payload) = frame.split_at_mut(HEADER_LEN);
    head.copy_from_slice(&header.to_bytes());
    payload.copy_from_slice(&code.to_be_bytes());
    frame
}

/// A whole GOAWAY frame without debug data (RFC 9113 §6.8).
pub fn goaway(last_stream: u32, code: u32) -> [u8; 17] {
    let header = FrameHeader { length: 8, kind: kind::GOAWAY, ..Default::default() };
    let mut frame = [0; 17];
    let (head, payload) = frame.split_at_mut(HEADER_LEN);
    head.copy_from_slice(&header.to_bytes());
    let (last, error) = payload.split_at_mut(4);
    last.copy_from_slice(&last_stream.to_be_bytes());
    error.copy_from_slice(&code.to_be_bytes());
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_and_made() {
        let wire = [0x00, 0x40, 0x01, 0x01, 0x25, 0x80, 0x00, 0x00, 0x03];
        let header = FrameHeader::parse(&wire, 100);
        assert_eq!((header.length, header.kind, header.flags, header.stream), (0x4001, 1, 0x25, 3));
        assert_eq!((header.payload(), header.end()), (109, 109 + 0x4001));
        assert!(header.has(flag::END_STREAM | flag::PRIORITY) && !header.has(flag::PADDED));
        assert_eq!(header.to_bytes()[5..], [0, 0, 0, 3], "the reserved bit is not sent");
    }

    #[test]
    fn frames_are_made() {
        assert_eq!(rst_stream(5, code::CANCEL), *b"\0\0\x04\x03\0\0\0\0\x05\0\0\0\x08");
        assert_eq!(goaway(7, 1), *b"\0\0\x08\x07\0\0\0\0\0\0\0\0\x07\0\0\0\x01");
    }

    #[test]
    fn settings_of_an_upgrade() {
        // Setting 3 is 100, setting 4 is 65,535.
        let settings = Settings::from_upgrade(b"AAMAAABkAAQAAP__").unwrap();
        assert_eq!(settings.max_concurrent_streams, Some(100));
        assert_eq!(settings.initial_window_size, Some(65535));
        assert_eq!(Settings::from_upgrade(b""), Some(Settings::default()));
        assert_eq!(Settings::from_upgrade(b"AAMAAABk="), None);
        assert_eq!(Settings::from_upgrade(b"AAIAAAAC"), None, "ENABLE_PUSH is 0 or 1");
    }
}
