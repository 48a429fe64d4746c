//! Names, words and what is made of them.

use weir_perf::random::Random;

use super::{Words, ids};

/// A value of a form; none, if it is none of these.
pub(super) fn of_form(form: &str, words: &Words, random: &mut Random) -> Option<String> {
    let value = match form {
        "user" => user(words, random),
        "person" => {
            let first = capital(words.of("first", random));
            let between = any(&["", "-", "_", "."], random);
            format!("{first}{between}{}", capital(words.of("last", random)))
        }
        "organisation" => organisation(words, random),
        "project" => project(words, random),
        "country" if random.chance(0.5) => ids::country_code(random),
        "package" | "city" | "country" | "setting" | "noun" => words.of(form, random).to_owned(),
        "branch" => words.of("branch", random).replace('/', "-"),
        "adjective-noun" => {
            let between = any(&["-", "-", "_", ""], random);
            format!("{}{between}{}", words.of("adjective", random), words.of("noun", random))
        }
        "Camel" => capitals("adjective", "noun", words, random),
        "title" => capital(&word(words, random)),
        "word-word" => {
            let between = any(&["-", "_", "-", "%20"], random);
            format!("{}{between}{}", word(words, random), word(words, random))
        }
        "slug-number" => format!("{}-{}", word(words, random), random.below(100_000)),
        "test-name" => {
            let test = any(&["test", "Test", "my", "tmp", "example", "new"], random);
            let between = any(&["-", "_", ""], random);
            let form = any(&["word", "word-word", "integer-mixed"], random);
            format!("{test}{between}{}", super::of_form(form, words, random))
        }
        "file" => {
            let form = any(&["word", "word-word", "Camel", "package"], random);
            let name = super::of_form(form, words, random);
            let kinds = ["md", "txt", "json", "yaml", "pdf", "py", "rs", "jpg"];
            format!("{name}.{}", any(&kinds, random))
        }
        "email" => {
            let user = user(words, random);
            let domain = words.of("organisation", random);
            format!("{user}@{domain}.{}", any(&["com", "org", "example"], random))
        }
        "domain" => {
            let name = super::of_form("adjective-noun", words, random);
            format!("{name}.{}", any(&["com", "io", "net"], random))
        }
        _ => return None,
    };
    Some(value)
}

/// A word of any kind.
pub(super) fn word(words: &Words, random: &mut Random) -> String {
    const KINDS: [&str; 9] =
        ["prose", "prose", "prose", "noun", "adjective", "first", "last", "city", "package"];
    words.of(any(&KINDS, random), random).to_owned()
}

/// As people name themselves.
fn user(words: &Words, random: &mut Random) -> String {
    let (first, last) = (words.of("first", random), words.of("last", random));
    let initial: String = first.chars().take(1).collect();
    let number = random.below(1000);
    match random.below(12) {
        0 => first.to_owned(),
        1 => format!("{first}{last}"),
        2 => format!("{initial}{last}"),
        3 => format!("{first}.{last}"),
        4 => format!("{first}-{last}"),
        5 => format!("{first}{}", number % 100),
        6 => format!("{last}{number}"),
        7 => format!("{}{}", words.of("adjective", random), words.of("noun", random)),
        8 => format!("{}{}", capital(first), capital(last)),
        9 => format!("{}{}", words.of("noun", random), number % 100),
        10 => format!("{first}_{}", words.of("noun", random)),
        _ => words.of("noun", random).to_owned(),
    }
}

fn organisation(words: &Words, random: &mut Random) -> String {
    let name = words.of("organisation", random);
    match random.below(6) {
        0 => capital(name),
        1 => format!("{name}-{}", words.of("project", random)),
        2 => capitals("adjective", "noun", words, random),
        3 => format!("{name}{}", any(&["inc", "hq", "-labs", "corp", "-io"], random)),
        _ => name.to_owned(),
    }
}

fn project(words: &Words, random: &mut Random) -> String {
    match random.below(6) {
        0 => words.of("package", random).to_owned(),
        1 => format!("{}-{}", words.of("noun", random), words.of("project", random)),
        2 => capitals("noun", "project", words, random),
        3 => {
            let adjective = capital(words.of("adjective", random));
            format!("{adjective}-{}", capital(words.of("project", random)))
        }
        4 => {
            let name = words.of("noun", random);
            format!("{name}.{}", any(&["js", "py", "github.io", "net"], random))
        }
        _ => {
            let name = words.of("project", random);
            format!("{name}{}", any(&["", "-1", "2", "-test", "_old"], random))
        }
    }
}

/// Two words of these kinds, each with a capital.
fn capitals(first: &str, second: &str, words: &Words, random: &mut Random) -> String {
    let first = capital(words.of(first, random));
    first + &capital(words.of(second, random))
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    let first = chars.next().map(|c| c.to_uppercase().collect::<String>());
    first.unwrap_or_default() + chars.as_str()
}

fn any(list: &[&'static str], random: &mut Random) -> &'static str {
    random.pick(list).copied().unwrap_or_default()
}
