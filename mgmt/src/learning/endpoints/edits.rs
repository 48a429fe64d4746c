//! What people know better: templates that hold, whatever was learnt.
//!
//! ```yaml
//! templates:
//!   - /users/{login}      # what comes after /users is a value, and is called `login`
//!   - /users/me           # but this is a name of its own
//! ```
//!
//! A name in a template stays a name (to pin it, or to split it off), a parameter joins all other children at its place (to merge them) and has
//! its name (to rename it). All of it holds at each component, so `/users/{login}/keys` also says that `keys` is a name.

use serde::Deserialize;
use weir_inspect::endpoints::{parameter_ending, split_ending};

use super::templates::Part;

/// Most templates; each is compared at each place.
const TEMPLATES: usize = 1024;

/// Templates that hold.
#[derive(Clone, Debug, Default)]
pub struct Edits(Vec<Vec<Known>>);

/// A component of a template that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Known {
    Name(Box<str>),
    /// With its name and its ending.
    Parameter(Box<str>, Box<str>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    templates: Vec<String>,
}

/// What is known of the children of a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place<'e> {
    names: Vec<&'e str>,
    parameter: bool,
}

impl Edits {
    /// Reads YAML; the error is a sentence.
    pub fn read(text: &str) -> Result<Edits, String> {
        let file: File = serde_saphyr::from_str(text).map_err(|e| e.to_string())?;
        if file.templates.len() > TEMPLATES {
            return Err(format!("more than {TEMPLATES} templates"));
        }
        let known = |component: &str| {
            if let Some(ending) = parameter_ending(component) {
                let name = component.strip_suffix(ending).unwrap_or(component);
                return Ok(Known::Parameter(name.replace(['{', '}'], "").into(), ending.into()));
            }
            match component.contains(['{', '}']) {
                true => Err(format!(
                    "`{component}` is no parameter: that is `{{name}}`, or `{{name}}.json`"
                )),
                false => Ok(Known::Name(component.into())),
            }
        };
        let template = |text: &String| match text.strip_prefix('/') {
            None => Err(format!("the template `{text}` must begin with `/`")),
            Some(rest) => rest.split('/').filter(|c| !c.is_empty()).map(known).collect(),
        };
        file.templates.iter().map(template).collect::<Result<_, _>>().map(Edits)
    }

    /// What is known of the children after these components.
    pub fn at(&self, parts: &[Part]) -> Place<'_> {
        let mut place = Place::default();
        for template in self.0.iter().filter(|template| begins(template, parts)) {
            match template.get(parts.len()) {
                Some(Known::Name(name)) => place.names.push(split_ending(name).0),
                Some(Known::Parameter(..)) => place.parameter = true,
                None => {}
            }
        }
        place
    }

    /// The names of the parameters of a template, where they are known.
    pub fn names(&self, parts: &[Part]) -> Vec<Option<Box<str>>> {
        let name = |at: usize| {
            let before = parts.get(..at).unwrap_or_default();
            let mut known = self.0.iter().filter(|template| begins(template, before));
            known.find_map(|template| match template.get(at) {
                Some(Known::Parameter(name, _)) => Some(name.clone()),
                _ => None,
            })
        };
        let parameters =
            parts.iter().enumerate().filter(|(_, p)| matches!(p, Part::Parameter { .. }));
        parameters.map(|(at, _)| name(at)).collect()
    }
}

fn begins(template: &[Known], parts: &[Part]) -> bool {
    let same = |(known, part): (&Known, &Part)| match (known, part) {
        (Known::Name(a), Part::Name(b)) => a == b,
        (Known::Parameter(_, a), Part::Parameter { ending: b, .. }) => a == b,
        _ => false,
    };
    template.len() >= parts.len() && template.iter().zip(parts).all(same)
}

impl Place<'_> {
    /// Whether a child is a value, if that is known.
    pub fn is_value(&self, name: &str) -> Option<bool> {
        match self.names.contains(&name) {
            true => Some(false),
            false => self.parameter.then_some(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_knows_its_names_and_its_parameter() {
        let edits =
            Edits::read("templates: [\"/users/{login}/keys\", /users/me, /teams/core]").unwrap();
        let users = [Part::Name("users".into())];
        let place = edits.at(&users);
        assert_eq!((place.is_value("me"), place.is_value("alice")), (Some(false), Some(true)));
        let teams = edits.at(&[Part::Name("teams".into())]);
        assert_eq!((teams.is_value("core"), teams.is_value("blue")), (Some(false), None));
        let [users] = users;
        let user = [users, Part::any("")];
        assert_eq!(edits.at(&user).is_value("keys"), Some(false));
        assert_eq!(edits.names(&user), [Some("login".into())]);
    }

    #[test]
    fn what_is_no_template_is_said() {
        for (text, why) in [
            ("templates: [users]", "must begin"),
            ("templates: [\"/a/{}\"]", "no parameter"),
            ("templates: [\"/a/{b}.pdf\"]", "no parameter"),
            ("templates: [\"/a/{b{c}\"]", "no parameter"),
            ("template: []", "template"),
        ] {
            let error = Edits::read(text).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
