use serde_json::{Value, json};

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
fn an_end_that_asks_for_a_format_is_no_part_of_a_value() {
    use weir_inspect::endpoints::Endpoints;
    let mut learner = learner();
    for order in 17..27 {
        ask(&mut learner, "GET", &format!("/orders/{order}.json?expand=items"), 200);
        ask(&mut learner, "PUT", &format!("/orders/{order}"), 200);
        ask(&mut learner, "GET", &format!("/files/{order}"), 200);
        ask(&mut learner, "GET", &format!("/orders/{order}.json/items.xml"), 200);
        ask(&mut learner, "GET", &format!("/invoices/{order}.pdf"), 200);
    }
    ask(&mut learner, "GET", "/orders/999.json", 404);
    ask(&mut learner, "GET", "/files/31.json", 200);
    let learnt = learner.learnt();
    assert_eq!(
        templates(&learner),
        [
            "GET /files/{file_id}",
            "GET /invoices/{invoice_id}",
            "GET /orders/{order_id}.json/items.xml",
            "GET /orders/{order_id}.json",
            "PUT /orders/{order_id}",
        ]
    );
    let order = &learnt.endpoints[3];
    assert_eq!((order.calls.count, order.calls.statuses.get(&404)), (10, Some(&1)));
    assert_eq!(order.parameters()[0].1.kind(), values::Kind::Integer);

    let endpoints = Endpoints::new(&list::list(&learnt)).unwrap();
    let found = endpoints.find(b"GET", b"shop", b"/orders/3.json").and_then(|n| endpoints.get(n));
    assert_eq!(&*found.unwrap().template, "/orders/{order_id}.json");
    assert!(endpoints.find(b"GET", b"shop", b"/orders/3.xml").is_none());
    let (source, _) = allow_list::policy(&learnt);
    assert!(source.contains("- \"/orders/{order_id}.json\"\n"), "{source}");
    assert!(weir_inspect::policy::Policy::compile(&source).is_ok());
    let mut shown = shown::Shown::default();
    assert_eq!(shown.show(&learnt, 1, false).len(), 5);
    learner.hold(shown.held());
    learner.edit(edits::Edits::read("templates: [\"/orders/{number}.json\"]").unwrap());
    assert!(templates(&learner).contains(&"GET /orders/{number}.json".to_owned()));
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
    let host = learner.known.hosts.values().next().unwrap();
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
    let host = learner.known.hosts.values().next().unwrap();
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
    assert_eq!((learner.known.hosts.len(), learner.left().limits), (HOSTS, 11));
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
            name("/graphql", "query Orders"),
            name("/graphql", "query viewer"),
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
    let value = || Part::any("");
    let parts = [Part::Name("repos".into()), value(), value()];
    assert_eq!(template(&parts, &[]), "/repos/{repo_id}/{repo_id_2}");
    assert_eq!(template(&[], &[]), "/");
}

/// A shop that was called by its users.
fn shop() -> Learner {
    let mut learner = learner();
    for (user, order) in [("alice.smith", 17), ("bob42", 18), ("chen-wei", 19), ("dmitri7", 20)] {
        ask(&mut learner, "GET", "/users", 200);
        ask(&mut learner, "GET", &format!("/users/{user}?verbose=true"), 200);
        ask(&mut learner, "GET", &format!("/users/{user}/orders/{order}"), 200);
        ask(&mut learner, "POST", &format!("/users/{user}/orders"), 201);
        ask(&mut learner, "GET", "/health/odd%7Bname%7D", 200);
    }
    learner
}

#[test]
fn a_document_describes_each_parameter_and_answer() {
    let document = openapi::document(&shop().learnt(), "shop");
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.contains_key("/users/{user_id}/orders/{order_id}"), "{paths:?}");
    for (path, item) in paths {
        for operation in item.as_object().unwrap().values() {
            assert!(!operation["responses"].as_object().unwrap().is_empty());
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let named = parameters.iter().filter(|p| p["in"] == "path" && p["required"] == true);
            let braces = path.matches('{').count() - path.matches("odd{name}").count();
            assert_eq!(named.count(), braces, "{path}");
        }
    }
    let order = &paths["/users/{user_id}/orders/{order_id}"]["get"];
    assert_eq!(order["parameters"][1]["schema"], json!({"type": "integer"}));
}

#[test]
fn an_allow_list_lets_through_what_was_learnt_and_nothing_else() {
    use weir_inspect::policy::{Mode, Policy};
    let (source, joined) = allow_list::policy(&shop().learnt());
    assert!(source.contains("mode: monitor") && joined == 0);
    let (policy, warnings) = Policy::compile(&source).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    let policy = policy.with_mode(Mode::Enforce);
    let blocked = |method: &str, url: &str, host: &str| {
        let line = json!({"method": method, "url": url, "host": host});
        let request = Request::parse(line.to_string().as_bytes()).unwrap();
        crate::learning::requests::call::blocks_call(&policy, &request)
    };
    for (method, url, host, wanted) in [
        ("GET", "/users/eve", "shop", false),
        ("GET", "/users/eve/orders/1?x=1", "shop:80", false),
        ("GET", "/health/odd%7Bname%7D", "shop", false),
        ("POST", "/users/eve/orders", "SHOP", false),
        ("POST", "/users/eve", "shop", true),
        ("GET", "/admin", "shop", true),
        ("DELETE", "/users", "shop", true),
        ("GET", "/admin", "other", false),
    ] {
        assert_eq!(blocked(method, url, host), wanted, "{method} {host}{url}");
    }
}

