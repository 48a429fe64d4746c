//! Finds the template of a path: a tree of names and parameters, the most literal way first.

use std::cmp::Reverse;
use std::collections::HashMap;

/// Ways that are tried for one path; beyond it the path fits nothing. Templates of real APIs need a handful.
const STEPS: usize = 256;

/// A component of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component<'t> {
    /// A name of the API.
    Name(&'t str),
    /// A value, and what each ends with, as a format: `7.json`.
    Parameter {
        /// Before the ending.
        values: Values,
        /// May be empty.
        ending: &'t str,
    },
}

/// Which values a parameter has, as far as that can be told of each value alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Values {
    /// Any.
    #[default]
    Any,
    /// Digits, maybe signed.
    Integer,
    /// RFC 9562 §4: 32 hexadecimal digits in five groups.
    Uuid,
}

impl Values {
    /// By the name of the type, as OpenAPI and the learner write it.
    pub fn named(kind: &str) -> Values {
        match kind {
            "integer" => Values::Integer,
            "uuid" => Values::Uuid,
            _ => Values::Any,
        }
    }

    fn fits(self, value: &[u8]) -> bool {
        match self {
            // A parameter of a template fits a parameter.
            _ if value.starts_with(b"{") && value.ends_with(b"}") => true,
            Values::Any => true,
            Values::Integer => {
                let digits = value.strip_prefix(b"-").unwrap_or(value);
                !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
            }
            Values::Uuid => {
                let fits = |(at, byte): (usize, &u8)| match at {
                    8 | 13 | 18 | 23 => *byte == b'-',
                    _ => byte.is_ascii_hexdigit(),
                };
                value.len() == 36 && value.iter().enumerate().all(fits)
            }
        }
    }

    /// What both are.
    fn join(self, other: Values) -> Values {
        if self == other { self } else { Values::Any }
    }
}

/// A compiled set of templates.
#[derive(Debug)]
pub struct Matcher {
    nodes: Vec<Node>,
}

impl Default for Matcher {
    fn default() -> Matcher {
        Matcher { nodes: vec![Node::default()] }
    }
}

#[derive(Debug, Default)]
struct Node {
    names: HashMap<Box<[u8]>, usize>,
    /// One for each ending, the longest first.
    parameters: Vec<Parameter>,
    template: Option<usize>,
}

#[derive(Debug)]
struct Parameter {
    ending: Box<[u8]>,
    values: Values,
    next: usize,
}

impl Node {
    /// The node after a parameter, which is `fresh` if it is new.
    fn parameter(&mut self, values: Values, ending: &[u8], fresh: usize) -> usize {
        if let Some(known) = self.parameters.iter_mut().find(|known| *known.ending == *ending) {
            known.values = known.values.join(values);
            return known.next;
        }
        self.parameters.push(Parameter { ending: ending.into(), values, next: fresh });
        self.parameters.sort_by_key(|parameter| Reverse(parameter.ending.len()));
        fresh
    }
}

impl Parameter {
    fn fits(&self, component: &[u8]) -> bool {
        let value = component.strip_suffix(&*self.ending);
        value.is_some_and(|value| !value.is_empty() && self.values.fits(value))
    }
}

