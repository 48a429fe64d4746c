//! Compiles the XDP program (`bpf/weir.bpf.c`) with clang; `src/xdp/program.rs` embeds the object.

use std::env;
use std::path::PathBuf;
use std::process::{Command, exit};

fn main() {
    println!("cargo:rerun-if-changed=bpf");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("weir.bpf.o");
    let arch = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let result = Command::new("clang")
        .args(["-target", "bpf", "-O2", "-g", "-Wall", "-Werror"])
        // The BPF target has no architecture of its own: <asm/types.h> comes from Debian's directory for this one.
        .arg("-idirafter")
        .arg(format!("/usr/include/{arch}-linux-gnu"))
        .args(["-c", "bpf/weir.bpf.c", "-o"])
        .arg(&out)
        .status();
    match result {
        Ok(status) if status.success() => {}
        Ok(status) => fail(&format!(
            "clang could not compile dataplane/bpf/weir.bpf.c ({status}); see its messages above. \
             The kernel headers come with: apt-get install linux-libc-dev"
        )),
        Err(error) => fail(&format!(
            "clang, which compiles Weir's XDP program, could not be run ({error}). \
             Install it with: apt-get install clang llvm linux-libc-dev"
        )),
    }
}

fn fail(message: &str) -> ! {
    println!("cargo:warning={message}");
    eprintln!("{message}");
    exit(1)
}
