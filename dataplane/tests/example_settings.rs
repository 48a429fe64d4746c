//! The examples in `configs/` are what people copy: each must load.
#![allow(clippy::unwrap_used)] // test code

use std::path::Path;

use weir_dataplane::settings::{Placement, Settings};
use weir_dataplane::xdp::Inspect;

fn example(name: &str) -> Settings {
    let path = Path::new("../configs").join(name);
    Settings::load(&path).unwrap()
}

#[test]
fn inline_shows_the_defaults() {
    let shown = example("dataplane-inline.yaml");
    let least = "placement: inline\nports: [eth0, eth1]\ncores: [0]\n";
    assert_eq!(shown, Settings::parse(least, Path::new("least.yaml")).unwrap());
}

#[test]
fn mirror_has_one_port_and_pins_of_its_own() {
    let mirror = example("dataplane-mirror.yaml");
    assert_eq!(mirror.placement, Placement::Mirror);
    assert_eq!(mirror.inspect_ports, Inspect::Ports(vec![80, 8080, 50051]));
    assert_ne!(mirror.bpffs, example("dataplane-inline.yaml").bpffs);
}
