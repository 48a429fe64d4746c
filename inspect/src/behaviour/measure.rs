//! The numbers taken from a caller's memory. Each is zero or small for who does little, and grows with what is unusual. NaN
//! stands for what can't be said: the referers of a caller that asks for no page.

use serde::{Deserialize, Serialize};

use super::identity::Identity;

/// How many measures there are.
pub const MEASURES: usize = 26;
/// A share is mixed with so many imagined requests of ordinary behaviour, so that one request proves nothing; a share of
/// pages with a fourth of that, since a page is several requests.
const CAUTION: f32 = 4.0;
/// The usual spread of the logarithm of gaps between a person's requests: some follow at once, some after minutes.
const USUAL_SPREAD: f32 = 1.3;
/// Requests and gaps behind a regular pace before it is taken at its word.
const FEW_GAPS: f32 = 5.0;

/// Of who takes fewer of the server's seconds within a day nobody asks whether they become more: a minute.
const LITTLE: f32 = 60.0;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Requests a second within about ten seconds; `ln(1 + x)`.
    Burst,
    /// Requests a minute within about five minutes; `ln(1 + x)`.
    Pace,
    /// Requests a minute within about an hour; `ln(1 + x)`: nobody keeps a quick pace for so long.
    Lasting,
    /// How far the usual gap between requests lies below 20 s; natural logarithm.
    Haste,
    /// How much less the gaps differ than a person's; natural logarithm.
    Regularity,
    /// Share of 404 and 410.
    Missing,
    /// Share of other 4xx.
    ClientErrors,
    /// Share of 5xx.
    ServerErrors,
    /// Failed logins, times their share of all logins; `ln(1 + x)`.
    LoginFailures,
    /// Share of 401 and 403 outside of logins.
    Refused,
    /// Different ids asked for; `ln(1 + x)`.
    NewIds,
    /// Share of ids not asked for before that are next to the one before.
    NextIds,
    /// Different templates asked for; `ln(1 + x)`.
    Breadth,
    /// Share of URLs not asked for before, of those of who asks for many.
    NewUrls,
    /// Share of requests for the same template as the one before.
    Repeats,
    /// Bytes a second within about five minutes; `ln(1 + x / 1 kB)`.
    Drawn,
    /// Server's seconds a second within about five minutes.
    Work,
    /// Server's seconds a request.
    Slow,
    /// Server's seconds within about a day; `ln(1 + x)`: who takes them slowly adds up too.
    Consumed,
    /// How many times as much of the server's time it takes within about a day as before it became more each day; natural logarithm.
    Growth,
    /// Share of odd values.
    Odd,
    /// Share of pages that no asset was asked for.
    Bare,
    /// Visits of one page and nothing else; `ln(1 + x)`: programs come back for a page each so often.
    Lone,
    /// Share of pages without a referer; a visit's first one counts half, an asset a fifth.
    Unreferred,
    /// Share of HEAD and of other methods that pages do not use.
    Methods,
    /// How surprising the steps from endpoint to endpoint are to the model; nats a step.
    Surprise,
}

impl Measure {
    /// All, in the order of [`Measures`].
    pub const ALL: [Measure; MEASURES] = [
        Measure::Burst,
        Measure::Pace,
        Measure::Lasting,
        Measure::Haste,
        Measure::Regularity,
        Measure::Missing,
        Measure::ClientErrors,
        Measure::ServerErrors,
        Measure::LoginFailures,
        Measure::Refused,
        Measure::NewIds,
        Measure::NextIds,
        Measure::Breadth,
        Measure::NewUrls,
        Measure::Repeats,
        Measure::Drawn,
        Measure::Work,
        Measure::Slow,
        Measure::Consumed,
        Measure::Growth,
        Measure::Odd,
        Measure::Bare,
        Measure::Lone,
        Measure::Unreferred,
        Measure::Methods,
        Measure::Surprise,
    ];
}

/// A value for each measure, in the order of [`Measure::ALL`].
#[derive(Clone, Debug, PartialEq)]
pub struct Measures(pub [f32; MEASURES]);

impl Measures {
    /// Of one measure.
    pub fn get(&self, measure: Measure) -> f32 {
        self.0.get(measure as usize).copied().unwrap_or(0.0)
    }
}

