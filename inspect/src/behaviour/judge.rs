//! From measures to kinds: evidence is how far a measure lies above what is usual, each kind adds up the evidence that speaks
//! for it, and the kind with the most decides. No table here was fitted to a site.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::identity::Identity;
use super::measure::{MEASURES, Measure, Measures};
use super::model::Model;

use Measure::*;

/// Reasons that a verdict gives, the strongest first.
const REASONS: usize = 4;
/// Evidence of one measure is bounded, so that no single one decides for every kind, and ordinary behaviour speaks against a
/// kind a little.
const MOST_EVIDENCE: f32 = 4.0;
const LEAST_EVIDENCE: f32 = -0.3;
/// Who fetches what belongs to pages, and comes from one to the next, is a browser: that speaks against more.
const LEAST_OF_PAGES: f32 = -1.0;
/// What is all of a kind speaks against it where there is none of it.
const LEAST_OF_WHOLE: f32 = -2.0;
/// What was learnt moves what is usual by at most so many scales down and up: whoever poisons the learning gains no more.
const STRICTER: f32 = 1.0;
const LAXER: f32 = 2.0;
/// Spreads above the median where what is usual ends.
const SPREADS: f32 = 3.0;
/// From this sum on (a score of 0.73) a kind counts as one that a caller is; the first such rule names it, and so many of
/// [`VECTORS`] over time make a multi-vector attacker.
const SURE: f32 = 1.0;
const SEVERAL: u32 = 2;
const VECTORS: [Kind; 3] = [Kind::Scanner, Kind::BruteForce, Kind::Enumeration];
/// For who asks for `/robots.txt`.
const ROBOTS_EVIDENCE: f32 = 2.0;

/// What a caller looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Nothing to say.
    Normal,
    /// On the operator's list; never by what it says of itself.
    GoodBot,
    /// Looks for weaknesses: what does not exist, odd values, errors.
    Scanner,
    /// Follows links as a program.
    Crawler,
    /// More requests than anyone needs.
    Flood,
    /// Takes content by the page.
    Scraping,
    /// Guesses passwords or codes.
    BruteForce,
    /// Goes through ids.
    Enumeration,
    /// Takes a large part of the server's time.
    Exhaustion,
    /// Several of these.
    MultiVector,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Normal => "normal",
            Kind::GoodBot => "good-bot",
            Kind::Scanner => "scanner",
            Kind::Crawler => "crawler",
            Kind::Flood => "flood",
            Kind::Scraping => "scraping",
            Kind::BruteForce => "brute-force",
            Kind::Enumeration => "enumeration",
            Kind::Exhaustion => "exhaustion",
            Kind::MultiVector => "multi-vector",
        })
    }
}

/// Where what is usual ends, and how much more is one unit of evidence.
struct Usual {
    end: f32,
    scale: f32,
}

/// What is usual on most sites: chosen by what people and ordinary clients do, before any site is learnt.
const fn usual(measure: Measure) -> Usual {
    let (end, scale) = match measure {
        Burst => (1.1, 0.6), // 2 a second
        Pace => (3.0, 0.7),  // 20 a minute
        Haste => (1.2, 0.7), // one in 6 s
        Regularity => (0.35, 0.25),
        Missing => (0.12, 0.12),
        ClientErrors => (0.08, 0.12),
        ServerErrors => (0.10, 0.20),
        LoginFailures => (1.1, 0.35), // 2
        Refused => (0.10, 0.15),
        NewIds => (3.2, 0.6), // 24
        NextIds => (0.25, 0.2),
        Breadth => (3.0, 0.6), // 19
        NewUrls => (0.70, 0.15),
        Repeats => (0.55, 0.2),
        Drawn => (3.5, 0.8), // 32 kB/s
        Work => (0.05, 0.08),
        Slow => (0.4, 0.4),
        Odd => (0.04, 0.10),
        Bare => (0.30, 0.20),
        Unreferred => (0.25, 0.20),
        Methods => (0.03, 0.10),
        Surprise => (3.0, 0.8),
    };
    Usual { end, scale }
}

