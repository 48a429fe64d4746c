//! From measures to kinds: evidence is how far a measure lies above what is usual, each kind adds up the evidence that speaks
//! for it, and the kind with the most decides. No table here was fitted to a site.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::identity::Identity;
use super::measure::{MEASURES, Measure, Measures};
use super::model::{Model, Norm};

use Measure::*;

/// Reasons that a verdict gives, the strongest first.
const REASONS: usize = 4;
/// Evidence of one measure is bounded, so that no single one decides for every kind, and ordinary behaviour speaks against a
/// kind a little.
const MOST_EVIDENCE: f32 = 4.0;
const LEAST_EVIDENCE: f32 = -0.3;
/// Who fetches what belongs to pages, and comes from one to the next, is a browser: that speaks against more. A referer can be made
/// up, and good crawlers send it.
const LEAST_OF_PAGES: f32 = -1.0;
const LEAST_OF_REFERERS: f32 = -0.6;
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
/// What is added to the sum of a suspect: three failed logins are an alarm then (0.7, without a model), and five reach 0.9.
const SUSPECT: f32 = 2.0;
/// For who asks for `/robots.txt`, and for who asks for nothing but lists of what is new.
const ROBOTS_EVIDENCE: f32 = 3.0;
const FEED_EVIDENCE: f32 = 2.0;

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
        // 10 a minute: half an hour of a person's pace
        Lasting => (2.4, 0.4),
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
        Consumed => (4.1, 0.5), // a minute
        // 1.65 times; four days of growth are 2.07 times at the least
        Growth => (0.5, 0.15),
        Odd => (0.04, 0.10),
        Bare => (0.30, 0.20),
        Lone => (0.7, 0.5), // 1
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
    Rule {
        kind: Kind::Exhaustion,
        bias: -3.2,
        weights: &[(Work, 1.6), (Slow, 1.0), (Consumed, 0.6), (Growth, 0.7)],
    },
    Rule {
        kind: Kind::Scanner,
        bias: -3.0,
        weights: &[
            (Missing, 1.2),
            (ClientErrors, 0.8),
            (ServerErrors, 0.4),
            (Refused, 0.5),
            (NextIds, -0.8),
            (Breadth, 0.5),
            (Odd, 1.2),
            (Methods, 0.4),
            (Surprise, 0.8),
        ],
    },
    Rule {
        kind: Kind::Enumeration,
        bias: -3.2,
        weights: &[
            (Missing, 0.7),
            (Refused, 0.8),
            (NewIds, 1.1),
            (NextIds, 1.0),
            (Breadth, -0.8),
            (Repeats, 0.4),
            (Odd, -1.5),
        ],
    },
    Rule {
        kind: Kind::Flood,
        bias: -4.0,
        weights: &[(Burst, 1.8), (Pace, 1.2), (Lasting, 1.2), (Repeats, 0.4), (Consumed, 0.2)],
    },
    Rule {
        kind: Kind::Scraping,
        bias: -3.5,
        weights: &[
            (Pace, 0.7),
            (Haste, 0.4),
            (Regularity, 0.7),
            (NewIds, 1.1),
            (Repeats, 0.5),
            (Drawn, 0.5),
            (Bare, -0.3),
        ],
    },
    Rule {
        kind: Kind::Crawler,
        bias: -3.1,
        weights: &[
            (Haste, 0.7),
            (Regularity, 0.9),
            (Missing, 0.35),
            (Refused, 0.6),
            (Breadth, 0.5),
            (NewUrls, 0.4),
            (Bare, 1.1),
            (Lone, 1.0),
            (Unreferred, 0.9),
            (Methods, 0.7),
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

/// The sum of a rule; which one is known to the compiler, so that each is a line of products.
fn sum<const RULE: usize>(evidence: &[f32; MEASURES], program: f32) -> f32 {
    let rule = const { rule(RULE) };
    let more = if rule.kind == Kind::Crawler { program } else { 0.0 };
    rule.parts(evidence).fold(rule.bias + more, |sum, (_, part)| sum + part)
}

#[expect(clippy::indexing_slicing, reason = "a constant: the compiler would see it")]
const fn rule(number: usize) -> &'static Rule {
    &RULES[number]
}

/// The sum of each rule; `program` is what else speaks for a program.
fn sums(evidence: &[f32; MEASURES], program: f32) -> [f32; RULES.len()] {
    [
        sum::<0>(evidence, program),
        sum::<1>(evidence, program),
        sum::<2>(evidence, program),
        sum::<3>(evidence, program),
        sum::<4>(evidence, program),
        sum::<5>(evidence, program),
        sum::<6>(evidence, program),
    ]
}

/// What the rules come to.
struct Weighed {
    measures: Measures,
    evidence: [f32; MEASURES],
    /// Of each rule, and the highest one.
    sums: [f32; RULES.len()],
    sum: f32,
}

fn weigh(identity: &mut Identity, model: &Model) -> Weighed {
    let measures = identity.measures();
    let robots = if identity.reads_robots() { ROBOTS_EVIDENCE } else { 0.0 };
    let program = robots + FEED_EVIDENCE * identity.share_of_feeds();
    let evidence = evidence(&measures, &model.limits);
    let sums = sums(&evidence, program);
    let sum = sums.into_iter().fold(f32::MIN, |most, sum| if sum > most { sum } else { most });
    if sum >= SURE {
        let sure = sums.iter().zip(&RULES).filter(|(sum, _)| **sum >= SURE);
        let vectors = sure.map(|(_, rule)| rule.kind).filter(|kind| VECTORS.contains(kind));
        vectors.for_each(|kind| identity.kinds |= 1 << kind as u16);
    }
    Weighed { measures, evidence, sums, sum }
}

fn score_of(sum: f32) -> f32 {
    1.0 / (1.0 + (-sum).exp())
}

/// Judges a caller by what is kept of it, and keeps in mind which kinds it was.
pub fn judge(identity: &mut Identity, model: &Model) -> Verdict {
    let Weighed { measures, evidence, sums, sum } = weigh(identity, model);
    // The first one that is sure, or else the highest one.
    let named = sums.iter().zip(&RULES).find(|(one, _)| **one >= SURE.min(sum));
    let rule = named.map_or(rule(0), |(_, rule)| rule);
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
    Verdict { score: score_of(sum), kind, reasons: strongest(reasons) }
}

/// The score alone, which the data path asks for at each request.
pub fn score(identity: &mut Identity, model: &Model) -> f32 {
    score_of(weigh(identity, model).sum)
}

/// The score of who does the same while others are known to attack there: [`SUSPECT`] more.
pub fn stricter(score: f32) -> f32 {
    1.0 / (1.0 + (1.0 / score.max(f32::MIN_POSITIVE) - 1.0) * (-SUSPECT).exp())
}

impl Verdict {
    /// Of who did nothing.
    pub fn nothing() -> Verdict {
        Verdict { score: 0.0, kind: Kind::Normal, reasons: [None; REASONS] }
    }
}

/// Where what is usual ends, and how much evidence a unit beyond it is, in the order of [`Measure::ALL`].
#[derive(Clone, Debug)]
pub(super) struct Limits {
    ends: [f32; MEASURES],
    per_unit: [f32; MEASURES],
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::of(&[None; MEASURES])
    }
}

