//! `weir-dataplane`: the process on the wire.
fn main() {}
