//! The HTTP API. What changes something is only on the operator's unix socket, whose permissions say who may.
//!
//! | request | answer | where |
//! |---|---|---|
//! | `GET /metrics` | Prometheus text | both |
//! | `GET /healthz` | 200 as long as the process works; says whether a data plane is connected | both |
//! | `GET /api/v1/status` | what `weir status` prints | both |
//! | `GET /api/v1/counters` | every counter | both |
//! | `GET /api/v1/events?n=&type=&follow=true` | JSON lines | both |
//! | `GET /api/v1/policy` | `revision`, `source` | both |
//! | `GET /api/v1/access?caller=&service=&detector=` | who touched what: `entries` | unix socket only |
//! | `GET /api/v1/endpoints?host=`, `…/openapi?host=`, `…/policy`, `…/log`, `…/edits` | what was learnt of APIs | unix socket only |
//! | `POST /api/v1/endpoints/drift` | an OpenAPI document; `drift` | unix socket only |
//! | `POST /api/v1/endpoints/edits` | `add`, `remove` templates; `templates` that hold | unix socket only |
//! | `GET /api/v1/behaviour/learnt` | a model of how callers behave | unix socket only |
//! | `GET /api/v1/services/graph`, `…/policy` | who calls whom | unix socket only |
//! | `GET /api/v1/blocks` | blocked sources: `total`, `sources` | unix socket only |
//! | `POST /api/v1/blocks` with `cidr`, `seconds` | the same, then | unix socket only |
//! | `POST /api/v1/blocks/remove` with `cidr` | the same; 404 if it was not blocked | unix socket only |
//! | `GET /api/v1/behaviour/model` | what is known of the model: `revision`, `in_force`, … | unix socket only |
//! | `POST /api/v1/behaviour/model` with a model | `revision`, `state`, `message` | unix socket only |
//! | `POST /api/v1/policy` with a policy's source | `revision`, `state`, `message`, `diagnostics` | unix socket only |

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use weir_inspect::behaviour::MAX_MODEL_BYTES;
use weir_inspect::policy::{MAX_DESCRIPTOR_BYTES, MAX_INVENTORY_BYTES, MAX_SOURCE_BYTES};

use super::access::Wanted;
use super::eventlog::Line;
use super::hub::blocks::{self, Ask, BlockError};
use super::hub::model::Pushed;
use super::hub::{Applied, Hub, diagnostics};
use super::learning::Question;
use super::metrics;

type HubState = State<Arc<Hub>>;
type BoxFuture<T> = std::pin::Pin<Box<dyn Future<Output = T> + Send>>;

/// What may be sent: a policy with what belongs to it, or a model.
const LARGEST: usize =
    MAX_SOURCE_BYTES + MAX_DESCRIPTOR_BYTES + MAX_INVENTORY_BYTES + MAX_MODEL_BYTES;

/// What only reads: for the TCP port.
pub(super) fn public(hub: Arc<Hub>) -> Router {
    reading().with_state(hub)
}

/// All of it: for the unix socket.
pub(super) fn operator(hub: Arc<Hub>) -> Router {
    // The limit is above those of their own, whose messages are the better ones.
    let change = Router::new()
        .route("/api/v1/policy", post(apply))
        .route("/api/v1/access", get(access))
        .route("/api/v1/endpoints", get(endpoints))
        .route("/api/v1/endpoints/openapi", get(openapi))
        .route("/api/v1/endpoints/drift", post(drift))
        .route("/api/v1/endpoints/policy", get(ask(|| Question::AllowList)))
        .route("/api/v1/endpoints/log", get(ask(|| Question::Log)))
        .route("/api/v1/endpoints/edits", get(ask(no_edit)).post(edit))
        .route("/api/v1/behaviour/learnt", get(ask(|| Question::Behaviour)))
        .route("/api/v1/services/graph", get(ask(|| Question::Graph)))
        .route("/api/v1/services/policy", get(ask(|| Question::Segments)))
        .route("/api/v1/blocks", get(list_blocks).post(add_block))
        .route("/api/v1/blocks/remove", post(remove_block))
        .route("/api/v1/behaviour/model", get(model).post(push_model))
        .layer(DefaultBodyLimit::max(2 * LARGEST));
    reading().merge(change).with_state(hub)
}

