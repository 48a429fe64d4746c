use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn urls(bytes: &[u8]) -> Result<Vec<String>, String> {
    let requests = Requests::read("f", Cursor::new(bytes.to_vec())).map_err(|e| e.to_string())?;
    let url = |r: Request| format!("{}{}", r.host.unwrap_or_default(), r.url);
    requests.map(|r| r.map(url).map_err(|e| e.to_string())).collect()
}

const LINES: &str =
    "{\"method\":\"GET\",\"url\":\"/1\"}\r\n\n{\"method\":\"GET\",\"url\":\"http://u@h:81?x\"}";
const LOG: &str = "h - - [10/Oct/2000:13:55:36 +0000] \"GET /2 HTTP/1.0\" 200 1 \"-\" \"-\"\n";
const HAR: &str = "\u{feff}{\n \"log\": {\"entries\":[{\"request\":{\"method\":\"GET\",\"url\":\"https://h/3\"}}]}}";
const EVE: &str = "{\"event_type\":\"flow\"}\n{\"event_type\":\"http\",\"http\":{\"url\":\"/4\",\"http_method\":\"GET\"}}\n";

#[test]
fn the_form_is_told_from_the_first_bytes_also_in_gzip() {
    for (text, wanted) in [
        (LINES, vec!["/1", "h:81/?x"]),
        (LOG, vec!["/2"]),
        (HAR, vec!["h/3"]),
        (EVE, vec!["/4"]),
        ("", vec![]),
    ] {
        assert_eq!(urls(text.as_bytes()).unwrap(), wanted);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        let mut twice = gzip.finish().unwrap();
        assert_eq!(urls(&twice).unwrap(), wanted);
        // Rotated logs are often members one after the other.
        twice.extend(twice.clone());
        if text == LOG {
            assert_eq!(urls(&twice).unwrap(), ["/2", "/2"]);
        }
    }
}

#[test]
fn a_bad_line_is_named_and_the_next_is_read() {
    let text = format!("{LOG}nonsense\n{LOG}");
    let mut requests = Requests::read("f", Cursor::new(text.into_bytes())).unwrap();
    assert!(requests.next().unwrap().is_ok());
    let error = requests.next().unwrap().unwrap_err().to_string();
    assert!(error.starts_with("f: line 2: "), "{error}");
    assert!(requests.next().unwrap().is_ok());
    assert!(requests.next().is_none());
    let error = urls(b"{\"method\":\"GET\",\"url\":\"/\"}\n{}\n").unwrap_err();
    assert!(error.contains("line 2") && error.contains("method"), "{error}");
    assert!(urls(&[0x1f, 0x8b, 8, 0, 1, 2]).unwrap_err().starts_with("can't read f"));
    assert!(urls(b"{\"log\":1}").unwrap_err().contains("HAR"));
}

#[test]
fn a_line_that_never_ends_is_an_error() {
    let endless = io::repeat(b'a').take(MAX_LINE * 2);
    let mut requests = Requests::read("f", endless).unwrap();
    let error = requests.next().unwrap().unwrap_err().to_string();
    assert!(error.contains("longer than 16 MiB"), "{error}");
}

proptest::proptest! {
    /// Whatever the bytes, a request or error for each line at most, and the same out of gzip.
    #[test]
    fn any_bytes_are_read(form in 0..4_usize, at in 0..200_usize, with in proptest::collection::vec(proptest::num::u8::ANY, 0..8)) {
        let mut bytes = [LINES, LOG, HAR, EVE][form].repeat(3).into_bytes();
        let at = at.min(bytes.len());
        bytes.splice(at..(at + with.len()).min(bytes.len()), with);
        let lines = bytes.split(|b| *b == b'\n').count();
        let all = |bytes: Vec<u8>| -> Vec<String> {
            match Requests::read("f", Cursor::new(bytes)) {
                Ok(requests) => requests.map(|r| format!("{r:?}")).collect(),
                Err(error) => vec![error.to_string()],
            }
        };
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&bytes).unwrap();
        // A capture is for another program; gzip in gzip is nobody's log.
        let head = bytes.get(..2).unwrap_or_default().to_vec();
        if !capture::is_capture(&bytes) && head != GZIP {
            let plain = all(bytes);
            assert!(plain.len() <= lines.max(3));
            assert_eq!(plain, all(gzip.finish().unwrap()));
        }
    }
}
