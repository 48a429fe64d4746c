//! The templates that people were shown. One changes only with a reason, which is kept.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use weir_inspect::endpoints::parameter_ending;

use super::Learnt;
use super::held::Held;

/// Changes kept; older ones are in the log's file.
const CHANGES: usize = 1_000;

/// A change of a template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Seconds since the Unix epoch.
    pub time: u64,
    /// The host.
    pub host: String,
    /// What was shown before; empty: nothing.
    pub old: Vec<String>,
    /// What is shown now; none: nothing any more.
    pub new: Option<String>,
    /// Why.
    pub reason: String,
}

/// What was shown, by host.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Shown {
    templates: BTreeMap<String, BTreeSet<String>>,
    changes: VecDeque<Change>,
}

/// A template's values: how many calls, and what was seen for its parameters.
struct Now<'l> {
    template: String,
    calls: u64,
    values: Vec<(u32, &'static str, &'l [Box<str>])>,
}

impl Shown {
    /// The last changes, the oldest first.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter()
    }

    /// All of it, to be held.
    pub fn held(&self) -> BTreeMap<String, Held> {
        let of = |templates: &BTreeSet<String>| Held::of(templates.iter().map(String::as_str));
        self.templates.iter().map(|(host, templates)| (host.clone(), of(templates))).collect()
    }

    /// Takes what is shown now, and gives what has changed. `edited`: people have changed templates since.
    pub fn show(&mut self, learnt: &Learnt, time: u64, edited: bool) -> Vec<Change> {
        let mut hosts: BTreeMap<&str, BTreeMap<String, Now<'_>>> = BTreeMap::new();
        for endpoint in &learnt.endpoints {
            let template = endpoint.template();
            let now = hosts.entry(&endpoint.host).or_default();
            let values = || {
                let all = endpoint.parameters().into_iter();
                all.map(|(_, v)| (v.distinct(), v.kind().name(), v.samples())).collect()
            };
            let known = now.entry(template.clone());
            known.or_insert_with(|| Now { template, calls: 0, values: values() }).calls +=
                endpoint.calls.count;
        }
        let mut changes = Vec::new();
        for (host, now) in &hosts {
            let before = self.templates.remove(*host).unwrap_or_default();
            compare(host, &before, now, time, edited, &mut changes);
            self.templates.insert((*host).to_owned(), now.keys().cloned().collect());
        }
        self.changes.extend(changes.iter().cloned());
        let over = self.changes.len().saturating_sub(CHANGES);
        self.changes.drain(..over);
        changes
    }
}

fn compare(
    host: &str,
    before: &BTreeSet<String>,
    now: &BTreeMap<String, Now<'_>>,
    time: u64,
    edited: bool,
    changes: &mut Vec<Change>,
) {
    let mut gone: BTreeSet<&String> = before.iter().filter(|t| !now.contains_key(*t)).collect();
    let mut taken_apart = BTreeSet::new();
    let mut change = |old: Vec<String>, new: Option<String>, reason: String| {
        changes.push(Change { time, host: host.to_owned(), old, new, reason });
    };
    for new in now.values().filter(|new| !before.contains(&new.template)) {
        let joined: Vec<String> =
            gone.iter().filter(|old| covers(&new.template, old)).map(|o| (*o).clone()).collect();
        let split = gone.iter().find(|old| covers(old, &new.template)).map(|o| (*o).clone());
        taken_apart.extend(split.clone());
        joined.iter().for_each(|old| {
            gone.remove(old);
        });
        let reason = match (&joined[..], &split) {
            ([], None) => format!("new: {} calls were answered", new.calls),
            ([], Some(old)) => {
                format!("a name of its own, and no value of {old}: {} calls", new.calls)
            }
            _ => values(new, &joined),
        };
        let reason = if edited && (!joined.is_empty() || split.is_some()) {
            format!("somebody said so ({reason})")
        } else {
            reason
        };
        let old = if joined.is_empty() { split.into_iter().collect() } else { joined };
        change(old, Some(new.template.clone()), reason);
    }
    for old in gone.into_iter().filter(|old| !taken_apart.contains(*old)) {
        let under = now.keys().find(|new| covers(new, old));
        let reason = match under {
            Some(new) => format!("what was called there is a value of {new}"),
            None => "its calls were joined with those of other templates".to_owned(),
        };
        change(vec![old.clone()], under.cloned(), reason);
    }
}

/// Why templates became one.
fn values(new: &Now<'_>, old: &[String]) -> String {
    let same = |o: &String| shape(o) == shape(&new.template);
    if old.iter().all(same) {
        return "a parameter has another name".to_owned();
    }
    let seen = new.values.iter().map(|(distinct, kind, samples)| {
        let samples: Vec<&str> = samples.iter().take(3).map(AsRef::as_ref).collect();
        format!("{distinct} different values ({kind}: {} …)", samples.join(", "))
    });
    let seen: Vec<String> = seen.collect();
    format!("its parameters have {} in {} calls", seen.join(" and "), new.calls)
}

/// The components of a template: names, or what comes after a parameter.
fn shape(template: &str) -> Vec<Result<&str, &str>> {
    template.split('/').map(|c| parameter_ending(c).map_or(Ok(c), Err)).collect()
}