#[test]
fn an_allow_list_stays_within_what_a_policy_may_hold() {
    let mut learnt = shop().learnt();
    let one = learnt.endpoints[0].clone();
    for n in 0..2000 {
        let part = |text: String| Part::Name(text.into());
        let parts = vec![part(format!("area{}", n % 40)), part(format!("thing{n}"))];
        learnt.endpoints.push(Endpoint { parts, ..one.clone() });
    }
    let (source, joined) = allow_list::policy(&learnt);
    assert!(joined >= 2000, "{joined}");
    assert!(weir_inspect::policy::Policy::compile(&source).is_ok());
}

#[test]
fn drift_is_told() {
    let description = json!({
        "openapi": "3.0.0",
        "servers": [{"url": "https://shop.example/"}],
        "paths": {
            "/users": {"get": {"deprecated": true}, "post": {}},
            "/users/{name}": {
                "parameters": [{"$ref": "#/components/parameters/name"}],
                "get": {"parameters": [{"name": "page", "in": "query", "schema": {"type": "integer"}}]},
            },
            "/users/{name}/orders": {"post": {}},
        },
        "components": {"parameters": {"name": {"name": "name", "in": "path", "schema": {"type": "integer"}}}},
    });
    let description = drift::Description::read(&description).unwrap();
    let lines = description.compare(&shop().learnt());
    let text = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let mut told: Vec<String> = lines
        .iter()
        .map(|l| format!("{} {} {}", text(l, "drift"), text(l, "method"), text(l, "template")))
        .filter(|told| !told.contains("/health"))
        .collect();
    told.sort();
    assert_eq!(
        told,
        [
            "shadow GET /users/{user_id}/orders/{order_id}",
            "type-change GET /users/{user_id}",
            "undocumented-parameter GET /users/{user_id}",
            "zombie GET /users",
            "zombie POST /users",
        ]
    );
    assert!(drift::Description::read(&json!({"swagger": 1})).unwrap_err().contains("paths"));
}

#[test]
fn bodies_that_differ_from_their_description_are_told() {
    let described = json!({
        "openapi": "3.0.0",
        "paths": {"/orders": {"post": {
            "requestBody": {"$ref": "#/components/requestBodies/order"},
            "responses": {"201": {"content": {"application/vnd.shop+json": {"schema": {
                "type": "object", "properties": {"id": {"type": "string"}, "total": {"type": "number"}}}}}}},
        }}},
        "components": {
            "requestBodies": {"order": {"content": {"application/json": {"schema": {
                "properties": {"lines": {"type": "array", "items": {"$ref": "#/components/schemas/line"}}}}}}}},
            "schemas": {"line": {"type": "object", "properties": {
                "count": {"type": "integer", "nullable": true}, "note": {"type": "string"}}}},
        },
    });
    let description = drift::Description::read(&described).unwrap();
    let mut learner = learner();
    // As in a recording, and as in an access record.
    let (sent, answer) =
        (r#"{"lines":[{"count":"2","note":"x"},{"count":null}]}"#, r#"{"id":7,"total":1}"#);
    let line = json!({"method": "POST", "url": "/orders", "host": "Shop", "body": sent, "status": 201,
        "response_body": answer});
    let recorded = Request::parse(line.to_string().as_bytes()).unwrap();
    let mut told = Request { body: Vec::new(), ..recorded.clone() };
    told.shape = weir_inspect::shape::Schema::read(sent.as_bytes());
    let response = told.response.as_mut().unwrap();
    response.shape = weir_inspect::shape::Schema::read(&std::mem::take(&mut response.body));
    for request in [recorded, told] {
        learner = self::learner();
        learner.observe(&request);
        let changes =
            |line: &Value| (line["in"].clone(), line["name"].clone(), line["seen"].clone());
        let lines: Vec<_> = description.compare(&learner.learnt()).iter().map(changes).collect();
        assert_eq!(
            lines,
            [
                (json!("body"), json!("$.lines[*].count"), json!(["string"])),
                (json!("response"), json!("$.id"), json!(["integer"])),
            ]
        );
    }
    let document = openapi::document(&learner.learnt(), "shop");
    let post = &document["paths"]["/orders"]["post"];
    let body = &post["requestBody"];
    assert_eq!(body["required"], true);
    assert_eq!(
        body["content"]["application/json"]["schema"]["properties"]["lines"]["type"],
        "array"
    );
    assert!(post["responses"]["201"]["content"].is_object(), "{post}");
}

#[test]
fn people_know_better() {
    let mut learner = shop();
    ask(&mut learner, "GET", "/teams/red", 200);
    ask(&mut learner, "GET", "/teams/search", 200);
    let edits = "templates: [\"/users/{login}\", \"/users/bob42/orders\", \"/teams/{team}\"]";
    learner.edit(edits::Edits::read(edits).unwrap());
    let templates = templates(&learner);
    for wanted in ["GET /users/{login}", "POST /users/bob42/orders", "GET /teams/{team}"] {
        assert!(templates.contains(&wanted.to_owned()), "{wanted} of {templates:?}");
    }
    let wrong = |t: &&String| t.contains("search") || t.contains("{user_id}");
    assert_eq!(templates.iter().find(wrong), None);
}
