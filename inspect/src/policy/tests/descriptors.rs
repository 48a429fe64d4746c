//! Names of protobuf's fields.

use super::*;
use crate::policy::descriptors;

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
