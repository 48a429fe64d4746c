//! Every cap of the packet path in one place (design rule 5), with what happens beyond it.

use std::time::Duration;

use weir_reassembly::tcp::History;

/// Caps and times of one worker. The defaults are those of the design.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Flows. Beyond: the longest idle of a few is forgotten; if all are busy, exception `overload`.
    pub flows: usize,
    /// Forwarded and unacknowledged bytes kept per direction. The receiver's window is lowered to it in place; a
    /// sender that ignores the window meets exception `memory`.
    pub history: usize,
    /// Packets that may wait in this worker, early ones and held ones. Beyond: early ones are dropped (their sender
    /// sends them again), held ones are released.
    pub waiting: usize,
    /// Longest wait of a tail or of an unfinished header section. Beyond: released and counted (`hold_expired`).
    pub hold: Duration,
    /// Bytes that may wait behind an undecided tail, per direction. Beyond: released and counted (`hold_expired`).
    pub hold_bytes: u64,
    /// Longest wait of a request that `throttle` holds back. Beyond: it goes.
    pub throttle: Duration,
    /// Packets that may wait in this worker for `throttle` to begin. Beyond: requests are not held back, and counted
    /// (`throttle_skipped`), since what is undecided needs the room. A request's own direction holds no more than `hold_bytes`
    /// then; what comes beyond is dropped, and its sender sends it again.
    pub throttled: usize,
    /// Turns that requests of one connection may wait for. Beyond: with the last of them.
    pub turns: usize,
    /// Messages whose content coding is undone at a time; one takes 40 KB (gzip) to 16 MB (br, by its window). Beyond:
    /// exception `overload`.
    pub decoders: usize,
    /// Bytes of content that are kept so that findings in it have paths, of all messages together. Beyond: they have none.
    pub paths: usize,
    /// Wait of a refused request for earlier responses to be complete. Beyond: both ends are reset.
    pub refusal_wait: Duration,
    /// Life of a tombstone.
    pub tombstone: Duration,
    /// Silence after which an established flow is forgotten; one with a FIN or RST, or half open, in `closing`.
    pub idle: Duration,
    /// Silence after which a flow that is opening or closing is forgotten, and after which packets that wait for a
    /// gap in any flow are dropped (their sender sends them again, if it lives).
    pub closing: Duration,
    /// After so long packets of a bypassed flow come to the worker again, so that it knows that the flow lives.
    pub bypass: Duration,
    /// Requests in flight on one HTTP/1 connection, and streams on one HTTP/2 connection that are inspected at a
    /// time. Beyond: exception `memory`.
    pub streams: usize,
    /// Events waiting to leave a worker. Beyond: lost, and counted.
    pub events: usize,
    /// Access records waiting to leave a worker. Beyond: the next one counts for what is left out.
    pub records: usize,
    /// Requests at a time of which bodies are kept for their shapes, 16 KB each at most. Beyond: no shapes.
    pub shaped: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            flows: 65_536,
            history: History::DEFAULT_CAP,
            waiting: 1024,
            hold: Duration::from_millis(5),
            hold_bytes: 64 * 1024,
            throttle: Duration::from_secs(1),
            throttled: 256,
            turns: 64,
            decoders: 256,
            paths: 64 << 20,
            refusal_wait: Duration::from_secs(1),
            tombstone: Duration::from_secs(30),
            idle: Duration::from_secs(3600),
            closing: Duration::from_secs(30),
            bypass: Duration::from_secs(1),
            streams: 1024,
            events: 4096,
            records: 256,
            shaped: 64,
        }
    }
}
