use proptest::prelude::*;
use weir_inspect::behaviour::{Kind, Model};
use weir_inspect::request::Request;

use super::*;

fn request(user: &str, ts: f64, method: &str, url: &str, status: u16) -> Request {
    let line = serde_json::json!({
        "user": user, "ts": ts, "method": method, "url": url, "host": "shop", "status": status,
    });
    Request::parse(line.to_string().as_bytes()).unwrap()
}

/// People who look at a list, then at one of its items, then at the list again.
fn people() -> Vec<Request> {
    let mut requests = Vec::new();
    for user in 0..20u32 {
        for i in 0..12u32 {
            let ts = f64::from(user * 7 + i * 40 + i * i * 3 % 31);
            let url = if i % 2 == 0 {
                "/api/items".to_owned()
            } else {
                format!("/api/items/{}", user + i)
            };
            requests.push(request(&format!("u{user}"), ts, "GET", &url, 200));
        }
    }
    requests
}

fn guesser() -> Vec<Request> {
    (0..60).map(|i| request("guesser", f64::from(i), "POST", "/api/login", 401)).collect()
}

fn verdicts(model: Model, requests: &[Request]) -> std::collections::BTreeMap<String, (f32, Kind)> {
    let mut detector = Detector::new(model);
    requests.iter().for_each(|request| detector.observe(request));
    detector
        .callers()
        .map(|(name, c)| (name.to_owned(), (c.verdict.score, c.verdict.kind)))
        .collect()
}

fn learnt(requests: &[Request]) -> weir_inspect::behaviour::SiteModel {
    let mut learner = Learner::default();
    requests.iter().for_each(|request| learner.observe(request));
    learner.finish().0
}

#[test]
fn learnt_from_people_and_an_attacker() {
    let all: Vec<Request> = people().into_iter().chain(guesser()).collect();
    let site = learnt(&all);
    assert_eq!((site.callers, site.quarantined_callers), (21, 1));
    let paths: Vec<&str> = site.templates.iter().map(|t| t.path.as_str()).collect();
    assert_eq!(
        paths,
        ["/api/items", "/api/items/{id}"],
        "what only the guesser asked for is not believed"
    );
    assert_eq!(site.quarantined_templates, 1);
    assert_eq!(site.steps.len(), 2);
    let same = learnt(&people());
    assert_eq!(
        (&same.steps, &same.norms),
        (&site.steps, &site.norms),
        "the attacker taught nothing"
    );
    let model = Model::parse(&serde_json::to_vec(&site).unwrap()).unwrap();
    let verdicts = verdicts(model, &all);
    assert_eq!(verdicts["guesser"].1, Kind::BruteForce);
    assert!(verdicts.values().filter(|v| v.0 >= 0.5).count() == 1, "{verdicts:?}");
}

#[test]
fn who_it_is() {
    let of = |line: &str| actor(&Request::parse(line.as_bytes()).unwrap());
    let with =
        |rest: &str| of(&format!(r#"{{"method":"GET","url":"/","src":"192.0.2.1:4711"{rest}}}"#));
    assert_eq!(with(""), "192.0.2.1");
    assert_eq!(with(r#","session":"s""#), "s");
    assert_eq!(with(r#","session":"s","user":"u""#), "u");
    assert_eq!(with(r#","headers":{"x-ja4":"t13d"}"#), "t13d 192.0.2.1");
    let token = with(r#","headers":{"Authorization":"Bearer secret"}"#);
    assert!(token.starts_with("token:") && !token.contains("secret"));
}

#[test]
fn networks() {
    let within = |network, address: &str| {
        Network::parse(network).is_some_and(|n| n.contains(address.parse().unwrap()))
    };
    assert!(within("192.0.2.0/24", "192.0.2.255") && !within("192.0.2.0/24", "192.0.3.0"));
    assert!(within("2001:db8::/32", "2001:db8:1::1") && !within("::/0", "192.0.2.1"));
    assert!(within("192.0.2.1", "192.0.2.1") && within("0.0.0.0/0", "192.0.2.1"));
    for wrong in ["192.0.2.0/33", "host", "192.0.2.0/", "/8"] {
        assert_eq!(Network::parse(wrong), None, "{wrong}");
    }
}

proptest! {
    /// A caller's score depends on its own requests alone, whoever comes between.
    #[test]
    fn the_same_scores_however_callers_are_mixed(keys in prop::collection::vec(any::<u64>(), 300)) {
        let all: Vec<Request> = people().into_iter().chain(guesser()).collect();
        let mut mixed: Vec<(u64, Request)> = keys.into_iter().zip(all.clone()).collect();
        mixed.sort_by_key(|(key, _)| *key);
        // Whose turn it is comes from the keys; each caller's own requests keep their order.
        let (mut queues, mut order) = (std::collections::HashMap::<_, Vec<_>>::new(), Vec::new());
        for (_, request) in mixed {
            order.push(request.user.clone());
            queues.entry(request.user.clone()).or_default().push(request);
        }
        queues.values_mut().for_each(|queue| queue.sort_by(|a, b| b.ts.unwrap().total_cmp(&a.ts.unwrap())));
        let mixed: Vec<Request> = order.iter().map(|user| queues.get_mut(user).unwrap().pop().unwrap()).collect();
        prop_assert_eq!(verdicts(Model::generic(), &mixed), verdicts(Model::generic(), &all));
    }
}

#[test]
fn what_is_in_requests_counts_with_what_their_sender_does() {
    let mut all = people();
    all.extend(guesser());
    let statement = "/api/items?id=1%27%20union%20select%20name,pass%20from%20users--";
    all.push(request("u3", 900.0, "GET", statement, 200));
    all.push(request("guesser", 900.0, "GET", statement, 200));
    let mut detector = Detector::new(Model::generic()).with(Attacks(None));
    all.iter().for_each(|request| detector.observe(request));
    let score = |name: &str| detector.callers().find(|(n, _)| *n == name).unwrap().1.score();
    let (person, attacker) = (score("u3"), score("guesser"));
    assert!(score("u4") < 0.5 && person > score("u4") && attacker > person, "{person} {attacker}");
}