fn reading() -> Router<Arc<Hub>> {
    Router::new()
        .route("/metrics", get(prometheus))
        .route("/healthz", get(health))
        .route("/api/v1/status", get(async |State(hub): HubState| Json(hub.status())))
        .route("/api/v1/counters", get(counters))
        .route("/api/v1/events", get(events))
        .route("/api/v1/policy", get(policy))
}

async fn prometheus(State(hub): HubState) -> impl IntoResponse {
    let samples = [hub.own_samples(), hub.samples()].concat();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics::render(&samples))
}

async fn health(State(hub): HubState) -> Json<Value> {
    Json(json!({ "status": "ok", "dataplane_connected": hub.is_connected() }))
}

async fn counters(State(hub): HubState) -> Json<Vec<Value>> {
    let sample = |s: &weir_proto::Sample| {
        let labels: serde_json::Map<_, _> =
            s.labels.iter().map(|l| (l.name.clone(), l.value.clone().into())).collect();
        let counter = matches!(s.value, Some(weir_proto::sample::Value::Count(_)));
        let kind = if counter { "counter" } else { "gauge" };
        json!({ "name": s.name, "labels": labels, "kind": kind, "value": s.as_f64() })
    };
    Json([hub.own_samples(), hub.samples()].concat().iter().map(sample).collect())
}

async fn policy(State(hub): HubState) -> Response {
    match hub.current() {
        Some(r) => Json(json!({ "revision": r.number, "source": r.source })).into_response(),
        None => error(StatusCode::NOT_FOUND, "no policy has been applied yet"),
    }
}

async fn apply(State(hub): HubState, source: String) -> Response {
    let answer = |status, revision: Option<u64>, state, why: &str, d: &[weir_proto::Diagnostic]| {
        let body = json!({
            "revision": revision, "state": state, "message": why, "diagnostics": diagnostics(d)
        });
        (status, Json(body)).into_response()
    };
    const UNPROCESSABLE: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;
    match hub.apply(source).await {
        Ok(Applied::Invalid(d)) => {
            answer(UNPROCESSABLE, None, "invalid", "the old policy stays in force", &d)
        }
        Ok(Applied::Refused(r)) => {
            let why = "the data plane refused it; the old policy stays in force";
            answer(UNPROCESSABLE, Some(r.revision), "refused", why, &r.diagnostics)
        }
        Ok(Applied::InForce(r)) => {
            answer(StatusCode::OK, Some(r.revision), "in force", "", &r.diagnostics)
        }
        Ok(Applied::Stored { revision, why, warnings }) => {
            answer(StatusCode::ACCEPTED, Some(revision), "stored", why, &warnings)
        }
        Err(e) => error(StatusCode::INTERNAL_SERVER_ERROR, &e.to_string()),
    }
}

async fn model(State(hub): HubState) -> Response {
    match hub.model() {
        Some(model) => Json(model).into_response(),
        None => error(StatusCode::NOT_FOUND, "no behaviour model has been pushed yet"),
    }
}

