//! What the receivers have heard, against what they were to hear (design rules 1–4).

use std::ops::Range;

use crate::script::{Ending, Expected, Script};
use crate::world::Outcome;
use crate::{content, http2};

/// The beginning of every answer by which Weir refuses an HTTP/1 request.
const FORBIDDEN: &[u8] = b"HTTP/1.1 403 Forbidden\r\n";

/// Judges a connection.
pub fn check(script: &Script, outcome: &Outcome) -> Result<(), String> {
    if outcome.faults.is_hostile() {
        return hostile(script, outcome);
    }
    let heard = Heard { outcome, shown: 0 };
    heard.check(script)
}

/// With forged segments under way nobody knows what the streams will be, only what they must not be.
fn hostile(script: &Script, outcome: &Outcome) -> Result<(), String> {
    if script.http2 {
        // A forged length or stream turns a body into padding, or into a stream that its receiver knows nothing of.
        return Ok(());
    }
    let sent = &script.server.bytes;
    let arrived = &outcome.sent_to_client;
    // A forger can make a number that is none of what was one, so what is a secret is asked again.
    let masked = content::masked(arrived);
    let mut shown = 0;
    for secret in &script.to_client.secrets {
        let text: Vec<u8> =
            secret.pieces.iter().flat_map(|p| sent[p.clone()].iter().copied()).collect();
        let places = arrived.windows(text.len()).enumerate().filter(|(_, w)| *w == text);
        let mut places = places.map(|(at, _)| at..at + text.len());
        if secret.pieces.len() == 1 && places.any(|p| masked[p.clone()] != arrived[p]) {
            // (A forged response can make a header section of what was a body, whose hold has an end.)
            shown += text.len() as u64;
            if shown > outcome.counters.released_bytes {
                return Err(format!("{} was sent to the client", String::from_utf8_lossy(&text)));
            }
        }
    }
    Ok(())
}

/// Whether the end of a header section is in these bytes.
fn ends_section(bytes: &[u8]) -> bool {
    bytes.windows(4).any(|w| w == b"\r\n\r\n")
}

/// Whether this is an answer of Weir, or the beginning of one.
fn is_refusal(answer: &[u8]) -> bool {
    let begun = answer.len().min(FORBIDDEN.len());
    answer[..begun] == FORBIDDEN[..begun]
}

struct Heard<'a> {
    outcome: &'a Outcome,
    /// Bytes of complete secrets that arrived as they were sent.
    shown: u64,
}

