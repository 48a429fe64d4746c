//! The shop of the demo: what nginx serves.

use weir_tests::bodies::{Doc, Site, aws_key, card, ssn};
use weir_tests::orders::order;
use weir_tests::rng::Rng;

/// A page without anything to protect.
pub const CLEAN: &str = "/orders/1001.json";
/// A page with a card number, an SSN and an account number.
pub const LEAKING: &str = "/customers/7.json";
/// The fields of [`LEAKING`] that are not to arrive.
pub const SECRET_FIELDS: [&str; 3] = ["card", "ssn", "iban"];
/// The fields of [`LEAKING`] that are shown, in order.
pub const SHOWN_FIELDS: [&str; 5] = ["customer", "card", "ssn", "iban", "orders"];
/// A page with an AWS key.
pub const KEY: &str = "/internal/deploy.json";

/// All pages, the same at every run.
pub fn site() -> Site {
    let mut rng = Rng::new(7);
    let page = |path: &str, body: String| Doc {
        path: path.into(),
        body: body.into_bytes(),
        secrets: Vec::new(),
    };
    Site::of(vec![
        page(
            CLEAN,
            r#"{"order": 1001, "customer": "Ana Diaz", "item": "teapot", "total": 34.50}"#.into(),
        ),
        page(
            LEAKING,
            format!(
                "{{\"customer\": \"Jun Ueda\", \"card\": \"{}\", \"ssn\": \"{}\", \
                 \"iban\": \"DE89370400440532013000\", \"orders\": [1001, 1002]}}",
                card(&mut rng),
                ssn(&mut rng)
            ),
        ),
        page(
            KEY,
            format!(
                "{{\"service\": \"orders\", \"region\": \"eu-west-1\", \"aws_access_key_id\": \"{}\"}}",
                aws_key(&mut rng)
            ),
        ),
    ])
}

/// Every secret of the pages and of the first gRPC orders, none of which may stand in a log.
pub fn secrets(site: &Site) -> Vec<String> {
    let mut all = Vec::new();
    for doc in &site.docs {
        let Ok(page) = serde_json::from_slice::<serde_json::Value>(&doc.body) else { continue };
        for field in SECRET_FIELDS.iter().chain(&["aws_access_key_id"]) {
            all.extend(page.get(field).and_then(|v| v.as_str()).map(str::to_owned));
        }
    }
    all.extend((0..4).flat_map(|n| {
        let order = order(n);
        [order.card, order.ssn, order.aws_key]
    }));
    all.retain(|s| !s.is_empty());
    all
}
