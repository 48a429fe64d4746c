use super::*;
use crate::endpoints::Endpoints;

fn seen(time: f64, target: &str, status: u16) -> Seen<'_> {
    Seen {
        time,
        method: b"GET",
        host: b"h",
        target: target.as_bytes(),
        endpoint: None,
        referer: None,
        status,
        bytes: 1000,
        duration: None,
    }
}

fn after(requests: impl Iterator<Item = (f64, String, u16)>) -> Verdict {
    let (mut identity, model) = (Identity::default(), Model::generic());
    for (time, target, status) in requests {
        identity.observe(&seen(time, &target, status), &model);
    }
    judge(&mut identity, &model)
}

#[test]
fn kinds_are_told_apart() {
    let scanner = after((0..200).map(|i| (f64::from(i) * 0.5, format!("/x{i}.bak?q=%27"), 404)));
    assert_eq!(scanner.kind, Kind::Scanner, "{scanner:?}");
    let ids = after((0..400).map(|i| (f64::from(i) * 7.0, format!("/api/orders/{i}"), 200)));
    assert!(matches!(ids.kind, Kind::Enumeration | Kind::Scraping), "{ids:?}");
    let flood = after((0..3000).map(|i| (f64::from(i) * 0.02, "/api/search".to_owned(), 200)));
    assert_eq!(flood.kind, Kind::Flood, "{flood:?}");
    let person = (0..40).map(|i| {
        let pause = f64::from(i * i % 17) * 9.0 + f64::from(i) * 20.0;
        (pause, format!("/api/item/{}", i % 7), 200)
    });
    let person = after(person);
    assert!(person.score < 0.2, "{person:?}");
}

#[test]
fn a_flood_that_is_slow_and_lasts_is_told_from_a_program_that_looks_each_few_seconds() {
    // As irregular as a person, and for several endpoints: nothing but how much it is tells.
    let every = |gap: f64, requests: u32| {
        let mut time = 0.0;
        let gaps = [0.05, 3.2, 0.2, 1.1, 0.45].into_iter().cycle();
        let places = ["/api/items/3", "/api/search", "/api/cart"].into_iter().cycle();
        let send = |(share, place): (f64, &str)| {
            time += share * gap;
            (time, place.to_owned(), 200)
        };
        after(gaps.zip(places).take(requests as usize).map(send))
    };
    let flood = every(0.7, 4000);
    assert!(flood.kind == Kind::Flood && flood.score > 0.9, "{flood:?}");
    let brief = every(0.7, 400);
    assert!(brief.score < 0.5, "five minutes of it: {brief:?}");
    let monitor = every(10.0, 8640);
    assert!(monitor.score < 0.5, "a day of it: {monitor:?}");
}

#[test]
fn guessing_passwords_slowly() {
    let (mut identity, model) = (Identity::default(), Model::generic());
    for i in 0..40 {
        let login = Seen { method: b"POST", ..seen(f64::from(i) * 600.0, "/api/login", 401) };
        identity.observe(&login, &model);
    }
    let verdict = judge(&mut identity, &model);
    assert_eq!(verdict.kind, Kind::BruteForce);
    let reason = verdict.reasons[0].unwrap();
    assert_eq!(reason.measure, Measure::LoginFailures);
    assert!(reason.to_string().contains("failed logins"));
}

/// A visitor that names where it comes from, or does not.
fn visit(requests: &[(f64, &str, bool)]) -> (Measures, Verdict) {
    let (mut identity, model) = (Identity::default(), Model::generic());
    for (time, target, refers) in requests {
        identity.observe(&Seen { referer: Some(*refers), ..seen(*time, target, 200) }, &model);
    }
    identity.close_page();
    (identity.measures(), judge(&mut identity, &model))
}

#[test]
fn pictures_of_other_visits_do_not_dress_pages() {
    let hours = |n: f64| n * 3600.0;
    let pages = [(0.0, "/a", false), (hours(2.0), "/b", false), (hours(4.0), "/c", false)];
    let pictures = [
        (hours(1.0), "/x.png", false),
        (hours(3.0), "/y.png", false),
        (hours(5.0), "/z.png", false),
    ];
    let mut program = [pages, pictures].concat();
    program.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (measures, verdict) = visit(&program);
    assert!(measures.get(Measure::Bare) > 0.7 && verdict.score > 0.4, "{measures:?} {verdict:?}");
    // The style sheet may be logged before the page that it is for.
    let person: Vec<_> = pages
        .iter()
        .flat_map(|(t, page, _)| [(*t, "/s.css", true), (t + 1.0, *page, false)])
        .collect();
    let (measures, verdict) = visit(&person);
    assert!(measures.get(Measure::Bare) < 0.1 && verdict.score < 0.1, "{measures:?} {verdict:?}");
}

