use super::super::Direction;
use super::*;

const POLICY: &str = "version: 1
mode: enforce
services:
  - {name: shop, ports: [80]}
behaviour:
  services: [shop]
  verified: [192.0.2.0/24]
  callers: 64
  ladder:
    - {score: 50, action: alert}
    - {score: 60, action: rate-limit, limit: {count: 5, per: 10s}}
    - {score: 70, action: challenge, redirect: /wait?x=1}
    - {score: 80, action: drop-source, for: 1h}
";

fn policy(source: &str) -> Policy {
    let policy = Policy::compile(source).unwrap_or_else(|errors| panic!("{errors:#?}")).0;
    policy.prepare();
    policy
}

fn message(src: [u8; 4], port: u16, path: &'static str) -> Message<'static> {
    Message {
        host: Some(b"shop"),
        method: b"GET",
        path: path.as_bytes(),
        ..Message::new(Direction::Request, src.into(), [10, 0, 0, 2].into(), port)
    }
}

fn seen(time: f64, target: &str, status: u16) -> Seen<'_> {
    let (method, host, target) = (&b"GET"[..], &b"shop"[..], target.as_bytes());
    Seen {
        time,
        method,
        host,
        target,
        endpoint: None,
        referer: None,
        status,
        bytes: 500,
        duration: None,
    }
}

/// Goes through ids, ten a second; what refused each request, and the levels it rose to.
fn enumerate(policy: &Policy, caller: Caller, requests: u64) -> (Vec<Option<Refusal>>, Vec<Rise>) {
    let (mut refusals, mut rises) = (Vec::new(), Vec::new());
    for n in 0..requests {
        let now = 1000 + n * 100;
        let refusal = refusal(policy, caller, "/", now);
        let target = format!("/api/orders/{n}");
        let seen = seen(now as f64 / 1000.0, &target, if refusal.is_some() { 0 } else { 200 });
        let observed = match &refusal {
            Some(refusal) => policy.observe_refused(refusal, &seen, now),
            None => policy.observe(caller, &seen, now),
        };
        rises.extend(observed.rise);
        refusals.push(refusal);
    }
    (refusals, rises)
}

fn refusal(policy: &Policy, caller: Caller, path: &'static str, now: u64) -> Option<Refusal> {
    policy.refusal(caller, &message([10, 0, 0, 1], 80, path), now).0
}

#[test]
fn an_enumerator_climbs_to_the_top_and_says_why() {
    let policy = policy(POLICY);
    let caller = Caller { identity: 7, source: 8 };
    let (refusals, rises) = enumerate(&policy, caller, 400);
    let steps: Vec<_> = rises.iter().map(|r| (r.level, r.mitigation.name())).collect();
    let all = [(1, "alert"), (2, "rate-limit"), (3, "challenge"), (4, "drop-source")];
    assert_eq!(steps, all);
    assert!(rises.iter().all(|r| r.enforced && r.verdict.score >= 0.5 && r.requests >= 10));
    assert!(rises[0].verdict.reasons[0].is_some());
    let last = refusals.last().unwrap().unwrap();
    assert!(last.mitigation == Mitigation::DropSource && last.rest > 3_500_000, "{last:?}");
    // Nobody else, and not by its address.
    let other = Caller { identity: 9, source: 8 };
    assert_eq!(refusal(&policy, other, "/", 50_000), None);
}

#[test]
fn under_monitor_it_climbs_too_and_only_tells() {
    let source = POLICY.replace("behaviour:", "behaviour:\n  mode: monitor");
    let policy = policy(&source);
    let (_, rises) = enumerate(&policy, Caller { identity: 7, source: 7 }, 400);
    assert!(rises.len() == 4 && rises.iter().all(|r| !r.enforced));
    assert!(policy.ladder().iter().all(|step| !step.acts));
}

#[test]
fn a_token_that_is_refused_counts_for_the_address() {
    let policy = policy(
        "version: 1\nmode: enforce\nbehaviour: {ladder: [{score: 50, action: block, for: 1h}]}",
    );
    for n in 0..200 {
        // A new token for each password.
        let caller = Caller { identity: 1000 + n, source: 8 };
        let now = 1000 + n * 1000;
        let login = Seen { method: b"POST", ..seen(now as f64 / 1000.0, "/login", 401) };
        policy.observe(caller, &login, now);
    }
    let let_in = Caller { identity: 6, source: 8 };
    for n in 0..12 {
        // As somebody who reads.
        let at = 3.0 * f64::from(n * n);
        policy.observe(let_in, &seen(at, "/api/me", 200), 180_000);
    }
    for (identity, source, refused) in [(5, 8, true), (5, 9, false), (6, 8, false)] {
        let caller = Caller { identity, source };
        let found = refusal(&policy, caller, "/", 200_001);
        assert_eq!(found.is_some(), refused, "{identity} from {source}");
    }
}

