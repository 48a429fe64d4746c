//! Tests of the whole policy, most of them as data under `tests/policy`.

use crate::scan::Detector;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::diagnostic::Report;
use super::*;
use crate::endpoints::Endpoints;

fn data(file: &str) -> PathBuf {
    Path::new("tests/policy").join(file)
}

/// The published files, beside this crate.
fn configs() -> PathBuf {
    PathBuf::from("../configs")
}

fn load<T: DeserializeOwned>(file: &str) -> T {
    let source = std::fs::read_to_string(data(file)).unwrap();
    let mut report = Report::default();
    let root = yaml::parse(&source, &mut report);
    serde_json::from_value(root.unwrap_or_else(|| panic!("{report:?}")).to_json()).unwrap()
}

fn compiled(source: &str) -> Policy {
    Policy::compile(source).unwrap_or_else(|errors| panic!("{errors:#?}")).0
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    policy: String,
    #[serde(default)]
    accepted: bool,
    expected: Vec<String>,
}

#[test]
fn every_error_is_reported_with_its_line_and_column() {
    for Refused { policy, accepted, expected } in load::<Vec<Refused>>("errors.yaml") {
        let (found, accepts) = match Policy::compile(&policy) {
            Ok((_, warnings)) => (warnings, true),
            Err(errors) => (errors, false),
        };
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{policy}");
        assert_eq!(accepts, accepted, "{policy}");
    }
}

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

#[test]
fn descriptor_sets_come_with_the_policy() {
    const MAIN: &str = "version: 1\ndescriptors: [order.desc]\nrules: [{name: r, detect: [email], action: alert}]\n";
    let with = |text: &str| format!("{MAIN}--- # file: order.desc\n{text}");
    let policy = compiled(&with(&descriptors::to_text(&descriptors::tests::orders())));
    let path =
        |target: &[u8]| policy.named_path(target, Direction::Response, None, "#3.5".to_owned());
    assert_eq!(path(b"/order.OrderService/Get"), "order.OrderReply.items.card (#3.5)");
    assert_eq!(path(b"/x"), "#3.5");
    for (source, wanted) in [
        (MAIN.to_owned(), "2:15: error: `order.desc` did not come with the policy"),
        (with("x\n"), "2:15: error: `order.desc`: it is not base64"),
        (with("CgE=\n"), "2:15: error: `order.desc`: it is no descriptor set"),
    ] {
        let errors = Policy::compile(&source).unwrap_err();
        assert!(errors.len() == 1 && errors[0].to_string().starts_with(wanted), "{errors:?}");
    }
}

#[test]
fn bodies_that_no_call_names_are_the_messages_that_the_policy_or_the_media_type_says() {
    const MAIN: &str = "version: 1
descriptors: [order.desc]
messages:
  - {paths: ['/orders/{id}'], response: order.OrderReply, request: order.OrderRequest}
rules: [{name: r, detect: [email], action: alert}]
";
    let with = |main: &str| {
        format!(
            "{main}--- # file: order.desc\n{}",
            descriptors::to_text(&descriptors::tests::orders())
        )
    };
    let policy = compiled(&with(MAIN));
    let path = |target: &str, direction, message| {
        policy.named_path(target.as_bytes(), direction, message, "#3.5".to_owned())
    };
    use Direction::{Request, Response};
    let reply = "order.OrderReply.items.card (#3.5)";
    assert_eq!(path("/orders/17?x=/", Response, None), reply);
    assert_eq!(path("/orders/17", Request, None), "#3.5", "a request has no such field");
    assert_eq!(path("/other", Response, Some("order.OrderReply")), reply);
    assert_eq!(path("/orders/17", Response, Some("order.Item")), reply, "the policy knows better");
    assert_eq!(path("/other", Response, Some("x")), "#3.5");
    let errors = Policy::compile(&with(&MAIN.replace("order.OrderReply,", "order.OrderReplay,")));
    assert_eq!(
        errors.unwrap_err()[0].to_string(),
        "4:41: error: no descriptor set has a message `order.OrderReplay`; did you mean `order.OrderReply`?"
    );
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    policy: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Case {
    #[serde(default)]
    about: String,
    message: CaseMessage,
    #[serde(default)]
    findings: BTreeMap<String, String>,
    verdict: Option<String>,
    #[serde(default)]
    edits_body: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseMessage {
    direction: Direction,
    src: Option<IpAddr>,
    dst: IpAddr,
    port: u16,
    host: Option<String>,
    method: Option<String>,
    path: String,
    #[serde(default)]
    headers: Headers,
}

#[derive(Default, Deserialize)]
struct Headers(BTreeMap<String, String>);

impl HeaderLookup for Headers {
    fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(String::as_bytes)
    }
}

impl CaseMessage {
    fn message(&self) -> Message<'_> {
        Message {
            host: self.host.as_deref().map(str::as_bytes),
            method: self.method.as_deref().unwrap_or("GET").as_bytes(),
            path: self.path.as_bytes(),
            headers: &self.headers,
            ..Message::new(
                self.direction,
                self.src.unwrap_or([192, 0, 2, 9].into()),
                self.dst,
                self.port,
            )
        }
    }
}

