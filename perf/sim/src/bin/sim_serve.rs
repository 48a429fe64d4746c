//! `sim-serve`: the service behind `sim-send`.

use std::error::Error;
use std::net::{SocketAddr, TcpListener};

use clap::Parser;

/// Answer each request as its field `x-sim-answer` says: status, seconds, bytes
#[derive(Parser)]
struct Arguments {
    /// Where to listen
    listen: SocketAddr,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { listen } = Arguments::parse();
    let listener =
        TcpListener::bind(listen).map_err(|e| format!("can't listen on {listen}: {e}"))?;
    println!("listening on {}", listener.local_addr()?);
    Ok(weir_sim::serve::serve(&listener)?)
}
