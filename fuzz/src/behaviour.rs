//! Behaviour: what is made of requests, and models from files.

use weir_inspect::behaviour::{Identity, Measure, Model, Seen, judge};

const METHODS: [&[u8]; 5] = [b"GET", b"POST", b"HEAD", b"OPTIONS", b"X"];
const STATUSES: [u16; 8] = [0, 200, 206, 302, 401, 404, 429, 503];

/// The input is a model, if it is one, and requests: each line is a target, whose first bytes say time, method and answer. A
/// score is within 0..1, its reasons are its measures, and each of these is finite or not known.
pub fn behaviour(data: &[u8]) {
    let model = Model::parse(data).unwrap_or_else(|_| Model::generic());
    let mut identity = Identity::default();
    for line in data.split(|b| *b == b'\n') {
        let [time, method, answer, target @ ..] = line else { continue };
        let seen = Seen {
            // Also backwards, very far, and no number.
            time: match time {
                255 => f64::NAN,
                254 => f64::INFINITY,
                time => f64::from(*time).powi(3) - 1000.0,
            },
            method: METHODS[usize::from(*method) % METHODS.len()],
            host: b"h",
            target,
            endpoint: None,
            referer: [None, Some(false), Some(true)][usize::from(*answer) % 3],
            status: STATUSES[usize::from(*answer) % STATUSES.len()],
            bytes: u64::from(*answer) << (*method % 64),
            duration: (*answer > 9).then(|| f64::from(*answer).powi(9) - 1e9),
        };
        identity.observe(&seen, &model);
        let verdict = judge(&mut identity, &model);
        assert!((0.0..=1.0).contains(&verdict.score), "{verdict:?}");
        let measures = identity.measures();
        for reason in verdict.reasons.iter().flatten() {
            assert_eq!(reason.value, measures.get(reason.measure), "{reason:?}");
            assert!(reason.evidence > 0.0 && !reason.to_string().is_empty());
        }
        for measure in Measure::ALL {
            assert!(!measures.get(measure).is_infinite(), "{measure:?}");
        }
    }
}
