//! What the demo prints: titles, aligned tables, and claims that are true or false.

use std::io::{IsTerminal, stdout};

/// No line is longer than this.
const WIDTH: usize = 108;
/// How far the rest of a long line is indented.
const CONTINUED: usize = 14;

/// The screen, and the claims made so far.
#[derive(Debug)]
pub struct Screen {
    colour: bool,
    chapter: u32,
    claims: Vec<(bool, String)>,
}

impl Screen {
    /// A screen with colours if a person is watching (and `NO_COLOR` is not set).
    pub fn new() -> Screen {
        let colour = stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Screen { colour, chapter: 0, claims: Vec::new() }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Begins a chapter.
    pub fn chapter(&mut self, title: &str) {
        self.chapter += 1;
        println!("\n{}\n", self.paint("1", &format!("{}. {title}", self.chapter)));
    }

    /// A line of text.
    pub fn say(&self, text: &str) {
        println!("   {text}");
    }

    /// A command as it was run.
    pub fn command(&self, text: &str) {
        println!("   {}", self.paint("2", &format!("$ {text}")));
    }

    /// What a program printed; its long lines go on in further ones.
    pub fn output(&self, text: &str) {
        for line in text.lines() {
            let mut room = WIDTH - 3;
            let mut shown = String::new();
            for word in line.split_inclusive(' ') {
                let needs = word.chars().count();
                if needs > room && !shown.is_empty() {
                    println!("   {}", shown.trim_end());
                    shown = " ".repeat(CONTINUED);
                    room = WIDTH - 3 - CONTINUED;
                }
                room = room.saturating_sub(needs);
                shown.push_str(word);
            }
            println!("   {}", shown.trim_end());
        }
    }

    /// A table whose columns are as wide as their widest cell; the first row is its head.
    pub fn table(&self, rows: &[Vec<String>]) {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|r| r.get(column));
            cells.map(|c| c.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (number, row) in rows.iter().enumerate() {
            let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
            let line = cells.collect::<Vec<_>>().join("  ");
            let line = cut(line.trim_end(), WIDTH - 3);
            println!("   {}", if number == 0 { self.paint("4", &line) } else { line });
        }
        println!();
    }

    /// States something, and whether it is so; `seen` is shown where it is not.
    pub fn claim(&mut self, holds: bool, what: &str, seen: &str) {
        println!("   {} {what}", self.mark(holds));
        if !holds {
            println!("     {}", cut(&format!("but: {seen}"), WIDTH - 5));
        }
        self.claims.push((holds, what.to_owned()));
    }

    fn mark(&self, holds: bool) -> String {
        if holds { self.paint("32", "✓") } else { self.paint("31", "✗") }
    }

    /// The last chapter: every claim again; whether all hold.
    pub fn summary(&mut self) -> bool {
        self.chapter("In short");
        for (holds, what) in &self.claims {
            println!("   {} {what}", self.mark(*holds));
        }
        let failed = self.claims.iter().filter(|(holds, _)| !holds).count();
        let all = self.claims.len();
        match failed {
            0 => println!("\n   {}", self.paint("32;1", &format!("All {all} claims hold."))),
            _ => {
                println!("\n   {}", self.paint("31;1", &format!("{failed} of {all} claims fail.")));
            }
        }
        failed == 0
    }
}

/// The first `width` characters, with an ellipsis if there are more.
fn cut(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    line.chars().take(width - 1).chain(['…']).collect()
}
