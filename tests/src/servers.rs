//! The services behind Weir: nginx, and plain TCP servers that send bytes exactly as a test says.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv6Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::Result;
use crate::bodies::Site;
use crate::net::{Namespace, Topology};
use crate::process::{Process, wait_for};

/// nginx's port for HTTP/1.1.
pub const H1: u16 = 80;
/// nginx's port for HTTP/2 with prior knowledge.
pub const H2: u16 = 8080;
/// nghttpx's port for the h2c upgrade.
pub const H2C: u16 = 8081;

/// Debian's nginx in the server namespace, serving a [`Site`] on [`H1`] and [`H2`].
#[derive(Debug)]
pub struct Nginx {
    process: Process,
    access_log: PathBuf,
}

impl Nginx {
    /// Writes the site, starts nginx with a configuration of its own and waits until it listens.
    pub fn start(topology: &Topology, site: &Site) -> Result<Nginx> {
        let dir = topology.dir().join("nginx");
        let (www, conf) = (dir.join("www"), dir.join("nginx.conf"));
        let access_log = dir.join("access");
        site.write(&www)?;
        fs::write(&conf, configuration(&dir.display().to_string()))?;
        let conf = conf.display().to_string();
        let mut process = topology.server.spawn("nginx", &["nginx", "-c", &conf])?;
        wait_for("nginx listening", Duration::from_secs(10), || {
            let connect = || TcpStream::connect((Ipv6Addr::LOCALHOST, H1)).is_ok();
            let listening = topology.server.enter(connect).unwrap_or(false);
            (listening || !process.is_running()).then_some(())
        })?;
        if !process.is_running() {
            crate::fail!("nginx ended at once: {}", process.output());
        }
        Ok(Nginx { process, access_log })
    }

    /// Its only process, which is pinned nowhere.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The requests that it has answered, one `STATUS URI` a line: what the service has seen.
    /// Written by nginx without a buffer, after each answer.
    pub fn seen(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.access_log).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

/// One process, so that none is left when it is killed. Requests with a query are logged, so that a test sees which
/// attacks arrived; the rest are not, for the benchmarks' sake. Below `/tagged/` the same pages have an `ETag`.
fn configuration(dir: &str) -> String {
    format!(
        "daemon off; master_process off; user root; pid {dir}/pid; error_log {dir}/error.log warn;
worker_rlimit_nofile 65536;
events {{ worker_connections 8192; }}
http {{
  log_format seen '$status $request_uri';
  access_log {dir}/access seen if=$is_args;
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  sendfile on; tcp_nopush on; tcp_nodelay on; server_tokens off; etag off;
  keepalive_timeout 120; keepalive_requests 10000000; http2_max_concurrent_streams 256;
  default_type application/json; types {{ application/json json; }}
  open_file_cache max=4000 inactive=600s; open_file_cache_valid 600s;
  server {{ listen [::]:{H1} ipv6only=off backlog=4096; root {dir}/www;
    location /tagged/ {{ alias {dir}/www/; etag on; }} }}
  server {{ listen [::]:{H2} http2 ipv6only=off backlog=4096; root {dir}/www; }}
}}
"
    )
}

/// Starts nghttpx in the server namespace, which upgrades HTTP/1.1 to HTTP/2 (RFC 7540 §3.2) on [`H2C`] and asks nginx,
/// and waits until it listens. (nginx knows prior knowledge only, and so does nghttpd.)
pub fn start_h2c(topology: &Topology) -> Result<Process> {
    let (frontend, backend) = (format!("*,{H2C};no-tls"), format!("127.0.0.1,{H1}"));
    let argv = ["nghttpx", "--conf=/dev/null", "--single-process", "-f", &frontend, "-b", &backend];
    let process = topology.server.spawn("nghttpx", &argv)?;
    wait_for("nghttpx listening", Duration::from_secs(10), || {
        let connect = || TcpStream::connect((Ipv6Addr::LOCALHOST, H2C)).is_ok();
        topology.server.enter(connect).unwrap_or(false).then_some(())
    })?;
    Ok(process)
}

/// Starts the gRPC order service ([`crate::orders`]) in the server namespace and waits until it listens.
pub fn start_grpc(topology: &Topology) -> Result<Process> {
    let service = crate::program("grpc-service")?;
    let process = topology.server.spawn("grpc-service", &[&service])?;
    wait_for("the gRPC service listening", Duration::from_secs(10), || {
        let connect = || TcpStream::connect((Ipv6Addr::LOCALHOST, crate::orders::PORT)).is_ok();
        topology.server.enter(connect).unwrap_or(false).then_some(())
    })?;
    Ok(process)
}

/// A TCP server whose answer to each connection is a function of the test's own.
#[derive(Debug)]
pub struct RawServer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl RawServer {
    /// Listens on `port`; calls `serve` for one connection after another, each with a time limit of 10 s per read.
    pub fn start(
        namespace: &Namespace,
        port: u16,
        mut serve: impl FnMut(TcpStream) + Send + 'static,
    ) -> Result<RawServer> {
        let listener = namespace.enter(|| TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)))??;
        listener.set_nonblocking(true)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        let _ = stream.set_nonblocking(false);
                        let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
                        let _ = stream.set_nodelay(true);
                        serve(stream);
                    }
                    Err(_) => thread::sleep(Duration::from_millis(2)),
                }
            }
        });
        Ok(RawServer { stop, thread: Some(thread) })
    }

    /// A server that reads one request head and answers with `pieces`, each in a segment of its own, `pause` apart.
    pub fn pieces(
        namespace: &Namespace,
        port: u16,
        pieces: Vec<Vec<u8>>,
        pause: Duration,
    ) -> Result<RawServer> {
        RawServer::start(namespace, port, move |mut stream| {
            if read_head(&mut stream).is_none() {
                return;
            }
            for piece in &pieces {
                if stream.write_all(piece).is_err() {
                    return;
                }
                thread::sleep(pause);
            }
        })
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Reads up to the empty line; none if the connection ends before.
pub fn read_head(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.extend(byte),
            _ => return None,
        }
    }
    Some(head)
}