async fn push_model(State(hub): HubState, text: String) -> Response {
    let answer = |status, revision: Option<u64>, state, why: &str| {
        let body = json!({ "revision": revision, "state": state, "message": why });
        (status, Json(body)).into_response()
    };
    match hub.push_model(text).await {
        Ok(Pushed::Refused(why)) => answer(StatusCode::UNPROCESSABLE_ENTITY, None, "refused", &why),
        Ok(Pushed::InForce(revision)) => answer(StatusCode::OK, Some(revision), "in force", ""),
        Ok(Pushed::Stored(revision, why)) => {
            answer(StatusCode::ACCEPTED, Some(revision), "stored", why)
        }
        Err(e) => error(StatusCode::INTERNAL_SERVER_ERROR, &e.to_string()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddRequest {
    cidr: String,
    seconds: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RemoveRequest {
    cidr: String,
}

async fn access(State(hub): HubState, Query(wanted): Query<Wanted>) -> Json<Value> {
    Json(hub.access(&wanted))
}

#[derive(Deserialize)]
struct OfHost {
    host: Option<String>,
}

async fn endpoints(State(hub): HubState, Query(of): Query<OfHost>) -> Response {
    learnt(hub, Question::Endpoints(of.host)).await
}

async fn openapi(State(hub): HubState, Query(of): Query<OfHost>) -> Response {
    learnt(hub, Question::OpenApi(of.host)).await
}

async fn drift(State(hub): HubState, Json(document): Json<Value>) -> Response {
    learnt(hub, Question::Drift(document)).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct EditRequest {
    add: Vec<String>,
    remove: Vec<String>,
}

async fn edit(State(hub): HubState, Json(edit): Json<EditRequest>) -> Response {
    learnt(hub, Question::Edit { add: edit.add, remove: edit.remove }).await
}

fn no_edit() -> Question {
    Question::Edit { add: Vec::new(), remove: Vec::new() }
}

/// A handler that asks the learner something.
fn ask(question: fn() -> Question) -> impl Fn(HubState) -> BoxFuture<Response> + Clone {
    move |State(hub)| Box::pin(learnt(hub, question()))
}

async fn learnt(hub: Arc<Hub>, question: Question) -> Response {
    let answer = tokio::task::spawn_blocking(move || hub.learnt(question)).await;
    match answer {
        Ok(Ok(value)) => Json(value).into_response(),
        Ok(Err(why)) => error(StatusCode::UNPROCESSABLE_ENTITY, &why),
        Err(e) => error(StatusCode::INTERNAL_SERVER_ERROR, &e.to_string()),
    }
}

async fn list_blocks(State(hub): HubState) -> Response {
    match hub.blocks(Ask::List).await {
        Ok(answer) => Json(blocks::to_json(&answer)).into_response(),
        Err(e) => blocks_error(&e),
    }
}

async fn add_block(State(hub): HubState, Json(request): Json<AddRequest>) -> Response {
    match hub.blocks(Ask::Add(&request.cidr, request.seconds)).await {
        Ok(answer) => Json(blocks::to_json(&answer)).into_response(),
        Err(e) => blocks_error(&e),
    }
}

async fn remove_block(State(hub): HubState, Json(request): Json<RemoveRequest>) -> Response {
    match hub.blocks(Ask::Remove(&request.cidr)).await {
        Ok(answer) if answer.found => Json(blocks::to_json(&answer)).into_response(),
        Ok(_) => error(StatusCode::NOT_FOUND, &format!("{} was not blocked", request.cidr)),
        Err(e) => blocks_error(&e),
    }
}

fn blocks_error(e: &BlockError) -> Response {
    let status = match e {
        BlockError::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
        BlockError::Away(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    error(status, &e.to_string())
}

fn error(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}

#[derive(Deserialize)]
#[serde(default)]
struct EventQuery {
    n: usize,
    r#type: Option<String>,
    follow: bool,
}

impl Default for EventQuery {
    fn default() -> EventQuery {
        EventQuery { n: 20, r#type: None, follow: false }
    }
}

async fn events(State(hub): HubState, Query(query): Query<EventQuery>) -> impl IntoResponse {
    let (lines, follow) = hub.events.last(query.n, query.r#type.as_deref());
    let mut text = String::new();
    for line in lines {
        text.push_str(&line.json);
        text.push('\n');
    }
    let body = if query.follow {
        let (out, stream) = mpsc::channel(64);
        tokio::spawn(forward(text, follow, query.r#type, out));
        Body::from_stream(ReceiverStream::new(stream))
    } else {
        Body::from(text)
    };
    ([(header::CONTENT_TYPE, "application/x-ndjson")], body)
}

/// Sends a follower what is there and then each event as it comes, until it goes away.
async fn forward(
    first: String,
    mut follow: Receiver<Arc<Line>>,
    event_type: Option<String>,
    out: mpsc::Sender<Result<Bytes, Infallible>>,
) {
    let mut next = first;
    loop {
        // An empty chunk would end the stream for some readers.
        if !next.is_empty() && out.send(Ok(next.into())).await.is_err() {
            return;
        }
        let received = tokio::select! {
            r = follow.recv() => r,
            () = out.closed() => return,
        };
        next = match received {
            Ok(l) if event_type.as_ref().is_none_or(|t| t == l.event_type) => {
                format!("{}\n", l.json)
            }
            Ok(_) => String::new(),
            Err(RecvError::Lagged(n)) => {
                format!("{}\n", json!({ "event_type": "left_out", "count": n }))
            }
            Err(RecvError::Closed) => return,
        };
    }
}
