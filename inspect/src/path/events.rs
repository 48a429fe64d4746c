//! Server-sent events (WHATWG HTML §9.2): which field the next byte belongs to.

use super::Name;
use super::nested::Nested;

/// Follows a stream of events.
#[derive(Clone, Debug, Default)]
pub(super) struct Events {
    name: Name,
    in_value: bool,
    value: Nested,
}

impl Events {
    pub fn feed(&mut self, bytes: &[u8]) {
        for b in bytes {
            match b {
                b'\r' | b'\n' => {
                    self.name.clear();
                    self.in_value = false;
                }
                b':' if !self.in_value => {
                    self.in_value = true;
                    self.value.begin();
                }
                _ if self.in_value => self.value.feed(&[*b]),
                _ => self.name.push(*b),
            }
        }
    }

    pub fn write(&self, out: &mut String) {
        self.name.write(out);
        if self.in_value {
            self.value.write(out);
        }
    }
}
