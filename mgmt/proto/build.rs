//! Generates the messages of `weir.proto` (needs `protoc`: Debian's protobuf-compiler).

fn main() -> std::io::Result<()> {
    println!("cargo:rerun-if-changed=weir.proto");
    prost_build::Config::new().compile_protos(&["weir.proto"], &["."])
}
