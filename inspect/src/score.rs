//! How much a whole request looks like an attack, and why: what `weir score` tells.

use crate::attack_model::Model;
use crate::policy::Part;
use crate::request::Request;
use crate::scan::{ATTACK_FROM, MODEL, judged, surest};
use crate::values::Text;

/// From this score on a request is blocked where no policy says otherwise.
pub const BLOCK_FROM: f32 = ATTACK_FROM;

/// Something that speaks for an attack.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Where it is.
    pub part: Part,
    /// The detector that reports it.
    pub detector: &'static str,
    /// What it saw: a signature's name, or for the model a run of tokens.
    pub reason: String,
    /// How much its value looks like an attack, 0 to 1. Below [`BLOCK_FROM`] it does not count.
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

/// Runs of tokens that the model tells of a value.
const RUNS: usize = 3;

/// Scores a request as the data plane does.
pub fn score(request: &Request) -> Score {
    score_with(Model::shipped(), request)
}

/// Scores a request with another model, or with signatures alone.
pub fn score_with(model: Option<&Model>, request: &Request) -> Score {
    let mut score = Score::default();
    score.text(model, Part::Url, Text::Url, request.url.as_bytes());
    for (_, value) in &request.headers {
        score.text(model, Part::Headers, Text::Field, value.as_bytes());
    }
    score.text(model, Part::Body, Text::Body, &request.body);
    score.findings.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    score
}

impl Score {
    fn text(&mut self, model: Option<&Model>, part: Part, kind: Text, text: &[u8]) {
        judged(kind, text, &mut |normal, fired| {
            let surest = surest(fired);
            let confidence = model.map_or(surest, |model| model.score(normal, surest));
            self.score = self.score.max(confidence);
            let mut tell = |detector, reason: String| {
                self.findings.push(Finding { part, detector, reason, confidence });
            };
            fired.iter().for_each(|s| tell(s.detector, s.name.to_owned()));
            if confidence >= BLOCK_FROM {
                let runs = model.map(|m| m.reasons(normal, RUNS)).unwrap_or_default();
                runs.into_iter().for_each(|run| tell(MODEL, run));
            }
        });
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
        let score = scored(harmless);
        assert!(score.score < 0.05 && score.findings.is_empty(), "{score:?}");
    }

    #[test]
    fn signatures_alone_are_as_sure_as_the_surest() {
        let line = r#"{"method":"GET","url":"/?id=1%27%20or%20%271%27=%271"}"#;
        let request = Request::parse(line.as_bytes()).unwrap();
        let alone = score_with(None, &request);
        assert!(alone.score >= BLOCK_FROM && alone.score < scored(line).score, "{alone:?}");
        assert!(alone.findings.iter().all(|f| f.detector != MODEL && f.confidence == alone.score));
        // A model that says no to all overrules what is not sure.
        let mut model = Model::shipped().unwrap().clone();
        model.bias = -100.0;
        assert!(score_with(Some(&model), &request).score < BLOCK_FROM);
    }
}
