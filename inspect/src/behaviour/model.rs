//! What was learnt of a site: what is usual there, and which endpoint follows which. A model is a JSON file.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::judge::Limits;
use super::measure::{MEASURES, Measure};
use super::shape::Shape;
use super::text;
use crate::endpoints::{Endpoints, is_parameter};

/// The version of the file's form.
const VERSION: u32 = 1;
/// Most templates and steps of a model; a file with more is refused. A hundred services of a hundred endpoints.
const MAX_TEMPLATES: usize = 10_000;
const MAX_STEPS: usize = 1_000_000;
/// Most bytes of a model that is pushed to a data plane: it has to fit into a message of the control socket.
pub const MAX_MODEL_BYTES: usize = 3 << 20;
/// Of a step's probability so much comes from how often the template occurs at all (back-off), and so much is left for
/// templates that were never seen.
const BACK_OFF: f32 = 0.1;
const UNSEEN: f32 = 0.001;

/// Why a model can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// It is not the JSON of a model.
    #[error("not a behaviour model: {0}")]
    Json(#[from] serde_json::Error),
    /// Its form is another one.
    #[error(
        "a behaviour model of version {0}, and this Weir reads version {VERSION}: learn it again"
    )]
    Version(u32),
    /// It is larger than any that Weir writes.
    #[error("a behaviour model with {0}, more than the {1} that Weir writes")]
    TooLarge(&'static str, usize),
    /// A step or a number that means nothing.
    #[error("a behaviour model with {0}")]
    Damaged(&'static str),
}

/// What is usual of a measure among callers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Norm {
    /// The median.
    pub median: f32,
    /// The median distance from it (MAD), times 1.4826: the standard deviation, were it a normal distribution.
    pub spread: f32,
}

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// The method.
    pub method: String,
    /// The host; empty if it was not recorded.
    pub host: String,
    /// The path with `{id}`.
    pub path: String,
    /// Requests it was learnt from.
    pub count: u32,
}

impl Template {
    /// The same as [`Shape::template`] of its requests, where these endpoints are known.
    pub fn hash(&self, endpoints: &Endpoints) -> u64 {
        let Template { method, host, path, .. } = self;
        let (host, path) = (host.as_bytes(), path.as_bytes());
        let learnt =
            endpoints.find(method.as_bytes(), host, path).and_then(|number| endpoints.get(number));
        // Of a list that is not at hand: its parameters have names.
        let named = || self.path.split('/').any(is_parameter).then_some(&*self.path);
        let template = learnt.map(|endpoint| &*endpoint.template).or_else(named);
        Shape::at(method.as_bytes(), host, path, template).template
    }
}

/// The file: what `weir learn behaviour` writes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteModel {
    /// The form of the file.
    pub version: u32,
    /// Callers it was learnt from, and those that were left out since they behave like attackers.
    pub callers: u64,
    /// Left out.
    pub quarantined_callers: u64,
    /// Endpoints.
    pub templates: Vec<Template>,
    /// Endpoints that too few callers asked for, or none but callers left out: not believed.
    pub quarantined_templates: u64,
    /// From template, to template (places in `templates`), how often.
    pub steps: Vec<(u32, u32, u32)>,
    /// What is usual, by measure.
    pub norms: BTreeMap<String, Norm>,
}

impl SiteModel {
    /// An empty one of this version.
    pub fn new() -> SiteModel {
        SiteModel { version: VERSION, ..SiteModel::default() }
    }
}

/// Keys are hashes already, of what the model holds: who asks for something else finds nothing.
type AsItIs = BuildHasherDefault<Key>;

#[derive(Default)]
struct Key(u64);

impl Hasher for Key {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, key: u64) {
        // The highest bits of a product are the best ones, and a table takes the lowest.
        self.0 = key.rotate_left(26);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A model made ready for looking up.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// By the template's hash (which holds method and host): how surprising it is where it follows nothing that it is known to
    /// follow (nats).
    templates: HashMap<u64, f32, AsItIs>,
    /// By the hash of both ends: how surprising a step is that was learnt.
    steps: HashMap<u64, f32, AsItIs>,
    /// Where what is usual ends.
    pub(super) limits: Limits,
    /// As it was read.
    site: Arc<SiteModel>,
}

