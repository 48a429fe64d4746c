//! One connection to the management process. Nothing in it waits: a peer that is stopped costs nothing but its events.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use weir_proto::frame::{Decoder, FrameError, encode};
use weir_proto::{ToDataPlane, ToManagement, to_management};

/// Bytes queued for the socket from which on nothing more is to be queued (see [`Wire::has_room`]).
const SEND_BUFFER: usize = 1 << 20;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    #[error("the management process closed the connection")]
    Closed,
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// The connection, with what waits to be sent and what has arrived in part.
#[derive(Debug)]
pub(super) struct Wire {
    stream: UnixStream,
    decoder: Decoder,
    out: Vec<u8>,
}

impl Wire {
    /// Connects at once or fails: also where the listener's backlog is full, for which a blocking connect would wait.
    pub(super) fn connect(path: &Path) -> io::Result<Wire> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let fd = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
        connect(fd.as_raw_fd(), &UnixAddr::new(path)?)?;
        Ok(Wire { stream: fd.into(), decoder: Decoder::default(), out: Vec::new() })
    }

    /// Whether the peer takes what is sent: below this nothing optional should be queued.
    pub(super) fn has_room(&self) -> bool {
        self.out.len() < SEND_BUFFER
    }

    /// Whether bytes wait for the socket.
    pub(super) fn is_sending(&self) -> bool {
        !self.out.is_empty()
    }

    /// Queues a message for [`Wire::flush`].
    pub(super) fn send(&mut self, message: to_management::Message) -> Result<(), WireError> {
        Ok(encode(&ToManagement { message: Some(message) }, &mut self.out)?)
    }

    /// Writes what the socket takes without waiting.
    pub(super) fn flush(&mut self) -> Result<(), WireError> {
        let mut sent = 0;
        while let Some(rest) = self.out.get(sent..).filter(|r| !r.is_empty()) {
            match self.stream.write(rest) {
                Ok(0) => return Err(WireError::Closed),
                Ok(n) => sent += n,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
            }
        }
        self.out.drain(..sent);
        Ok(())
    }

    /// The next message, if one has arrived whole.
    pub(super) fn receive(&mut self) -> Result<Option<ToDataPlane>, WireError> {
        let mut buf = [0; 16 << 10];
        loop {
            if let Some(message) = self.decoder.message()? {
                return Ok(Some(message));
            }
            match self.stream.read(&mut buf) {
                Ok(0) => return Err(WireError::Closed),
                Ok(n) => self.decoder.push(buf.get(..n).unwrap_or_default()),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
            }
        }
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
