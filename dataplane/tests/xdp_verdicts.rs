//! Every verdict of the XDP program, by BPF test run: what it returns for a frame, and which counter says why.
//! Needs root: each test has its own network namespace with a veth pair, and its own pins.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // test code

mod xdp_bench;

use std::net::IpAddr;

use weir_dataplane::engine::Side;
use weir_dataplane::xdp::{Direction, HEARTBEAT_LIMIT, Inspect, Prefix, Stat};
use xdp_bench::frame::{FIN, Frame, RST, SYN};
use xdp_bench::{Action, Bench, monotonic_ns};

const SECOND: u64 = 1_000_000_000;

/// TCP from a client to an inspected service port.
fn request() -> Frame {
    Frame::tcp("10.0.0.1:40000", "10.0.0.2:8080")
}

fn request6() -> Frame {
    Frame::tcp("[2001:db8::1]:40000", "[2001:db8::2]:8080")
}

fn addr(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn prefix(text: &str, len: u8) -> Prefix {
    Prefix::new(addr(text), len).unwrap()
}

fn direction(src: &str, src_port: u16, dst: &str, dst_port: u16) -> Direction {
    Direction { src: addr(src), dst: addr(dst), src_port, dst_port, vlan: [0, 0] }
}

#[test]
fn inspected_ports_go_to_user_space_and_all_else_to_the_peer() {
    let bench = Bench::alive(Inspect::Ports(vec![8080, 65535, 1]));
    for (frame, stat) in [
        (request(), Stat::ToUser),
        (request6(), Stat::ToUser),
        (Frame::tcp("10.0.0.2:8080", "10.0.0.1:40000"), Stat::ToUser), // the answer
        (Frame::tcp("10.0.0.1:40000", "10.0.0.2:65535"), Stat::ToUser),
        (Frame::tcp("10.0.0.1:40000", "10.0.0.2:1"), Stat::ToUser),
        (request().ipv4_options(40), Stat::ToUser),
        (Frame::tcp("10.0.0.1:40000", "10.0.0.2:8081"), Stat::ToPeer),
        (Frame::tcp("10.0.0.1:40000", "10.0.0.2:8016"), Stat::ToPeer), // 8080 - 64: the word before
        (request().protocol(17), Stat::ToPeer),                        // UDP
        (request().protocol(1), Stat::ToPeer),
        (request6().protocol(58), Stat::ToPeer),
        (Frame::ethertype(0x0806), Stat::ToPeer), // ARP
        (Frame::ethertype(0x88cc), Stat::ToPeer), // LLDP
    ] {
        assert_eq!(bench.verdict(&frame), (Action::Redirect, stat), "{frame:?}");
    }
}

#[test]
fn inspecting_all_ports_and_changing_them_while_attached() {
    let bench = Bench::alive(Inspect::All);
    let other = Frame::tcp("10.0.0.1:40000", "10.0.0.2:9999");
    assert_eq!(bench.verdict(&other).1, Stat::ToUser);
    assert_eq!(bench.verdict(&request().protocol(17)).1, Stat::ToPeer);

    bench.xdp.set_inspected(&Inspect::Ports(vec![8080])).unwrap();
    assert_eq!(bench.verdict(&other).1, Stat::ToPeer);
    bench.xdp.set_inspected(&Inspect::Ports(vec![9999])).unwrap();
    assert_eq!(bench.verdict(&other).1, Stat::ToUser);
    assert_eq!(bench.verdict(&request()).1, Stat::ToPeer);
}

#[test]
fn tags_are_looked_through_up_to_two() {
    let bench = Bench::alive(Inspect::Ports(vec![8080]));
    for (frame, stat) in [
        (request().vlan(0x8100, 100), Stat::ToUser),
        (request6().vlan(0x8100, 100), Stat::ToUser),
        (request().vlan(0x88a8, 7).vlan(0x8100, 4095), Stat::ToUser),
        (request().vlan(0x8100, 7).vlan(0x8100, 100), Stat::ToUser),
        (request().protocol(17).vlan(0x8100, 100), Stat::ToPeer),
        (request().vlan(0x8100, 1).vlan(0x8100, 2).vlan(0x8100, 3), Stat::ToPeer),
    ] {
        assert_eq!(bench.verdict(&frame), (Action::Redirect, stat), "{frame:?}");
    }
}

#[test]
fn ipv6_extension_headers_are_walked_and_bounded() {
    let bench = Bench::alive(Inspect::Ports(vec![8080]));
    let closed_port = || Frame::tcp("[2001:db8::1]:40000", "[2001:db8::2]:81");
    for (frame, stat) in [
        (request6().extension(0, 0), Stat::ToUser), // hop-by-hop
        (request6().extension(0, 3).extension(43, 2).extension(60, 1), Stat::ToUser),
        (request6().extension(51, 4), Stat::ToUser), // AH
        (closed_port().extension(0, 3).extension(60, 1), Stat::ToPeer),
        (closed_port().extension(51, 4), Stat::ToPeer),
        (request6().extension(60, 0).protocol(17), Stat::ToPeer),
        (request6().extension(50, 0), Stat::ToPeer), // ESP: nothing of it can be read
        (request6().extensions(60, 7), Stat::ToUser),
        (closed_port().extensions(60, 7), Stat::ToPeer),
        // More than the bound: user space decides, whatever follows.
        (closed_port().extensions(60, 9), Stat::ToUser),
    ] {
        assert_eq!(bench.verdict(&frame), (Action::Redirect, stat), "{frame:?}");
    }
}

/// Only the first fragment has ports, if any: all fragments of TCP go to user space, which has a policy for them.
#[test]
fn fragments_of_tcp_go_to_user_space() {
    let bench = Bench::alive(Inspect::Ports(vec![8080]));
    let first = |frame: Frame| frame.fragment(0, true);
    let later = |frame: Frame| frame.fragment(64, false);
    let closed_port = || Frame::tcp("10.0.0.1:40000", "10.0.0.2:81");
    let closed_port6 = || Frame::tcp("[2001:db8::1]:40000", "[2001:db8::2]:81");
    for (frame, stat) in [
        (first(closed_port()), Stat::ToUser),
        (later(closed_port()), Stat::ToUser),
        (first(closed_port6()), Stat::ToUser),
        (later(closed_port6()), Stat::ToUser),
        (later(closed_port().protocol(17)), Stat::ToPeer),
        (later(closed_port6().protocol(17)), Stat::ToPeer),
        (later(closed_port6().protocol(60)), Stat::ToUser), // TCP may follow the options
        (closed_port6().fragment(0, false), Stat::ToPeer),  // atomic, RFC 6946
        (request6().fragment(0, false), Stat::ToUser),
    ] {
        assert_eq!(bench.verdict(&frame), (Action::Redirect, stat), "{frame:?}");
    }
}

/// What can't be read but may be TCP is user space's to judge (and to count as malformed); the rest passes.
#[test]
fn every_truncation_has_a_verdict() {
    let bench = Bench::alive(Inspect::Ports(vec![8080]));
    let tagged = request().vlan(0x88a8, 1).vlan(0x8100, 2);
    for (frame, ip_at) in [(request(), 14), (request6(), 14), (tagged, 22)] {
        let whole = frame.bytes();
        for len in 14..whole.len() {
            // Before the EtherType is complete it is not IP; from then on it may be TCP.
            let stat = if len < ip_at { Stat::ToPeer } else { Stat::ToUser };
            assert_eq!(
                bench.verdict_of(&whole[..len]),
                (Action::Redirect, stat),
                "{frame:?} cut to {len}"
            );
        }
    }
    let extended = request6().extension(0, 2).fragment(0, true).extension(60, 1);
    let whole = extended.bytes();
    for len in 14..=whole.len() {
        assert_eq!(bench.verdict_of(&whole[..len]).1, Stat::ToUser, "cut to {len}");
    }
    for bad_length in 0..5 {
        assert_eq!(bench.verdict(&request().ipv4_header_words(bad_length)).1, Stat::ToUser);
    }
}

#[test]
fn without_a_socket_it_falls_back() {
    for (fail_open, verdict) in [
        (true, (Action::Redirect, Stat::FallbackOpen)),
        (false, (Action::Drop, Stat::FallbackClosed)),
    ] {
        let bench = Bench::new(Inspect::Ports(vec![8080]), fail_open);
        bench.beat();
        assert_eq!(bench.verdict(&request()), verdict);
        // Falling back concerns only what would have been inspected.
        assert_eq!(bench.verdict(&request().protocol(17)).1, Stat::ToPeer);

        let socket = bench.register(0);
        assert_eq!(bench.verdict(&request()).1, Stat::ToUser);
        drop(socket); // as the kernel does when the process is killed
        bench.until(|| bench.verdict(&request()) == verdict);

        let _socket = bench.register(0);
        bench.xdp.unregister_socket(Side::A, 0).unwrap();
        assert_eq!(bench.verdict(&request()), verdict);
    }
}

#[test]
fn a_stale_heartbeat_falls_back_and_a_fresh_one_returns() {
    let limit = HEARTBEAT_LIMIT.as_nanos() as u64;
    for (fail_open, verdict) in [
        (true, (Action::Redirect, Stat::FallbackOpen)),
        (false, (Action::Drop, Stat::FallbackClosed)),
    ] {
        let bench = Bench::new(Inspect::Ports(vec![8080]), fail_open);
        let _socket = bench.register(0);
        let heartbeat = bench.xdp.heartbeat(0).unwrap();
        assert_eq!(bench.verdict(&request()), verdict, "never beaten");
        // Half the limit leaves a busy machine 50 ms for the test run.
        heartbeat.beat(monotonic_ns() - limit / 2);
        assert_eq!(bench.verdict(&request()).1, Stat::ToUser);
        heartbeat.beat(monotonic_ns() - limit - 1);
        assert_eq!(bench.verdict(&request()), verdict);
        heartbeat.beat(monotonic_ns() + SECOND); // read on a core whose clock is ahead
        assert_eq!(bench.verdict(&request()).1, Stat::ToUser);
        heartbeat.stop();
        assert_eq!(bench.verdict(&request()), verdict);
    }
}

#[test]
fn each_queue_falls_back_on_its_own() {
    let bench = Bench::new(Inspect::Ports(vec![8080]), false);
    let _sockets = [bench.register(0), bench.register(1)];
    bench.xdp.heartbeat(1).unwrap().beat(monotonic_ns());
    assert_eq!(bench.verdict_on(0, &request().bytes()), (Action::Drop, Stat::FallbackClosed));
    assert_eq!(bench.verdict_on(1, &request().bytes()), (Action::Redirect, Stat::ToUser));
}

#[test]
fn blocked_sources_are_dropped_whatever_they_send_and_counted() {
    let bench = Bench::alive(Inspect::Ports(vec![8080]));
    let never = u64::MAX;
    bench.xdp.block(addr("10.0.0.1"), never).unwrap();
    bench.xdp.block(prefix("192.0.2.77", 24), never).unwrap();
    bench.xdp.block(prefix("2001:db8:5::", 48), never).unwrap();
    let dropped = (Action::Drop, Stat::Blocked);
    for frame in [
        request(),
        request().protocol(17),
        request().vlan(0x8100, 9),
        Frame::tcp("10.0.0.1:1", "10.0.0.2:2"),
        Frame::tcp("192.0.2.255:40000", "10.0.0.2:8080"),
        Frame::tcp("[2001:db8:5:ffff::1]:40000", "[2001:db8::2]:8080"),
        Frame::tcp("[2001:db8:5::9]:40000", "[2001:db8::2]:8080").extension(0, 1),
    ] {
        assert_eq!(bench.verdict(&frame), dropped, "{frame:?}");
    }
    for frame in [
        Frame::tcp("10.0.0.2:8080", "10.0.0.1:40000"), // towards a blocked source
        Frame::tcp("192.0.3.1:40000", "10.0.0.2:8080"),
        Frame::tcp("[2001:db8:6::1]:40000", "[2001:db8::2]:8080"),
        // An IPv6 address that ends like the blocked IPv4 one.
        Frame::tcp("[::10.0.0.1]:40000", "[2001:db8::2]:8080"),
    ] {
        assert_eq!(bench.verdict(&frame).1, Stat::ToUser, "{frame:?}");
    }
    let blocked = bench.xdp.blocked().unwrap();
    let entry = |p: Prefix| *blocked.iter().find(|entry| entry.prefix == p).unwrap();
    assert_eq!(entry(prefix("10.0.0.1", 32)).packets, 4);
    assert_eq!(entry(prefix("10.0.0.1", 32)).bytes, 4 * request().bytes().len() as u64 + 4);
    assert_eq!(entry(prefix("192.0.2.0", 24)).packets, 1);
    assert_eq!(entry(prefix("2001:db8:5::", 48)).packets, 2);

    assert!(bench.xdp.unblock(addr("10.0.0.1")).unwrap());
    assert!(!bench.xdp.unblock(addr("10.0.0.1")).unwrap());
    assert_eq!(bench.verdict(&request()).1, Stat::ToUser);
}

#[test]
fn everything_can_be_blocked_with_a_prefix_of_no_bits() {
    let bench = Bench::alive(Inspect::All);
    bench.xdp.block(prefix("0.0.0.0", 0), u64::MAX).unwrap();
    assert_eq!(bench.verdict(&request()).1, Stat::Blocked);
    assert_eq!(bench.verdict(&request6()).1, Stat::ToUser);
}

#[test]
fn an_expired_block_is_ignored_and_hides_no_wider_one() {
    let bench = Bench::alive(Inspect::Ports(vec![8080]));
    let (past, future) = (monotonic_ns() - 1, monotonic_ns() + 600 * SECOND);
    bench.xdp.block(addr("10.0.0.1"), past).unwrap();
    assert_eq!(bench.verdict(&request()).1, Stat::ToUser);
    bench.xdp.block(prefix("10.0.0.0", 24), past).unwrap();
    bench.xdp.block(prefix("10.0.0.0", 8), future).unwrap();
    assert_eq!(bench.verdict(&request()), (Action::Drop, Stat::Blocked));

    let swept: Vec<_> =
        bench.xdp.sweep(monotonic_ns()).unwrap().into_iter().map(|b| b.prefix).collect();
    assert_eq!(swept.len(), 2);
    assert!(swept.contains(&prefix("10.0.0.1", 32)) && swept.contains(&prefix("10.0.0.0", 24)));
    let left = bench.xdp.blocked().unwrap();
    assert_eq!((left.len(), left[0].prefix, left[0].packets), (1, prefix("10.0.0.0", 8), 1));

    // Blocking again moves the expiry and keeps the counters.
    bench.xdp.block(prefix("10.0.0.0", 8), past).unwrap();
    assert_eq!(bench.verdict(&request()).1, Stat::ToUser);
    assert_eq!(bench.xdp.blocked().unwrap()[0].packets, 1);
}

#[test]
fn a_bypass_holds_from_its_sequence_number_on() {
    let bench = Bench::alive(Inspect::Ports(vec![8080]));
    let flow = direction("10.0.0.1", 40000, "10.0.0.2", 8080);
    let until = monotonic_ns() + 600 * SECOND;
    let bypassed = (Action::Redirect, Stat::Bypassed);
    for from in [1000u32, 0xffff_fff0] {
        bench.xdp.bypass(&flow, from, until).unwrap();
        for (after, verdict) in [
            (0u32, bypassed),
            (1, bypassed),
            (0x20, bypassed), // wraps for the second
            (0x7fff_ffff, bypassed),
            (1u32.wrapping_neg(), (Action::Redirect, Stat::ToUser)),
            (500u32.wrapping_neg(), (Action::Redirect, Stat::ToUser)),
        ] {
            let frame = request().seq(from.wrapping_add(after));
            assert_eq!(bench.verdict(&frame), verdict, "from {from}, {after} after");
        }
    }
    let frame = || request().seq(0xffff_fff0);
    // The end of a flow is for user space, which would otherwise keep it.
    assert_eq!(bench.verdict(&frame().flags(FIN)).1, Stat::ToUser);
    assert_eq!(bench.verdict(&frame().flags(RST)).1, Stat::ToUser);
    // Another flow, the other direction, and the same addresses in a VLAN are not meant.
    for other in [
        Frame::tcp("10.0.0.1:40001", "10.0.0.2:8080").seq(0xffff_fff0),
        Frame::tcp("10.0.0.2:8080", "10.0.0.1:40000").seq(0xffff_fff0),
        frame().vlan(0x8100, 5),
        Frame::tcp("[::10.0.0.1]:40000", "[::10.0.0.2]:8080").seq(0xffff_fff0),
        frame().fragment(0, true),
    ] {
        assert_eq!(bench.verdict(&other).1, Stat::ToUser, "{other:?}");
    }
    let tagged = Direction { vlan: [5, 0], ..flow };
    bench.xdp.bypass(&tagged, 0xffff_fff0, until).unwrap();
    assert_eq!(bench.verdict(&frame().vlan(0x8100, 5)), bypassed);

    bench.xdp.bypass(&flow, 0xffff_fff0, monotonic_ns() - 1).unwrap();
    assert_eq!(bench.verdict(&frame()).1, Stat::ToUser, "expired");
    assert!(bench.xdp.end_bypass(&tagged).unwrap());
    assert_eq!(bench.verdict(&frame().vlan(0x8100, 5)).1, Stat::ToUser);
}

#[test]
fn a_bypass_needs_no_worker_and_does_not_outrank_a_block() {
    let bench = Bench::new(Inspect::Ports(vec![8080]), false);
    let flow = direction("2001:db8::1", 40000, "2001:db8::2", 8080);
    bench.xdp.bypass(&flow, 0, u64::MAX).unwrap();
    assert_eq!(bench.verdict(&request6()), (Action::Redirect, Stat::Bypassed));
    bench.xdp.block(addr("2001:db8::1"), u64::MAX).unwrap();
    assert_eq!(bench.verdict(&request6()), (Action::Drop, Stat::Blocked));
}

#[test]
fn a_syn_of_either_end_ends_the_bypass_of_both_directions() {
    let there = direction("10.0.0.1", 40000, "10.0.0.2", 8080);
    let back = direction("10.0.0.2", 8080, "10.0.0.1", 40000);
    let answer = || Frame::tcp("10.0.0.2:8080", "10.0.0.1:40000");
    for syn in [request().flags(SYN), answer().flags(SYN), request().flags(SYN | FIN)] {
        let bench = Bench::alive(Inspect::Ports(vec![8080]));
        bench.xdp.bypass(&there, 0, u64::MAX).unwrap();
        bench.xdp.bypass(&back, 0, u64::MAX).unwrap();
        assert_eq!(bench.verdict(&request()).1, Stat::Bypassed);
        assert_eq!(bench.verdict(&answer()).1, Stat::Bypassed);

        assert_eq!(bench.verdict(&syn), (Action::Redirect, Stat::ToUser));
        assert_eq!(bench.verdict(&request()).1, Stat::ToUser);
        assert_eq!(bench.verdict(&answer()).1, Stat::ToUser);
        assert!(!bench.xdp.end_bypass(&there).unwrap());
        assert!(!bench.xdp.end_bypass(&back).unwrap());
    }
}

#[test]
fn a_mirror_port_drops_and_redirects_nothing_but_what_is_inspected() {
    let bench = Bench::mirror(Inspect::Ports(vec![8080]));
    bench.xdp.block(addr("10.0.0.1"), u64::MAX).unwrap();
    assert_eq!(bench.verdict(&request().protocol(17)), (Action::Pass, Stat::ToPeer));
    assert_eq!(bench.verdict(&request()), (Action::Pass, Stat::FallbackOpen));
    let _socket = bench.register(0);
    bench.beat();
    assert_eq!(bench.verdict(&request()), (Action::Redirect, Stat::ToUser));
}