/// How a kind is told: a bias, and a weight for the evidence of each measure.
struct Rule {
    kind: Kind,
    bias: f32,
    weights: &'static [(Measure, f32)],
}

impl Rule {
    /// What each measure adds. What speaks against a kind (a negative weight) does so only where there is something of it.
    fn parts(&self, evidence: &[f32; MEASURES]) -> impl Iterator<Item = (Measure, f32)> {
        self.weights.iter().map(|(measure, weight)| {
            let evidence = evidence.get(*measure as usize).copied().unwrap_or(0.0);
            (*measure, weight * if *weight < 0.0 { evidence.max(0.0) } else { evidence })
        })
    }
}

/// The more particular ones first.
const RULES: [Rule; 7] = [
    Rule { kind: Kind::BruteForce, bias: -2.6, weights: &[(LoginFailures, 1.8), (Repeats, 0.3)] },
    Rule { kind: Kind::Exhaustion, bias: -3.2, weights: &[(Work, 1.6), (Slow, 0.8)] },
    Rule {
        kind: Kind::Scanner,
        bias: -3.0,
        weights: &[
            (Missing, 1.2),
            (ClientErrors, 0.8),
            (ServerErrors, 0.4),
            (Odd, 1.2),
            (Breadth, 0.5),
            (Refused, 0.5),
            (Methods, 0.4),
            (Surprise, 0.8),
            (NextIds, -0.8),
        ],
    },
    Rule {
        kind: Kind::Enumeration,
        bias: -3.2,
        weights: &[
            (NewIds, 0.9),
            (NextIds, 1.0),
            (Refused, 0.8),
            (Missing, 0.7),
            (Repeats, 0.4),
            (Odd, -1.5),
            (Breadth, -0.8),
        ],
    },
    Rule { kind: Kind::Flood, bias: -4.0, weights: &[(Burst, 1.8), (Pace, 0.9), (Repeats, 0.4)] },
    Rule {
        kind: Kind::Scraping,
        bias: -3.5,
        weights: &[
            (Pace, 0.7),
            (NewIds, 0.9),
            (Regularity, 0.7),
            (Drawn, 0.5),
            (Repeats, 0.5),
            (Haste, 0.4),
            (Bare, -0.3),
        ],
    },
    Rule {
        kind: Kind::Crawler,
        bias: -3.1,
        weights: &[
            (Bare, 0.9),
            (Unreferred, 0.7),
            (Regularity, 0.9),
            (Breadth, 0.5),
            (NewUrls, 0.4),
            (Methods, 0.7),
            (Haste, 0.7),
            (Missing, 0.2),
            (Refused, 0.3),
            (Surprise, 0.6),
        ],
    },
];

/// Why: a measure, its value, and how much it spoke for the kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reason {
    /// The measure.
    pub measure: Measure,
    /// Its value.
    pub value: f32,
    /// What it added.
    pub evidence: f32,
}

/// What is said of a caller.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// 0..1; from one half on it is an alarm.
    pub score: f32,
    /// What it looks like, though the score may be low.
    pub kind: Kind,
    /// The strongest first.
    pub reasons: [Option<Reason>; REASONS],
}

/// Judges a caller by what is kept of it, and keeps in mind which kinds it was.
pub fn judge(identity: &mut Identity, model: &Model) -> Verdict {
    let measures = identity.measures();
    let robots = if identity.reads_robots() { ROBOTS_EVIDENCE } else { 0.0 };
    let evidence = Measure::ALL.map(|measure| evidence(measure, &measures, model));
    let mut most: Option<(f32, &Rule)> = None;
    let mut named = None;
    for rule in &RULES {
        let extra = if rule.kind == Kind::Crawler { robots } else { 0.0 };
        let sum = rule.bias + extra + rule.parts(&evidence).map(|(_, part)| part).sum::<f32>();
        if sum >= SURE {
            named = named.or(Some(rule));
            if VECTORS.contains(&rule.kind) {
                identity.kinds |= 1 << rule.kind as u16;
            }
        }
        if most.is_none_or(|(best, _)| sum > best) {
            most = Some((sum, rule));
        }
    }
    let Some((sum, strongest_rule)) = most else { return Verdict::nothing() };
    let rule = named.unwrap_or(strongest_rule);
    let kind = match sum > 0.0 {
        true if identity.kinds.count_ones() >= SEVERAL => Kind::MultiVector,
        true => rule.kind,
        false => Kind::Normal,
    };
    let reasons = rule.parts(&evidence).map(|(measure, evidence)| Reason {
        measure,
        value: measures.get(measure),
        evidence,
    });
    Verdict { score: 1.0 / (1.0 + (-sum).exp()), kind, reasons: strongest(reasons) }
}