#[test]
fn a_few_bare_pages_from_nowhere_are_a_program() {
    let feed: Vec<_> = (0..6).map(|i| (f64::from(i * i) * 7200.0, "/?feed=rss", false)).collect();
    let (_, verdict) = visit(&feed);
    assert_eq!(verdict.kind, Kind::Crawler, "{verdict:?}");
    assert!(visit(&feed[..1]).1.score < 0.3);
    assert_eq!(visit(&[(0.0, "/robots.txt", false)]).1.kind, Kind::Crawler);
}

#[test]
fn who_comes_back_for_one_page_each_time_is_a_program() {
    let hours = |n: u32| f64::from(n * n) * 3700.0;
    let back: Vec<_> = (0..6).map(|i| (hours(i), "/news", true)).collect();
    let (measures, verdict) = visit(&back);
    assert!(measures.get(Measure::Lone) > 1.5, "{measures:?}");
    assert_eq!(verdict.kind, Kind::Crawler, "though it names where it comes from: {verdict:?}");
    // A style sheet, another page or a call of what the page runs: somebody looks at it.
    for other in ["/s.css", "/about", "/api/v1/weather"] {
        let with =
            |(time, page, _): &(f64, _, _)| [(*time, *page, true), (time + 1.0, other, true)];
        let person: Vec<_> = back.iter().flat_map(with).collect();
        assert!(visit(&person).0.get(Measure::Lone) < 0.01, "{other}");
    }
}

#[test]
fn who_reads_nothing_but_feeds_is_a_program() {
    let feed = [(0.0, "/blog/feed/", false), (600.0, "/blog/feed/", false)];
    assert_eq!(visit(&feed).1.kind, Kind::Crawler);
    // People of a site that calls its front page so read other things too.
    let pages: Vec<_> = (0..20).map(|i| format!("/people/page{i}")).collect();
    let mut person = vec![(0.0, "/feed", true), (0.5, "/s.css", true)];
    for (i, page) in (1u32..).zip(&pages) {
        let time = f64::from(i) * 40.0 + f64::from(i * i % 7) * 13.0;
        person.extend([(time, page.as_str(), true), (time + 0.5, "/s.css", true)]);
    }
    let verdict = visit(&person).1;
    assert!(verdict.score < 0.2, "{verdict:?}");
}

#[test]
fn nobody_comes_from_where_they_go() {
    for (referer, target, elsewhere) in [
        ("", "/a", false),
        ("https://shop/a", "/a", false),
        ("https://shop/b", "/a", true),
        ("https://shop/", "/", true),
        ("https://search.example/?q=/a&x", "/a", true),
    ] {
        let said = comes_from_elsewhere(referer.as_bytes(), target.as_bytes());
        assert_eq!(said, elsewhere, "{referer} {target}");
    }
}

/// Ten days of calls of 0.1 s at irregular times, so many on the last day and each day so many times as many as the day before.
fn days(last: f64, times: f64) -> Verdict {
    let (mut identity, model) = (Identity::default(), Model::generic());
    let (end, mut time, mut n) = (10.0 * 86_400.0, 0.0, 0u32);
    while time < end {
        let target = ["/api/items", "/api/search", "/api/cart"][n as usize % 3];
        let call = Seen { duration: Some(0.1), ..seen(time, target, 200) };
        identity.observe(&call, &model);
        let share = [0.05, 3.2, 0.2, 1.1, 0.45][n as usize % 5];
        time += share * 86_400.0 / (last * times.powf((time - end) / 86_400.0)).max(20.0);
        n += 1;
    }
    judge(&mut identity, &model)
}

#[test]
fn who_takes_more_of_the_server_each_day_is_told_from_who_always_took_as_much() {
    for times in [1.5, 2.0] {
        let grown = days(15_000.0, times);
        assert!(grown.kind == Kind::Exhaustion && grown.score > 0.5, "{times}: {grown:?}");
    }
    let steady = days(15_000.0, 1.0);
    assert!(steady.score < 0.4, "{steady:?}");
    let sudden = days(15_000.0, 1e6);
    assert!(sudden.score.is_finite(), "it took nothing before: {sudden:?}");
    let small = days(300.0, 2.0);
    assert!(small.score < 0.2, "half a minute is no harm: {small:?}");
}

