//! What judging a caller's behaviour costs a request in the data plane: asking whether its step refuses it, taking it into account
//! and judging, with a learnt model, among many callers.

use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use weir_inspect::behaviour::{Identity, Model, Seen, SiteModel, Template};
use weir_inspect::policy::{Caller, Direction, Message, Policy};

/// Their memory together is larger than a second-level cache.
const CALLERS: usize = 4096;
const ENDPOINTS: u32 = 100;
const REQUESTS: usize = 400_000;
/// The fastest counts.
const ROUNDS: usize = 5;
const POLICY: &str = "version: 1
behaviour: {callers: 8192, ladder: [{score: 50, action: alert}, {score: 80, action: block, for: 1h}]}
";

fn main() -> Result<(), Box<dyn Error>> {
    let path = |i: u32| format!("/api/v1/area{}/things{i}", i % 7);
    let mut site = SiteModel::new();
    site.templates = (0..ENDPOINTS)
        .map(|i| Template {
            method: "GET".to_owned(),
            host: "api.example".to_owned(),
            path: format!("{}/{{id}}", path(i)),
            count: 100 - i / 2,
        })
        .collect();
    site.steps =
        (0..ENDPOINTS).flat_map(|a| (1..6).map(move |b| (a, (a + b) % ENDPOINTS, b))).collect();
    let model = Arc::new(Model::new(&site)?);
    let targets: Vec<String> =
        (0..1000).map(|i| format!("{}/{}?page=2&sort=name", path(i % ENDPOINTS), 17 * i)).collect();
    let message = Message {
        host: Some(b"api.example"),
        method: b"GET",
        ..Message::new(Direction::Request, [10, 0, 0, 1].into(), [10, 0, 0, 2].into(), 80)
    };
    let mut fastest = f64::MAX;
    for _ in 0..ROUNDS {
        let (policy, _) = Policy::compile(POLICY).map_err(|errors| format!("{errors:?}"))?;
        let policy = policy.with_model(Arc::clone(&model));
        policy.prepare();
        let begin = Instant::now();
        for (i, target) in targets.iter().cycle().take(REQUESTS).enumerate() {
            // A large odd factor: the callers take turns in no order that a cache could guess.
            let caller = (i * 2_654_435_761 % CALLERS) as u64 + 1;
            let caller = Caller { identity: caller, source: caller };
            let seen = Seen {
                time: i as f64 * 0.001,
                method: b"GET",
                host: b"api.example",
                target: target.as_bytes(),
                endpoint: None,
                referer: None,
                status: if i % 50 == 0 { 404 } else { 200 },
                bytes: 2_000,
                duration: Some(0.01),
            };
            black_box(policy.refusal(caller, &message, i as u64));
            black_box(policy.observe(caller, &seen, i as u64));
        }
        fastest = fastest.min(begin.elapsed().as_secs_f64());
    }
    println!("bytes of a caller's memory: {}", size_of::<Identity>());
    println!("figure: behaviour.cost_per_request {:.0} ns", fastest * 1e9 / REQUESTS as f64);
    Ok(())
}
