//! Components of templates: names, and parameters, which may end in a format: `/users/{user_id}.json`.

/// Formats in which APIs offer the same thing, asked for by the end of a path. Other ends are part of a document's name (`report.pdf`).
const FORMATS: [&str; 9] = ["json", "xml", "csv", "atom", "rss", "yaml", "yml", "ics", "geojson"];

/// Whether it is a dot and a format.
fn is_ending(text: &str) -> bool {
    text.strip_prefix('.').is_some_and(|format| FORMATS.contains(&format))
}

/// A component without the ending that asks for a format, and that ending, which may be empty: `7.json` is `7` and `.json`. An
/// ending alone is a component.
pub fn split_ending(component: &str) -> (&str, &str) {
    let dot = component.rfind('.').filter(|at| *at > 0);
    let split = dot.and_then(|at| component.split_at_checked(at));
    split.filter(|(_, ending)| is_ending(ending)).unwrap_or((component, ""))
}

/// The ending of a component of a template that is a parameter: `.json` of `{user_id}.json`, and mostly empty.
pub fn parameter_ending(component: &str) -> Option<&str> {
    let (name, ending) = component.strip_prefix('{')?.split_once('}')?;
    let is_name = !name.is_empty() && !name.contains('{');
    (is_name && (ending.is_empty() || is_ending(ending))).then_some(ending)
}

/// Whether a component of a template is a parameter: `{user_id}`.
pub fn is_parameter(component: &str) -> bool {
    parameter_ending(component).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_end_in_formats() {
        for (component, split) in [
            ("7.json", ("7", ".json")),
            ("a.b.xml", ("a.b", ".xml")),
            ("report.pdf", ("report.pdf", "")),
            (".json", (".json", "")),
            ("json", ("json", "")),
            ("7.JSON", ("7.JSON", "")),
        ] {
            assert_eq!(split_ending(component), split, "{component}");
        }
        for (component, ending) in [
            ("{id}", Some("")),
            ("{id}.json", Some(".json")),
            ("{id}.pdf", None),
            ("{}", None),
            ("x{id}", None),
            ("{id", None),
        ] {
            assert_eq!(parameter_ending(component), ending, "{component}");
        }
    }
}
