//! `weir-mgmt`: the management daemon.
fn main() {}
