//! The model of how callers behave: checked and stored here, judged with in the data plane.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;
use weir_inspect::behaviour::{MAX_MODEL_BYTES, Model, SiteModel};
use weir_proto::{ApplyModel, Hello, ModelResult, ToDataPlane, to_data_plane::Message};

use super::{Hub, lock};
use crate::daemon::store::{Revision, write};

const FILE: &str = "behaviour-model.json";
/// How long a push waits for the data plane: reading the largest model takes it a second.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The model that should be in force.
#[derive(Debug)]
pub(in crate::daemon) struct Models {
    file: PathBuf,
    /// Held over a whole push: one at a time.
    turn: tokio::sync::Mutex<()>,
    current: Mutex<Option<Arc<Revision>>>,
    answer: Mutex<Option<(u64, oneshot::Sender<ModelResult>)>>,
}

/// What became of a model that was pushed.
#[derive(Debug)]
pub(in crate::daemon) enum Pushed {
    /// Refused here or by the data plane; nothing has changed.
    Refused(String),
    /// Callers are judged with it.
    InForce(u64),
    /// Stored, and in force as soon as the data plane hears of it; the sentence says why it has not yet.
    Stored(u64, &'static str),
}

impl Models {
    /// Opens the store: a line with the number, and the model.
    pub(super) fn open(dir: &Path) -> io::Result<Models> {
        let file = dir.join(FILE);
        let current = match std::fs::read_to_string(&file) {
            Ok(text) => {
                let (number, source) = text.split_once('\n').unwrap_or_default();
                let broken = |_| io::Error::other("its first line holds no number");
                let number = number.parse().map_err(broken)?;
                Some(Arc::new(Revision { number, source: source.to_owned() }))
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(e),
        };
        let (turn, answer) = Default::default();
        Ok(Models { file, turn, current: Mutex::new(current), answer })
    }

    /// The model that a data plane lacks.
    pub(super) fn for_new(&self, hello: &Hello) -> Option<ToDataPlane> {
        let current = lock(&self.current).clone()?;
        (current.number != hello.model_revision).then(|| message(&current))
    }
}

impl Hub {
    /// Checks a model, sends it to the data plane, and stores it unless that refuses it.
    pub(in crate::daemon) async fn push_model(&self, text: String) -> io::Result<Pushed> {
        if text.len() > MAX_MODEL_BYTES {
            let why = format!("a model of more than {} MB can't be sent", MAX_MODEL_BYTES >> 20);
            return Ok(Pushed::Refused(why));
        }
        if let Err(error) = Model::parse(text.as_bytes()) {
            return Ok(Pushed::Refused(error.to_string()));
        }
        let _turn = self.models.turn.lock().await;
        let seen = lock(&self.link).hello.model_revision;
        let last = lock(&self.models.current).as_ref().map_or(0, |current| current.number);
        let revision = Arc::new(Revision { number: last.max(seen) + 1, source: text });
        let answer = self.send_model(&revision).await;
        if let Ok(ModelResult { ok: false, error, .. }) = answer {
            return Ok(Pushed::Refused(error));
        }
        let number = revision.number;
        let line = format!("{number}\n");
        write(&self.models.file, &[line.as_bytes(), revision.source.as_bytes()])?;
        *lock(&self.models.current) = Some(revision);
        Ok(match answer {
            Ok(_) => Pushed::InForce(number),
            Err(why) => Pushed::Stored(number, why),
        })
    }

    async fn send_model(&self, revision: &Revision) -> Result<ModelResult, &'static str> {
        let (answer, answered) = oneshot::channel();
        *lock(&self.models.answer) = Some((revision.number, answer));
        let sender = lock(&self.link).sender.clone().ok_or("the data plane is not connected")?;
        sender.try_send(message(revision)).map_err(|_| "the data plane does not read")?;
        match tokio::time::timeout(ANSWER_WITHIN, answered).await {
            Ok(Ok(result)) => Ok(result),
            // One of an older version leaves out what it does not know.
            _ => Err("the data plane did not answer in time"),
        }
    }

    /// The data plane has answered to a model.
    pub(in crate::daemon) fn model_answered(&self, result: ModelResult) {
        if result.ok {
            lock(&self.link).hello.model_revision = result.revision;
        } else {
            tracing::warn!("the data plane refused model {}: {}", result.revision, result.error);
        }
        let mut waiting = lock(&self.models.answer);
        if waiting.as_ref().is_some_and(|(revision, _)| *revision == result.revision)
            && let Some((_, waiting)) = waiting.take()
        {
            let _ = waiting.send(result); // nobody waits any more
        }
    }

    /// What `weir behaviour show` prints.
    pub(in crate::daemon) fn model(&self) -> Option<Value> {
        let current = lock(&self.models.current).clone()?;
        let site: SiteModel = serde_json::from_str(&current.source).ok()?;
        let link = lock(&self.link);
        let in_force = link.sender.is_some() && link.hello.model_revision == current.number;
        Some(json!({
            "revision": current.number,
            "in_force": in_force,
            "callers": site.callers,
            "quarantined_callers": site.quarantined_callers,
            "endpoints": site.templates.len(),
            "steps": site.steps.len(),
        }))
    }
}

fn message(revision: &Revision) -> ToDataPlane {
    let model = ApplyModel { revision: revision.number, model: revision.source.clone() };
    ToDataPlane { message: Some(Message::ApplyModel(model)) }
}
