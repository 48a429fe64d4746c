//! A service known by its labels: its addresses come with an inventory, which is replaced while traffic passes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this file is test code")]

use weir_tests::bodies::Site;
use weir_tests::clients::{Version, curl};
use weir_tests::net::{SERVER_V4, Topology};
use weir_tests::servers::Nginx;
use weir_tests::weir::Weir;

const POLICY: &str = "version: 1
mode: enforce
inventory: pods.json
services: [{name: web, namespace: shop, labels: [app=web]}]
rules: [{name: closed, services: [web], paths: ['/admin/**'], action: block}]
";

#[test]
fn a_rule_follows_its_service_to_another_address() {
    let topology = Topology::new().unwrap();
    let site = Site::generate(1);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    let mut weir = Weir::start(&topology, "version: 1\n").unwrap();
    weir.manage().unwrap();
    let pods = weir.path("pods.json");
    std::fs::write(&pods, "192.0.2.1 shop app=web\n").unwrap();
    let (applied, said) = weir.apply(POLICY).unwrap();
    assert!(applied, "{said}");
    let ask = || curl(&topology.client, Version::H1, "/admin/x").unwrap().status;
    assert_eq!(ask(), 404, "the service is elsewhere");

    let pod = format!(
        r#"{{"kind": "List", "items": [{{"kind": "Pod", "metadata": {{"namespace": "shop", "labels": {{"app": "web"}}}},
            "status": {{"phase": "Running", "podIPs": [{{"ip": "{SERVER_V4}"}}]}}}}]}}"#
    );
    std::fs::write(&pods, pod).unwrap();
    let apply = || {
        let applied =
            weir.cli(&["policy", "apply", "--inventory", &pods.display().to_string()]).unwrap();
        assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
        String::from_utf8(applied.stdout).unwrap()
    };
    let first = apply();
    assert!(first.ends_with("is in force\n"), "{first}");
    assert_eq!(ask(), 403);
    assert_eq!(apply(), "", "what has not changed makes no revision");

    std::fs::write(&pods, "{}").unwrap();
    let refused = weir.cli(&["policy", "apply", "--inventory", &pods.display().to_string()]);
    assert!(!refused.unwrap().status.success());
    assert_eq!(ask(), 403, "the last one stays");
}
