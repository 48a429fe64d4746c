//! Values of parameters as people and programs write them.

mod ids;
mod maker;
mod names;
mod words;

use weir_perf::random::Random;

use crate::corpus::Parameter;

pub use maker::{Maker, Taste, maker};
pub use words::{PARTS, Words};

/// A value.
pub fn value(maker: Maker, parameter: &Parameter, words: &Words, random: &mut Random) -> String {
    match maker {
        Maker::Example => random.pick(&parameter.examples).cloned().unwrap_or_default(),
        Maker::Integer(below) => (random.below(below) + 1).to_string(),
        Maker::Form(form) => of_form(form, words, random),
    }
}

/// A value of a form; a word, if there is no form of this name.
fn of_form(form: &str, words: &Words, random: &mut Random) -> String {
    ids::of_form(form, random)
        .or_else(|| names::of_form(form, words, random))
        .unwrap_or_else(|| names::word(words, random))
}