impl Heard<'_> {
    fn check(mut self, script: &Script) -> Result<(), String> {
        let Outcome { to_server, to_client, .. } = self.outcome;
        let counters = &self.outcome.counters;
        // Once a part of a header block has left it can't be edited any more: the connection is reset.
        let headers = &script.to_server;
        let may_reset = !headers.blanks.is_empty() || !headers.refused.is_empty();
        let cut = may_reset && counters.hold_expired > 0 && counters.resets > 0;
        let complete = script.ending == Ending::Complete && self.outcome.ended && !cut;
        let mut to_server_expected = script.to_server.clone();
        if !script.http2 {
            // No server acts on a header section that has no end, so nothing in it needs to be overwritten.
            let begun =
                |b: &Range<usize>| to_server.get(b.end..).is_none_or(|rest| !ends_section(rest));
            to_server_expected
                .free
                .extend(script.to_server.blanks.iter().filter(|b| begun(b)).cloned());
        }
        self.direction("server", &script.client.bytes, &to_server_expected, to_server, complete)?;
        let answer = match script.ending {
            Ending::Refused(at) => to_client.len().min(at),
            Ending::Blocked(at) if to_client.get(at..).is_some_and(is_refusal) => at,
            _ => to_client.len(),
        };
        if !script.streams.is_empty() {
            return http2::check(&script.streams, to_client, complete);
        }
        self.direction(
            "client",
            &script.server.bytes,
            &script.to_client,
            &to_client[..answer],
            complete,
        )?;
        let refusal = &to_client[answer..];
        if matches!(script.ending, Ending::Refused(_)) || !refusal.is_empty() {
            self.refused(&script.to_client, refusal)?;
        }
        if self.shown > counters.released_bytes {
            let told = counters.released_bytes;
            return Err(format!("{} bytes of secrets were shown, but {told} counted", self.shown));
        }
        Ok(())
    }

    /// Compares what one side has heard.
    fn direction(
        &mut self,
        who: &str,
        sent: &[u8],
        expected: &Expected,
        heard: &[u8],
        complete: bool,
    ) -> Result<(), String> {
        if complete && heard.len() != expected.bytes.len() {
            return Err(format!(
                "the {who} heard {} of {} bytes",
                heard.len(),
                expected.bytes.len()
            ));
        }
        if expected.fence.is_some_and(|f| heard.len() >= f) {
            return Err(format!("the {who} heard the last byte of what is refused"));
        }
        let mut wrong: Vec<usize> =
            (0..heard.len()).filter(|i| expected.bytes.get(*i) != Some(&heard[*i])).collect();
        if wrong.is_empty() {
            return Ok(());
        }
        for secret in &expected.secrets {
            let places: Vec<usize> =
                secret.pieces.iter().flat_map(|p| p.clone()).filter(|i| *i < heard.len()).collect();
            let whole: usize = secret.pieces.iter().map(|p| p.len()).sum();
            // What had left when the bound of the hold was reached is the beginning of the secret.
            // A backslash of a key may have left by itself as well: held until it is known what it escapes.
            let expired = self.outcome.counters.hold_expired > 0;
            let is_masked =
                |i: usize| heard[i] == expected.bytes[i] || (expired && heard[i] == b'\\');
            let masked = places.iter().rev().take_while(|i| is_masked(**i)).count();
            let (begin, rest) = places.split_at(places.len() - masked);
            if begin.iter().any(|i| heard[*i] != sent[*i]) {
                continue;
            }
            if begin.len() == whole {
                let text: Vec<u8> = begin.iter().map(|i| heard[*i]).collect();
                return Err(format!("{} reached the {who}", String::from_utf8_lossy(&text)));
            }
            if places.len() == whole {
                self.shown += begin.len() as u64;
            }
            if !begin.is_empty() && !expired {
                return Err(format!(
                    "{} bytes of a secret passed, and no hold expired",
                    begin.len()
                ));
            }
            wrong.retain(|i| !begin.contains(i) && !rest.contains(i));
        }
        wrong.retain(|i| !expected.free.iter().any(|f| f.contains(i)));
        if self.outcome.counters.hold_expired > 0 {
            let begun = |i: usize| expected.refused.iter().any(|r| r.0 == i && heard.len() < r.1);
            wrong.retain(|i| heard[*i] != sent[*i] || !begun(*i));
            wrong.retain(|i| {
                heard[*i] != sent[*i] || !expected.blanks.iter().any(|b| b.contains(i))
            });
        }
        match wrong.first() {
            None => Ok(()),
            Some(at) => {
                let around = at.saturating_sub(30)..(at + 30);
                let show = |b: &[u8]| {
                    let end = around.end.min(b.len());
                    String::from_utf8_lossy(&b[around.start.min(end)..end]).into_owned()
                };
                Err(format!(
                    "the {who} heard at {at} {:?} instead of {:?}",
                    show(heard),
                    show(&expected.bytes)
                ))
            }
        }
    }

    /// After a refusal: every earlier response and a whole 403, or a reset.
    fn refused(&self, earlier: &Expected, answer: &[u8]) -> Result<(), String> {
        let outcome = self.outcome;
        let whole = answer.starts_with(FORBIDDEN) && answer.ends_with(b".\r\n");
        if whole && outcome.finished {
            return Ok(());
        }
        if !is_refusal(answer) {
            return Err(format!("a refused client heard {:?}", String::from_utf8_lossy(answer)));
        }
        if outcome.finished {
            let text = String::from_utf8_lossy(answer);
            return Err(format!("a refused client's stream ended in order after {text:?}"));
        }
        if outcome.faults.is_tidy() && outcome.counters.resets == 0 {
            let n = outcome.to_client.len();
            return Err(format!(
                "no answer, on a network that loses nothing ({n} bytes, {} expected)",
                earlier.bytes.len()
            ));
        }
        Ok(())
    }
}