fn in_words(policy: &Policy, decision: Option<Decision>) -> String {
    let Some(decision) = decision else { return "none".into() };
    let action = format!("{:?}", decision.action).to_lowercase();
    // An alert is the same on trial and in force.
    let reported = action != "alert" && !decision.acts();
    let suffix = if reported { " reported" } else { "" };
    format!("{} {action}{suffix}", policy.rule_name(decision.rule))
}

#[test]
fn messages_and_findings_are_decided_as_the_tables_say() {
    for Table { policy, cases } in load::<Vec<Table>>("decisions.yaml") {
        let policy = compiled(&policy);
        for case in cases {
            let message = case.message.message();
            let context = format!("{}: {:?} {}", case.about, message.direction, case.message.path);
            let selection = policy.select(&message);
            for (finding, expected) in &case.findings {
                let (part, detector) = finding.split_once(' ').unwrap();
                let part: Part = serde_json::from_value(part.into()).unwrap();
                let detector = policy.catalog().by_name(detector).unwrap().id;
                let decision = policy.decide(&selection, part, detector);
                assert_eq!(in_words(&policy, decision), *expected, "{context}: {finding}");
                // The unions must say the same as the decisions, or the engine looks at or holds the wrong things.
                let (wanted, held) = (selection.detectors(part), selection.held(part));
                assert_eq!(wanted.contains(detector), decision.is_some(), "{context}: {finding}");
                let acts = decision.is_some_and(|d| d.acts());
                assert_eq!(held.contains(detector), acts, "{context}: {finding}");
            }
            let verdict = in_words(&policy, selection.verdict());
            assert_eq!(verdict, case.verdict.as_deref().unwrap_or("none"), "{context}");
            assert_eq!(selection.edits_body(), case.edits_body, "{context}: edits_body");
        }
    }
}

#[test]
fn every_published_policy_compiles_without_a_warning() {
    let mut files: Vec<_> = std::fs::read_dir(configs())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with("policy") && name.ends_with(".yaml")
        })
        .collect();
    assert!(files.len() >= 4, "{files:?}");
    files.push(data("http-evader.yaml"));
    files.push(configs().join("tenants/policy.yaml"));
    for file in files {
        let source = bundle::read_files(&file).unwrap();
        let (_, warnings) =
            Policy::compile(&source).unwrap_or_else(|e| panic!("{}: {e:#?}", file.display()));
        assert_eq!(warnings, [], "{}", file.display());
    }
}

