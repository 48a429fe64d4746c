//! The `ETag` of a masked page: another than the server's, and not one with which the server says "not modified".
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this file is test code")]

use weir_tests::bodies::Site;
use weir_tests::net::{SERVER_V4, Topology};
use weir_tests::servers::{H1, Nginx};
use weir_tests::weir::{MASK, Weir};

/// Status and entity-tag of a page, asked for on the condition that it has changed since it had `known`.
fn tag(topology: &Topology, path: &str, known: &str) -> (String, String) {
    let (url, condition) =
        (format!("http://{SERVER_V4}:{H1}/tagged{path}"), format!("If-None-Match: {known}"));
    let report = "%{http_code} %header{etag}";
    let argv = ["curl", "-s", "-m", "5", "-o", "/dev/null", "-w", report, "-H", &condition, &url];
    let said = topology.client.run_ok(&argv).unwrap();
    let (status, tag) = said.split_once(' ').unwrap();
    (status.to_owned(), tag.trim().to_owned())
}

#[test]
fn a_masked_page_has_a_tag_of_its_own() {
    let topology = Topology::new().unwrap();
    let site = Site::generate(1);
    let _nginx = Nginx::start(&topology, &site).unwrap();
    // In one segment with its head.
    let small = |path: &&str| path.starts_with("/1k/");
    let leaking: Vec<&str> =
        site.leaking().map(|d| d.path.as_str()).filter(small).take(4).collect();
    let clean = site.clean_sample().map(|d| d.path.as_str()).find(small).unwrap();
    assert!(!leaking.is_empty());

    let paths = || leaking.iter().chain([&clean]);
    topology.bridge().unwrap();
    let original: Vec<String> = paths().map(|path| tag(&topology, path, "\"none\"").1).collect();
    topology.unbridge().unwrap();
    let _weir = Weir::start(&topology, MASK).unwrap();
    for (path, original) in paths().zip(&original) {
        let (status, seen) = tag(&topology, path, "\"none\"");
        assert_eq!((status.as_str(), seen.len()), ("200", original.len()), "{path} {seen}");
        assert_eq!(seen == *original, *path == clean, "{path} {seen}");
        // Asked again with the tag that came, the server knows its own tag only.
        let (status, again) = tag(&topology, path, &seen);
        let expected = if *path == clean { "304" } else { "200" };
        assert_eq!((status.as_str(), &again), (expected, &seen), "{path}");
        assert_eq!(tag(&topology, path, original).0, "304", "{path}");
    }
}
