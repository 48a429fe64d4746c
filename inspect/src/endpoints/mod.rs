//! The endpoints of the APIs behind Weir as they were learnt: to which of them a request goes.
//!
//! ```text
//! weir-mgmt ─► EndpointList (JSON) ─► Endpoints::parse ─► a tree for each host      (once, when it is pushed)
//! request   ─► Endpoints::find ─► the most literal template that its path fits       (once a request, without allocating)
//! ```

mod component;
mod matcher;

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

pub use component::{is_parameter, parameter_ending, split_ending};
pub use matcher::{Component, Matcher, Values};

use crate::policy::bare_host;

/// The version of the list's form. The first one had no methods.
const VERSION: u32 = 2;
/// Most endpoints of a list; a longer one is refused. A hundred services of two hundred endpoints.
pub const MAX_ENDPOINTS: usize = 20_000;
/// Most bytes of a list: it has to fit into a message of the control socket.
pub const MAX_LIST_BYTES: usize = 3 << 20;
/// Longest name of a host (RFC 1035 §2.3.4); a longer one has no endpoints.
const MAX_HOST: usize = 255;
/// What every parameter is called where only its place counts.
const ANY: &str = "{}";

/// Why a list can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// It is not the JSON of a list.
    #[error("not a list of endpoints: {0}")]
    Json(#[from] serde_json::Error),
    /// Its form is another one.
    #[error("a list of endpoints of version {0}, and this Weir reads up to version {VERSION}")]
    Version(u32),
    /// It is larger than any that Weir writes.
    #[error("a list of more than {MAX_ENDPOINTS} endpoints")]
    TooLong,
}

/// What is pushed to a data plane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointList {
    /// The form of the list.
    pub version: u32,
    /// By host, lower-case and without port.
    pub hosts: BTreeMap<String, Vec<ListedEndpoint>>,
}

/// A template of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedEndpoint {
    /// `/users/{user_id}/cart`
    pub template: String,
    /// The types of its parameters, in order: `integer`, `uuid`; any other name is any value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<String>,
    /// Those by which it is called; none: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
}

impl EndpointList {
    /// An empty one of this version.
    pub fn new() -> EndpointList {
        EndpointList { version: VERSION, hosts: BTreeMap::new() }
    }
}

impl Default for EndpointList {
    fn default() -> EndpointList {
        EndpointList::new()
    }
}

/// A learnt endpoint: a path of a host, and the methods by which it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `/users/{user_id}/cart`
    pub template: Box<str>,
    /// `/users/{}/cart`: the same whatever its parameters are called.
    pub(crate) form: Box<str>,
    /// None: any.
    methods: Vec<Box<str>>,
}

impl Endpoint {
    /// Whether it was called by this method. What answers GET answers HEAD (RFC 9110 §9.3.2).
    fn is_called_by(&self, method: &[u8]) -> bool {
        let same = |known: &str| known.as_bytes() == method || method == b"HEAD" && known == "GET";
        self.methods.is_empty() || self.methods.iter().any(|known| same(known))
    }
}

/// A list made ready for looking up.
#[derive(Debug, Default)]
pub struct Endpoints {
    hosts: HashMap<Box<[u8]>, Matcher>,
    all: Vec<Endpoint>,
}

impl Endpoints {
    /// Reads a list.
    pub fn parse(text: &[u8]) -> Result<Endpoints, ListError> {
        Endpoints::new(&serde_json::from_slice(text)?)
    }

    /// Makes a list ready.
    pub fn new(list: &EndpointList) -> Result<Endpoints, ListError> {
        if !(1..=VERSION).contains(&list.version) {
            return Err(ListError::Version(list.version));
        }
        if list.hosts.values().map(Vec::len).sum::<usize>() > MAX_ENDPOINTS {
            return Err(ListError::TooLong);
        }
        let mut endpoints = Endpoints::default();
        for (host, listed) in &list.hosts {
            let host = host.to_ascii_lowercase().into_bytes();
            let matcher = endpoints.hosts.entry(host.into()).or_default();
            for ListedEndpoint { template, parameters, methods } in listed {
                let mut types = parameters.iter().map(|kind| Values::named(kind));
                let part = |name| match parameter_ending(name) {
                    Some(ending) => {
                        let values = types.next().unwrap_or_default();
                        Component::Parameter { values, ending }
                    }
                    None => Component::Name(name),
                };
                matcher.add(components(template).map(part), endpoints.all.len());
                let (template, form) = (template.as_str().into(), form(template).into());
                let methods = methods.iter().map(|method| method.as_str().into()).collect();
                endpoints.all.push(Endpoint { template, form, methods });
            }
        }
        Ok(endpoints)
    }

