//! `application/x-www-form-urlencoded` (WHATWG URL §5): which field the next byte belongs to.

use super::Name;
use super::nested::Nested;

/// Follows a form.
#[derive(Clone, Debug, Default)]
pub(super) struct Form {
    name: Name,
    in_value: bool,
    value: Nested,
    /// Digits of a percent escape that are to come, and its value so far.
    escape: (u8, u8),
}

impl Form {
    pub fn feed(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|b| self.byte(*b));
    }

    fn byte(&mut self, b: u8) {
        let (left, high) = self.escape;
        let digit = char::from(b).to_digit(16);
        match (left, digit, b) {
            (1.., Some(digit), _) => {
                self.escape = (left - 1, high << 4 | digit as u8);
                if left == 1 {
                    self.decoded(self.escape.1);
                }
            }
            (_, _, b'%') => self.escape = (2, 0),
            (_, _, b'&') => {
                *self = Form { value: std::mem::take(&mut self.value), ..Form::default() }
            }
            (_, _, b'=') if !self.in_value => {
                self.in_value = true;
                self.value.begin();
            }
            (_, _, b'+') => self.decoded(b' '),
            _ => self.decoded(b),
        }
    }

    fn decoded(&mut self, b: u8) {
        self.escape = (0, 0);
        if self.in_value {
            self.value.feed(&[b]);
        } else {
            self.name.push(b);
        }
    }

    pub fn write(&self, out: &mut String) {
        if self.in_value {
            self.name.write(out);
            self.value.write(out);
        } else {
            out.push_str("*~");
        }
    }
}
