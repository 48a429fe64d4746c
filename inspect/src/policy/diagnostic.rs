//! What is wrong with a policy, where, and what was probably meant.

use std::fmt;

/// How bad a [`Diagnostic`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The policy is refused.
    Error,
    /// The policy is accepted, but is probably slower or weaker than meant.
    Warning,
}

/// A place in the source; lines and columns count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pos {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// One error or warning about a policy. Displayed as `line:column: error: message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the policy is refused because of it.
    pub severity: Severity,
    /// The file that a main file names, if it is in one.
    pub file: Option<String>,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong and what to do.
    pub message: String,
}

impl Diagnostic {
    /// The diagnostic as compilers print it: `file:line:column: error: message`.
    pub fn in_file(&self, file: &str) -> String {
        if self.file.is_some() { self.to_string() } else { format!("{file}:{self}") }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        if let Some(file) = &self.file {
            write!(f, "{file}:")?;
        }
        write!(f, "{}:{}: {severity}: {}", self.line, self.column, self.message)
    }
}

/// Collects diagnostics, so that an operator sees all errors of a policy at once.
#[derive(Debug, Default)]
pub(super) struct Report {
    all: Vec<Diagnostic>,
    /// The file that is being read; none: the main one.
    pub(super) file: Option<String>,
}

impl Report {
    pub(super) fn error(&mut self, pos: Pos, message: impl Into<String>) {
        self.push(Severity::Error, pos, message.into());
    }

    pub(super) fn warning(&mut self, pos: Pos, message: impl Into<String>) {
        self.push(Severity::Warning, pos, message.into());
    }

    fn push(&mut self, severity: Severity, Pos { line, column }: Pos, message: String) {
        let file = self.file.clone();
        self.all.push(Diagnostic { severity, file, line, column, message });
    }

    pub(super) fn has_errors(&self) -> bool {
        self.all.iter().any(|d| d.severity == Severity::Error)
    }

    /// All diagnostics in the order of the source.
    pub(super) fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.all.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        self.all
    }
}

/// `: did you mean …?` with the nearest known name, or nothing if none is near.
pub(super) fn did_you_mean<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    // At most a third of the name may differ: beyond it a suggestion misleads more than it helps.
    let limit = (written.chars().count() / 3).max(1);
    let written = written.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&written, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map_or(String::new(), |(_, name)| format!("; did you mean `{name}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested() {
        let known = ["payment-card", "us-ssn", "email"];
        assert_eq!(did_you_mean("payment-crad", known), "; did you mean `payment-card`?");
        assert_eq!(did_you_mean("Email", known), "; did you mean `email`?");
        assert_eq!(did_you_mean("github-token", known), "");
    }

    #[test]
    fn displayed_like_a_compiler_does() {
        let mut report = Report::default();
        report.warning(Pos { line: 7, column: 1 }, "slow");
        report.error(Pos { line: 3, column: 12 }, "no");
        assert!(report.has_errors());
        let sorted = report.into_sorted();
        assert_eq!(sorted[0].in_file("p.yaml"), "p.yaml:3:12: error: no");
        assert_eq!(sorted[1].to_string(), "7:1: warning: slow");
    }
}
