//! Frames on the control socket: the message's length as a big-endian u32, then the message.
//!
//! Both ends bound what they take: [`MAX_FRAME`] is checked before anything is allocated, so that neither process can
//! make the other grow. Decoding is incremental ([`Decoder`]), which serves blocking and async readers alike.

use prost::Message;

/// Longest message either side sends or takes, in bytes. A longer one ends the connection.
pub const MAX_FRAME: usize = 4 << 20;

/// Most events in one [`crate::EventBatch`].
pub const MAX_BATCH: usize = 256;

/// Bytes of events in one [`crate::EventBatch`], the last event going over it: a request's fields, which clients choose, would
/// make 256 of them longer than [`MAX_FRAME`].
pub const MAX_BATCH_BYTES: usize = MAX_FRAME / 2;

/// Bytes before each message.
const HEADER: usize = 4;

/// Why a frame can't be taken. The connection can't be used after it.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The length in the header, or of the message to send, is above [`MAX_FRAME`].
    #[error("a message of {0} bytes is longer than the limit of {MAX_FRAME}")]
    TooLong(usize),
    /// The bytes are not the expected message.
    #[error("not a message of this protocol: {0}")]
    Malformed(#[from] prost::DecodeError),
}

/// Bytes of `message` in a frame or in another message, without what frames it there.
pub fn length(message: &impl Message) -> usize {
    message.encoded_len()
}

/// Appends `message` to `out` as one frame. On error `out` is unchanged.
pub fn encode(message: &impl Message, out: &mut Vec<u8>) -> Result<(), FrameError> {
    let len = message.encoded_len();
    let header = u32::try_from(len).ok().filter(|_| len <= MAX_FRAME);
    let header = header.ok_or(FrameError::TooLong(len))?;
    out.reserve(HEADER + len);
    out.extend_from_slice(&header.to_be_bytes());
    message.encode(out).map_err(|_| FrameError::TooLong(len))
}

/// Cuts a stream of bytes into messages.
#[derive(Debug, Default)]
pub struct Decoder {
    buf: Vec<u8>,
    taken: usize,
}

impl Decoder {
    /// Adds bytes as they come from the socket.
    pub fn push(&mut self, bytes: &[u8]) {
        // Moving what is left to the front only here makes it once per read, not once per message.
        self.buf.drain(..self.taken);
        self.taken = 0;
        self.buf.extend_from_slice(bytes);
    }

    /// The next whole message, or none until more bytes are pushed.
    pub fn message<M: Message + Default>(&mut self) -> Result<Option<M>, FrameError> {
        let rest = self.buf.get(self.taken..).unwrap_or_default();
        let Some((header, rest)) = rest.split_first_chunk::<HEADER>() else { return Ok(None) };
        let len = u32::from_be_bytes(*header) as usize;
        if len > MAX_FRAME {
            return Err(FrameError::TooLong(len));
        }
        let Some(body) = rest.get(..len) else { return Ok(None) };
        let message = M::decode(body)?;
        self.taken += HEADER + len;
        Ok(Some(message))
    }
}
