//! Evidence of unlike sources on one scale: log odds, which add up.
//!
//! What is learnt is as sure of itself on sites that it was never tried on as at home, and is wrong there more often. So what a
//! model or a caller's behaviour says by itself never comes to more than one sure signature does. It weighs what
//! signatures see, and finds what they do not; it does not outrank them.

use crate::attack_model::SURE;

/// No score is surer than this, in log odds: beyond it an f32 tells scores from 1 no longer.
const MOST: f32 = 15.0;

/// The score of a sum of evidence.
pub fn score(sum: f32) -> f32 {
    1.0 / (1.0 + (-sum).exp())
}

/// The evidence that a score stands for.
pub fn log_odds(score: f32) -> f32 {
    (score / (1.0 - score)).ln().clamp(-MOST, MOST)
}

/// What is learnt, bounded so that alone it never comes to what a sure signature does; its order and its sign stay.
pub fn learnt(sum: f32) -> f32 {
    sum / (1.0 + sum.abs() / log_odds(SURE))
}

/// How much a caller looks like an attacker: `attack` is the score of its worst request, `behaviour` that of what it does.
///
/// That no request of it looks like an attack says nothing, since most of what attackers send does not. One that does counts
/// for less if its sender behaves like people.
pub fn caller(attack: f32, behaviour: f32) -> f32 {
    score(log_odds(attack).max(0.0) + learnt(log_odds(behaviour)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behaviour_alone_ranks_below_a_sure_signature() {
        for behaviour in [0.0, 0.2, 0.5, 0.8, 1.0] {
            let alone = caller(0.0, behaviour);
            assert!(alone < SURE, "{behaviour}: {alone}");
            // The decision at one half is that of behaviour.
            assert_eq!(alone >= 0.5, behaviour >= 0.5, "{behaviour}");
            assert_eq!(alone, caller(0.3, behaviour), "{behaviour}");
        }
        assert!(caller(SURE, 0.5) >= SURE - 1e-6);
        assert!(caller(SURE, 0.9) > caller(SURE, 0.5) && caller(SURE, 0.5) > caller(SURE, 0.1));
        // A sure attack is told, whoever sends it; an unsure one of somebody who behaves like people is not.
        assert!(caller(SURE, 0.0) > 0.5 && caller(0.7, 0.01) < 0.5);
        for sum in [-20.0, -1.0, 0.0, 0.3, 9.0] {
            assert!(learnt(sum) < learnt(sum + 0.1) && learnt(sum).signum() == sum.signum());
            let odds = log_odds(score(sum));
            assert!((odds - sum.clamp(-MOST, MOST)).abs() < 0.01, "{sum}: {odds}");
        }
    }
}
