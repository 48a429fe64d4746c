//! The control socket: one data plane, framed messages, nothing that either side could make grow.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use weir_proto::frame::{Decoder, FrameError, encode};
use weir_proto::{Hello, PROTOCOL_VERSION, ToDataPlane, ToManagement, to_management::Message};

use super::hub::Hub;

/// How long a connection may take to say hello.
const HELLO_WITHIN: Duration = Duration::from_secs(5);

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum ControlError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("its first message was no hello")]
    NoHello,
    #[error(
        "it speaks version {0} of the protocol, this is version {PROTOCOL_VERSION}: upgrade the older one"
    )]
    Version(u32),
}

/// Accepts data planes for ever.
pub(super) async fn serve(listener: UnixListener, hub: Arc<Hub>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let hub = hub.clone();
                tokio::spawn(async move {
                    match connection(stream, &hub).await {
                        Ok(()) => tracing::info!("the data plane has disconnected"),
                        Err(e) => tracing::warn!("the data plane's connection ended: {e}"),
                    }
                });
            }
            Err(e) => {
                // Out of descriptors, most likely: others may be closed meanwhile.
                tracing::error!("can't accept on the control socket: {e}");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn connection(stream: UnixStream, hub: &Hub) -> Result<(), ControlError> {
    let (read, write) = stream.into_split();
    let mut reader = Reader { read, decoder: Decoder::default() };
    let first = tokio::time::timeout(HELLO_WITHIN, reader.message()).await;
    let Ok(Some(Message::Hello(hello))) = first.map_err(|_| ControlError::NoHello)? else {
        return Err(ControlError::NoHello);
    };
    if hello.protocol != PROTOCOL_VERSION {
        return Err(ControlError::Version(hello.protocol));
    }
    let Hello { version, pid, workers, policy_revision, .. } = &hello;
    tracing::info!(
        "data plane {version} connected: pid {pid}, {workers} workers, policy revision {policy_revision}"
    );
    let registered = hub.connected(hello);
    let id = registered.id;
    let (acks, ack_queue) = mpsc::channel(1);
    let ended = tokio::select! {
        r = receive(reader, acks, hub) => r,
        r = send(write, registered.messages, ack_queue) => r,
    };
    hub.disconnected(id);
    ended
}

async fn receive(
    mut reader: Reader,
    acks: mpsc::Sender<ToDataPlane>,
    hub: &Hub,
) -> Result<(), ControlError> {
    while let Some(message) = reader.message().await? {
        match message {
            Message::Events(batch) => {
                let ack = tokio::task::block_in_place(|| hub.store_events(batch));
                // A data plane that does not read acknowledgements gets no events read.
                if acks.send(ack).await.is_err() {
                    break;
                }
            }
            Message::Counters(counters) => hub.counted(counters.samples),
            Message::PolicyResult(result) => hub.answered(result),
            Message::ModelResult(result) => hub.model_answered(result),
            Message::EndpointsResult(result) => hub.endpoints_answered(result),
            Message::BlockAnswer(answer) => hub.blocks_answered(answer),
            Message::Access(batch) => hub.records(batch),
            Message::Hello(_) => return Err(ControlError::NoHello),
        }
    }
    Ok(())
}

/// Writes what is queued until a newer connection has taken this one's place.
async fn send(
    mut write: OwnedWriteHalf,
    mut messages: mpsc::Receiver<ToDataPlane>,
    mut acks: mpsc::Receiver<ToDataPlane>,
) -> Result<(), ControlError> {
    let mut out = Vec::new();
    loop {
        let message = tokio::select! {
            m = messages.recv() => m,
            m = acks.recv() => m,
        };
        let Some(message) = message else { return Ok(()) };
        out.clear();
        encode(&message, &mut out)?;
        write.write_all(&out).await?;
    }
}

struct Reader {
    read: OwnedReadHalf,
    decoder: Decoder,
}

impl Reader {
    /// The next message that this version knows; none at the end.
    async fn message(&mut self) -> Result<Option<Message>, ControlError> {
        let mut buf = [0; 16 << 10];
        loop {
            while let Some(m) = self.decoder.message::<ToManagement>()? {
                if m.message.is_some() {
                    return Ok(m.message);
                }
            }
            match self.read.read(&mut buf).await? {
                0 => return Ok(None),
                n => self.decoder.push(buf.get(..n).unwrap_or_default()),
            }
        }
    }
}
