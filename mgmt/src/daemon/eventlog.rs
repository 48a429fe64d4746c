//! Events as they arrive: to the file, to the last ones in memory, and to whoever follows.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;
use weir_proto::{Event, eve};

use super::EventSettings;
use super::rotate::Rotated;

/// Lines that a follower may lag behind; beyond it lines are left out for it, and it is told.
const FOLLOWER_LAG: usize = 4096;

/// One event, rendered.
#[derive(Debug)]
pub(super) struct Line {
    pub event_type: &'static str,
    /// Without the line feed.
    pub json: String,
}

/// The event log. File and memory have a lock each, so that a slow disk does not stop readers.
#[derive(Debug)]
pub(super) struct EventLog {
    file: Mutex<Option<Rotated>>,
    recent: Mutex<Recent>,
    capacity: usize,
}

#[derive(Debug)]
struct Recent {
    lines: VecDeque<Arc<Line>>,
    followers: broadcast::Sender<Arc<Line>>,
    stored: BTreeMap<&'static str, u64>,
    unwritten: u64,
}

impl EventLog {
    pub(super) fn open(settings: &EventSettings) -> io::Result<EventLog> {
        let open = |path: &std::path::PathBuf| {
            Rotated::open(path, settings.max_bytes.max(1), settings.rotated)
        };
        let recent = Recent {
            lines: VecDeque::new(),
            followers: broadcast::Sender::new(FOLLOWER_LAG),
            stored: BTreeMap::new(),
            unwritten: 0,
        };
        Ok(EventLog {
            file: Mutex::new(settings.file.as_ref().map(open).transpose()?),
            recent: Mutex::new(recent),
            capacity: settings.recent,
        })
    }

    /// Stores events. Blocks for as long as the file does: call it where that is allowed.
    pub(super) fn append(&self, events: &[Event]) {
        let line = |e| Arc::new(Line { event_type: eve::event_type(e), json: eve::to_line(e) });
        let lines: Vec<Arc<Line>> = events.iter().map(line).collect();
        let mut bytes = Vec::new();
        for line in &lines {
            bytes.extend_from_slice(line.json.as_bytes());
            bytes.push(b'\n');
        }
        let written = lock(&self.file).as_mut().map_or(Ok(()), |f| f.write(&bytes));
        let mut recent = lock(&self.recent);
        if let Err(e) = written {
            // A full disk must not stop what is in memory, nor the data plane: counted, and gone.
            if recent.unwritten == 0 {
                tracing::error!("events can't be written to their file: {e}");
            }
            recent.unwritten += lines.len() as u64;
        }
        for line in lines {
            *recent.stored.entry(line.event_type).or_default() += 1;
            let _ = recent.followers.send(line.clone()); // an error says that nobody follows
            recent.lines.push_back(line);
        }
        let over = recent.lines.len().saturating_sub(self.capacity);
        recent.lines.drain(..over);
    }

    /// The last `n` events of a type (or of any), the oldest first, and what follows them without a gap.
    pub(super) fn last(
        &self,
        n: usize,
        event_type: Option<&str>,
    ) -> (Vec<Arc<Line>>, broadcast::Receiver<Arc<Line>>) {
        let recent = lock(&self.recent);
        let wanted = |l: &&Arc<Line>| event_type.is_none_or(|t| t == l.event_type);
        let mut lines: Vec<_> = recent.lines.iter().rev().filter(wanted).take(n).cloned().collect();
        lines.reverse();
        (lines, recent.followers.subscribe())
    }

    /// Events stored since the process started, by type.
    pub(super) fn stored(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.recent).stored.clone()
    }

    /// Events that could not be written to the file.
    pub(super) fn unwritten(&self) -> u64 {
        lock(&self.recent).unwritten
    }
}

/// A lock whose holder panicked is still good: every change under these locks is complete in itself.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_proto::event::Body;
    use weir_proto::{Flow, Http};

    fn log(recent: usize) -> EventLog {
        EventLog::open(&EventSettings { file: None, recent, ..EventSettings::default() }).unwrap()
    }

    fn event(flow_id: u64, body: Body) -> Event {
        Event { flow_id, body: Some(body), ..Event::default() }
    }

    #[test]
    fn the_last_ones_of_a_type_in_their_order() {
        let log = log(6);
        for n in 0..5 {
            let http = event(n, Body::Http(Http::default()));
            log.append(&[http, event(n, Body::Flow(Flow::default()))]);
        }
        let (lines, _) = log.last(2, Some("http"));
        assert_eq!(lines.len(), 2);
        assert!(lines[0].json.contains("\"flow_id\":3") && lines[1].json.contains("\"flow_id\":4"));
        assert_eq!(log.last(100, None).0.len(), 6, "the rest is only in the file");
        assert_eq!(log.stored(), BTreeMap::from([("flow", 5), ("http", 5)]));
    }

    #[test]
    fn a_follower_sees_all_that_comes_after_its_snapshot() {
        let log = log(10);
        log.append(&[event(1, Body::Http(Http::default()))]);
        let (lines, mut follow) = log.last(10, None);
        log.append(&[event(2, Body::Http(Http::default()))]);
        assert_eq!(lines.len(), 1);
        assert!(follow.try_recv().unwrap().json.contains("\"flow_id\":2"));
    }
}
