//! YAML source → a tree in which everything knows its line and column.
//!
//! Only what a policy needs: one document, text keys, no anchors, aliases or tags. Aliases are what makes a small
//! YAML file expand to gigabytes, so they are refused and not bounded.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use super::diagnostic::{Pos, Report};

/// Largest policy source, room for the most rules at a kilobyte each; a longer one is an error.
pub const MAX_SOURCE_BYTES: usize = 256 << 10;

/// Deepest nesting; a policy needs five levels. More is an error.
const MAX_DEPTH: usize = 16;

/// Most keys of a mapping and items of a list; more is an error. Twice what anything in a policy may have.
const MAX_ENTRIES: usize = 512;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub pos: Pos,
    pub value: Value,
}

/// A YAML value, plain scalars resolved by the core schema (YAML 1.2.2 §10.3.2).
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A mapping's key and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    pub pos: Pos,
    pub name: String,
}

impl Node {
    /// The value of a key; none if it is absent or this is not a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(k, _)| k.name == key).map(|(_, v)| v),
            _ => None,
        }
    }

    /// Whether a key is given, be its value usable or not.
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// The items of the list under a key; nothing if there is no such list.
    pub fn items(&self, key: &str) -> &[Node] {
        match self.get(key).map(|n| &n.value) {
            Some(Value::List(items)) => items,
            _ => &[],
        }
    }

    /// Where the value of a key stands; the mapping itself if the key is absent.
    pub fn pos_of(&self, key: &str) -> Pos {
        self.get(key).map_or(self.pos, |n| n.pos)
    }

    /// The tree as JSON, for serde.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(b) => Json::from(*b),
            Value::Int(i) => Json::from(*i),
            Value::Float(f) => Json::from(*f),
            Value::Text(t) => Json::from(t.as_str()),
            Value::List(items) => Json::Array(items.iter().map(Node::to_json).collect()),
            Value::Map(entries) => Json::Object(
                entries.iter().map(|(key, node)| (key.name.clone(), node.to_json())).collect(),
            ),
        }
    }
}

impl Value {
    /// What the value is, for an error message.
    pub fn describe(&self) -> String {
        match self {
            Value::Null => "nothing".into(),
            Value::Bool(b) => format!("`{b}`"),
            Value::Int(i) => format!("the number {i}"),
            Value::Float(f) => format!("the number {f}"),
            Value::Text(t) => format!("the text `{t}`"),
            Value::List(_) => "a list".into(),
            Value::Map(_) => "a mapping".into(),
        }
    }
}

/// Parses one YAML document. None, with errors in `report`, if it is not YAML at all.
pub(super) fn parse(source: &str, report: &mut Report) -> Option<Node> {
    let start = Pos { line: 1, column: 1 };
    if source.len() > MAX_SOURCE_BYTES {
        report.error(start, format!("the policy is longer than {MAX_SOURCE_BYTES} bytes"));
        return None;
    }
    let mut builder = Builder { root: None, open: Vec::new() };
    for event in Parser::new_from_str(source) {
        let step = match event {
            Ok((event, span)) => builder.event(event, pos(&span.start), report),
            Err(error) => Err((pos(error.marker()), format!("not YAML: {}", error.info()))),
        };
        if let Err((pos, message)) = step {
            report.error(pos, message);
            return None;
        }
    }
    if builder.root.is_none() {
        report.error(start, "the policy is empty");
    }
    builder.root
}

fn pos(marker: &Marker) -> Pos {
    Pos { line: marker.line().max(1), column: marker.col() + 1 }
}

/// The collections that are still open, innermost last, and the finished document.
struct Builder {
    root: Option<Node>,
    open: Vec<Open>,
}

struct Open {
    node: Node,
    /// In a mapping: the key whose value comes next.
    key: Option<Key>,
}

type Step = Result<(), (Pos, String)>;

impl Builder {
    fn event(&mut self, event: Event<'_>, pos: Pos, report: &mut Report) -> Step {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                refuse(pos, anchor, tag.is_some())?;
                let value = match style {
                    ScalarStyle::Plain => resolve(&text),
                    _ => Value::Text(text.into_owned()),
                };
                self.add(Node { pos, value }, report)
            }
            Event::SequenceStart(anchor, tag) => {
                refuse(pos, anchor, tag.is_some())?;
                self.open(Node { pos, value: Value::List(Vec::new()) })
            }
            Event::MappingStart(anchor, tag) => {
                refuse(pos, anchor, tag.is_some())?;
                self.open(Node { pos, value: Value::Map(Vec::new()) })
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(done) => self.add(done.node, report),
                None => Ok(()),
            },
            Event::Alias(_) => {
                Err((pos, "aliases are not supported; quote a value that begins with `*`".into()))
            }
            Event::DocumentStart(_) if self.root.is_some() => {
                Err((pos, "a policy is one document, and here a second one begins".into()))
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, node: Node) -> Step {
        if self.open.len() >= MAX_DEPTH {
            return Err((node.pos, format!("nested more than {MAX_DEPTH} levels deep")));
        }
        self.open.push(Open { node, key: None });
        Ok(())
    }