impl Matcher {
    /// Adds a template under a number of the caller's.
    pub fn add<'t>(&mut self, components: impl Iterator<Item = Component<'t>>, number: usize) {
        let mut at = 0;
        for component in components {
            let fresh = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else { return };
            at = match component {
                Component::Name(name) => *node.names.entry(name.as_bytes().into()).or_insert(fresh),
                Component::Parameter { values, ending } => {
                    node.parameter(values, ending.as_bytes(), fresh)
                }
            };
            if at == fresh {
                self.nodes.push(Node::default());
            }
        }
        if let Some(node) = self.nodes.get_mut(at) {
            node.template = Some(number);
        }
    }

    /// The number of the template that a path fits, by its components (decoded, without empty ones).
    pub fn find<'c>(&self, components: impl Iterator<Item = &'c [u8]> + Clone) -> Option<usize> {
        self.find_where(components, &|_| true)
    }

    /// The same among the templates that `is_meant`.
    pub fn find_where<'c>(
        &self,
        components: impl Iterator<Item = &'c [u8]> + Clone,
        is_meant: &dyn Fn(usize) -> bool,
    ) -> Option<usize> {
        let mut steps = STEPS;
        self.walk(0, components, is_meant, &mut steps)
    }

    /// As deep as the deepest template, at most.
    fn walk<'c>(
        &self,
        at: usize,
        mut rest: impl Iterator<Item = &'c [u8]> + Clone,
        is_meant: &dyn Fn(usize) -> bool,
        steps: &mut usize,
    ) -> Option<usize> {
        *steps = steps.checked_sub(1)?;
        let node = self.nodes.get(at)?;
        let Some(component) = rest.next() else {
            return node.template.filter(|number| is_meant(*number));
        };
        let named = node
            .names
            .get(component)
            .and_then(|next| self.walk(*next, rest.clone(), is_meant, steps));
        named.or_else(|| {
            let mut fitting = node.parameters.iter().filter(|parameter| parameter.fits(component));
            fitting.find_map(|parameter| self.walk(parameter.next, rest.clone(), is_meant, steps))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> impl Iterator<Item = Component<'_>> {
        let part = |c| match c {
            "{}" => Component::Parameter { values: Values::Any, ending: "" },
            "{}.json" => Component::Parameter { values: Values::Any, ending: ".json" },
            "{integer}" => Component::Parameter { values: Values::Integer, ending: "" },
            "{uuid}" => Component::Parameter { values: Values::Uuid, ending: "" },
            name => Component::Name(name),
        };
        text.split('/').filter(|c| !c.is_empty()).map(part)
    }

    fn matcher(templates: &[&str]) -> Matcher {
        let mut matcher = Matcher::default();
        for (number, template) in templates.iter().enumerate() {
            matcher.add(parts(template), number);
        }
        matcher
    }

    fn find(matcher: &Matcher, path: &str) -> Option<usize> {
        matcher.find(path.split('/').filter(|c| !c.is_empty()).map(str::as_bytes))
    }

    #[test]
    fn the_most_literal_template_is_found() {
        let matcher = matcher(&["/", "/users/{}", "/users/me", "/users/{}/keys", "/{}/me/{}/x"]);
        for (path, number) in [
            ("/", Some(0)),
            ("/users/7", Some(1)),
            ("/users/me", Some(2)),
            ("/users/me/keys", Some(3)),
            ("/users/me/keys/x", Some(4)),
            ("/users", None),
            ("/users/7/keys/1", None),
        ] {
            assert_eq!(find(&matcher, path), number, "{path}");
        }
    }

    #[test]
    fn values_are_of_their_type_and_of_two_types_any() {
        let matcher = matcher(&["/a/{integer}", "/b/{uuid}", "/c/{integer}", "/c/{uuid}/x"]);
        let uuid = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
        for (path, found) in [
            ("/a/-17".to_owned(), true),
            ("/a/1a".to_owned(), false),
            ("/a/-".to_owned(), false),
            (format!("/b/{uuid}"), true),
            (format!("/b/{uuid}0"), false),
            ("/b/17".to_owned(), false),
            ("/c/word".to_owned(), true),
        ] {
            assert_eq!(find(&matcher, &path).is_some(), found, "{path}");
        }
    }

    #[test]
    fn a_format_is_an_endpoint_of_its_own_where_it_was_learnt() {
        let matcher = matcher(&["/a/{}", "/a/{}.json", "/a/{}.json/x", "/b/{}", "/b/c.json"]);
        for (path, number) in [
            ("/a/7", Some(0)),
            ("/a/7.json", Some(1)),
            ("/a/.json", Some(0)),
            ("/a/7.json/x", Some(2)),
            ("/a/7/x", None),
            ("/b/7.json", Some(3)),
            ("/b/c.json", Some(4)),
        ] {
            assert_eq!(find(&matcher, path), number, "{path}");
        }
    }

    #[test]
    fn a_path_with_too_many_ways_ends() {
        let mut matcher = Matcher::default();
        for bits in 0..1u32 << 10 {
            let part = |n: u32| match bits >> n & 1 {
                0 => Component::Name("a"),
                _ => Component::Parameter { values: Values::Any, ending: "" },
            };
            matcher.add((0..10).map(part).chain([Component::Name("end")]), 0);
        }
        assert_eq!(matcher.find([&b"a"[..]; 11].into_iter()), None);
    }
}
