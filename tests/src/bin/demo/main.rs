//! `make demo`: Weir between real programs, and an account of what it did.
//!
//! Every sentence with a mark is checked against what the programs got; the exit status is 0 only if all hold.
//! `KEEP=1` leaves everything running; `demo --stop` ends it.

mod acts;
mod screen;
mod shop;

use std::process::ExitCode;

use screen::Screen;
use weir_tests::Result;
use weir_tests::net::{self, Options, SERVER_V4, Topology};
use weir_tests::process::Process;
use weir_tests::servers::{Nginx, start_grpc};
use weir_tests::weir::Weir;

/// What the namespaces' names begin with.
const NAME: &str = "weir-demo";
/// What Weir is told to look for.
const POLICY: &str = include_str!("../../../../configs/policy-demo.yaml");
/// What is in force before: nothing is touched.
const BEFORE: &str = "version: 1\nmode: monitor\n";

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("--stop") {
        net::remove(NAME);
        println!("The demo is stopped, and nothing of it is left.");
        return ExitCode::SUCCESS;
    }
    let keep = std::env::var("KEEP").is_ok_and(|v| !matches!(v.as_str(), "" | "0"));
    let mut screen = Screen::new();
    match demo(&mut screen, keep) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("demo: {e}");
            ExitCode::FAILURE
        }
    }
}

/// Everything that runs in the demo's namespaces.
struct Stage<'t> {
    topology: &'t Topology,
    nginx: Nginx,
    _grpc: Process,
    weir: Weir<'t>,
    site: weir_tests::bodies::Site,
}

fn demo(screen: &mut Screen, keep: bool) -> Result<bool> {
    println!("Weir on the wire between real programs.");
    let topology = Topology::with(Options { name: Some(NAME), ..Options::default() })?;
    let stage = set_up(screen, &topology)?;
    acts::passed(screen, &stage)?;
    acts::masked(screen, &stage)?;
    acts::blocked(screen, &stage)?;
    acts::told(screen, &stage)?;
    let all = screen.summary();
    if keep {
        instructions(screen, &stage.weir)?;
        // Without the destructors that would end it all.
        std::process::exit(i32::from(!all));
    }
    Ok(all)
}

/// The picture, and the programs in it.
fn set_up<'t>(screen: &mut Screen, topology: &'t Topology) -> Result<Stage<'t>> {
    screen.chapter("Three network namespaces, two veth pairs");
    for line in [
        "  weir-demo-client              weir-demo-middle                weir-demo-server",
        "┌───────────────────┐   ┌──────────────────────────────┐   ┌───────────────────────┐",
        "│ 10.9.0.1     eth0 ├───┤ port-a                port-b ├───┤ eth0         10.9.0.2 │",
        "│ curl, h2load      │   │ weir-dataplane, one worker   │   │ nginx: 80, 8080 (h2)  │",
        "│ gRPC client       │   │ weir-mgmt, user nobody       │   │ gRPC service: 50051   │",
        "└───────────────────┘   └──────────────────────────────┘   └───────────────────────┘",
    ] {
        screen.say(line);
    }
    println!();
    let site = shop::site();
    let nginx = Nginx::start(topology, &site)?;
    let grpc = start_grpc(topology)?;
    let mut weir = Weir::start(topology, BEFORE)?;
    weir.manage()?;
    let (applied, said) = weir.apply(POLICY)?;
    screen.command("weir policy apply configs/policy-demo.yaml");
    screen.output(&said);
    screen.claim(applied, "The policy was checked, sent to the data plane and put in force", &said);
    Ok(Stage { topology, nginx, _grpc: grpc, weir, site })
}

/// How to go on by hand.
fn instructions(screen: &Screen, weir: &Weir<'_>) -> Result<()> {
    let cli = weir_tests::program("weir")?;
    let api = weir.path("mgmt/api.sock");
    println!("\nIt goes on running. Try, as root:\n");
    let client = format!("ip netns exec {NAME}-client");
    for line in [
        format!("{client} curl http://{SERVER_V4}{}", shop::LEAKING),
        format!("{client} curl --http2-prior-knowledge http://{SERVER_V4}:8080{}", shop::LEAKING),
        format!("{client} curl -i 'http://{SERVER_V4}{}?id=1%20OR%201=1'", shop::CLEAN),
        format!("{client} {} {SERVER_V4} list 0 8", weir_tests::program("grpc-client")?),
        format!("export WEIR_API={}", api.display()),
        format!("{cli} status"),
        format!("{cli} events --follow"),
        format!("{cli} top"),
        format!("{cli} policy mode monitor"),
    ] {
        screen.say(&line);
    }
    println!("\nTo end it:  make demo-stop");
    Ok(())
}
