//! Other placements than one worker inline: at a mirrored port, and with several workers.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this file is test code")]

use std::time::Duration;

use weir_tests::bodies::{ATTACKS, Site};
use weir_tests::clients::{Version, curl};
use weir_tests::net::{Options, Topology};
use weir_tests::process::wait_for;
use weir_tests::relay::Tap;
use weir_tests::servers::Nginx;
use weir_tests::weir::{BLOCK, MASK, Weir, total};

/// How long events may take.
const SOON: Duration = Duration::from_secs(20);

/// Packets that the middle has sent on a device, as the kernel counts them.
fn sent(topology: &Topology, device: &str) -> u64 {
    let shown = topology.middle.run_ok(&["ip", "-j", "-s", "link", "show", "dev", device]).unwrap();
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    shown[0]["stats64"]["tx"]["packets"].as_u64().unwrap()
}

#[test]
fn at_a_mirrored_port_it_only_tells() {
    let topology = Topology::new().unwrap();
    topology.bridge().unwrap();
    let site = Site::generate(1);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    let _tap = Tap::start(&topology).unwrap();
    let mut weir = Weir::mirror(&topology, BLOCK).unwrap();
    weir.manage().unwrap();
    let before = sent(&topology, Tap::SPAN);

    let leaking: Vec<_> = site.leaking().take(8).collect();
    for version in Version::ALL {
        for doc in &leaking {
            let answer = curl(&topology.client, version, &doc.path).unwrap();
            assert!(answer.complete && answer.body == doc.body, "{version:?} {}", doc.path);
        }
        for attack in ATTACKS {
            let answer = curl(&topology.client, version, attack).unwrap();
            assert_eq!(answer.status, 200, "{version:?} {attack}");
        }
    }

    let secrets: usize = leaking.iter().map(|d| d.secrets.len()).sum();
    let of = |kind: &str| {
        let events = weir.events().unwrap_or_default();
        events.into_iter().filter(|e| e["event_type"] == kind).collect::<Vec<_>>()
    };
    wait_for("an event for each leak and each attack", SOON, || {
        (of("leak").len() >= 2 * secrets && of("attack").len() >= 2 * ATTACKS.len()).then_some(())
    })
    .unwrap_or_else(|e| panic!("{e}: {} of {}", of("leak").len(), 2 * secrets));
    assert!(of("leak").iter().all(|e| e["leak"]["enforced"] != true), "{:?}", of("leak"));
    assert!(of("block").is_empty(), "{:?}", of("block"));
    assert_eq!(sent(&topology, Tap::SPAN), before, "a mirrored port never sends");
}

#[test]
fn packets_that_meet_the_wrong_worker_are_masked_too() {
    let topology = Topology::with(Options { queues: 2, ..Options::default() }).unwrap();
    let site = Site::generate(2);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    let mut weir = Weir::start_with(&topology, "workers: 2", MASK).unwrap();
    weir.manage().unwrap();
    for version in Version::ALL {
        for doc in site.leaking() {
            let answer = curl(&topology.client, version, &doc.path).unwrap();
            assert_eq!((answer.status, answer.complete), (200, true), "{version:?} {}", doc.path);
            assert_eq!(answer.body.len(), doc.body.len(), "{version:?} {}", doc.path);
            assert!(!doc.leaks_in(&answer.body), "{version:?} {}", doc.path);
        }
    }
    let handed_over = wait_for("packets handed over", SOON, || {
        let handed = total(&weir.metrics().ok()?, "weir_handed_over_total");
        (handed > 0.0).then_some(handed)
    });
    println!("{} packets handed from worker to worker", handed_over.unwrap());
    let metrics = weir.metrics().unwrap();
    assert_eq!(total(&metrics, "weir_frames_missing"), 0.0);
}