    /// Whether nothing was learnt.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// The number of the endpoint to which a request goes; none if it is not known, or not by this method. `host` as sent, `path`
    /// percent-decoded and without query. Which endpoint a path with `.` or `..` reaches depends on the server.
    pub fn find(&self, method: &[u8], host: &[u8], path: &[u8]) -> Option<u32> {
        if self.all.is_empty() {
            return None;
        }
        let host = bare_host(host);
        let mut lower = [0; MAX_HOST];
        let lower = lower.get_mut(..host.len())?;
        lower.copy_from_slice(host);
        lower.make_ascii_lowercase();
        let matcher = self.hosts.get(&*lower)?;
        if has_dots(path) {
            return None;
        }
        let components = path.split(|b| *b == b'/').filter(|c| !c.is_empty());
        let is_meant = |number: usize| self.all.get(number).is_some_and(|e| e.is_called_by(method));
        let found = matcher.find_where(components, &is_meant);
        found.and_then(|number| u32::try_from(number).ok())
    }

    /// An endpoint by its number.
    pub fn get(&self, number: u32) -> Option<&Endpoint> {
        self.all.get(number as usize)
    }
}

/// Whether a component is `.` or `..`.
pub fn has_dots(path: &[u8]) -> bool {
    memchr::memmem::find(path, b"/.").is_some()
        && path.split(|b| *b == b'/').any(|c| matches!(c, b"." | b".."))
}

/// The components of a template, without empty ones.
fn components(template: &str) -> impl Iterator<Item = &str> {
    template.split('/').filter(|c| !c.is_empty())
}

/// A template without the names of its parameters: `/users/{}/cart`.
pub(crate) fn form(template: &str) -> String {
    let part = |name| match parameter_ending(name) {
        Some(ending) => ["/", ANY, ending],
        None => ["/", name, ""],
    };
    let form: String = components(template).flat_map(part).collect();
    if form.is_empty() { "/".to_owned() } else { form }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"{"version": 1, "hosts": {"shop": [
        {"template": "/users/{user_id}/cart", "parameters": ["integer"]},
        {"template": "/users/{login}"}, {"template": "/users/me"}, {"template": "/"}]}}"#;

    #[test]
    fn a_request_goes_to_the_most_literal_endpoint_of_its_host() {
        let endpoints = Endpoints::parse(LIST.as_bytes()).unwrap();
        for (host, path, template) in [
            ("shop", "/users/ann", Some("/users/{login}")),
            ("SHOP:8080", "//users/me/", Some("/users/me")),
            ("shop", "/users/7/cart", Some("/users/{user_id}/cart")),
            ("shop", "/", Some("/")),
            ("shop", "/users/.", None),
            ("shop", "/users/x/../me", None),
            ("shop", "/users/.x", Some("/users/{login}")),
            ("shop", "/orders", None),
            ("other", "/users/me", None),
            ("", "/users/me", None),
        ] {
            let found = endpoints.find(b"GET", host.as_bytes(), path.as_bytes());
            let found = found.and_then(|n| endpoints.get(n)).map(|e| &*e.template);
            assert_eq!(found, template, "{host} {path}");
        }
        assert_eq!(endpoints.find(b"GET", &[b'a'; 300], b"/"), None);
    }

    #[test]
    fn a_request_goes_to_an_endpoint_that_is_called_by_its_method() {
        let list = r#"{"version": 2, "hosts": {"shop": [{"template": "/users/me", "methods": ["GET"]},
            {"template": "/users/{login}", "methods": ["DELETE", "PUT"]}, {"template": "/any"}]}}"#;
        let endpoints = Endpoints::parse(list.as_bytes()).unwrap();
        for (method, path, template) in [
            ("GET", "/users/me", Some("/users/me")),
            ("HEAD", "/users/me", Some("/users/me")),
            ("DELETE", "/users/me", Some("/users/{login}")),
            ("GET", "/users/ann", None),
            ("delete", "/users/ann", None),
            ("PATCH", "/any", Some("/any")),
        ] {
            let found = endpoints.find(method.as_bytes(), b"shop", path.as_bytes());
            let found = found.and_then(|n| endpoints.get(n)).map(|e| &*e.template);
            assert_eq!(found, template, "{method} {path}");
        }
    }

    #[test]
    fn lists_of_another_form_are_refused() {
        let versions = LIST.replace("\"version\": 1", "\"version\": 3");
        for (list, why) in [("[]", "not a list"), (&versions, "version 3")] {
            let error = Endpoints::parse(list.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        let (template, parameters, methods) = ("/a".into(), Vec::new(), Vec::new());
        let listed = ListedEndpoint { template, parameters, methods };
        let hosts = BTreeMap::from([("a".to_owned(), vec![listed; MAX_ENDPOINTS + 1])]);
        let list = EndpointList { hosts, ..EndpointList::new() };
        assert!(matches!(Endpoints::new(&list), Err(ListError::TooLong)));
    }

    #[test]
    fn the_form_of_a_template_knows_no_names() {
        for (template, expected) in [("/a/{x}/b", "/a/{}/b"), ("/a//{}", "/a/{}"), ("", "/")] {
            assert_eq!(form(template), expected);
        }
    }
}
