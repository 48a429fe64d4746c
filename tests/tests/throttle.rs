//! Real clients over real TCP whose requests wait for their turns: slower, and nothing is lost.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this file is test code")]

use std::time::{Duration, Instant};

use weir_tests::bodies::Site;
use weir_tests::clients::{Version, curl};
use weir_tests::net::Topology;
use weir_tests::process::wait_for;
use weir_tests::servers::Nginx;
use weir_tests::weir::{Weir, total};

/// Calls of each client: three at once, and then one in two thirds of a second.
const CALLS: usize = 7;

#[test]
fn beyond_the_limit_calls_follow_each_other_as_it_allows() {
    let topology = Topology::new().unwrap();
    let site = Site::generate(1);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    let [h1, h2] = Version::ALL.map(Version::port);
    let policy = format!(
        "version: 1\nmode: enforce\nservices:\n  - {{name: h1, ports: [{h1}]}}\n  - {{name: h2, ports: [{h2}]}}\nrules:\n  \
         - {{name: pace-h1, services: [h1], limit: {{count: 3, per: 2s}}, action: throttle}}\n  \
         - {{name: pace-h2, services: [h2], limit: {{count: 3, per: 2s}}, action: throttle}}\n"
    );
    let mut weir = Weir::start(&topology, &policy).unwrap();
    weir.manage().unwrap();
    let doc = site.leaking().next().unwrap();
    for version in Version::ALL {
        let begin = Instant::now();
        for _ in 0..CALLS {
            let answer = curl(&topology.client, version, &doc.path).unwrap();
            assert_eq!((answer.status, answer.complete), (200, true));
            assert_eq!(answer.body, doc.body);
        }
        // On a loaded machine a call may come so late that it need not wait, so not all of them are counted on.
        let took = begin.elapsed();
        assert!(took > Duration::from_millis(1200), "{version:?}: {CALLS} calls in {took:?}");
    }
    let mut waited = 0.0;
    wait_for("the counters", Duration::from_secs(20), || {
        waited = total(&weir.metrics().ok()?, "weir_throttled_total");
        (waited >= 4.0).then_some(())
    })
    .unwrap_or_else(|e| panic!("{e}: {waited} waited"));
    let events = weir.events().unwrap();
    let throttled = events.iter().filter(|e| e["block"]["how"] == "throttled").count();
    assert!(throttled >= 4, "{throttled} events");
}
