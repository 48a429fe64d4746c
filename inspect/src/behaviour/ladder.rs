//! What is done about callers whose score is high: steps that a caller climbs one after the other while it goes on, and comes
//! down again with time.
//!
//! ```text
//!            score ≥ that of step 1         score ≥ that of step 2, and PATIENCE requests on step 1
//!   ground ────────────────────────► step 1 ────────────────────────────────────────────────────► step 2 ─► …
//!      ▲                               │  ▲                                                         │
//!      └── its time is over ───────────┘  └───────────────────────────── its time is over ──────────┘
//! ```
//!
//! Patience is had once: below the highest step that a caller came to within a day it climbs with each request, and there its requests of
//! before count. So who sends one in minutes comes on as well.
//!
//! A suspect comes at once to the highest step that its score reaches: the patience was had with others, who did the same before.
//!
//! The time of a step runs from the last request that was let through and deserves it. Refused requests count for the next step, as
//! what a caller asks for is what it does: who does not stop for 429 meets something stronger. But they do not make the time
//! longer, or a program that tries again for ever would be refused for ever.

/// Requests on a step before the next one: nobody is refused for what a single page or a retry did.
pub const PATIENCE: u16 = 10;
/// Who comes back to a step goes on there with the patience that is left: an attacker with minutes between its requests would never use
/// it up before the step's time is over. After so long on the ground that is forgotten. Milliseconds.
const FORGIVEN: u64 = 24 * 3_600_000;
/// Most steps of a ladder.
pub const MAX_STEPS: usize = 8;
/// Who is challenged and then silent for so long may go on: clients that respect `Retry-After` (RFC 9110 §10.2.3) do that.
/// Milliseconds.
pub const CHALLENGE: u64 = 10_000;

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mitigation {
    /// Tells it.
    Alert,
    /// Refuses what comes too fast, with 429 where the answer is Weir's.
    RateLimit {
        /// Requests that may come at once,
        burst: u32,
        /// and after which time another one may, in milliseconds.
        every: u64,
    },
    /// Refuses until the caller has been silent for [`CHALLENGE`], with 429 or a redirect.
    Challenge,
    /// Refuses everything.
    Block,
    /// Refuses, and drops every packet of the address.
    DropSource,
}

impl Mitigation {
    /// Which of two does more.
    pub fn strength(self) -> u8 {
        match self {
            Mitigation::Alert => 0,
            Mitigation::RateLimit { .. } => 1,
            Mitigation::Challenge => 2,
            Mitigation::Block => 3,
            Mitigation::DropSource => 4,
        }
    }

    /// The name in policies and events.
    pub fn name(self) -> &'static str {
        match self {
            Mitigation::Alert => "alert",
            Mitigation::RateLimit { .. } => "rate-limit",
            Mitigation::Challenge => "challenge",
            Mitigation::Block => "block",
            Mitigation::DropSource => "drop-source",
        }
    }
}

/// A step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// From this score on.
    pub score: f32,
    /// What it does.
    pub mitigation: Mitigation,
    /// For so many milliseconds.
    pub lasts: u64,
}

/// The steps, the lowest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ladder(pub Vec<Step>);

impl Ladder {
    /// The step of a level; none on the ground.
    pub fn step(&self, level: u8) -> Option<&Step> {
        self.0.get(usize::from(level).checked_sub(1)?)
    }
}

/// Where a caller stands. Times are milliseconds of a clock that does not go back.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// The step, from 1; 0: the ground.
    level: u8,
    /// It was challenged and has waited.
    passed: bool,
    /// The highest step that it came to since it was [forgiven](FORGIVEN), and its requests there.
    highest: u8,
    spent: u16,
    /// Requests since it came to this step; on the highest one, all of them.
    requests: u16,
    /// When the step was last supported.
    supported: u64,
    /// Until then it is a suspect.
    suspected: u64,
    /// Of a challenge: when the caller was last refused. Of a rate limit: when it may come again (GCRA, ITU-T I.371).
    waits: u64,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// It goes on.
    Pass,
    /// The caller's step refuses it.
    Refuse {
        /// What does.
        mitigation: Mitigation,
        /// Seconds after which the caller may try again.
        retry_after: u64,
        /// Milliseconds until the step is over.
        rest: u64,
    },
}

impl Standing {
    /// The step that the caller is on, from 1; 0: none.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Others attack by what it does: until then it is judged more strictly ([`super::stricter`]), and without patience.
    pub fn suspect(&mut self, until: u64) {
        self.suspected = self.suspected.max(until);
    }

