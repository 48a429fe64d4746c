//! Half an hour of an API's life through the appliance, twenty times as fast (`perf/sim`): what passes is learnt, the allow-list
//! and the model of callers are put in force, attackers are dropped in the kernel, and a flash crowd is served.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this file is test code")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use weir_tests::net::{CLIENT_V4, END, Topology};
use weir_tests::process::{Process, run_ok, wait_for};
use weir_tests::program;
use weir_tests::weir::Weir;

/// Looks for cards and does nothing about them.
const WATCH: &str = "version: 1
mode: monitor
identities:
  - header: authorization
rules:
  - {name: cards, direction: response, detect: [payment-card], action: alert}
";
/// As published; its ladder is put into the allow-list.
const LADDER: &str = include_str!("../../configs/policy-behaviour.yaml");
/// The service's address, outside the networks of the simulated senders.
const SERVICE: &str = "203.0.113.1";
const SENDERS: [&str; 4] = ["10.0.0.0/8", "172.0.0.0/8", "192.0.2.0/24", "198.51.100.0/24"];
const SPEED: &str = "20";
const MINUTE: f64 = 60.0;
/// Monday, 10:00, as the simulation counts.
const TEN: f64 = 1_772_409_600.0 + 600.0 * MINUTE;
/// Twenty minutes to learn from, then ten with attackers.
const ENFORCED: f64 = TEN + 20.0 * MINUTE;
const END_OF_IT: f64 = TEN + 30.0 * MINUTE;
const ATTACKS: [&str; 6] =
    ["scanner", "enumeration", "brute-force", "flood", "crawler", "scraping"];
const SOON: Duration = Duration::from_secs(20);

fn number(line: &Value, field: &str) -> f64 {
    line[field].as_f64().unwrap()
}

