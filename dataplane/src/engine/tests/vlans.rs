//! Networks with the same addresses, told apart by their VLANs.

use super::*;

const TENANTS: &str = "version: 1
mode: enforce
tenants:
  - {name: a, vlans: [100], file: a.yaml}
  - {name: b, vlans: [200], inner-vlans: [7], file: b.yaml}
--- # file: a.yaml
rules: [{name: r, direction: response, detect: [email], action: mask}]
--- # file: b.yaml
rules: [{name: r, direction: response, detect: [email], action: alert}]
";

/// The same connection in several networks at once.
struct Networks {
    engine: Engine<Vec<u8>>,
    wire: Wire,
}

impl Networks {
    fn packet(&mut self, tags: &[u16], dir: Dir, (seq, ack): (u32, u32), flags: u8, text: &str) {
        let (src, dst, side) = match dir {
            Dir::ToServer => (CLIENT, SERVER, Side::A),
            Dir::ToClient => (SERVER, CLIENT, Side::B),
        };
        let mut f = frame(src, dst, seq, ack, flags, text.as_bytes());
        for id in tags.iter().rev() {
            let [high, low] = id.to_be_bytes();
            f.splice(12..12, [0x81, 0x00, high, low]);
        }
        self.engine.handle(&mut self.wire, Time(1_000_000_000), side, f);
        self.engine.tick(&mut self.wire, Time(1_000_000_000));
    }
}

#[test]
fn a_tenants_rules_are_about_its_own_vlan_even_where_addresses_and_ports_are_the_same() {
    let settings = EngineSettings { inspect: true, ..Default::default() };
    let (policy, _) = Policy::compile(TENANTS).unwrap();
    let mut n = Networks { engine: Engine::new(settings, Arc::new(policy)), wire: Wire::default() };
    const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\nann@ex";
    const REST: &str = "ample.com.\n";
    let networks: [&[u16]; 5] = [&[100], &[100, 9], &[200, 7], &[200], &[]];
    let (c, s) = (1001, 5001);
    // In turn, so that a step of each network comes before the next step of any.
    for tags in networks {
        n.packet(tags, Dir::ToServer, (c - 1, 0), Flags::SYN, "");
    }
    for tags in networks {
        n.packet(tags, Dir::ToClient, (s - 1, c), Flags::SYN | Flags::ACK, "");
        n.packet(tags, Dir::ToServer, (c, s), Flags::ACK, REQUEST);
    }
    let asked = c + REQUEST.len() as u32;
    for tags in networks {
        n.packet(tags, Dir::ToClient, (s, asked), Flags::ACK, HEAD);
    }
    n.wire.sent.clear();
    for tags in networks {
        n.packet(tags, Dir::ToClient, (s + HEAD.len() as u32, asked), Flags::ACK, REST);
        let said: Vec<u8> = n
            .wire
            .sent
            .drain(..)
            .flat_map(|(_, f)| {
                let p = packet::parse(&f).unwrap();
                assert!(crate::engine::edit::checksum_is_right(&f, &p));
                f[p.payload()].to_vec()
            })
            .collect();
        let said = String::from_utf8(said).unwrap();
        assert_eq!(said.contains("ample.com"), tags.first() != Some(&100), "{tags:?}: {said}");
    }
    assert_eq!(n.engine.flows(), 3, "no rule is about the others");
    let found = std::iter::from_fn(|| n.engine.poll_event()).count();
    assert_eq!(found, 3);
}
