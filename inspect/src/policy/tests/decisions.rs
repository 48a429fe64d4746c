//! What policies say of messages, findings and callers.

use std::collections::BTreeMap;

use super::*;
use crate::endpoints::Endpoints;
use crate::scan::Detector;

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
    let (client, server) = ([192, 0, 2, 9].into(), [10, 0, 0, 1].into());
    let message = Message::new(Direction::Response, client, server, 80);
    let edits = |policy: &Policy| policy.select(&message).edits_body();
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