fn lines_of(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A day of simulated traffic to a shop.
fn day(dir: &Path, arguments: &[&str]) -> Vec<Value> {
    let (program, out) = (program("sim").unwrap(), dir.join("day"));
    let out_name = out.display().to_string();
    let argv = [&[&program, "--users", "3000", "--out", &out_name], arguments].concat();
    run_ok(&[], &argv, Duration::from_secs(60)).unwrap();
    lines_of(&out)
}

fn between(lines: &[Value], from: f64, until: f64) -> Vec<Value> {
    let within = |line: &&Value| (from..until).contains(&number(line, "ts"));
    lines.iter().filter(within).cloned().collect()
}

/// The lines of one kind of sender, moved so that the first is sent at `at`.
fn moved(lines: &[Value], label: &str, level: &str, at: f64) -> Vec<Value> {
    let of = |line: &&Value| line["label"] == label && line["level"] == level;
    let mut lines: Vec<Value> = lines.iter().filter(of).cloned().collect();
    let begin = number(&lines[0], "ts");
    lines.iter_mut().for_each(|line| line["ts"] = (number(line, "ts") - begin + at).into());
    between(&lines, at, END_OF_IT)
}

/// The service, and routes between it and all senders.
fn service(topology: &Topology) -> Process {
    let (client, server) = (&topology.client, &topology.server);
    server.run_ok(&["ip", "addr", "add", &format!("{SERVICE}/32"), "dev", END]).unwrap();
    client.run_ok(&["ip", "route", "add", SERVICE, "dev", END]).unwrap();
    for network in SENDERS {
        server.run_ok(&["ip", "route", "add", network, "via", CLIENT_V4]).unwrap();
        client.run_ok(&["ip", "route", "add", "local", network, "dev", "lo"]).unwrap();
    }
    let program = program("sim-serve").unwrap();
    let service = server.spawn("sim-serve", &[&program, &format!("{SERVICE}:80")]).unwrap();
    wait_for("the service", SOON, || service.output().contains("listening").then_some(())).unwrap();
    service
}

/// Sends the lines; what came of each.
fn send(topology: &Topology, mut lines: Vec<Value>) -> Vec<Value> {
    lines.sort_by(|a, b| number(a, "ts").total_cmp(&number(b, "ts")));
    let (file, out) = (topology.dir().join("lines"), topology.dir().join("sent"));
    let text: Vec<String> = lines.iter().map(Value::to_string).collect();
    fs::write(&file, text.join("\n")).unwrap();
    let [file, out_name] = [&file, &out].map(|path| path.display().to_string());
    let (program, to) = (program("sim-send").unwrap(), format!("{SERVICE}:80"));
    let argv = [&program, &file, "--to", &to, "--speed", SPEED, "--out", &out_name];
    let output = topology.client.run(&argv, Duration::from_secs(240)).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    println!("{}", String::from_utf8_lossy(&output.stdout));
    lines_of(&out)
}

/// What was learnt, put in force: nothing but the known endpoints, nobody who behaves like an attacker.
fn enforce(weir: &Weir<'_>) {
    let model = weir.path("model.json").display().to_string();
    weir.said(&["learn", "behaviour", "--live", "--out", &model]).unwrap();
    weir.said(&["behaviour", "push", &model]).unwrap();
    let allow_list = weir.said(&["endpoints", "--policy"]).unwrap();
    let allow_list = allow_list.replace("mode: monitor", "mode: enforce");
    let (_, ladder) = LADDER.split_once("behaviour:\n").unwrap();
    let ladder: Vec<&str> = ladder.lines().filter(|l| !l.contains("services:")).collect();
    let policy = format!(
        "{allow_list}\nidentities:\n  - header: authorization\nbehaviour:\n{}\n",
        ladder.join("\n")
    );
    let (accepted, why) = weir.apply(&policy).unwrap();
    assert!(accepted, "{why}\n{policy}");
}

#[test]
fn an_api_is_learnt_then_enforced_and_its_attackers_are_dropped() {
    let topology = Topology::new().unwrap();
    let mut weir = Weir::start(&topology, WATCH).unwrap();
    weir.manage().unwrap();
    let _service = service(&topology);

    let people = day(topology.dir(), &["--attacks", "none", "--innocent", "none", "--seed", "5"]);
    let learnt = send(&topology, between(&people, TEN, ENFORCED));
    assert!(learnt.iter().all(|line| line["status"] == line["meant"]));
    let table = weir.said(&["endpoints", "--json"]).unwrap();
    let endpoints: Vec<Value> = table.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let templates: BTreeSet<&str> =
        endpoints.iter().map(|e| e["template"].as_str().unwrap()).collect();
    let parameters: Vec<&str> = templates.iter().filter(|t| t.contains('{')).copied().collect();
    assert_eq!(
        parameters,
        ["/api/orders/{order_id}", "/api/products/{product_id}", "/api/users/{user_id}/profile"]
    );
    enforce(&weir);

    let others = day(topology.dir(), &["--attackers", "1", "--seed", "6"]);
    let mut second = between(&people, ENFORCED, END_OF_IT);
    for kind in ATTACKS {
        second.extend(moved(&others, kind, "blatant", ENFORCED + MINUTE));
    }
    second.extend(moved(&others, "normal", "flash-crowd", ENFORCED + 4.0 * MINUTE));
    let (innocent, attacks): (Vec<Value>, Vec<Value>) =
        send(&topology, second).into_iter().partition(|line| line["label"] == "normal");
    for line in &innocent {
        assert_eq!(line["status"], line["meant"], "{line}");
    }
    let list = weir.said(&["block", "list", "--json"]).unwrap();
    let dropped: BTreeSet<String> = list
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|line| line["source"].as_str().unwrap().to_owned())
        .collect();
    let attackers: BTreeSet<String> =
        attacks.iter().map(|line| format!("{}/32", line["src"].as_str().unwrap())).collect();
    assert_eq!(dropped, attackers);
    let answered = attacks.iter().filter(|line| line["status"] != 0).count();
    assert!(answered * 10 < attacks.len(), "{answered} of {} answered", attacks.len());
}
