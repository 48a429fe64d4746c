//! How callers behave: learnt from recorded requests, and judged on them with the scorer of the data plane
//! (`weir_inspect::behaviour`).

mod actor;
mod detect;
mod learn;

pub use actor::{Network, actor};
pub use detect::{Attacks, Caller, Detector};
pub use learn::Learner;

use weir_inspect::behaviour::{Seen, comes_from_elsewhere};
use weir_inspect::request::Request;

/// A recorded request as the scorer sees it. `time` is for recordings without one.
fn seen(request: &Request, time: f64) -> Seen<'_> {
    let response = request.response.as_ref();
    let known = !request.headers.is_empty();
    let from = |referer: &str| comes_from_elsewhere(referer.as_bytes(), request.url.as_bytes());
    let referer = request.header("referer").is_some_and(from);
    Seen {
        time: request.ts.unwrap_or(time),
        method: request.method.as_bytes(),
        host: request.host.as_deref().unwrap_or_default().as_bytes(),
        target: request.url.as_bytes(),
        endpoint: request.endpoint.as_deref(),
        referer: known.then_some(referer),
        status: response.map_or(0, |r| r.status),
        bytes: response.map_or(0, |r| r.length),
        duration: response.and_then(|r| r.duration),
    }
}

#[cfg(test)]
mod tests;
