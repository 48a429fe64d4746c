//! What judging a caller's behaviour costs a request: observing it and judging, with a learnt model, among many callers.

use std::hint::black_box;
use std::time::Instant;

use weir_inspect::behaviour::{Identity, Model, ModelError, Seen, SiteModel, Template, judge};

/// Their memory together is larger than a second-level cache.
const CALLERS: usize = 4096;
const ENDPOINTS: u32 = 100;
const REQUESTS: usize = 400_000;
/// The fastest counts.
const ROUNDS: usize = 5;

fn main() -> Result<(), ModelError> {
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
    let model = Model::new(&site)?;
    let targets: Vec<String> =
        (0..1000).map(|i| format!("{}/{}?page=2&sort=name", path(i % ENDPOINTS), 17 * i)).collect();
    let mut fastest = f64::MAX;
    for _ in 0..ROUNDS {
        let mut callers = vec![Identity::default(); CALLERS];
        let begin = Instant::now();
        for (i, target) in targets.iter().cycle().take(REQUESTS).enumerate() {
            // A large odd factor: the callers take turns in no order that a cache could guess.
            let Some(caller) = callers.get_mut(i * 2_654_435_761 % CALLERS) else { continue };
            let seen = Seen {
                time: i as f64 * 0.001,
                method: b"GET",
                host: b"api.example",
                target: target.as_bytes(),
                referer: None,
                status: if i % 50 == 0 { 404 } else { 200 },
                bytes: 2_000,
                duration: Some(0.01),
            };
            caller.observe(&seen, &model);
            black_box(judge(caller, &model));
        }
        fastest = fastest.min(begin.elapsed().as_secs_f64());
    }
    println!("bytes of a caller's memory: {}", size_of::<Identity>());
    println!("figure: behaviour.cost_per_request {:.0} ns", fastest * 1e9 / REQUESTS as f64);
    Ok(())
}
