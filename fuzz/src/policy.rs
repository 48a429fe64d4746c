//! Policies.

use weir_inspect::policy::{Direction, Message, Mode, Part, Policy, Severity};

/// The input is a policy's source.
///
/// A refusal names an error, and each diagnostic a place in the source. Where a policy is accepted, what a selection
/// says is looked for and held is what the decisions say, and in monitor nothing acts.
pub fn policy(data: &[u8]) {
    let Ok(source) = std::str::from_utf8(data) else { return };
    match Policy::compile(source) {
        Ok((policy, _)) => {
            consistent(&policy);
            consistent(&policy.with_mode(Mode::Monitor));
            consistent(&policy.with_mode(Mode::Enforce));
        }
        Err(diagnostics) => {
            assert!(diagnostics.iter().any(|d| d.severity == Severity::Error), "no reason");
            // The end of the source counts as a line of its own.
            let lines = source.split(['\n', '\r']).count() + 1;
            for d in diagnostics {
                assert!((1..=lines).contains(&d.line) && d.column >= 1, "{d}");
            }
        }
    }
}

fn consistent(policy: &Policy) {
    for direction in [Direction::Request, Direction::Response] {
        for (method, path) in [("GET", "/"), ("DELETE", "/admin/../x//y"), ("POST", "/debug/z")] {
            let selection = policy.select(&Message {
                host: Some(b"billing.internal:80"),
                method: method.as_bytes(),
                path: path.as_bytes(),
                ..Message::new(direction, [10, 20, 0, 1].into(), [10, 20, 7, 1].into(), 80)
            });
            let enforce = policy.mode() == Mode::Enforce;
            assert!(enforce || selection.verdict().is_none_or(|d| !d.acts()));
            for part in [Part::Headers, Part::Url, Part::Body] {
                for detector in policy.catalog().iter() {
                    let decision = policy.decide(&selection, part, detector.id);
                    let acts = decision.is_some_and(|d| d.acts());
                    assert_eq!(selection.detectors(part).contains(detector.id), decision.is_some());
                    assert_eq!(selection.held(part).contains(detector.id), acts);
                    assert!(enforce || !acts);
                }
            }
        }
    }
}
