//! All that the thread knows, fed one record at a time.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};
use weir_inspect::policy::Policy;
use weir_inspect::request::Request;
use weir_proto::event::Body;
use weir_proto::{Access, Anomaly, Event, Sample};

use super::super::eventlog::EventLog;
use super::super::rotate::Rotated;
use super::super::store::{Revision, write};
use super::callers::Callers;
use super::suspects::Suspects;
use super::{record, state};
use crate::learning::anomaly::{self, Engine, Kind, Observation, Report, State};
use crate::learning::endpoints::edits::Edits;
use crate::learning::endpoints::shown::Shown;
use crate::learning::endpoints::templates::Networks;
use crate::learning::endpoints::trial::Trial;
use crate::learning::endpoints::{Known, Learner as Endpoints, Learnt, list};
use crate::learning::graph::{Graph, Who};

/// A record may be so many seconds ahead of this machine's clock; beyond it it counts as of now, and is counted.
const AHEAD: f64 = 5.0;
/// A bucket is judged so long after its end: records take a moment to come.
const LATE: f64 = 5.0;
/// The list of endpoints is put together anew after so long, if there was anything new, so that changes are logged.
const REFRESH: Duration = Duration::from_secs(60);
/// Bytes of the log of endpoints, and rotated files of it.
const LOG_BYTES: u64 = 8 << 20;
const LOG_FILES: u32 = 2;

/// All that is learnt, and where it is kept.
pub(super) struct Learner {
    dir: PathBuf,
    events: Arc<EventLog>,
    anomalies: Engine,
    begun: BTreeMap<Kind, u64>,
    ahead: u64,
    pub(super) endpoints: Endpoints,
    /// Templates that people set, as they wrote them.
    pub(super) edits: Vec<String>,
    edited: bool,
    pub(super) shown: Shown,
    log: Option<Rotated>,
    pub(super) trial: Trial,
    pub(super) graph: Graph,
    who: Who,
    pub(super) callers: Callers,
    /// The list of endpoints as it was put together last, when, how long that took, and of how many requests.
    learnt: Arc<Learnt>,
    put_together: Option<(Instant, Duration)>,
    /// The same as data planes are told.
    pub(super) list: Option<Arc<Revision>>,
    /// Who is behind an attack.
    pub(super) suspects: Suspects,
    requests: u64,
    shown_requests: u64,
}

impl Learner {
    /// With what was learnt before.
    pub(super) fn open(dir: &Path, events: Arc<EventLog>, period: Duration) -> io::Result<Learner> {
        let networks = Networks::built_in();
        let networks =
            networks.ok_or_else(|| io::Error::other("the built-in networks are damaged"))?;
        let at = |name: &str| dir.join(name);
        let path = at("anomalies.json");
        let anomalies = state::or_fresh("what is usual", &path, anomaly::load(&path));
        let mut endpoints = Endpoints::new(networks);
        let path = at("endpoints.bin");
        let known = state::load::<(Known, Shown)>(&path).map(Option::unwrap_or_default);
        let (known, shown) = state::or_fresh("the list of endpoints", &path, known);
        endpoints.restore(known);
        endpoints.hold(shown.held());
        let path = at("services.bin");
        let loaded = state::load::<(Graph, Who)>(&path).map(Option::unwrap_or_default);
        let (graph, who) = state::or_fresh("who calls whom", &path, loaded);
        let path = at("edits.yaml");
        let edits = state::or_fresh("the templates that people set", &path, read_edits(&path));
        let log = Rotated::open(&at("endpoints.jsonl"), LOG_BYTES, LOG_FILES);
        let log =
            log.map_err(|e| tracing::error!("changes of endpoints can't be logged: {e}")).ok();
        let mut learner = Learner {
            dir: dir.to_owned(),
            events,
            anomalies,
            begun: BTreeMap::new(),
            ahead: 0,
            endpoints,
            edits: Vec::new(),
            edited: false,
            shown,
            log,
            trial: Trial::default(),
            graph,
            who,
            callers: Callers::new(at("behaviour.json"), period),
            learnt: Arc::default(),
            put_together: None,
            list: None,
            suspects: Suspects::default(),
            requests: 1,
            shown_requests: 0,
        };
        if let Err(what) = learner.set_edits(edits) {
            tracing::error!("{}: {what}", path.display());
        }
        Ok(learner)
    }

    /// From now on services are named by this policy.
    pub(super) fn follow(&mut self, source: &str) {
        if let Ok((policy, _)) = Policy::compile(source) {
            self.who.follow(policy);
        }
    }

    /// A record.
    pub(super) fn take(&mut self, access: &Access) {
        let Some(mut request) = record::request(access) else { return };
        let now = now();
        if request.ts.is_some_and(|ts| ts > now + AHEAD) {
            request.ts = Some(now);
            self.ahead += 1;
        }
        let service = self.who.service(&request);
        request.caller = self.who.caller(&request);
        self.observe(&request);
        self.callers.add(&request);
        if let (Some(service), Some(caller)) = (service, &request.caller) {
            self.graph.add(&request, &service, caller, now as u64);
        }
        // What nobody answered, as it was stopped, is no endpoint.
        if request.response.is_some() {
            if self.trial.is_due() {
                let learnt = self.lately();
                self.trial.begin(&learnt);
            }
            self.trial.add(&request);
            self.endpoints.observe(&request);
            self.requests += 1;
        }
    }

    fn observe(&mut self, request: &Request) {
        // An error says that the time is missing or none, which record::request rules out.
        if let Ok(observation) = Observation::new(request) {
            let reports = self.anomalies.observe(&observation);
            self.tell(&reports);
        }
    }

