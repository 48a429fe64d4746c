//! New edges, sensitive data, wrong clocks, and several nodes.

use super::*;

#[test]
fn a_service_that_never_asked_is_told_of_once() {
    let (mut engine, mut dice) = learnt();
    let calls = |_: &mut Dice, start: u64, all: &mut Vec<Observation>| {
        let mut call = request(start + 7, "10.2.0.1".into(), "GET /items", Outcome::Ok);
        call.caller = Some("billing".into());
        all.push(call);
    };
    let end = SCENARIO + 4 * 3_600;
    let reports = play(&mut engine, &mut dice, SCENARIO, end, calls);
    let told: Vec<_> = reports.iter().filter(|r| r.state == State::Start).collect();
    assert_eq!(told.len(), 1, "{reports:?}");
    assert_eq!((told[0].kind, told[0].severity), (Kind::NewEdge, Severity::Low));
    assert_eq!(told[0].means, "Asked for the first time: billing calls shop.example.");
    // Who asks while it is still learnt who does is not told of.
    let mut young = Engine::default();
    assert!(play(&mut young, &mut Dice(7), MONDAY, MONDAY + 7_200, calls).is_empty());
}

#[test]
fn answers_that_begin_to_leak_are_told_and_a_crowd_is_not() {
    let leak = |endpoint: &'static str, percent: u64| {
        move |dice: &mut Dice, _: u64, all: &mut Vec<Observation>| {
            for o in all.iter_mut().filter(|o| o.endpoint == endpoint) {
                o.sensitive = dice.chance(percent);
            }
        }
    };
    let (mut engine, mut dice) = learnt();
    let end = SCENARIO + 3_600;
    let reports = play(&mut engine, &mut dice, SCENARIO, end, leak("GET /cart", 80));
    let kinds: Vec<_> = reports.iter().map(|r| (r.kind, r.endpoint.as_deref())).collect();
    assert!(kinds.contains(&(Kind::SensitiveData, Some("GET /cart"))), "{kinds:?}");
    let report = &reports[0];
    let spread = report.spread.as_ref().unwrap();
    assert!((2.0..7.0).contains(&spread.seen) && spread.usual.is_some(), "{spread:?}");

    // An endpoint that always does, and a crowd that comes for it.
    let (mut engine, mut dice) = (Engine::default(), Dice(7));
    let day = MONDAY + 2 * DAY + 10 * 3_600;
    let said = play(&mut engine, &mut dice, MONDAY, day, leak("GET /cart", 5));
    let sensitive = |all: &[Report]| all.iter().any(|r| r.kind == Kind::SensitiveData);
    assert!(!sensitive(&said), "{said:?}");
    let crowd = |dice: &mut Dice, start: u64, all: &mut Vec<Observation>| {
        for _ in 0..400 {
            let mut cart =
                request(start + dice.roll(290), customer(dice), "GET /cart", Outcome::Ok);
            cart.sensitive = dice.chance(5);
            all.push(cart);
        }
        leak("GET /cart", 5)(dice, start, all);
    };
    let said = play(&mut engine, &mut dice, day, day + 3_600, crowd);
    assert!(!sensitive(&said), "{said:?}");
}

#[test]
fn a_wrong_clock_moves_nothing_and_a_pause_is_believed() {
    let (mut engine, mut dice) = learnt();
    let wrong = |_: &mut Dice, start: u64, all: &mut Vec<Observation>| {
        let mut far = request(start, "10.9.9.9".into(), "GET /items", Outcome::Ok);
        far.ts += 3e8;
        // Sorting puts it at the end of the bucket.
        all.push(far);
    };
    let end = SCENARIO + 2 * 3_600;
    assert!(play(&mut engine, &mut dice, SCENARIO, end, wrong).is_empty());
    assert_eq!((engine.late, engine.ahead), (0, 24));
    let later = end + 5 * DAY;
    play(&mut engine, &mut dice, later, later + 600, |_, _, _| {});
    // The last wrong one stands where the pause begins, and can't be told from what comes after that.
    assert_eq!((engine.start, engine.late, engine.ahead), (Some(later + 300), 0, 23));
}

/// Each of two nodes sees every other request, as a load balancer deals them.
#[test]
fn two_nodes_know_together_what_one_would_know() {
    let (mut one, mut dice) = (Engine::default(), Dice(7));
    let mut nodes = [Engine::default(), Engine::default()];
    let mut deal = |start: u64, one: &mut Engine, dice: &mut Dice| {
        let mut all = customers(dice, start, 1.0);
        nightly_job(dice, start, &mut all);
        all.sort_by(|a, b| a.ts.total_cmp(&b.ts));
        for (n, o) in all.iter().enumerate() {
            one.observe(o);
            nodes[n % 2].observe(o);
        }
    };
    (MONDAY..SCENARIO).step_by(300).for_each(|start| deal(start, &mut one, &mut dice));
    let [mut merged, other] = nodes;
    merged.merge(other);
    let of = |engine: &Engine| {
        let service = &engine.services["shop.example"];
        let [bucket, ..] = &service.whole.windows;
        let expected = service.whole.usual.requests.expected(SCENARIO);
        (bucket.record.clone(), expected, service.whole.usual.server.usual())
    };
    let ((record, expected, failed), (of_one, expected_of_one, failed_of_one)) =
        (of(&merged), of(&one));
    assert_eq!(record.all, of_one.all);
    assert_eq!(record.sources, of_one.sources);
    assert!((expected / expected_of_one - 1.0).abs() < 0.1, "{expected} {expected_of_one}");
    assert!((failed / failed_of_one - 1.0).abs() < 0.1, "{failed} {failed_of_one}");
    // And it goes on as one would: quiet, until there is an attack.
    let mut later = dice.clone();
    let end = SCENARIO + 3_600;
    assert!(play(&mut merged, &mut later, SCENARIO, end, nightly_job).is_empty());
    let guess = |dice: &mut Dice, start: u64, all: &mut Vec<Observation>| {
        for n in 0..200 {
            let mut o = request(
                start + dice.roll(290),
                format!("198.18.0.{n}"),
                "POST /login",
                Outcome::AuthFailure,
            );
            o.account = Some(dice.roll(10_000));
            all.push(o);
        }
    };
    let reports = play(&mut merged, &mut later, end, end + 3_600, guess);
    assert!(reports.iter().any(|r| r.kind == Kind::DistributedBruteForce), "{reports:?}");
}