/// ln(1 + x) of several numbers that are not negative, at once: in vector registers, and a multiple as fast as one after the other.
/// Wrong by less than a millionth of the result, or of 1.
fn ln_1p<const N: usize>(values: [f32; N]) -> [f32; N] {
    let mut logarithms = [0.0; N];
    for (to, value) in logarithms.iter_mut().zip(values) {
        // 2ᵉ · m, where 1 ≤ m < 2; then the series of the area tangent.
        let bits = (1.0 + value).to_bits();
        let exponent = (bits >> 23) as i32 - 127;
        let m = f32::from_bits(bits & 0x007f_ffff | 0x3f80_0000);
        let t = (m - 1.0) / (m + 1.0);
        let square = t * t;
        let series = (1.0 / 11.0 * square + 1.0 / 9.0) * square + 1.0 / 7.0;
        let series = (series * square + 1.0 / 5.0) * square + 1.0 / 3.0;
        let series = series * square + 1.0;
        *to = exponent as f32 * std::f32::consts::LN_2 + 2.0 * t * series;
    }
    logarithms
}

impl Identity {
    /// What can be said of the caller now.
    pub fn measures(&self) -> Measures {
        let s = &self.sums;
        let share = |part: f32, whole: f32| part / (whole + CAUTION);
        let share_of_pages = |part: f32, whole: f32| part / (whole + CAUTION / 4.0);
        let known = |known: bool, value: f32| if known { value } else { f32::NAN };
        let mean_gap = s.gap_sum / s.gaps.max(f32::MIN_POSITIVE);
        let variance =
            (s.gap_squares / s.gaps.max(f32::MIN_POSITIVE) - mean_gap * mean_gap).max(0.0);
        let sure = s.gaps / (s.gaps + FEW_GAPS);
        // Who logs in as well mistypes now and then: an office behind one address.
        let failures = s.login_failures * s.login_failures / s.logins.max(f32::MIN_POSITIVE);
        let [burst, pace, failures, new_ids, breadth, drawn, consumed, lasting, lone, ..] =
            ln_1p([
                self.burst / 10.0,
                self.pace / 5.0,
                failures,
                s.new_ids,
                s.new_templates,
                self.drawn / 300.0 / 1000.0,
                s.seconds,
                self.lasting / 60.0,
                s.lone,
                0.0,
                0.0,
                0.0,
            ]);
        Measures([
            burst,
            pace,
            lasting,
            known(s.gaps > 0.5, (20f32.ln() - mean_gap).max(0.0) * sure),
            known(s.gaps > 0.5, (USUAL_SPREAD - variance.sqrt()).max(0.0) * sure),
            share(s.missing, s.requests),
            share(s.client_errors, s.requests),
            share(s.server_errors, s.requests),
            failures,
            share(s.refused, s.requests),
            new_ids,
            known(s.with_id > 0.5, share(s.next_ids, s.with_id)),
            breadth,
            share(s.new_urls, s.requests),
            share(s.repeats, s.calls),
            drawn,
            self.work / 300.0,
            known(s.timed > 0.5, s.seconds / (s.timed + CAUTION)),
            known(s.timed > 0.5, consumed),
            self.growth(),
            share(s.odd, s.requests),
            known(self.reads_pages(), share_of_pages((s.pages - s.assets).max(0.0), s.pages)),
            known(self.reads_pages(), lone),
            known(s.referable > 0.0, share_of_pages(s.unreferred, s.referable)),
            share(s.methods, s.requests),
            known(s.steps > 0.5, s.surprise / (s.steps + CAUTION)),
        ])
    }

    /// Who always took as much has a growth of nothing, however much it is.
    fn growth(&self) -> f32 {
        match self.taken() {
            Some(taken) if self.sums.seconds >= LITTLE => self.highs.growth(taken),
            _ => f32::NAN,
        }
    }

    /// Whether `/robots.txt` was asked for.
    pub(super) fn reads_robots(&self) -> bool {
        self.sums.robots > 0.0
    }

    /// Share of lists of what is new, of requests that are no assets: people who read one read more.
    pub(super) fn share_of_feeds(&self) -> f32 {
        (self.sums.feeds / (self.sums.calls + CAUTION / 4.0)).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Where the series is longest: just below a power of two.
    #[test]
    fn logarithms_just_below_a_power_of_two_are_exact_as_well() {
        let value = 2f32.next_down() - 1.0;
        let [ours] = ln_1p([value]);
        assert!((f64::from(ours) - f64::from(value).ln_1p()).abs() < 1e-6);
    }

    #[test]
    fn the_logarithm_of_nothing_is_nothing() {
        assert_eq!(ln_1p([0.0]), [0.0]);
    }

    proptest! {
        #[test]
        fn logarithms_are_those_of_the_library(exponents in prop::array::uniform8(-40f32..127.0)) {
            let values = exponents.map(f32::exp2);
            for (ours, value) in ln_1p(values).into_iter().zip(values) {
                let exact = f64::from(value).ln_1p();
                let apart = (f64::from(ours) - exact).abs();
                prop_assert!(apart < 1e-6 * exact.max(1.0), "{value}: {ours}, {exact}");
            }
        }
    }
}
