//! What callers do, told to the policy that judges them; and what it says of those who do ill.

use std::sync::Arc;
use std::time::Duration;

use weir_inspect::behaviour::{Mitigation, Seen, comes_from_elsewhere};
use weir_inspect::policy::{Message, Observed, Refusal};

use super::report;
use super::transaction::Request;
use super::{Answer, Feed};
use crate::engine::bypass::Order;

/// Asks whether a watched request may go on; the answer where it may not.
pub fn refuses(
    feed: &mut Feed<'_>,
    request: &mut Request,
    message: &Message<'_>,
) -> Option<Answer> {
    let policy = Arc::clone(&request.policy);
    let (refusal, busy) = policy.refusal(request.caller, message, feed.now.millis());
    feed.cx.counters.behaviour_busy += u64::from(busy);
    let refusal = refusal?;
    let acts = policy.enforces_behaviour() && !feed.cx.settings.passive;
    request.alerted = true;
    report::refused(feed, request, refusal.mitigation, acts);
    if !acts {
        return None;
    }
    feed.cx.counters.behaviour_refused += 1;
    let seen = seen(feed, request);
    let observed = policy.observe_refused(&refusal, &seen, feed.now.millis());
    tell(feed, request, observed);
    // What Weir says itself is no answer of the service's.
    request.watched = false;
    let Refusal { retry_after, rest, .. } = refusal;
    Some(match refusal.mitigation {
        Mitigation::RateLimit { .. } => Answer::TooManyRequests { retry_after },
        Mitigation::Challenge => Answer::Challenge { retry_after },
        Mitigation::DropSource => {
            let until = feed.now + Duration::from_millis(rest);
            feed.cx.order(Order::DropSource { source: feed.conn.client.0, until });
            Answer::Forbidden
        }
        Mitigation::Alert | Mitigation::Block => Answer::Forbidden,
    })
}

/// Takes a request into account whose answer is complete, or never will be.
pub fn observe(feed: &mut Feed<'_>, request: &Request) {
    if !request.watched {
        return;
    }
    let seen = seen(feed, request);
    request.policy.suspect(request.caller, feed.conn.client.0, feed.now.millis());
    let observed = request.policy.observe(request.caller, &seen, feed.now.millis());
    tell(feed, request, observed);
}

fn seen<'r>(feed: &Feed<'_>, request: &'r Request) -> Seen<'r> {
    Seen {
        time: feed.now.0 as f64 / 1e9,
        method: &request.method,
        host: &request.host,
        target: &request.url,
        endpoint: request.endpoint().map(|endpoint| &*endpoint.template),
        referer: Some(comes_from_elsewhere(&request.referer, &request.url)),
        status: request.status,
        bytes: request.response_length,
        duration: request.took.map(|took| took.as_secs_f64()),
    }
}

fn tell(feed: &mut Feed<'_>, request: &Request, observed: Observed) {
    let c = &mut feed.cx.counters;
    c.behaviour_busy += u64::from(observed.busy);
    c.behaviour_judged += u64::from(!observed.busy);
    c.behaviour_forgotten += u64::from(observed.forgot);
    if let Some(rise) = observed.rise {
        c.behaviour_raised += 1;
        report::behaviour(feed, request, &rise);
    }
}
