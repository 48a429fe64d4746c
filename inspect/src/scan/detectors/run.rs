//! Digit runs: groups of digits with single separators, and what they can be.

use crate::scan::found::Outcome;
use crate::scan::view::{At, View, is_separator};

/// Groups of a run that are looked at; no number has more.
const MAX_GROUPS: usize = 7;
/// Digits of a run that are looked at: the longest card has 19, one more tells that a number is longer.
const MAX_DIGITS: usize = 24;

/// A group of digits.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::scan) struct Group {
    /// Where it begins in the window.
    pub at: usize,
    /// Digits in it.
    pub len: usize,
    /// The separator after it, if another group follows (or may yet follow).
    pub separator: Option<u8>,
}

impl Group {
    /// Where it ends in the window.
    pub fn end(&self) -> usize {
        self.at + self.len
    }
}

/// The first groups of a digit run.
#[derive(Clone, Copy, Debug)]
pub(in crate::scan) struct Run {
    digits: [u8; MAX_DIGITS],
    count: usize,
    groups: [Group; MAX_GROUPS],
    used: usize,
    /// The window ends inside the run, so the last group (or the next) may still grow.
    pub open: bool,
}

impl Run {
    /// Reads the run from `at` on.
    pub fn read(view: &View, at: usize) -> Run {
        let mut run = Run {
            digits: [0; MAX_DIGITS],
            count: 0,
            groups: [Group::default(); MAX_GROUPS],
            used: 0,
            open: false,
        };
        let mut i = at;
        while run.used < MAX_GROUPS {
            let start = i;
            while let At::Byte(b @ b'0'..=b'9') = view.at(i) {
                let Some(slot) = run.digits.get_mut(run.count) else { break };
                *slot = b - b'0';
                run.count += 1;
                i += 1;
            }
            if i == start {
                // Only after a separator at the end of the window, or when there is room for no more digits.
                break;
            }
            let mut group = Group { at: start, len: i - start, separator: None };
            match view.at(i) {
                At::Unknown => run.open = true,
                At::Byte(b) if is_separator(b) => match view.at(i + 1) {
                    At::Byte(b'0'..=b'9') => group.separator = Some(b),
                    At::Unknown => {
                        group.separator = Some(b);
                        run.open = true;
                    }
                    _ => {}
                },
                _ => {}
            }
            if let Some(slot) = run.groups.get_mut(run.used) {
                *slot = group;
            }
            run.used += 1;
            if group.separator.is_none() || run.open {
                break;
            }
            i += 1;
        }
        run
    }

    /// The groups read.
    pub fn groups(&self) -> &[Group] {
        self.groups.get(..self.used).unwrap_or(&[])
    }

    /// The first `n` digits, as values 0–9.
    pub fn digits(&self, n: usize) -> &[u8] {
        self.digits.get(..n.min(self.count)).unwrap_or(&[])
    }

    /// Whether the run begins with groups of these lengths, all separated by the same one of `separators`.
    pub fn fits(&self, lengths: &[usize], separators: &[u8]) -> Fit {
        let first = self.groups().first().and_then(|g| g.separator);
        let groups = self.groups();
        for (i, want) in lengths.iter().enumerate() {
            let Some(group) = groups.get(i) else {
                // The window ended after a separator.
                return if self.open { Fit::Open } else { Fit::No };
            };
            let growing = self.open && i + 1 == groups.len() && group.separator.is_none();
            if growing && group.len <= *want && (i + 1 < lengths.len() || group.len < *want) {
                return Fit::Open;
            }
            if group.len != *want {
                return Fit::No;
            }
            let inner = i + 1 < lengths.len();
            if inner
                && !(group.separator == first
                    && group.separator.is_some_and(|s| separators.contains(&s)))
            {
                return Fit::No;
            }
        }
        Fit::Yes
    }
}

/// Whether a run fits a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scan) enum Fit {
    No,
    /// As far as it is there.
    Open,
    Yes,
}

/// What a complete format of so many groups becomes when its right side is looked at.
pub(in crate::scan) fn close(
    view: &View,
    run: &Run,
    groups: usize,
    start: usize,
    confidence: f32,
) -> Outcome {
    let Some(last) = groups.checked_sub(1).and_then(|i| run.groups().get(i)) else {
        return Outcome::No;
    };
    let end = last.end();
    match view.number_may_end(end) {
        None => Outcome::More { start },
        Some(false) => Outcome::No,
        Some(true) => Outcome::Match { start, end, confidence },
    }
}