/// Whether each path of the second template is one of the first.
fn covers(wide: &str, narrow: &str) -> bool {
    let (wide, narrow) = (shape(wide), shape(narrow));
    let covered = |(wide, narrow): (&Result<&str, &str>, &Result<&str, &str>)| match (wide, narrow)
    {
        (Err(ending), Ok(end) | Err(end)) => end.ends_with(ending),
        (Ok(name), other) => *other == Ok(name),
    };
    wide.len() == narrow.len() && wide.iter().zip(&narrow).all(covered)
}

#[cfg(test)]
mod tests {
    use weir_inspect::request::Request;

    use super::super::Learner;
    use super::super::edits::Edits;
    use super::super::templates::Networks;
    use super::*;

    fn call(learner: &mut Learner, url: &str) {
        let line = format!(r#"{{"method":"GET","url":"{url}","host":"a","status":200}}"#);
        learner.observe(&Request::parse(line.as_bytes()).unwrap());
    }

    #[test]
    fn a_template_changes_with_a_reason() {
        let mut learner = Learner::new(Networks::built_in().unwrap());
        let mut shown = Shown::default();
        call(&mut learner, "/orders/17");
        let changes = shown.show(&learner.learnt(), 1, false);
        assert_eq!(changes.len(), 1);
        assert!(changes[0].old.is_empty() && changes[0].reason.contains("1 calls"), "{changes:?}");
        assert!(shown.show(&learner.learnt(), 2, false).is_empty());

        let mut after = |templates: &str, edited: bool| {
            learner.edit(Edits::read(&format!("templates: [{templates}]")).unwrap());
            let mut changes = shown.show(&learner.learnt(), 3, edited);
            assert_eq!(changes.len(), 1, "{changes:?}");
            changes.remove(0)
        };
        let split = after("/orders/17", true);
        assert_eq!(
            (split.old, split.new.as_deref()),
            (vec!["/orders/{order_id}".into()], Some("/orders/17"))
        );
        assert!(
            split.reason.starts_with("somebody said so (a name of its own"),
            "{}",
            split.reason
        );
        let joined = after("'/orders/{state}'", true);
        assert_eq!(
            (joined.old, joined.new.as_deref()),
            (vec!["/orders/17".into()], Some("/orders/{state}"))
        );
        let renamed = after("'/orders/{name}'", false);
        assert_eq!(renamed.reason, "a parameter has another name");
        assert_eq!(shown.changes().count(), 4);
    }

    #[test]
    fn values_that_are_joined_are_counted() {
        let mut learner = Learner::new(Networks::built_in().unwrap());
        let mut shown = Shown::default();
        call(&mut learner, "/users/1/cart");
        shown.show(&learner.learnt(), 1, false);
        (2..60).for_each(|n| call(&mut learner, &format!("/users/{n}/cart")));
        let changes = shown.show(&learner.learnt(), 2, false);
        let now: Vec<_> = changes.iter().filter_map(|c| c.new.clone()).collect();
        // One user may have been taken for a value from the first call on.
        assert!(changes.is_empty() || now == ["/users/{user_id}/cart"], "{changes:?}");
    }

    /// Templates that were shown and are gone again while an API becomes known whose values are words.
    /// And those that are shown in the end.
    fn taken_back(hold: bool) -> (usize, BTreeSet<String>) {
        const WORDS: &str = "amber basil cedar delta ember fjord grove haven indigo jasper karma lotus maple nectar ocean pearl \
            quartz river sage thyme umber velvet willow zephyr";
        let words: Vec<&str> = WORDS.split_whitespace().collect();
        let mut learner = Learner::new(Networks::built_in().unwrap());
        let (mut shown, mut gone) = (Shown::default(), 0);
        for n in 0..240_usize {
            let word = words[n * n % words.len().min(3 + n / 6)];
            let after = ["", "/issues", "/pulls", "/stars", "/wiki"][n % 5];
            call(&mut learner, &format!("/repos/{word}{after}"));
            if n % 4 == 0 {
                call(&mut learner, ["/repos/search", "/health", "/repos/trending"][n % 3]);
            }
            let changes = shown.show(&learner.learnt(), n as u64, false);
            gone += changes.iter().map(|change| change.old.len()).sum::<usize>();
            if hold {
                learner.hold(shown.held());
            }
        }
        (gone, learner.learnt().endpoints.iter().map(super::super::Endpoint::template).collect())
    }

    #[test]
    fn what_is_held_changes_less() {
        let ((free, found), (held, stays)) = (taken_back(false), taken_back(true));
        assert!(held < free, "{held} of {free} templates were taken back");
        let after = ["", "/issues", "/pulls", "/stars", "/wiki"];
        let values = after.map(|after| format!("/repos/{{repo_id}}{after}"));
        let names = ["/repos/search", "/repos/trending", "/health"].map(str::to_owned);
        let truth = BTreeSet::from_iter(values.into_iter().chain(names));
        let wrong = |found: &BTreeSet<String>| found.symmetric_difference(&truth).count();
        assert!(wrong(&stays) <= wrong(&found), "{stays:?} in place of {found:?}");
    }

    #[test]
    fn what_covers_what() {
        assert!(covers("/a/{x}/b", "/a/1/b") && covers("/a/{x}", "/a/{y}"));
        assert!(!covers("/a/1", "/a/{x}") && !covers("/a/{x}", "/a/1/b"));
        assert!(covers("/a/{x}", "/a/{y}.json") && covers("/a/{x}.json", "/a/7.json"));
        assert!(!covers("/a/{x}.json", "/a/{y}") && !covers("/a/{x}.json", "/a/7"));
    }
}