    /// It has shown that it is none of them.
    pub fn trust(&mut self) {
        self.suspected = 0;
    }

    /// Whether it is a suspect.
    pub fn is_suspect(&self, now: u64) -> bool {
        now < self.suspected
    }

    /// Whether it is on a step at this time.
    pub fn is_on_a_step(&self, now: u64, ladder: &Ladder) -> bool {
        ladder.step(self.level).is_some_and(|step| now.saturating_sub(self.supported) < step.lasts)
    }

    /// A request was judged, which was refused or not. True: it brought the caller to a higher step.
    pub fn judged(&mut self, score: f32, refused: bool, now: u64, ladder: &Ladder) -> bool {
        self.come_down(now, ladder);
        if !refused && ladder.step(self.level).is_some_and(|step| score >= step.score) {
            self.supported = self.supported.max(now);
        }
        if self.level == 0 && now.saturating_sub(self.supported) >= FORGIVEN {
            (self.highest, self.spent) = (0, 0);
        }
        let new = self.level > 0 && self.level >= self.highest;
        let patient = new && self.requests < PATIENCE;
        let climbs = |level: u8| ladder.step(level + 1).is_some_and(|next| score >= next.score);
        if !climbs(self.level) || patient && !self.is_suspect(now) {
            return false;
        }
        self.enter(self.level + 1, now);
        while self.is_suspect(now) && climbs(self.level) {
            self.enter(self.level + 1, now);
        }
        true
    }

    /// A caller asks for something.
    pub fn asks(&mut self, now: u64, ladder: &Ladder) -> Ruling {
        if self.level == 0 {
            return Ruling::Pass;
        }
        self.come_down(now, ladder);
        let Some(step) = ladder.step(self.level) else { return Ruling::Pass };
        self.requests = self.requests.saturating_add(1);
        let wait = match step.mitigation {
            Mitigation::Alert => None,
            Mitigation::RateLimit { burst, every } => self.too_fast(now, burst, every),
            Mitigation::Challenge => self.challenge(now),
            Mitigation::Block | Mitigation::DropSource => Some(step.lasts),
        };
        let Some(wait) = wait else { return Ruling::Pass };
        let rest = self.supported.saturating_add(step.lasts).saturating_sub(now);
        let retry_after = wait.min(rest).div_ceil(1000).max(1);
        Ruling::Refuse { mitigation: step.mitigation, retry_after, rest }
    }

    fn enter(&mut self, level: u8, now: u64) {
        if self.level == self.highest {
            self.spent = self.requests;
        }
        if level > self.highest {
            (self.highest, self.spent) = (level, 0);
        }
        let spent = if level == self.highest { self.spent } else { 0 };
        (self.level, self.requests, self.passed) = (level, spent, false);
        (self.supported, self.waits) = (now, 0);
    }

    /// Down by each step whose time is over.
    fn come_down(&mut self, now: u64, ladder: &Ladder) {
        while let Some(step) = ladder.step(self.level) {
            let over = self.supported.saturating_add(step.lasts);
            if now < over {
                return;
            }
            self.enter(self.level - 1, over);
        }
        // A policy with fewer steps.
        self.level = 0;
    }

    /// How long to wait, in milliseconds; none: it may go on.
    fn too_fast(&mut self, now: u64, burst: u32, every: u64) -> Option<u64> {
        let next = self.waits.max(now);
        let ahead = next - now;
        let most = every.saturating_mul(u64::from(burst.max(1)) - 1);
        if ahead > most {
            return Some(ahead - most);
        }
        self.waits = next.saturating_add(every);
        None
    }

