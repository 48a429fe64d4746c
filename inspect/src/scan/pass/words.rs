//! Words, and values beside them.

use super::Pass;
use crate::scan::catalog::beside::begins_word;
use crate::scan::found::{Known, Outcome};
use crate::scan::search::words;
use crate::scan::stream::Open;

/// Whether a value has a form by which a pattern finds it.
enum Claim {
    Free,
    Taken,
    /// The next bytes will tell.
    Unknown,
}

impl Pass<'_> {
    /// Words come behind the other candidates up to there: what a pattern found earlier in the text is known, and what it found later does not
    /// count for them.
    pub(super) fn words(&mut self, places: &[u32]) {
        let places = places.iter().map(|at| *at as usize);
        let whole = |at: &usize| at + words::KEY <= self.view.bytes.len();
        places.take_while(whole).for_each(|at| self.word(at));
    }

    /// Puts a place to what begins with the word there.
    fn word(&mut self, at: usize) {
        let scanner = self.scanner;
        for i in scanner.tables.words.at(self.view.bytes.get(at..).unwrap_or(&[])) {
            match usize::from(i).checked_sub(scanner.patterns.len()) {
                None => self.pattern(i, at),
                Some(i) => self.beside(i, at),
            }
        }
    }

    fn beside(&mut self, i: usize, at: usize) {
        let Some((id, beside)) = self.scanner.besides.get(i) else { return };
        if !self.is_ready(*id) {
            return;
        }
        let mut outcome = beside.evaluate(self.view, at);
        if let Outcome::Match { start, .. } = outcome
            && beside.guess.is_some()
        {
            // What has a form of its own is found by that.
            match self.claimed(start, at) {
                Claim::Free => {}
                Claim::Taken => outcome = Outcome::No,
                Claim::Unknown => outcome = Outcome::Later { start: at, hold: start },
            }
        }
        self.place = Some(at).filter(|_| beside.guess.is_none());
        self.offer(Some(*id), |_| outcome);
        self.place = None;
    }

    /// Whether an active detector that knows the form of its values finds one at `at`. Of those that were found from a
    /// place on, only places up to `place` count: what comes behind it may not have been looked at yet.
    fn claimed(&self, at: usize, place: usize) -> Claim {
        let base = self.view.base;
        let (value, place) = (base + at as u64, base + place as u64);
        let holds =
            |k: &Known| k.place.is_some_and(|p| p <= place) && (k.start..k.end).contains(&value);
        let open = |o: &Open| o.start <= place && (o.start..o.at).contains(&value);
        if self.recent.iter().any(holds) || self.open.iter().any(open) {
            return Claim::Taken;
        }
        if self.waits_from <= place {
            return Claim::Unknown;
        }
        let text =
            self.view.bytes.get(at..(at + words::KEY).min(self.view.bytes.len())).unwrap_or(&[]);
        let first = text.first().and_then(|b| self.scanner.by_first.get(usize::from(*b)));
        let by_word = self.scanner.tables.words.at(text);
        let by_prefix = self.scanner.prefixes.at(text);
        let by_key = self.scanner.literals.iter().flat_map(|literals| literals.at(text));
        for i in by_word.chain(by_prefix).chain(by_key).chain(first.into_iter().flatten().copied())
        {
            let Some((id, matcher)) = self.scanner.patterns.get(usize::from(i)) else { continue };
            if self.active.contains(*id) {
                match matcher.evaluate(self.view, at) {
                    Outcome::No => {}
                    Outcome::Match { .. } | Outcome::Commit { .. } => return Claim::Taken,
                    Outcome::More { .. } | Outcome::Later { .. } => return Claim::Unknown,
                }
            }
        }
        Claim::Free
    }

    /// What begins at the window's end, not before `from`.
    pub(super) fn open_words(&mut self, from: usize) {
        let end = self.view.bytes.len();
        (end.saturating_sub(words::KEY - 1).max(from)..end).for_each(|at| self.open_word(at));
    }

    /// A word at the window's end of which too little is there to look it up.
    fn open_word(&mut self, at: usize) {
        let Some(text) = self.view.bytes.get(at..) else { return };
        let letter = text.first().is_some_and(u8::is_ascii_alphabetic);
        if !letter || !self.view.binary && !begins_word(self.view, at) {
            return;
        }
        let scanner = self.scanner;
        for i in scanner.tables.words.at(text) {
            self.unsettled = self.unsettled.min(at);
            // A value beside the word begins behind it.
            let Some((id, _)) = scanner.patterns.get(usize::from(i)) else { continue };
            if self.hold.contains(*id) {
                self.held = self.held.min(at);
                return;
            }
        }
    }
}
