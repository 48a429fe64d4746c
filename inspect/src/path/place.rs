//! Places that a policy names: paths, in the notation of this module, in which `[*]` stands for any element of a list.

/// A path that a policy names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(Box<str>);

/// Any element of a list.
const ANY: &str = "[*]";

impl Place {
    /// Whether a name in a policy is a path and not the name of a field: `$.a.b`, `#3.5`, `/a/b`.
    pub fn is_path(text: &str) -> bool {
        text.starts_with(['$', '#', '/'])
    }

    /// The place that is written so.
    pub fn new(text: &str) -> Place {
        Place(text.into())
    }

    /// Whether a path is that of this place.
    pub fn is(&self, path: &str) -> bool {
        let mut rest = path;
        let mut parts = self.0.split(ANY).peekable();
        while let Some(part) = parts.next() {
            let Some(behind) = rest.strip_prefix(part) else { return false };
            rest = behind;
            if parts.peek().is_some() {
                let Some(behind) = element(rest) else { return false };
                rest = behind;
            }
        }
        rest.is_empty()
    }
}

/// What follows an element of a list (`[12]`), if a path goes on with one.
fn element(path: &str) -> Option<&str> {
    let (index, behind) = path.strip_prefix('[')?.split_once(']')?;
    let is_index = !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit());
    is_index.then_some(behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_whole_paths() {
        for (place, path, wanted) in [
            ("$.a.b", "$.a.b", true),
            ("$.a.b", "$.a.bc", false),
            ("$.a.b", "$.x.a.b", false),
            ("$.a[*].b", "$.a[0].b", true),
            ("$.a[*].b", "$.a[12].b", true),
            ("$.a[*].b", "$.a.b", false),
            ("$.a[*].b", "$.a['x'].b", false),
            ("$.a[*]", "$.a[3]", true),
            ("$.a[*]", "$.a[3].c", false),
            ("$[*][*].k", "$[1][2].k", true),
            ("$.a[0].b", "$.a[1].b", false),
            ("#3.5", "#3.5", true),
            ("/a/@b", "/a/@b", true),
            ("$.a", "", false),
        ] {
            assert_eq!(Place::new(place).is(path), wanted, "{place} and {path}");
        }
    }
}