/// The score alone.
pub fn score(identity: &mut Identity, model: &Model) -> f32 {
    judge(identity, model).score
}

impl Verdict {
    /// Of who did nothing.
    pub fn nothing() -> Verdict {
        Verdict { score: 0.0, kind: Kind::Normal, reasons: [None; REASONS] }
    }
}

fn evidence(measure: Measure, measures: &Measures, model: &Model) -> f32 {
    let Usual { end, scale } = usual(measure);
    let value = measures.get(measure);
    if value.is_nan() {
        return 0.0;
    }
    let least = match measure {
        Bare | Unreferred => LEAST_OF_PAGES,
        LoginFailures | Work => LEAST_OF_WHOLE,
        _ => LEAST_EVIDENCE,
    };
    let end = model.norm(measure).map_or(end, |norm| {
        (norm.median + SPREADS * norm.spread).clamp(end - STRICTER * scale, end + LAXER * scale)
    });
    ((value - end) / scale).clamp(least, MOST_EVIDENCE)
}

fn strongest(reasons: impl Iterator<Item = Reason>) -> [Option<Reason>; REASONS] {
    let mut kept = [None; REASONS];
    for reason in reasons.filter(|reason| reason.evidence > 0.0) {
        let mut next = Some(reason);
        for place in &mut kept {
            let evidence = |r: &Option<Reason>| r.map_or(0.0, |r: Reason| r.evidence);
            if evidence(&next) > evidence(place) {
                std::mem::swap(place, &mut next);
            }
        }
    }
    kept
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value;
        let share = value * 100.0;
        let count = value.exp_m1();
        match self.measure {
            Burst => write!(f, "{count:.1} requests a second"),
            Pace => write!(f, "{count:.0} requests a minute"),
            Haste => write!(f, "a request each {:.1} s", 20.0 / value.exp()),
            Regularity => write!(f, "gaps that hardly differ"),
            Missing => write!(f, "{share:.0} % for what does not exist"),
            ClientErrors => write!(f, "{share:.0} % refused as wrong (4xx)"),
            ServerErrors => write!(f, "{share:.0} % server errors (5xx)"),
            LoginFailures => write!(f, "{count:.0} failed logins"),
            Refused => write!(f, "{share:.0} % not allowed (401, 403)"),
            NewIds => write!(f, "{count:.0} different ids"),
            NextIds => write!(f, "{share:.0} % of the ids next to the one before"),
            Breadth => write!(f, "{count:.0} different endpoints"),
            NewUrls => write!(f, "{share:.0} % new URLs"),
            Repeats => write!(f, "{share:.0} % of the same endpoint as before"),
            Drawn => write!(f, "{count:.0} kB a second drawn"),
            Work => write!(f, "{value:.2} s of the server's time a second"),
            Slow => write!(f, "{value:.2} s of the server's time a request"),
            Odd => write!(f, "{share:.0} % with odd values"),
            Bare => write!(f, "{share:.0} % pages without what belongs to them"),
            Unreferred => write!(f, "{share:.0} % from nowhere (no referer)"),
            Methods => write!(f, "{share:.0} % unusual methods"),
            Surprise => write!(f, "steps that nobody takes ({value:.1} nats)"),
        }
    }
}