impl Limits {
    /// Those of a site of which this was learnt.
    pub fn of(norms: &[Option<Norm>; MEASURES]) -> Limits {
        let mut limits = Limits { ends: [0.0; MEASURES], per_unit: [0.0; MEASURES] };
        let places = limits.ends.iter_mut().zip(&mut limits.per_unit);
        for (((to, per_unit), measure), norm) in places.zip(Measure::ALL).zip(norms) {
            let Usual { end, scale } = usual(measure);
            *per_unit = 1.0 / scale;
            *to = norm.map_or(end, |norm| {
                let learnt = norm.median + SPREADS * norm.spread;
                learnt.clamp(end - STRICTER * scale, end + LAXER * scale)
            });
        }
        limits
    }
}

/// The least evidence of each measure.
#[expect(clippy::indexing_slicing, reason = "a constant: the compiler would see it")]
const LEAST: [f32; MEASURES] = {
    let mut all = [LEAST_EVIDENCE; MEASURES];
    (all[Bare as usize], all[Unreferred as usize]) = (LEAST_OF_PAGES, LEAST_OF_REFERERS);
    // Who has not come back yet may be anybody, and who is as ever may do harm as ever.
    (all[Lone as usize], all[Growth as usize]) = (0.0, 0.0);
    (all[LoginFailures as usize], all[Work as usize]) = (LEAST_OF_WHOLE, LEAST_OF_WHOLE);
    all
};

fn evidence(measures: &Measures, limits: &Limits) -> [f32; MEASURES] {
    let mut evidence = [0.0; MEASURES];
    let limits = limits.ends.iter().zip(&limits.per_unit).zip(&LEAST);
    for ((to, value), ((end, per_unit), least)) in evidence.iter_mut().zip(&measures.0).zip(limits)
    {
        // Comparisons rather than `max` and `min`, which look for NaN each: once is enough.
        let beyond = (value - end) * per_unit;
        let beyond = if beyond > *least { beyond } else { *least };
        let beyond = if beyond < MOST_EVIDENCE { beyond } else { MOST_EVIDENCE };
        *to = if value.is_nan() { 0.0 } else { beyond };
    }
    evidence
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
            Lasting => write!(f, "{count:.0} requests a minute for an hour"),
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
            Consumed => write!(f, "{count:.0} s of the server's time within a day"),
            Growth => write!(
                f,
                "{:.1} times as much of the server's time as before, and more each day",
                value.exp()
            ),
            Slow => write!(f, "{value:.2} s of the server's time a request"),
            Odd => write!(f, "{share:.0} % with odd values"),
            Bare => write!(f, "{share:.0} % pages without what belongs to them"),
            Lone => write!(f, "{count:.0} visits for one page alone"),
            Unreferred => write!(f, "{share:.0} % from nowhere (no referer)"),
            Methods => write!(f, "{share:.0} % unusual methods"),
            Surprise => write!(f, "steps that nobody takes ({value:.1} nats)"),
        }
    }
}