#[test]
fn who_fails_where_many_fail_is_judged_strictly_and_who_mistypes_is_not_refused() {
    let policy = policy(POLICY);
    // Where each address of a spray stands after its tries, one each other second.
    let try_all = |address: u64, statuses: &[u16]| {
        let caller = Caller { identity: address, source: address };
        let (mut level, mut refused) = (0, 0);
        for (n, status) in statuses.iter().enumerate() {
            let now = 1_000_000 + address * 20_000 + n as u64 * 2_000;
            let refusal = refusal(&policy, caller, "/login", now);
            let answer = if refusal.is_some() { 0 } else { *status };
            let login = Seen { method: b"POST", ..seen(now as f64 / 1e3, "/login", answer) };
            let observed = match &refusal {
                Some(refusal) => policy.observe_refused(refusal, &login, now),
                None => policy.observe(caller, &login, now),
            };
            refused += u32::from(refusal.is_some());
            level = observed.rise.map_or(level, |rise| rise.level);
        }
        (level, refused)
    };
    let spray: Vec<_> = (1..30).map(|address| try_all(address, &[401; 12])).collect();
    assert!(spray[..8].iter().all(|(level, _)| *level < 3), "{spray:?}");
    assert!(spray[15..].iter().all(|(level, _)| *level == 4), "{spray:?}");
    for (statuses, most) in [(&[401, 401, 200][..], 0), (&[200, 401, 401, 401, 401], 1)] {
        let (level, refused) = try_all(30, statuses);
        assert!(level <= most && refused == 0, "{statuses:?}: {level}, {refused}");
    }
}

#[test]
fn who_is_named_to_be_behind_an_attack_is_judged_strictly() {
    let (policy, caller) = (policy(POLICY), Caller { identity: 7, source: 8 });
    let named = policy.with_suspects(HashSet::from([[10, 0, 0, 1].into()]));
    let level_of = |policy: &Policy, source: [u8; 4], caller: Caller| {
        let mut level = 0;
        for n in 0..30 {
            let (target, now) = (format!("/api/orders/{n}"), 1000 + n * 300);
            policy.suspect(caller, source.into(), now);
            let rise = policy.observe(caller, &seen(now as f64 / 1e3, &target, 200), now).rise;
            level = rise.map_or(level, |rise| rise.level);
        }
        level
    };
    assert!(level_of(&named, [10, 0, 0, 2], caller) <= 1);
    assert_eq!(level_of(&named, [10, 0, 0, 1], Caller { identity: 9, source: 9 }), 4);
}

#[test]
fn whose_callers_are_watched() {
    let policy = policy(POLICY);
    for (src, port, watched) in
        [([10, 0, 0, 1], 80, true), ([192, 0, 2, 9], 80, false), ([10, 0, 0, 1], 81, false)]
    {
        assert_eq!(policy.watches(&message(src, port, "/")), watched, "{src:?} {port}");
    }
    assert!(
        policy.flow_relevant([10, 0, 0, 2].into(), 80, Default::default()),
        "also without a rule"
    );
    assert!(!policy.flow_relevant([10, 0, 0, 2].into(), 81, Default::default()));
    assert_eq!(policy.challenge_location(), Some("/wait?x=1"));
}

#[test]
fn a_new_revision_goes_on_with_the_callers_and_the_model() {
    let before = policy(POLICY).with_model(Arc::new(Model::generic()));
    enumerate(&before, Caller { identity: 7, source: 7 }, 400);
    let mut after = Policy::compile(&POLICY.replace("score: 50", "score: 51")).unwrap().0;
    after.inherit(&before);
    let caller = Caller { identity: 7, source: 7 };
    assert!(refusal(&after, caller, "/", 41_000).is_some());
    assert!(Arc::ptr_eq(after.model(), before.model()));
}

#[test]
fn the_place_that_a_challenge_leads_to_is_no_challenge() {
    let source = POLICY.replace("    - {score: 80, action: drop-source, for: 1h}\n", "");
    let policy = policy(&source);
    let caller = Caller { identity: 7, source: 7 };
    enumerate(&policy, caller, 400);
    let found = |path| refusal(&policy, caller, path, 41_000).map(|r| r.mitigation);
    assert_eq!((found("/x"), found("/wait")), (Some(Mitigation::Challenge), None));
}
