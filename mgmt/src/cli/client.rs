//! HTTP over the unix socket of weir-mgmt.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

use super::Failure;

/// How long an answer may take: weir-mgmt itself waits 30 s for the data plane.
const ANSWER_WITHIN: Duration = Duration::from_secs(40);

/// The API behind a socket.
#[derive(Debug)]
pub(super) struct Client {
    socket: PathBuf,
}

impl Client {
    pub(super) fn new(socket: PathBuf) -> Client {
        Client { socket }
    }

    /// `GET` of a JSON document; any other status than 200 is a failure with the server's sentence.
    pub(super) fn get(&self, path: &str) -> Result<Value, Failure> {
        match self.request(Method::GET, path, String::new())? {
            (StatusCode::OK, value) => Ok(value),
            (status, value) => {
                let message = value.get("message").and_then(Value::as_str);
                Err(Failure::new(
                    message.map_or_else(|| format!("{path}: {status}"), str::to_owned),
                ))
            }
        }
    }

    /// `POST`; the answer with its status.
    pub(super) fn post(&self, path: &str, body: String) -> Result<(StatusCode, Value), Failure> {
        self.request(Method::POST, path, body)
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: String,
    ) -> Result<(StatusCode, Value), Failure> {
        self.block_on(async {
            let whole = async {
                let response = self.send(method, path, body).await?;
                let status = response.status();
                let body = response.into_body().collect().await.map_err(|e| self.broken(&e))?;
                Ok((status, body.to_bytes()))
            };
            let late =
                || Failure::new(format!("no answer from weir-mgmt on {}", self.socket.display()));
            let (status, body) =
                tokio::time::timeout(ANSWER_WITHIN, whole).await.unwrap_or_else(|_| Err(late()))?;
            let plain = || Value::from(String::from_utf8_lossy(&body));
            Ok((status, serde_json::from_slice(&body).unwrap_or_else(|_| plain())))
        })
    }

    /// `GET` of a stream; `each` gets the bytes as they come, until the server ends it.
    pub(super) fn stream(
        &self,
        path: &str,
        mut each: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.block_on(async {
            let mut body = self.send(Method::GET, path, String::new()).await?.into_body();
            while let Some(frame) = body.frame().await {
                if let Ok(data) = frame.map_err(|e| self.broken(&e))?.into_data() {
                    each(&data)?;
                }
            }
            Ok(())
        })
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: String,
    ) -> Result<Response<Incoming>, Failure> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|e| self.unreachable(&e))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|e| self.broken(&e))?;
        tokio::spawn(connection);
        let request = Request::builder().method(method).uri(path).header("host", "weir-mgmt");
        // Routes that take JSON insist on it; the one that takes a policy does not look.
        let request = request.header("content-type", "application/json");
        let request = request.body(Full::<Bytes>::from(body));
        let request = request.map_err(|e| Failure::new(format!("can't ask for {path}: {e}")))?;
        sender.send_request(request).await.map_err(|e| self.broken(&e))
    }

    fn block_on<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Failure::new(format!("can't start: {e}")))?
            .block_on(work)
    }

    fn unreachable(&self, e: &io::Error) -> Failure {
        let hint = match e.kind() {
            io::ErrorKind::PermissionDenied => "become a user who may write to it",
            _ => "is weir-mgmt running? --api names another socket",
        };
        Failure::new(format!("can't reach weir-mgmt on {}: {e}; {hint}", self.socket.display()))
    }

    fn broken(&self, e: &hyper::Error) -> Failure {
        Failure::new(format!("the connection to {} broke: {e}", self.socket.display()))
    }
}
