//! `weir-mgmt`: policy store, events, metrics and API of one data plane.
//!
//! ```text
//!   weir-dataplane ──unix socket──► control ──► hub ──► eventlog ──► events.jsonl, ring, followers
//!                  ◄────policy─────         ◄──        store ──► revisions on disk
//!                                            ──► learning ──► endpoints, who calls whom, anomalies ──► eventlog
//!                                            ▲
//!                          weir, Prometheus ─┴─ api, metrics
//! ```
//!
//! It runs without privileges, and the data plane does not need it: it may crash, stop and restart at any time.

mod access;
mod api;
mod control;
mod eventlog;
mod hub;
mod learning;
mod metrics;
mod privileges;
mod rotate;
mod settings;
mod store;

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};

use hub::Hub;
pub use settings::{EventSettings, LearningSettings, Settings, SettingsError};

/// Why the daemon can't run: a sentence for the operator.
#[derive(Debug, thiserror::Error)]
#[error("can't {what} {on}: {error}", on = .on.display())]
pub struct DaemonError {
    what: &'static str,
    on: PathBuf,
    error: io::Error,
}

fn failed(what: &'static str, on: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> DaemonError {
    let on = on.into();
    move |error| DaemonError { what, on, error }
}

/// Runs until SIGTERM or SIGINT.
pub fn run(settings: Settings) -> Result<(), DaemonError> {
    // Before there are threads: a thread keeps the privileges that it started with.
    privileges::prepare(&settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(failed("start the runtime for", &settings.state_dir))?;
    let result = runtime.block_on(serve(settings));
    // Followers of events never end by themselves.
    runtime.shutdown_background();
    result
}

async fn serve(settings: Settings) -> Result<(), DaemonError> {
    let hub = Arc::new(Hub::open(&settings)?);
    let control = bind(&settings.control).map_err(failed("listen on", &settings.control))?;
    let api = bind(&settings.api).map_err(failed("listen on", &settings.api))?;
    tokio::spawn(control::serve(control, hub.clone()));
    let operator = api::operator(hub.clone());
    tokio::spawn(async move { axum::serve(api, operator).await });
    if let Some(listen) = settings.listen {
        let tcp = TcpListener::bind(listen).await;
        let tcp = tcp.map_err(failed("listen on", listen.to_string()))?;
        let addr = tcp.local_addr().map_err(failed("listen on", listen.to_string()))?;
        tracing::info!("metrics on http://{addr}/metrics");
        let public = api::public(hub.clone());
        tokio::spawn(async move { axum::serve(tcp, public).await });
    }
    tracing::info!("waiting for the data plane on {}", settings.control.display());
    let terminate = signal(SignalKind::terminate());
    let mut terminate = terminate.map_err(failed("wait for signals in", &settings.state_dir))?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    // What was learnt is kept before anybody else can take this process's place.
    let stopped = tokio::task::spawn_blocking(move || hub.stop_learning()).await;
    stopped.unwrap_or_else(|e| tracing::error!("the learner can't be stopped: {e}"));
    for socket in [&settings.control, &settings.api] {
        let _ = std::fs::remove_file(socket);
    }
    Ok(())
}

/// Listens on a socket that owner and group may use. What a killed predecessor left there is removed; a living one is not.
fn bind(path: &Path) -> io::Result<UnixListener> {
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => {
            let why = "another weir-mgmt listens there; stop it, or choose another path";
            return Err(io::Error::new(io::ErrorKind::AddrInUse, why));
        }
        Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path)?,
        Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}
