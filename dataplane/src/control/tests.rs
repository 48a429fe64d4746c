//! The control thread against a real listener that plays the management process.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use weir_inspect::behaviour::SiteModel;
use weir_inspect::policy::{Mode, Policy};
use weir_proto::frame::{Decoder, encode};
use weir_proto::to_management::Message;
use weir_proto::{
    ApplyEndpoints, ApplyModel, ApplyPolicy, BlockAnswer, BlockRequest, Event, EventBatch,
    EventsAck, Hello, PolicyResult, Sample, Suspect, Suspects, ToDataPlane, ToManagement,
    to_data_plane,
};

use super::{
    Control, ControlSettings, Kept, Shared, initial_endpoints, initial_model, initial_policy,
};

/// A policy that compiles; `mode` tells one from another.
fn policy(mode: &str) -> String {
    format!(
        "version: 1\nmode: {mode}\nservices:\n  - name: shop\n    ports: [80]\nrules:\n  - name: cards\n    detect: [payment-card]\n    action: alert\n"
    )
}

/// A directory of its own, with a data plane's control thread that connects to a socket in it.
struct Bench {
    dir: PathBuf,
    shared: Arc<Shared>,
    control: Option<Control>,
}

impl Bench {
    fn new(name: &str, outbox: usize) -> Bench {
        let dir = std::env::temp_dir().join(format!("weir-control-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        let (first, _) = Policy::compile(&policy("monitor")).unwrap();
        let shared = Arc::new(Shared::new(first, 0, 2));
        let settings =
            ControlSettings { socket: dir.join("socket"), state_dir: dir.join("state"), outbox };
        let counters = || vec![Sample::count("packets_total", &[("reason", "forwarded")], 7)];
        let blocks = |request: &BlockRequest| BlockAnswer {
            id: request.id,
            found: request.what.is_some(),
            ..BlockAnswer::default()
        };
        let control = Some(Control::start(settings, shared.clone(), counters, blocks).unwrap());
        Bench { dir, shared, control }
    }

    fn listen(&self) -> UnixListener {
        let _ = std::fs::remove_file(self.dir.join("socket"));
        UnixListener::bind(self.dir.join("socket")).unwrap()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.control.take();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// The management process's end of a connection.
struct Management {
    stream: UnixStream,
    decoder: Decoder,
}

impl Management {
    fn accept(listener: &UnixListener) -> (Management, Hello) {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut m = Management { stream, decoder: Decoder::default() };
        let Message::Hello(hello) = m.message() else { panic!("no hello") };
        (m, hello)
    }

    fn message(&mut self) -> Message {
        loop {
            if let Some(m) = self.decoder.message::<ToManagement>().unwrap() {
                return m.message.unwrap();
            }
            let mut buf = [0; 4096];
            let n = self.stream.read(&mut buf).unwrap();
            assert_ne!(n, 0, "the data plane hung up");
            self.decoder.push(&buf[..n]);
        }
    }

    fn events(&mut self) -> EventBatch {
        loop {
            if let Message::Events(batch) = self.message() {
                return batch;
            }
        }
    }

    fn send(&mut self, message: to_data_plane::Message) {
        let mut out = Vec::new();
        encode(&ToDataPlane { message: Some(message) }, &mut out).unwrap();
        self.stream.write_all(&out).unwrap();
    }

    fn apply(&mut self, revision: u64, source: &str) -> PolicyResult {
        let source = source.to_owned();
        self.send(to_data_plane::Message::ApplyPolicy(ApplyPolicy { revision, source }));
        loop {
            if let Message::PolicyResult(result) = self.message() {
                return result;
            }
        }
    }
}

fn event(flow_id: u64) -> Event {
    Event { flow_id, ..Event::default() }
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn says_hello_and_reports_counters() {
    let bench = Bench::new("hello", 100);
    let (mut m, hello) = Management::accept(&bench.listen());
    assert_eq!((hello.pid, hello.workers), (std::process::id(), 2));
    assert_eq!((hello.policy_revision, hello.policy_mode.as_str()), (0, "monitor"));
    for _ in 0..2 {
        let Message::Counters(c) = m.message() else { panic!("no counters") };
        assert_eq!(c.samples[0].name, "packets_total");
    }
}

#[test]
fn a_good_policy_is_in_force_and_kept_and_a_bad_one_changes_nothing() {
    let bench = Bench::new("policy", 100);
    let (mut m, _) = Management::accept(&bench.listen());
    let good = policy("enforce");
    let result = m.apply(3, &good);
    assert!(result.ok, "{result:?}");
    assert_eq!((result.revision, result.policy_mode.as_str()), (3, "enforce"));
    assert_eq!(bench.shared.policy.load().mode(), Mode::Enforce);

    let result = m.apply(4, "version: 1\nmode: monitor\nrulez: []\n");
    assert!(!result.ok);
    assert_eq!(result.policy_mode, "enforce");
    let error = result.diagnostics.iter().find(|d| d.message.contains("rulez"));
    assert_eq!(error.map(|d| (d.line, d.column)), Some((3, 1)), "{result:?}");
    assert_eq!(bench.shared.policy.load().mode(), Mode::Enforce);
    assert_eq!(bench.shared.revision.load(Ordering::Relaxed), 3);

    let state = bench.dir.join("state");
    assert_eq!(Kept::load(&state, Kept::POLICY).unwrap(), Some(Kept { revision: 3, source: good }));
    let (policy, revision) = initial_policy(&state, Some(("given", "not read"))).unwrap().unwrap();
    assert_eq!((policy.mode(), revision), (Mode::Enforce, 3), "the kept one starts");
}

#[test]
fn a_policy_is_said_to_be_in_force_when_all_workers_have_it() {
    let bench = Bench::new("taken", 100);
    let (mut m, _) = Management::accept(&bench.listen());
    let (shared, first) = (bench.shared.clone(), bench.shared.policy.load_full());
    let workers = std::thread::spawn(move || {
        while Arc::ptr_eq(&first, &shared.policy.load()) {
            std::thread::yield_now();
        }
        let new = shared.policy.load_full();
        shared.has_taken(0, &new);
        std::thread::sleep(Duration::from_millis(50));
        let taken = Instant::now();
        shared.has_taken(1, &new);
        taken
    });
    assert!(m.apply(1, &policy("enforce")).ok);
    let answered = Instant::now();
    assert!(workers.join().unwrap() <= answered, "the late worker had it");
}

#[test]
fn the_same_source_again_is_not_compiled_again() {
    let bench = Bench::new("same", 100);
    let (mut m, _) = Management::accept(&bench.listen());
    assert!(m.apply(1, &policy("enforce")).ok);
    let before = bench.shared.policy.load_full();
    assert!(m.apply(2, &policy("enforce")).ok);
    assert!(Arc::ptr_eq(&before, &bench.shared.policy.load_full()));
    assert_eq!(bench.shared.revision.load(Ordering::Relaxed), 2);
}

#[test]
fn a_policy_that_can_not_be_kept_is_in_force_and_says_so() {
    let bench = Bench::new("unkept", 100);
    std::fs::write(bench.dir.join("state"), "a file where the directory should be").unwrap();
    let (mut m, _) = Management::accept(&bench.listen());
    let result = m.apply(1, &policy("enforce"));
    assert!(
        result.ok && result.diagnostics.iter().any(|d| d.warning && d.message.contains("not kept"))
    );
    assert_eq!(bench.shared.policy.load().mode(), Mode::Enforce);
}

#[test]
fn events_without_an_acknowledgement_come_again_after_a_reconnect() {
    let bench = Bench::new("again", 100);
    let listener = bench.listen();
    let (mut m, first_hello) = Management::accept(&listener);
    for n in 0..6 {
        bench.shared.emit(n % 2, event(n as u64));
    }
    let mut seen = 0;
    while seen < 6 {
        let batch = m.events();
        assert_eq!(batch.seq, seen);
        seen += batch.events.len() as u64;
    }
    m.send(to_data_plane::Message::EventsAck(EventsAck { next_seq: 4 }));
    // Answered after the acknowledgement, so it was taken.
    assert!(m.apply(1, &policy("monitor")).ok);
    drop(m);
    let (mut m, hello) = Management::accept(&listener);
    assert_eq!(hello.start_time_us, first_hello.start_time_us);
    assert_eq!(hello.policy_revision, 1);
    let batch = m.events();
    assert_eq!((batch.seq, batch.events.len(), batch.lost_total), (4, 2, 0));
}

#[test]
fn while_nobody_listens_the_last_events_are_kept_and_the_others_counted() {
    let bench = Bench::new("away", 10);
    for n in 0..25 {
        bench.shared.emit(0, event(n));
    }
    wait_for("the loss to be counted", || bench.shared.events_lost.load(Ordering::Relaxed) == 15);
    let (mut m, _) = Management::accept(&bench.listen());
    let batch = m.events();
    assert_eq!((batch.seq, batch.lost_total), (15, 15));
    let ids: Vec<u64> = batch.events.iter().map(|e| e.flow_id).collect();
    assert_eq!(ids, (15..25).collect::<Vec<_>>());
}

#[test]
fn a_management_process_that_is_stopped_stops_nobody() {
    let bench = Bench::new("stalled", 100);
    let listener = bench.listen();
    let (m, _) = Management::accept(&listener);
    // Nothing is read from here on. More than any socket buffer takes:
    let text = "x".repeat(1000);
    let mut emitted = 0;
    wait_for("events to be lost", || {
        for _ in 0..500 {
            let mut e = event(emitted);
            e.body = Some(weir_proto::event::Body::Http(weir_proto::Http {
                url: text.clone(),
                ..Default::default()
            }));
            bench.shared.emit(0, e);
            emitted += 1;
        }
        bench.shared.events_lost.load(Ordering::Relaxed) > 0
    });
    wait_for("the queue to be drained all the same", || bench.shared.events[0].is_empty());
    // It wakes up and reads: what was lost and what arrives are all there were.
    let mut m = m;
    let mut arrived = 0;
    let mut lost = 0;
    while arrived + lost < emitted {
        let batch = m.events();
        arrived += batch.events.len() as u64;
        lost = batch.lost_total;
        let next_seq = batch.seq + batch.events.len() as u64;
        m.send(to_data_plane::Message::EventsAck(EventsAck { next_seq }));
    }
    assert_eq!(arrived + lost, emitted);
}

#[test]
fn garbage_ends_the_connection_and_nothing_else() {
    let bench = Bench::new("garbage", 100);
    let listener = bench.listen();
    let (mut m, _) = Management::accept(&listener);
    m.stream.write_all(&[0xff; 64]).unwrap();
    let (mut m, _) = Management::accept(&listener);
    assert!(m.apply(1, &policy("enforce")).ok);
}

#[test]
fn without_a_kept_policy_the_given_one_starts_and_a_wrong_one_is_named() {
    let dir = std::env::temp_dir().join(format!("weir-control-none-{}", std::process::id()));
    assert!(initial_policy(&dir, None).unwrap().is_none());
    let source = policy("enforce");
    let (given, revision) = initial_policy(&dir, Some(("p.yaml", &source))).unwrap().unwrap();
    assert_eq!((given.mode(), revision), (Mode::Enforce, 0));
    let error = initial_policy(&dir, Some(("p.yaml", "version: 1\nrulez: 1\n"))).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("p.yaml") && text.contains("2:1: error"), "{text}");
}

#[test]
fn a_request_about_blocked_sources_is_answered() {
    let bench = Bench::new("blocks", 16);
    let (mut m, _) = Management::accept(&bench.listen());
    m.send(to_data_plane::Message::BlockRequest(BlockRequest { id: 7, what: None }));
    loop {
        if let Message::BlockAnswer(answer) = m.message() {
            assert_eq!((answer.id, answer.found), (7, false));
            return;
        }
    }
}

#[test]
fn a_good_model_is_in_force_and_kept_and_a_bad_one_changes_nothing() {
    let bench = Bench::new("model", 100);
    let (mut m, hello) = Management::accept(&bench.listen());
    assert_eq!(hello.model_revision, 0);
    let mut push = |revision, model: &str| {
        let model = model.to_owned();
        m.send(to_data_plane::Message::ApplyModel(ApplyModel { revision, model }));
        loop {
            if let Message::ModelResult(result) = m.message() {
                return result;
            }
        }
    };
    let generic = Arc::clone(bench.shared.policy.load().model());
    let good = serde_json::to_string(&SiteModel::new()).unwrap();
    let result = push(2, &good);
    assert!(result.ok && result.revision == 2, "{result:?}");
    let learnt = Arc::clone(bench.shared.policy.load().model());
    assert!(!Arc::ptr_eq(&generic, &learnt));

    let result = push(3, "{}");
    assert!(!result.ok && result.error.contains("not a behaviour model"), "{result:?}");
    assert!(Arc::ptr_eq(bench.shared.policy.load().model(), &learnt));
    assert_eq!(bench.shared.model_revision.load(Ordering::Relaxed), 2);
    assert_eq!(m.apply(1, &policy("enforce")).revision, 1);
    assert!(Arc::ptr_eq(bench.shared.policy.load().model(), &learnt), "a new policy keeps it");

    let state = bench.dir.join("state");
    let kept = Kept::load(&state, Kept::MODEL).unwrap();
    assert_eq!(kept, Some(Kept { revision: 2, source: good }));
    assert_eq!(initial_model(&state).1, 2, "the kept one starts");
    std::fs::write(state.join(Kept::MODEL), "# weir: revision 9\n{").unwrap();
    assert_eq!(
        initial_model(&state).1,
        0,
        "a damaged one does not keep the data plane from starting"
    );
}

#[test]
fn good_endpoints_are_known_and_kept_and_bad_ones_change_nothing() {
    let bench = Bench::new("endpoints", 100);
    let (mut m, hello) = Management::accept(&bench.listen());
    assert_eq!(hello.endpoints_revision, 0);
    let mut push = |revision, endpoints: &str| {
        let endpoints = endpoints.to_owned();
        m.send(to_data_plane::Message::ApplyEndpoints(ApplyEndpoints { revision, endpoints }));
        loop {
            if let Message::EndpointsResult(result) = m.message() {
                return result;
            }
        }
    };
    let list = r#"{"version":1,"hosts":{"shop":[{"template":"/users/{login}"}]}}"#;
    let result = push(7, list);
    assert!(result.ok && result.revision == 7, "{result:?}");
    let found =
        |bench: &Bench| bench.shared.policy.load().endpoints().find(b"GET", b"shop", b"/users/ann");
    assert_eq!(found(&bench), Some(0));
    let result = push(8, "{}");
    assert!(!result.ok && result.error.contains("not a list of endpoints"), "{result:?}");
    assert_eq!(bench.shared.endpoints_revision.load(Ordering::Relaxed), 7);
    assert_eq!(m.apply(1, &policy("enforce")).revision, 1);
    assert_eq!(found(&bench), Some(0), "a new policy knows them");

    let state = bench.dir.join("state");
    let (kept, revision) = initial_endpoints(&state);
    assert_eq!((kept.len(), revision), (1, 7), "the kept ones start");
    std::fs::write(state.join(Kept::ENDPOINTS), "# weir: revision 9\n{").unwrap();
    assert_eq!(initial_endpoints(&state).1, 0, "damaged ones do not keep it from starting");
}

#[test]
fn who_is_named_is_a_suspect_for_a_time() {
    let bench = Bench::new("suspects", 100);
    let (mut m, _) = Management::accept(&bench.listen());
    let (kept, short) = ([10, 0, 0, 1], [10, 0, 0, 2]);
    let named = |ip: [u8; 4], seconds| Suspect { ip: ip.to_vec(), seconds };
    let sources = vec![named(kept, 3600), named(short, 1), Suspect { ip: vec![1], seconds: 9 }];
    m.send(to_data_plane::Message::Suspects(Suspects { sources }));
    let suspected = |ip: [u8; 4]| bench.shared.policy.load().suspects().contains(&ip.into());
    wait_for("both to be suspects", || suspected(kept) && suspected(short));
    assert!(m.apply(1, &policy("enforce")).ok);
    assert!(suspected(kept), "a new policy knows them");
    wait_for("the time of one to be over", || !suspected(short));
    assert!(suspected(kept));
}