impl Model {
    /// Without anything learnt: what is usual anywhere.
    pub fn generic() -> Model {
        Model::default()
    }

    /// Reads a file.
    pub fn parse(text: &[u8]) -> Result<Model, ModelError> {
        Model::new(&serde_json::from_slice(text)?)
    }

    /// Makes a model ready.
    pub fn new(site: &SiteModel) -> Result<Model, ModelError> {
        if site.version != VERSION {
            return Err(ModelError::Version(site.version));
        }
        if site.templates.len() > MAX_TEMPLATES {
            return Err(ModelError::TooLarge("templates", MAX_TEMPLATES));
        }
        if site.steps.len() > MAX_STEPS {
            return Err(ModelError::TooLarge("steps", MAX_STEPS));
        }
        let holds = |place: &u32| (*place as usize) < site.templates.len();
        if !site.steps.iter().all(|(from, to, _)| holds(from) && holds(to)) {
            return Err(ModelError::Damaged("a step between templates that it does not hold"));
        }
        let mut norms = [None; MEASURES];
        for (measure, norm) in Measure::ALL.iter().zip(&mut norms) {
            *norm = site.norms.get(&measure_name(*measure)).copied();
            if norm
                .is_some_and(|n| !n.median.is_finite() || !n.spread.is_finite() || n.spread < 0.0)
            {
                return Err(ModelError::Damaged("a norm that is no number"));
            }
        }
        let model =
            Model { limits: Limits::of(&norms), site: Arc::new(site.clone()), ..Model::default() };
        Ok(model.on(&Endpoints::default()))
    }

    /// The same model where these endpoints are known: what it calls otherwise is the endpoint that it fits.
    pub fn on(&self, endpoints: &Endpoints) -> Model {
        let site = &self.site;
        let mut model =
            Model { limits: self.limits.clone(), site: Arc::clone(site), ..Model::default() };
        let hashes: Vec<u64> = site.templates.iter().map(|t| t.hash(endpoints)).collect();
        // Several templates of the model may be one endpoint.
        let mut counts: HashMap<u64, f32, AsItIs> = HashMap::default();
        for (hash, template) in hashes.iter().zip(&site.templates) {
            *counts.entry(*hash).or_default() += template.count as f32;
        }
        let total: f32 = counts.values().sum::<f32>().max(1.0);
        let share = |hash: &u64| counts.get(hash).copied().unwrap_or(0.0) / total;
        model.templates.extend(counts.keys().map(|hash| (*hash, surprise(0.0, share(hash)))));
        let (mut leaving, mut steps) =
            (HashMap::<u64, f32>::new(), HashMap::<(u64, u64), f32>::new());
        for (from, to, count) in &site.steps {
            let ends = (hashes.get(*from as usize), hashes.get(*to as usize));
            let (Some(from), Some(to)) = ends else { continue };
            *leaving.entry(*from).or_default() += *count as f32;
            *steps.entry((*from, *to)).or_default() += *count as f32;
        }
        for ((from, to), count) in steps {
            let all = leaving.get(&from).copied().unwrap_or(1.0).max(1.0);
            model.steps.insert(step(from, to), surprise(count / all, share(&to)));
        }
        model
    }

    /// How surprising a step is, in nats: −ln p. None: nothing is known of where it comes from or goes to.
    pub fn surprise(&self, from: u64, to: u64) -> Option<f32> {
        if self.templates.is_empty() {
            return None;
        }
        let learnt = self.steps.get(&step(from, to)).or_else(|| self.templates.get(&to)).copied();
        learnt.or_else(|| self.templates.contains_key(&from).then(|| surprise(0.0, 0.0)))
    }
}

/// Of a step that is taken this often from where it begins, to an endpoint that has this share of the requests: −ln p.
fn surprise(follows: f32, share: f32) -> f32 {
    -((1.0 - BACK_OFF) * follows + BACK_OFF * share + UNSEEN).ln()
}

/// A measure's name in the file.
pub fn measure_name(measure: Measure) -> String {
    match serde_json::to_value(measure) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

fn step(from: u64, to: u64) -> u64 {
    text::step(from, to)
}
