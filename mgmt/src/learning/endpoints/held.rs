//! Templates that people were shown. They hold: what makes another one of them has to be surer than what made them, or a template at the
//! edge of a decision would change from look to look.

use std::collections::BTreeMap;

use weir_inspect::endpoints::{parameter_ending, split_ending};

/// What was shown as a name becomes a value only if it is this likely one,
const JOINED: f32 = 0.95;
/// and beside a parameter that was shown a name of its own comes up only if it is no more likely a value than this.
const SPLIT: f32 = 0.35;

/// The components that were shown at a place, and what was shown after them.
#[derive(Clone, Debug, Default)]
pub struct Held {
    names: BTreeMap<Box<str>, Held>,
    parameter: Option<Box<Held>>,
}

impl Held {
    /// Of templates of a host.
    pub fn of<'t>(templates: impl Iterator<Item = &'t str>) -> Held {
        let mut held = Held::default();
        for template in templates {
            let mut at = &mut held;
            for component in template.split('/').filter(|c| !c.is_empty()) {
                let (ending, next) = match parameter_ending(component) {
                    Some(ending) => (ending, &mut **at.parameter.get_or_insert_default()),
                    None => {
                        let (name, ending) = split_ending(component);
                        (ending, at.names.entry(name.into()).or_default())
                    }
                };
                at = match ending {
                    "" => next,
                    ending => next.names.entry(ending.into()).or_default(),
                };
            }
        }
        held
    }

    /// What was shown after a name, or an ending,
    pub fn after(&self, name: &str) -> Option<&Held> {
        self.names.get(name)
    }

    /// and after the parameter.
    pub fn after_parameter(&self) -> Option<&Held> {
        self.parameter.as_deref()
    }

    /// Whether a child is a value, of which it is known how likely it is one and whether it would be taken for one.
    pub fn is_value(&self, name: &str, likely: f32, taken: bool) -> bool {
        match (self.names.contains_key(name), &self.parameter) {
            (true, _) => taken && likely >= JOINED,
            (false, Some(_)) => taken || likely > SPLIT,
            (false, None) => taken,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_shown_stays_until_it_is_surely_wrong() {
        let held = Held::of(["/users/{user_id}/keys", "/users/me", "/teams/core"].into_iter());
        let users = held.after("users").unwrap();
        for (name, likely, taken, value) in [
            ("me", 0.9, true, false),
            ("me", 0.97, true, true),
            ("ann", 0.5, false, true),
            ("search", 0.2, false, false),
        ] {
            assert_eq!(users.is_value(name, likely, taken), value, "{name} {likely}");
        }
        assert!(users.after_parameter().unwrap().after("keys").is_some());
        let teams = held.after("teams").unwrap();
        assert!(teams.is_value("blue", 0.7, true) && !teams.is_value("blue", 0.6, false));
    }
}