    fn challenge(&mut self, now: u64) -> Option<u64> {
        let waited = self.waits > 0 && now.saturating_sub(self.waits) >= CHALLENGE;
        self.passed |= waited;
        if self.passed {
            return None;
        }
        self.waits = now.max(1);
        Some(CHALLENGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    fn ladder() -> Ladder {
        let step = |score, mitigation| Step { score, mitigation, lasts: 10 * MINUTE };
        Ladder(vec![
            step(0.5, Mitigation::Alert),
            step(0.6, Mitigation::RateLimit { burst: 5, every: 1000 }),
            step(0.7, Mitigation::Challenge),
            step(0.8, Mitigation::Block),
            step(0.9, Mitigation::DropSource),
        ])
    }

    /// Asks once a second; the levels it comes to, with the number of the request.
    fn levels(standing: &mut Standing, score: f32, requests: u64, gap: u64) -> Vec<(u64, u8)> {
        let ladder = ladder();
        let mut levels = Vec::new();
        for n in 0..requests {
            let now = 1 + n * gap;
            let refused = standing.asks(now, &ladder) != Ruling::Pass;
            if standing.judged(score, refused, now, &ladder) {
                levels.push((n, standing.level()));
            }
        }
        levels
    }

    #[test]
    fn who_goes_on_climbs_step_by_step_as_far_as_its_score_reaches() {
        let climbed = levels(&mut Standing::default(), 0.95, 100, 100);
        let steps: Vec<u8> = climbed.iter().map(|(_, level)| *level).collect();
        assert_eq!(steps, [1, 2, 3, 4, 5]);
        for pair in climbed.windows(2) {
            assert!(pair[1].0 - pair[0].0 >= u64::from(PATIENCE), "{climbed:?}");
        }
        assert_eq!(levels(&mut Standing::default(), 0.65, 100, 100).last().unwrap().1, 2);
        assert_eq!(levels(&mut Standing::default(), 0.49, 100, 100), []);
    }

    #[test]
    fn levels_decay_step_by_step_and_silence_is_no_support() {
        let (mut standing, ladder) = (Standing::default(), ladder());
        levels(&mut standing, 0.95, 100, 1);
        assert_eq!(standing.level(), 5);
        for (minutes, level) in [(9, 5), (11, 4), (21, 3), (51, 0)] {
            standing.asks(minutes * MINUTE, &ladder);
            standing.judged(0.3, true, minutes * MINUTE, &ladder);
            assert_eq!(standing.level(), level, "after {minutes} minutes");
        }
        assert!(!standing.is_on_a_step(51 * MINUTE, &ladder));
    }

    #[test]
    fn who_comes_back_to_a_step_goes_on_there() {
        let (mut standing, ladder) = (Standing::default(), ladder());
        // A request in four minutes: no step of ten minutes sees ten of them.
        let climbed = levels(&mut standing, 0.95, 60, 4 * MINUTE);
        assert_eq!(climbed.iter().map(|(_, level)| *level).max(), Some(5), "{climbed:?}");
        let later = 60 * 4 * MINUTE;
        standing.asks(later + FORGIVEN + 60 * MINUTE, &ladder);
        assert_eq!(standing.level(), 0);
        let again = later + FORGIVEN + 60 * MINUTE;
        for n in 0..u64::from(PATIENCE) {
            standing.asks(again + n, &ladder);
            standing.judged(0.95, false, again + n, &ladder);
        }
        assert_eq!(standing.level(), 1, "it is new again");
    }

    #[test]
    fn a_rate_limit_lets_its_rate_pass() {
        let (mut standing, ladder) = (Standing::default(), ladder());
        levels(&mut standing, 0.6, 12, 1);
        assert_eq!(standing.level(), 2);
        let passed = |standing: &mut Standing, from: u64, every: u64| {
            let asks = (0..100).map(|n| standing.asks(from + n * every, &ladder));
            asks.filter(|ruling| *ruling == Ruling::Pass).count()
        };
        let at_once = passed(&mut standing, 20_000, 10);
        assert_eq!(at_once, 5, "a second's worth beyond the burst is none");
        assert_eq!(passed(&mut standing, 40_000, 1000), 100);
        // Five at once, and in the time of a hundred a few more.
        let Ruling::Refuse { retry_after, .. } = refused(&mut standing, 200_000, &ladder) else {
            panic!()
        };
        assert_eq!(retry_after, 1);
    }

    fn refused(standing: &mut Standing, now: u64, ladder: &Ladder) -> Ruling {
        let asked = std::iter::repeat_with(|| standing.asks(now, ladder));
        asked.take(100).find(|ruling| *ruling != Ruling::Pass).unwrap()
    }

    #[test]
    fn who_waits_as_told_passes_a_challenge() {
        let (mut standing, ladder) = (Standing::default(), ladder());
        levels(&mut standing, 0.7, 200, 1);
        assert_eq!(standing.level(), 3);
        let now = 60_000;
        assert_eq!(standing.asks(now, &ladder), Ruling::Pass, "it was silent long enough");
        let mut other = Standing::default();
        levels(&mut other, 0.7, 200, 1);
        for n in 0..5 {
            let ruling = other.asks(1000 + n * 5000, &ladder);
            assert!(matches!(ruling, Ruling::Refuse { retry_after: 10, .. }), "{ruling:?}");
        }
        assert_eq!(other.asks(21_000 + CHALLENGE, &ladder), Ruling::Pass);
        assert_eq!(other.asks(21_001 + CHALLENGE, &ladder), Ruling::Pass, "and goes on");
    }
}
