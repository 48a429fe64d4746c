use serde_json::json;

use super::*;

fn learner() -> Learner {
    Learner::new(Networks::built_in().unwrap())
}

fn ask(learner: &mut Learner, method: &str, url: &str, status: u16) {
    let line = json!({"method": method, "url": url, "host": "Shop", "status": status});
    learner.observe(&Request::parse(line.to_string().as_bytes()).unwrap());
}

fn templates(learner: &Learner) -> Vec<String> {
    let endpoints = learner.learnt().endpoints;
    endpoints.iter().map(|e| format!("{} {}", e.method.name, e.template())).collect()
}

#[test]
fn names_and_values_are_told_apart() {
    let mut learner = learner();
    for (user, order) in [("alice.smith", 17), ("bob42", 18), ("chen-wei", 19), ("dmitri", 20)] {
        ask(&mut learner, "GET", "/api/v1/users", 200);
        ask(&mut learner, "GET", &format!("/api/v1/users/{user}"), 200);
        ask(&mut learner, "DELETE", &format!("/api/v1/users/{user}"), 204);
        ask(&mut learner, "GET", &format!("/api/v1/users/{user}/orders"), 200);
        ask(&mut learner, "GET", &format!("/api/v1/users/{user}/orders/{order}?expand=items"), 200);
    }
    ask(&mut learner, "GET", "/api/v1/users/999", 404);
    assert_eq!(
        templates(&learner),
        [
            "GET /api/v1/users/{user_id}/orders/{order_id}",
            "GET /api/v1/users/{user_id}/orders",
            "DELETE /api/v1/users/{user_id}",
            "GET /api/v1/users/{user_id}",
            "GET /api/v1/users",
        ]
    );
    let learnt = learner.learnt();
    let user = &learnt.endpoints[3];
    assert_eq!((user.host.as_str(), user.calls.count), ("shop", 4));
    assert_eq!(user.calls.statuses.get(&404), Some(&1), "refused calls are counted where they fit");
    let order = &learnt.endpoints[0];
    assert_eq!(order.parameters()[1].1.kind(), values::Kind::Integer);
    assert!(order.calls.query.contains_key("expand"));
    assert!(learnt.endpoints.iter().all(|e| e.confidence > 0.4 && e.confidence < 1.0));
}

#[test]
fn nonsense_that_is_not_found_makes_no_endpoint() {
    let mut learner = learner();
    ask(&mut learner, "GET", "/users", 200);
    for n in 0..100_000 {
        let status = [404, 400, 405, 401, 403][n % 5];
        ask(&mut learner, "GET", &format!("/x{n}/admin{}.php", n * 7), status);
    }
    assert_eq!(templates(&learner), ["GET /users"]);
    let host = learner.hosts.values().next().unwrap();
    assert!(host.refused.len() <= REFUSED.nodes);
    assert_eq!(learner.left().refused + learner.left().limits, 100_000);
}

#[test]
fn many_values_are_one_parameter_in_bounded_memory() {
    let mut learner = learner();
    for n in 0..20_000u32 {
        let id = n.wrapping_mul(2_654_435_761);
        ask(&mut learner, "GET", &format!("/orders/{id:08x}/items/{n}"), 200);
        ask(&mut learner, "GET", "/orders/search", 200);
    }
    assert_eq!(
        templates(&learner),
        ["GET /orders/search", "GET /orders/{order_id}/items/{item_id}"]
    );
    let host = learner.hosts.values().next().unwrap();
    assert!(host.trie.len() < 1000, "{}", host.trie.len());
    let count: u64 = learner.learnt().endpoints.iter().map(|e| e.calls.count).sum();
    assert_eq!(count, 40_000, "no call is lost");
}

#[test]
fn hosts_and_paths_beyond_the_limits_are_counted() {
    let mut learner = learner();
    for n in 0..HOSTS + 10 {
        let line = format!(r#"{{"method":"GET","url":"/","host":"h{n}"}}"#);
        learner.observe(&Request::parse(line.as_bytes()).unwrap());
    }
    ask(&mut learner, "GET", "/", 200);
    assert_eq!((learner.hosts.len(), learner.left().limits), (HOSTS, 11));
    let mut learner = self::learner();
    ask(&mut learner, "GET", &"/a".repeat(40), 200);
    ask(&mut learner, "GET", &format!("/{}", "a".repeat(COMPONENT + 1)), 200);
    assert_eq!((learner.left().limits, learner.learnt().endpoints.len()), (2, 0));
}

#[test]
fn files_operations_and_grpc_methods() {
    let mut learner = learner();
    ask(&mut learner, "GET", "/static/app.1.js", 200);
    ask(&mut learner, "GET", "/static/app.2.js", 200);
    ask(&mut learner, "POST", "/shop.v1.Orders/ListOrders", 200);
    for query in ["query Orders { orders { id } }", "{ viewer { login } }"] {
        let body = json!({"query": query}).to_string();
        let line = json!({"method": "POST", "url": "/graphql", "host": "shop", "body": body});
        learner.observe(&Request::parse(line.to_string().as_bytes()).unwrap());
    }
    let learnt = learner.learnt();
    let names: Vec<_> = learnt
        .endpoints
        .iter()
        .map(|e| (e.template(), e.method.operation.as_deref().unwrap_or("").to_owned()))
        .collect();
    let name = |template: &str, operation: &str| (template.to_owned(), operation.to_owned());
    assert_eq!(
        names,
        [
            name("/graphql", "Orders"),
            name("/graphql", "viewer"),
            name("/shop.v1.Orders/ListOrders", "")
        ]
    );
    let files = &learnt.assets[0];
    assert_eq!((files.directory.as_str(), files.kind.as_str(), files.count), ("/static", "js", 2));
    assert_eq!(listing::lines(&learnt).count(), 4);
}

#[test]
fn parameters_have_names_of_their_own() {
    for (last, name) in [
        ("users", "user_id"),
        ("categories", "category_id"),
        ("addresses", "address_id"),
        ("status", "status_id"),
        ("custom-fields", "custom_field_id"),
        ("", "id"),
    ] {
        assert_eq!(parameter_name(last), name);
    }
    let value = || Part::Parameter(Values::default());
    let parts = [Part::Name("repos".into()), value(), value()];
    assert_eq!(template(&parts), "/repos/{repo_id}/{repo_id_2}");
    assert_eq!(template(&[]), "/");
}
