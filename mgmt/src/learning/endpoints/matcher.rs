//! Finds the template of a path: a tree of names and parameters, the most literal way first.

use std::collections::HashMap;

use super::templates::Part;

/// Ways that are tried for one path; beyond it the path fits nothing. Templates of real APIs need a handful.
const STEPS: usize = 256;

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
    names: HashMap<Box<str>, usize>,
    parameter: Option<usize>,
    template: Option<usize>,
}

impl Matcher {
    /// Adds a template under a number of the caller's.
    pub fn add(&mut self, parts: &[Part], number: usize) {
        let mut at = 0;
        for part in parts {
            let fresh = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else { return };
            at = match part {
                Part::Name(name) => *node.names.entry(name.clone()).or_insert(fresh),
                Part::Parameter(_) => *node.parameter.get_or_insert(fresh),
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
    pub fn find<'c>(&self, components: impl Iterator<Item = &'c str> + Clone) -> Option<usize> {
        let mut steps = STEPS;
        self.walk(0, components, &mut steps)
    }

    /// As deep as the deepest template, at most.
    fn walk<'c>(
        &self,
        at: usize,
        mut rest: impl Iterator<Item = &'c str> + Clone,
        steps: &mut usize,
    ) -> Option<usize> {
        *steps = steps.checked_sub(1)?;
        let node = self.nodes.get(at)?;
        let Some(component) = rest.next() else { return node.template };
        let named =
            node.names.get(component).and_then(|next| self.walk(*next, rest.clone(), steps));
        named.or_else(|| self.walk(node.parameter?, rest, steps))
    }
}

#[cfg(test)]
mod tests {
    use super::super::values::Values;
    use super::*;

    #[test]
    fn the_most_literal_template_is_found() {
        let parts = |text: &str| -> Vec<Part> {
            let part = |c: &str| match c {
                "{}" => Part::Parameter(Values::default()),
                name => Part::Name(name.into()),
            };
            text.split('/').filter(|c| !c.is_empty()).map(part).collect()
        };
        let templates = ["/", "/users/{}", "/users/me", "/users/{}/keys", "/{}/me/{}/x"];
        let mut matcher = Matcher::default();
        for (number, template) in templates.iter().enumerate() {
            matcher.add(&parts(template), number);
        }
        for (path, number) in [
            ("/", Some(0)),
            ("/users/7", Some(1)),
            ("/users/me", Some(2)),
            ("/users/me/keys", Some(3)),
            ("/users/me/keys/x", Some(4)),
            ("/users", None),
            ("/users/7/keys/1", None),
        ] {
            let components = path.split('/').filter(|c| !c.is_empty());
            assert_eq!(matcher.find(components), number, "{path}");
        }
    }

    #[test]
    fn a_path_with_too_many_ways_ends() {
        let mut matcher = Matcher::default();
        for bits in 0..1u32 << 10 {
            let part = |n: u32| match bits >> n & 1 {
                0 => Part::Name("a".into()),
                _ => Part::Parameter(Values::default()),
            };
            let parts: Vec<Part> = (0..10).map(part).chain([Part::Name("end".into())]).collect();
            matcher.add(&parts, 0);
        }
        assert_eq!(matcher.find(["a"; 11].into_iter()), None);
    }
}
