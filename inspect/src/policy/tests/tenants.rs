//! Several teams at one appliance, each with a file of its own.

use super::*;

const TENANTS: &str = "version: 1
mode: enforce
tenants:
  - {name: a, addresses: [10.1.0.0/16], file: a.yaml}
  - {name: b, addresses: [10.2.0.0/16], file: b.yaml}
rules:
  - {name: all, direction: response, detect: [payment-card], action: mask}
--- # file: a.yaml
services: [{name: shop, ports: [80]}]
detectors: [{name: order, category: pci, literal: 'ORDER-'}]
rules:
  - {name: all, services: [shop], detect: ['category:pci', order], action: block}
tests:
  - {given: {server: '10.1.0.9:80', body: 'ORDER-'}, expect: block, rule: all}
  - {given: {service: shop, server: '10.2.0.9:80', body: 'ORDER-'}, expect: pass}
--- # file: b.yaml
rules:
  - {name: all, detect: ['category:pci'], action: alert}
tests:
  - {given: {server: '10.2.0.9:80', body: 'ORDER-'}, expect: pass}
  - {given: {server: '10.2.0.9:80', response: '4111 1111 1111 1111'}, expect: mask}
  - {given: {server: '10.3.0.9:80', body: '4111 1111 1111 1111'}, expect: pass}
";

#[test]
fn a_tenants_file_is_about_its_own_addresses_alone() {
    let policy = compiled(TENANTS);
    let names: Vec<_> = policy.in_order().iter().map(|rule| rule.name.to_owned()).collect();
    assert_eq!(names, ["a/all", "all", "b/all"]);
    let service = policy
        .service_of([10, 1, 0, 9].into(), 80, Vlans::default(), None)
        .map(|id| policy.service_name(id));
    assert_eq!(service, Some("a/shop"));
    assert_eq!(policy.service_of([10, 2, 0, 9].into(), 80, Vlans::default(), None), None);
    // Another text for one tenant changes nothing for the other.
    let less = replace_tenant(TENANTS, "a", "rules: [{name: x, detect: [email], action: mask}]\n")
        .unwrap();
    let policy = compiled(&less);
    assert_eq!(policy.in_order().len(), 3);
}

const DOMAINS: &str = "version: 1
mode: enforce
inventory: pods.txt
tenants:
  - {name: a, vlans: [100], file: a.yaml}
  - {name: b, addresses: [10.0.0.0/8], vlans: [200], file: b.yaml}
  - {name: c, namespace: shop, labels: [tier=web], vlans: [0], file: c.yaml}
services:
  - {name: web, labels: [tier=web]}
  - {name: gone, namespace: nobody}
rules:
  - {name: internal, identity: {services: [web]}, paths: [/internal], action: block}
  - {name: none, identity: {services: [gone]}, action: block}
--- # file: a.yaml
rules: [{name: r, detect: [email], action: mask}]
tests:
  - {given: {server: '10.0.0.9:80', vlans: [100], body: 'ann@example.com'}, expect: mask, rule: r}
  - {given: {server: '10.0.0.9:80', vlans: [100, 7], body: 'ann@example.com'}, expect: mask}
  - {given: {server: '10.0.0.9:80', body: 'ann@example.com'}, expect: pass}
--- # file: b.yaml
services: [{name: s, ports: [80]}]
rules: [{name: r, services: [s], detect: [email], action: block}]
tests:
  - {given: {service: s, server: '10.0.0.9:80', vlans: [200], body: 'ann@example.com'}, expect: block, rule: r}
  - {given: {server: '11.0.0.9:80', vlans: [200], body: 'ann@example.com'}, expect: pass}
--- # file: c.yaml
rules: [{name: r, detect: [email], action: tokenize}]
tests:
  - {given: {server: '192.0.2.7:80', body: 'ann@example.com'}, expect: tokenize, rule: r}
  - {given: {server: '192.0.2.8:80', body: 'ann@example.com'}, expect: pass}
  - {given: {server: '192.0.2.8:80', source: 192.0.2.7, url: /internal}, expect: block, rule: internal}
  - {given: {server: '192.0.2.7:80', vlans: [100], body: 'ann@example.com'}, expect: mask}
--- # file: pods.txt
192.0.2.7 shop app=cart tier=web
192.0.2.8 shop app=db
";

#[test]
fn tenants_are_told_apart_by_vlan_and_by_labels_too() {
    // The operator's tests stand in the tenants' files, too: a rule that names no tenant is no tenant's.
    let source = DOMAINS.replace(", rule: internal", "");
    let (policy, warnings) =
        Policy::compile(&source).unwrap_or_else(|errors| panic!("{errors:#?}"));
    let warnings: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings, ["10:29: warning: the inventory has no such workload"]);
    let vlan = |outer| Vlans { outer, inner: 0 };
    let service = |vlans| {
        let id = policy.service_of([10, 0, 0, 9].into(), 80, vlans, None);
        id.map(|id| policy.service_name(id))
    };
    assert_eq!((service(vlan(200)), service(vlan(100))), (Some("b/s"), None));
    // Where tenants alone have rules, what is no tenant's is not inspected.
    let (_, tenants) = DOMAINS.split_once("--- #").unwrap();
    let alone =
        "version: 1\ntenants: [{name: a, vlans: [100], file: a.yaml}]\n--- #".to_owned() + tenants;
    let alone = compiled(&alone);
    assert!(alone.flow_relevant([1, 2, 3, 4].into(), 5, vlan(100)));
    assert!(!alone.flow_relevant([1, 2, 3, 4].into(), 5, vlan(101)));
}