#[test]
fn the_published_schema_is_the_enforced_one() {
    let path = configs().join("policy.schema.json");
    if std::env::var_os("WEIR_UPDATE").is_some() {
        let current = serde_json::to_string_pretty(&json_schema()).unwrap();
        std::fs::write(&path, current + "\n").unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    let published: serde_json::Value = serde_json::from_str(&published).unwrap_or_default();
    assert!(published == json_schema(), "configs/policy.schema.json: run with WEIR_UPDATE=1");
}

#[test]
fn caps_are_errors() {
    let policy = |rules: usize, services: usize| {
        let mut source = String::from("version: 1\nservices:\n");
        (0..services).for_each(|i| source += &format!("  - name: s{i}\n"));
        source += "rules:\n";
        (0..rules).for_each(|i| {
            source += &format!("  - {{name: r{i}, methods: [GET], action: alert}}\n")
        });
        Policy::compile(&source).map_err(|e| e.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    assert!(policy(MAX_RULES, MAX_SERVICES).is_ok());
    let errors = policy(MAX_RULES + 1, MAX_SERVICES + 1).unwrap_err();
    assert_eq!(
        errors,
        [
            "259:5: error: too many services: there can be 256, here are 257",
            "517:5: error: too many rules: there can be 256, here are 257",
        ]
    );
}

#[test]
fn a_flow_is_relevant_if_a_rule_could_be_about_it() {
    let policy = compiled(
        "version: 1\nservices:\n  - {name: a, addresses: [10.0.0.0/8], ports: [80]}\n  \
         - {name: b, ports: [81], hosts: [b.example]}\n  - {name: c, ports: [82]}\n\
         rules:\n  - {name: r, services: [a, b], detect: [email], action: alert}\n",
    );
    let relevant =
        |dst: &str, port| policy.flow_relevant(dst.parse().unwrap(), port, Vlans::default());
    assert!(relevant("10.1.1.1", 80));
    assert!(!relevant("11.1.1.1", 80));
    assert!(relevant("11.1.1.1", 81), "the host is not known yet");
    assert!(!relevant("11.1.1.1", 82), "no rule names the service");
    assert!(Policy::monitor_all().flow_relevant([1, 2, 3, 4].into(), 5, Vlans::default()));

    let service = |port, host: Option<&str>| {
        let id = policy.service_of(
            [10, 1, 1, 1].into(),
            port,
            Vlans::default(),
            host.map(str::as_bytes),
        );
        id.map(|id| policy.service_name(id))
    };
    assert_eq!(service(80, None), Some("a"));
    assert_eq!(service(81, Some("B.example:81")), Some("b"));
    assert_eq!(service(81, None), None);
}

#[test]
fn exceptions_fail_open_in_monitor_and_closed_in_enforce_unless_given() {
    let policy =
        compiled("version: 1\nmode: enforce\nexceptions: {memory: pass, midstream: drop}\n");
    let all = |policy: &Policy| Cause::ALL.map(|cause| policy.exception(cause));
    use ExceptionAction::{Drop, Pass, Reset};
    assert_eq!(all(&policy), [Pass, Reset, Drop, Drop, Reset]);
    assert_eq!(all(&policy.with_mode(Mode::Monitor)), [Pass, Pass, Drop, Pass, Pass]);
    assert_eq!(all(&Policy::monitor_all()), [Pass; 5]);
}

#[test]
fn the_mode_of_the_whole_can_be_changed_alone() {
    let enforce = compiled(
        "version: 1\nmode: enforce\nrules:\n  - {name: r, detect: [email], action: mask}\n",
    );
    let case = CaseMessage {
        direction: Direction::Response,
        src: None,
        dst: [10, 0, 0, 1].into(),
        port: 80,
        host: None,
        method: None,
        path: "/".into(),
        headers: Headers::default(),
    };
    let edits = |policy: &Policy| policy.select(&case.message()).edits_body();
    assert!(edits(&enforce));
    assert!(!edits(&enforce.with_mode(Mode::Monitor)));
    assert!(edits(&enforce.with_mode(Mode::Monitor).with_mode(Mode::Enforce)));
}

#[test]
fn without_a_policy_everything_is_alerted_on_and_nothing_edited() {
    let policy = Policy::monitor_all();
    let message = Message {
        method: b"GET",
        ..Message::new(Direction::Response, [10, 0, 0, 1].into(), [10, 0, 0, 2].into(), 80)
    };
    for direction in [Direction::Request, Direction::Response] {
        let selection = policy.select(&Message { direction, ..message });
        let named = |d: &&Detector| d.category.is_named_only();
        let named_only = policy.catalog().iter().filter(named);
        for detector in named_only {
            assert!(policy.decide(&selection, Part::Body, detector.id).is_none());
        }
        for detector in policy.catalog().iter().filter(|d| !named(d)) {
            for part in [Part::Headers, Part::Url, Part::Body] {
                let decision = policy.decide(&selection, part, detector.id).unwrap();
                assert_eq!((decision.action, decision.acts()), (Action::Alert, false));
            }
        }
        assert!(!selection.edits_body());
    }
}

/// Real policies with a few bytes changed: much deeper into the compiler than random text comes.
fn mutated() -> impl Strategy<Value = String> {
    let seeds = ["policy-block.yaml", "policy-ingress-mask.yaml", "policy-demo.yaml"]
        .map(|file| std::fs::read_to_string(configs().join(file)).unwrap());
    let edit =
        (any::<prop::sample::Index>(), 0usize..12, "[-:*&!{}\\[\\]\"'|>,#% \\n\\ta-z0-9/]{0,6}");
    (prop::sample::select(seeds.to_vec()), prop::collection::vec(edit, 1..6)).prop_map(
        |(seed, edits)| {
            let mut text: Vec<char> = seed.chars().collect();
            for (at, removed, inserted) in edits {
                let at = at.index(text.len() + 1);
                let end = (at + removed).min(text.len());
                text.splice(at..end, inserted.chars());
            }
            text.into_iter().collect()
        },
    )
}

proptest! {
    #[test]
    fn no_source_panics_and_each_refusal_says_where(source in mutated()) {
        let lines = source.lines().count().max(1) + 1;
        if let Err(diagnostics) = Policy::compile(&source) {
            prop_assert!(diagnostics.iter().any(|d| d.severity == Severity::Error));
            for d in diagnostics {
                prop_assert!((1..=lines).contains(&d.line) && d.column >= 1, "{} in\n{}", d, source);
                // What the schema lets through must deserialise: serde's own errors have no place.
                prop_assert!(!d.message.contains("invalid type"), "{} in\n{}", d, source);
            }
        }
    }
}

/// A caller that reads more than three different numbers is locked out; nobody else is, also by the next revision.
#[test]
fn a_limit_is_about_one_caller_and_outlives_its_policy() {
    const SOURCE: &str = "version: 1
mode: enforce
identities: [{header: x-key}]
rules:
  - {name: scraping, direction: response, detect: [us-ssn], limit: {distinct: 3, per: 10m}, for: 15m, action: block}
  - {name: flood, limit: {count: 2, per: 1m, by: source}, action: alert}
";
    let policy = compiled(SOURCE);
    let asked = |policy: &Policy, key: &str, direction| {
        let headers = Headers(BTreeMap::from([("x-key".to_owned(), key.to_owned())]));
        let message = Message {
            method: b"GET",
            headers: &headers,
            ..Message::new(direction, [10, 0, 0, 1].into(), [10, 0, 0, 2].into(), 80)
        };
        (policy.select(&message), policy.caller(&message, b"", &[1; 16]))
    };
    let ssn = policy.catalog().by_name("us-ssn").unwrap().id;
    let reads = |policy: &Policy, key: &str, value: u64, now: u64| {
        let (selection, caller) = asked(policy, key, Direction::Response);
        assert!(selection.is_limited() && selection.edits_body());
        assert_eq!(policy.decide(&selection, Part::Body, ssn), None);
        let counted = Counted::Value(Part::Body, ssn, value);
        policy.count(&selection, caller, counted, now).is_some_and(|d| d.acts())
    };
    let locked = |policy: &Policy, key: &str, now: u64| {
        let (selection, caller) = asked(policy, key, Direction::Response);
        policy.locked_out(&selection, caller, now).is_some()
    };
    // Far apart in the bitmap.
    let values: Vec<u64> = (1..=4).map(|n| n * 100).collect();
    assert!(values.iter().take(3).all(|v| !reads(&policy, "a", *v, 0)));
    assert!(!reads(&policy, "a", 100, 1), "the same again");
    assert!(values.iter().take(3).all(|v| !reads(&policy, "b", *v, 1)));
    assert!(!locked(&policy, "a", 1));
    assert!(reads(&policy, "a", 400, 2));
    assert!(locked(&policy, "a", 3) && !locked(&policy, "b", 3));

    let mut next = compiled(&SOURCE.replace("for: 15m", "for: 1h"));
    next.inherit(&policy);
    assert!(locked(&next, "a", 4), "the next revision goes on with it");
    assert!(reads(&next, "b", 400, 5), "and with what was counted");
    assert!(!locked(&next, "a", 3 + 15 * 60_000) && locked(&next, "b", 3 + 15 * 60_000));
    let mut other = compiled(&SOURCE.replace("per: 10m", "per: 5m"));
    other.inherit(&policy);
    assert!(!locked(&other, "a", 4), "another limit begins anew");

    let calls = |now| {
        let (selection, caller) = asked(&policy, "a", Direction::Request);
        assert_eq!(selection.verdict(), None);
        policy.count(&selection, caller, Counted::Call(1), now).is_some()
    };
    assert_eq!([calls(0), calls(1), calls(2)], [false, false, true]);
}

#[test]
fn rules_are_listed_in_the_order_in_which_they_decide() {
    let policy = compiled(
        "version: 1
mode: enforce
services: [{name: shop, ports: [80]}]
rules:
  - {name: a, detect: [email], action: alert}
  - {name: b, direction: response, detect: [us-ssn, iban], parts: [body], action: mask}
  - {name: c, detect: [us-ssn], action: block, mode: monitor}
  - {name: d, services: [shop], methods: [GET], paths: [/x], except: [/x/y], identity: {source: [10.0.0.0/8],
     header: {name: x-role, values: [guest]}}, limit: {count: 5, per: 1m, by: source}, for: 1h, action: block}
",
    );
    let order: Vec<_> = policy.in_order().iter().map(|r| (r.name, r.acts)).collect();
    // An alert acts on nothing, so a block that is only reported comes before it.
    assert_eq!(order, [("d", true), ("b", true), ("c", false), ("a", true)]);
    let about: Vec<_> = policy.in_order().iter().map(|r| r.about).collect();
    assert_eq!(about[1], "responses that hold us-ssn, iban in body");
    assert_eq!(
        about[0],
        "calls of shop by GET to /x but not to /x/y from 10.0.0.0/8 with x-role: guest beyond 5 in 1m by one address and \
         for 1h whatever else it asks"
    );
}

#[test]
fn a_rule_is_about_a_learnt_endpoint_and_until_then_about_what_fits_it() {
    let source = "version: 1
mode: enforce
rules: [{name: users, endpoints: ['/users/{id}', '/a'], action: block}]
";
    let before = Policy::compile(source).unwrap().0;
    let list = r#"{"version": 2, "hosts": {"h": [{"template": "/users/{login}"}, {"template": "/users/me"},
        {"template": "/a", "methods": ["POST"]}]}}"#;
    let learnt = Arc::new(Endpoints::parse(list.as_bytes()).unwrap());
    let after = before.with_endpoints(Arc::clone(&learnt));
    for (path, then, now) in [
        ("/users/7", true, true),
        ("/users/me", true, false),
        ("/users/me/../7", true, true),
        ("/a", true, true),
        ("/users", false, false),
    ] {
        let message = Message {
            host: Some(b"h"),
            method: b"GET",
            path: path.as_bytes(),
            ..Message::new(Direction::Request, [10, 0, 0, 1].into(), [10, 0, 0, 2].into(), 80)
        };
        let endpoint =
            learnt.find(b"GET", b"h", path.as_bytes()).and_then(|number| learnt.get(number));
        let is_about = |policy: &Policy, message: &Message<'_>| !policy.select(message).is_empty();
        assert_eq!(is_about(&before, &message), then, "{path}");
        assert_eq!(is_about(&after, &Message { endpoint, ..message }), now, "{path}");
    }
    // `/users%2F7`, where an endpoint `/{x}` is known: what is blocked at `/users/{id}` is blocked however the server reads it.
    let message = Message {
        path: b"/users/7",
        endpoint: learnt.get(1),
        ..Message::new(Direction::Request, [10, 0, 0, 1].into(), [10, 0, 0, 2].into(), 80)
    };
    assert!(after.select(&message).is_empty());
    assert!(!after.select(&Message { may_go_elsewhere: true, ..message }).is_empty());
    let wrong = source.replace("/a", "/a/*");
    let errors = Policy::compile(&wrong).unwrap_err();
    assert!(errors.iter().any(|e| e.message.contains("a template has parameters")), "{errors:?}");
}