    /// A second has passed.
    pub(super) fn tick(&mut self) {
        if self.anomalies.is_under_way() {
            let reports = self.anomalies.advance(now() - LATE);
            self.tell(&reports);
        }
        self.callers.tick();
        if self.put_together.is_none_or(|(at, _)| at.elapsed() >= REFRESH) {
            self.learnt();
        }
    }

    fn tell(&mut self, reports: &[Report]) {
        let started = reports.iter().filter(|report| report.state == State::Start);
        started.for_each(|report| *self.begun.entry(report.kind).or_default() += 1);
        self.suspects.add(reports, now() as u64);
        let events: Vec<Event> = reports.iter().map(event).collect();
        if !events.is_empty() {
            self.events.append(&events);
        }
    }

    /// The endpoints as they were lately: put together a tenth of the time at most.
    fn lately(&mut self) -> Arc<Learnt> {
        match self.put_together {
            Some((at, took)) if at.elapsed() < 10 * took => Arc::clone(&self.learnt),
            _ => self.learnt(),
        }
    }

    /// The endpoints as they are now.
    pub(super) fn learnt(&mut self) -> Arc<Learnt> {
        if self.requests != self.shown_requests {
            let begin = Instant::now();
            self.learnt = Arc::new(self.endpoints.learnt());
            self.put_together = Some((begin, begin.elapsed()));
            self.shown_requests = self.requests;
            self.list = revision(&self.learnt).or(self.list.take());
            let changes = self.shown.show(&self.learnt, now() as u64, self.edited);
            self.edited = false;
            self.endpoints.hold(self.shown.held());
            let mut lines = Vec::new();
            for change in &changes {
                // A struct of texts and numbers can't fail.
                let _ = serde_json::to_writer(&mut lines, change);
                lines.push(b'\n');
            }
            if let Some(Err(e)) = self.log.as_mut().map(|log| log.write(&lines)) {
                tracing::error!("changes of endpoints can't be logged: {e}");
                self.log = None;
            }
        }
        Arc::clone(&self.learnt)
    }

    /// Sets the templates that hold, and keeps them.
    pub(super) fn set_edits(&mut self, templates: Vec<String>) -> Result<(), String> {
        let text = serde_json::json!({ "templates": templates }).to_string();
        self.endpoints.edit(Edits::read(&text)?);
        // What was shown because of them does not hold without them.
        self.endpoints.hold(BTreeMap::new());
        if templates != self.edits {
            // JSON is YAML.
            let path = self.dir.join("edits.yaml");
            write(&path, &[text.as_bytes()])
                .map_err(|e| format!("can't keep them in {}: {e}", path.display()))?;
        }
        self.edits = templates;
        self.edited = true;
        self.requests += 1;
        Ok(())
    }

    /// Keeps all of it.
    pub(super) fn save(&mut self) {
        let at = |name: &str| self.dir.join(name);
        let saved = [
            anomaly::save(&self.anomalies, &at("anomalies.json")),
            state::save(&at("endpoints.bin"), &(self.endpoints.known(), &self.shown)),
            state::save(&at("services.bin"), &(&self.graph, &self.who)),
        ];
        for e in saved.into_iter().filter_map(Result::err) {
            tracing::error!("what was learnt can't be kept in {}: {e}", self.dir.display());
        }
    }

    /// For the metrics.
    pub(super) fn samples(&self) -> Vec<Sample> {
        let mut all: Vec<Sample> = Kind::ALL
            .iter()
            .map(|kind| {
                let n = self.begun.get(kind).copied().unwrap_or(0);
                Sample::count("anomalies_total", &[("kind", kind.name())], n)
            })
            .collect();
        let mut hosts: BTreeMap<&str, u32> = BTreeMap::new();
        for endpoint in &self.learnt.endpoints {
            *hosts.entry(&endpoint.host).or_default() += 1;
        }
        let gauge =
            |(host, n): (&str, u32)| Sample::gauge("endpoints", &[("service", host)], f64::from(n));
        all.extend(hosts.into_iter().map(gauge));
        let edges: usize = self.graph.services.values().map(|s| s.callers.len()).sum();
        all.push(Sample::gauge("service_edges", &[], edges as f64));
        all.push(Sample::count("learning_ahead_total", &[], self.ahead));
        all.push(Sample::count("learning_late_total", &[], self.anomalies.late));
        all
    }
}

/// The list of the endpoints, numbered by its digest: the same endpoints after a restart are no other list. None where there are none.
fn revision(learnt: &Learnt) -> Option<Arc<Revision>> {
    let list = list::list(learnt);
    let source = serde_json::to_string(&list).ok().filter(|_| !list.hosts.is_empty())?;
    let digest = Sha256::digest(source.as_bytes());
    let number = digest.first_chunk().map_or(1, |first| u64::from_be_bytes(*first).max(1));
    Some(Arc::new(Revision { number, source }))
}

/// Seconds since the Unix epoch.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn read_edits(path: &Path) -> io::Result<Vec<String>> {
    #[derive(serde::Deserialize)]
    struct File {
        templates: Vec<String>,
    }
    match std::fs::read_to_string(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        text => serde_saphyr::from_str::<File>(&text?)
            .map(|file| file.templates)
            .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e.to_string())),
    }
}

/// A report as an event.
fn event(report: &Report) -> Event {
    let state = match report.state {
        State::Start => "begins",
        State::Update => "goes on",
        State::End => "ended",
    };
    let anomaly = Anomaly {
        r#type: "traffic".to_owned(),
        event: report.kind.name().to_owned(),
        detail: format!("{state}: {}", report.means),
        report: serde_json::to_string(report).unwrap_or_default(),
    };
    Event {
        timestamp_us: (now() * 1e6) as u64,
        body: Some(Body::Anomaly(anomaly)),
        ..Event::default()
    }
}
