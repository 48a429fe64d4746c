//! A TLS connection: what its client says of itself is judged, and the rest passes unread.

use weir_inspect::policy::{Cause, Counted, Decision, Direction, Message, Policy};
use weir_reassembly::tls::{ClientHello, HelloReader, Progress};

use super::{Action, Dir, Feed, Outcome, report};
use crate::reason::Reason;

/// Reads the next bytes. Nothing is held back: what is there of a ClientHello says nothing to the server before its last byte.
pub fn feed(hello: &mut HelloReader, feed: &mut Feed<'_>, bytes: &[u8]) -> Outcome {
    let end = feed.at + bytes.len() as u64;
    feed.cx.counters.unread_tls_bytes += bytes.len() as u64;
    if feed.dir == Dir::ToClient {
        return Outcome::clear(end);
    }
    match hello.push(bytes) {
        Progress::More => return Outcome::clear(end),
        Progress::Whole => {}
        Progress::Broken => return unknown(feed, end),
    }
    let Some(hello) = ClientHello::parse(hello.message()) else { return unknown(feed, end) };
    feed.cx.name_service(feed.conn, hello.server_name());
    let policy = std::sync::Arc::clone(&feed.cx.policy);
    let judges = policy.judges_tls();
    if judges || feed.cx.settings.log_requests {
        let ja4 = hello.ja4();
        report::tls(feed, hello.server_name(), &ja4);
        if judges && refuses(feed, &policy, hello.server_name(), &ja4) {
            return Outcome::action(feed.at, Action::Reset);
        }
    }
    Outcome::action(end, Action::Pass(Reason::NotInspected))
}

/// What begins like a handshake, and has no ClientHello: nobody can say whether a rule is about it.
fn unknown(feed: &mut Feed<'_>, end: u64) -> Outcome {
    match feed.cx.policy.judges_tls() {
        true => feed.exception(Cause::ParserError, end),
        false => Outcome::action(end, Action::Pass(Reason::NotInspected)),
    }
}

/// Whether an enforced rule refuses the connection.
fn refuses(feed: &mut Feed<'_>, policy: &Policy, name: Option<&[u8]>, ja4: &str) -> bool {
    let message =
        Message { ja4: Some(ja4), host: name, path: b"", ..feed.message(Direction::Request) };
    let rules = policy.select(&message);
    if rules.is_empty() {
        return false;
    }
    let caller = policy.caller(&message, b"", &feed.cx.settings.keys.values);
    let (counted, now) =
        (Counted::Call(feed.cx.settings.keys.hash(ja4.as_bytes())), feed.now.millis());
    let over = policy.count(&rules, caller, counted, now);
    let over = over.or_else(|| policy.locked_out(&rules, caller, now));
    let Some(decision) = rules.verdict().into_iter().chain(over).reduce(Decision::stronger) else {
        return false;
    };
    let acts = decision.acts() && !feed.cx.settings.passive;
    report::tls_client(feed, policy, decision, (name, ja4, caller), acts);
    let refused = acts && decision.action.refuses();
    if refused {
        feed.cx.counters.blocked += 1;
        feed.drop_source(policy, decision);
    }
    refused
}