/// From Monday to Friday from nine to five, not as much on one day as on another: a busy day, and two weeks of holidays.
#[test]
fn who_takes_much_on_working_days_and_comes_back_has_not_grown() {
    let (mut identity, model) = (Identity::default(), Model::generic());
    for day in (0..56).filter(|day| day % 7 < 5 && !(14..28).contains(day)) {
        let calls = [900, 1300, 700, 1500, 1000][day as usize % 5] * if day == 9 { 4 } else { 1 };
        for n in 0..calls {
            let time = f64::from(day) * 86_400.0
                + 9.0 * 3600.0
                + f64::from(n) * 28_800.0 / f64::from(calls);
            identity
                .observe(&Seen { duration: Some(0.15), ..seen(time, "/api/items", 200) }, &model);
            let growth = identity.measures().get(Measure::Growth);
            assert!(growth.is_nan() || growth == 0.0, "day {day}: {growth}");
        }
    }
}

#[test]
fn one_request_proves_nothing() {
    for status in [200, 401, 404, 500] {
        let one = after(std::iter::once((1.0, "/a?x='".to_owned(), status)));
        assert!(one.score < 0.3, "{one:?}");
    }
    assert_eq!(Verdict::nothing().kind, Kind::Normal);
}

#[test]
fn time_that_stands_still_or_runs_back_is_no_harm() {
    let times = [f64::NAN, 5.0, 1.0, f64::INFINITY, f64::MAX, -1.0, 5.0];
    let verdict = after(times.into_iter().map(|t| (t, "/".to_owned(), 200)));
    assert!((0.0..=1.0).contains(&verdict.score), "{verdict:?}");
}

#[test]
fn models_that_are_none() {
    for (text, why) in [
        ("", "not a behaviour model"),
        ("{}", "not a behaviour model"),
        (
            r#"{"version":9,"callers":0,"quarantined_callers":0,"templates":[],"quarantined_templates":0,"steps":[],"norms":{}}"#,
            "version 9",
        ),
        (
            r#"{"version":1,"callers":0,"quarantined_callers":0,"templates":[],"quarantined_templates":0,"steps":[[0,1,2]],"norms":{}}"#,
            "a step between",
        ),
    ] {
        let error = Model::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn a_step_that_was_learnt_is_no_surprise() {
    let template = |path: &str, count| Template {
        method: "GET".to_owned(),
        host: "h".to_owned(),
        path: path.to_owned(),
        count,
    };
    let mut site = SiteModel::new();
    site.templates = vec![template("/a", 50), template("/b/{id}", 50)];
    site.steps = vec![(0, 1, 50)];
    let model = Model::new(&site).unwrap();
    let hash = |path: &str| Shape::of(b"GET", b"h", path.as_bytes()).template;
    let learnt = model.surprise(hash("/a"), hash("/b/17")).unwrap();
    let back = model.surprise(hash("/b/17"), hash("/a")).unwrap();
    let unknown = model.surprise(hash("/a"), hash("/c")).unwrap();
    assert!(learnt < 0.2 && back > 2.0 && unknown > 6.0, "{learnt} {back} {unknown}");
    assert_eq!(model.surprise(hash("/c"), hash("/d")), None);
}

#[test]
fn a_learnt_template_says_what_an_id_is() {
    let template = Some("/users/{login}/keys");
    let at = |target: &str, template| Shape::at(b"GET", b"h", target.as_bytes(), template);
    let (ann, bob) = (at("/users/ann/keys?x", template), at("/users/bob/keys", template));
    assert_eq!(ann.template, bob.template);
    assert!(ann.id.is_some() && ann.id != bob.id);
    // As the looks of a number say it: who is known already goes on being known when the template is learnt.
    assert_eq!(at("/users/17/keys", template).template, at("/users/17/keys", None).template);
    assert_ne!(at("/users/ann/keys", None).template, ann.template);
}

#[test]
fn a_model_knows_its_endpoints_by_the_templates_that_were_learnt() {
    let template = |path: &str, count| Template {
        method: "GET".to_owned(),
        host: "h".to_owned(),
        path: path.to_owned(),
        count,
    };
    let mut site = SiteModel::new();
    site.templates =
        vec![template("/", 100), template("/users/ann", 30), template("/users/bob", 30)];
    site.steps = vec![(0, 1, 30), (0, 2, 30)];
    let model = Model::new(&site).unwrap();
    let list = r#"{"version": 1, "hosts": {"h": [{"template": "/users/{login}"}]}}"#;
    let on = model.on(&Endpoints::parse(list.as_bytes()).unwrap());
    let hash = |target: &str, t| Shape::at(b"GET", b"h", target.as_bytes(), t).template;
    let (home, eve) = (hash("/", None), hash("/users/eve", Some("/users/{login}")));
    let surprised = model.surprise(home, hash("/users/eve", None)).unwrap();
    assert!(on.surprise(home, eve).unwrap() < 0.5 && surprised > 3.0, "both steps are one");
}