    /// Puts a finished node where it belongs: into the innermost open collection, or at the root.
    fn add(&mut self, node: Node, report: &mut Report) -> Step {
        let Some(Open { node: parent, key }) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut parent.value {
            Value::Map(entries) if entries.len() >= MAX_ENTRIES => return Err(too_many(node.pos)),
            Value::List(items) if items.len() >= MAX_ENTRIES => return Err(too_many(node.pos)),
            Value::Map(entries) => match key.take() {
                None => *key = Some(as_key(node)?),
                Some(key) if entries.iter().any(|(k, _)| k.name == key.name) => {
                    report.error(key.pos, format!("`{}` is given twice", key.name));
                }
                Some(key) => entries.push((key, node)),
            },
            Value::List(items) => items.push(node),
            _ => {}
        }
        Ok(())
    }
}

fn too_many(pos: Pos) -> (Pos, String) {
    (pos, format!("more than {MAX_ENTRIES} entries here"))
}

fn refuse(pos: Pos, anchor: usize, tagged: bool) -> Step {
    match (anchor, tagged) {
        (0, false) => Ok(()),
        (_, true) => {
            Err((pos, "tags are not supported; quote a value that begins with `!`".into()))
        }
        _ => Err((pos, "anchors are not supported; quote a value that begins with `&`".into())),
    }
}

fn as_key(node: Node) -> Result<Key, (Pos, String)> {
    let name = match node.value {
        Value::Text(name) => name,
        Value::List(_) | Value::Map(_) => return Err((node.pos, "a key must be text".into())),
        // Plain `on`, `1`, `null` as keys: unknown keys like any other, reported as such later.
        scalar => scalar.describe(),
    };
    Ok(Key { pos: node.pos, name })
}

/// A plain scalar by the YAML 1.2 core schema.
fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    if let Ok(int) = text.parse() {
        return Value::Int(int);
    }
    // Rust also reads `inf` and `nan` as numbers; YAML and an operator read them as words.
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    match text.parse::<f64>() {
        Ok(float) if numeric && float.is_finite() => Value::Float(float),
        _ => Value::Text(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(source: &str) -> Vec<String> {
        let mut report = Report::default();
        parse(source, &mut report);
        report.into_sorted().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn everything_knows_its_place() {
        let mut report = Report::default();
        let root = parse("a: 1\nlist:\n  - ü: [x, 'y']\n", &mut report).unwrap();
        let item = &root.items("list")[0];
        assert_eq!(item.pos, Pos { line: 3, column: 5 });
        assert_eq!(item.items("ü")[1].pos, Pos { line: 3, column: 12 });
        assert_eq!(root.pos_of("a"), Pos { line: 1, column: 4 });
        assert_eq!(root.to_json(), serde_json::json!({"a": 1, "list": [{"ü": ["x", "y"]}]}));
    }

    #[test]
    fn scalars_follow_the_core_schema() {
        for (text, value) in [
            ("~", Value::Null),
            ("true", Value::Bool(true)),
            ("yes", Value::Text("yes".into())),
            ("-7", Value::Int(-7)),
            ("1.5", Value::Float(1.5)),
            ("1e999", Value::Text("1e999".into())),
            ("inf", Value::Text("inf".into())),
            ("10.0.0.1", Value::Text("10.0.0.1".into())),
        ] {
            assert_eq!(resolve(text), value, "{text}");
        }
    }

    #[test]
    fn what_a_policy_cannot_hold_is_refused_with_its_place() {
        for (source, expected) in [
            ("", "1:1: error: the policy is empty"),
            ("a: 1\nb: 2\na: 3", "3:1: error: `a` is given twice"),
            (
                "a: &x 1",
                "1:4: error: anchors are not supported; quote a value that begins with `&`",
            ),
            ("a: !x 1", "1:4: error: tags are not supported; quote a value that begins with `!`"),
            (
                "a: 1\n---\nb: 1",
                "2:1: error: a policy is one document, and here a second one begins",
            ),
            ("[a]: 1", "1:1: error: a key must be text"),
        ] {
            assert_eq!(errors(source), [expected], "{source}");
        }
        assert!(errors(&"[".repeat(64))[0].contains("1:17: error: nested more than 16 levels"));
        assert!(errors(&" ".repeat(MAX_SOURCE_BYTES + 1))[0].contains("longer than"));
        assert_eq!(errors(&"- 1\n".repeat(600)), ["513:3: error: more than 512 entries here"]);
        assert!(errors("a: [1\nb: 2")[0].contains("error: not YAML"));
        assert!(errors("a: *x")[0].contains("1:4: error:"));
    }
}
