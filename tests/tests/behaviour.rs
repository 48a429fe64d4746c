//! Callers that behave like attackers climb the ladder of the policy until the kernel drops them; a crowd does not, and no
//! management process is needed for it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this file is test code")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use weir_tests::clients::curl_from;
use weir_tests::net::{END, Topology};
use weir_tests::process::wait_for;
use weir_tests::servers::{H1, RawServer, read_head};
use weir_tests::weir::{Weir, total};

/// As published.
const POLICY: &str = include_str!("../../configs/policy-behaviour.yaml");
const ENUMERATOR: &str = "10.9.0.50";
const SPRAYER: &str = "10.9.0.51";
/// A model as `weir learn behaviour` writes it, of a shop that sells by one page.
const MODEL: &str = r#"{"version":1,"callers":90,"quarantined_callers":0,"templates":[
  {"method":"GET","host":"10.9.0.2","path":"/","count":90},{"method":"GET","host":"10.9.0.2","path":"/sale","count":80}],
  "quarantined_templates":0,"steps":[[0,1,80]],"norms":{}}"#;
/// Callers of the crowd, and requests of each.
const CROWD: u32 = 60;
const VISIT: [&str; 7] =
    ["/", "/app.css", "/app.js", "/sale", "/api/items/7", "/api/items/7/reviews", "/api/cart"];
/// A loaded machine takes its time.
const SOON: Duration = Duration::from_secs(20);

/// Answers as a shop does: nobody logs in here, and everything else exists.
fn serve(mut stream: TcpStream) {
    while let Some(head) = read_head(&mut stream) {
        let answer = match head.starts_with(b"POST /login") {
            true => "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno",
            false => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        };
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn visits(topology: &Topology) {
    thread::scope(|scope| {
        for part in 0..4 {
            scope.spawn(move || {
                for n in (part..CROWD).step_by(4) {
                    let visit = VISIT.map(str::to_owned);
                    let (statuses, all) =
                        curl_from(&topology.client, &format!("10.9.0.{}", 100 + n), &[], &visit)
                            .unwrap();
                    assert!(all && statuses == [200; VISIT.len()], "visitor {n}: {statuses:?}");
                }
            });
        }
    });
}

#[test]
fn attackers_climb_the_ladder_and_are_dropped_while_a_crowd_is_served() {
    let topology = Topology::new().unwrap();
    for n in (50..52).chain(100..100 + CROWD) {
        let address = format!("10.9.0.{n}/24");
        topology.client.run_ok(&["ip", "addr", "add", &address, "dev", END]).unwrap();
    }
    let _shop =
        RawServer::start(&topology.server, H1, |stream| drop(thread::spawn(|| serve(stream))));
    let mut weir = Weir::start(&topology, POLICY).unwrap();
    weir.manage().unwrap();
    let model = weir.path("model.json");
    std::fs::write(&model, MODEL).unwrap();
    let pushed = weir.cli(&["behaviour", "push", &model.display().to_string()]).unwrap();
    assert_eq!(String::from_utf8_lossy(&pushed.stdout), "model 1 is in force\n");
    // Both are kept: it goes on with them alone.
    weir.management().unwrap().kill();
    weir.stop().unwrap();
    weir.run().unwrap();

    let orders: Vec<String> = (0..400).map(|n| format!("/api/orders/{n}")).collect();
    let logins = vec!["/login".to_owned(); 400];
    let (enumerated, sprayed) = thread::scope(|scope| {
        let topology = &topology;
        let enumerator = scope.spawn(move || curl_from(&topology.client, ENUMERATOR, &[], &orders));
        let sprayer =
            scope.spawn(move || curl_from(&topology.client, SPRAYER, &["-d", ""], &logins));
        visits(topology);
        (enumerator.join().unwrap().unwrap(), sprayer.join().unwrap().unwrap())
    });
    for (who, (statuses, all)) in [("the enumerator", &enumerated), ("the sprayer", &sprayed)] {
        let at = |status: u16| statuses.iter().position(|s| *s == status);
        assert!(!all, "{who} is dropped in the end: {statuses:?}");
        assert!(at(429).is_some() && at(429) < at(403), "{who}: {statuses:?}");
    }
    visits(&topology);

    weir.manage().unwrap();
    let shown = weir.cli(&["behaviour", "show", "--json"]).unwrap().stdout;
    let shown: serde_json::Value = serde_json::from_slice(&shown).unwrap();
    assert_eq!((&shown["revision"], &shown["in_force"]), (&1.into(), &true.into()));
    let list = weir.cli(&["block", "list", "--json"]).unwrap().stdout;
    let list = String::from_utf8(list).unwrap();
    let blocked: BTreeSet<String> = list
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|line| Some(line["source"].as_str()?.to_owned()))
        .collect();
    let both = [ENUMERATOR, SPRAYER].map(|address| format!("{address}/32"));
    assert_eq!(blocked, BTreeSet::from(both), "{list}");

    // What happened while it was away is told.
    let mut levels: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    wait_for("the events of both", SOON, || {
        levels.clear();
        for event in weir.events().ok()?.iter().filter(|e| e["event_type"] == "behaviour") {
            let caller = event["src_ip"].as_str()?.to_owned();
            levels.entry(caller).or_default().push(event["behaviour"]["level"].as_u64()?);
        }
        let top = |who: &str| levels.get(who).is_some_and(|levels| levels.ends_with(&[5]));
        (top(ENUMERATOR) && top(SPRAYER)).then_some(())
    })
    .unwrap_or_else(|e| panic!("{e}: {levels:?}"));
    assert_eq!(levels.len(), 2, "nobody else: {levels:?}");
    assert!(levels.values().all(|levels| *levels == [1, 2, 3, 4, 5]), "{levels:?}");
    let mut counted = (0.0, 0.0);
    wait_for("the counters", SOON, || {
        let metrics = weir.metrics().ok()?;
        let of = |name| total(&metrics, name);
        counted = (of("weir_behaviour_judged_total"), of("weir_behaviour_raised_total"));
        let visits = 2 * u64::from(CROWD) * VISIT.len() as u64;
        (counted.0 >= visits as f64 && counted.1 == 10.0).then_some(())
    })
    .unwrap_or_else(|e| panic!("{e}: judged and raised {counted:?}"));
}
