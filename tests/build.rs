//! Generates the order service's gRPC code.

fn main() -> std::io::Result<()> {
    tonic_prost_build::compile_protos("proto/orders.proto")
}
