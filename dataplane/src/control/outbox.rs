//! Events on their way to the management process: bounded, numbered, and kept until acknowledged.
//!
//! ```text
//!  worker queues ──drain──► waiting ──batch──► in flight ──ack──► gone
//!                              │  ▲                │
//!                    full: the │  └── connection ──┘
//!             oldest are lost, │       ended
//!                      counted ▼
//! ```

use std::collections::VecDeque;

use weir_proto::frame::{self, MAX_BATCH, MAX_BATCH_BYTES};
use weir_proto::{Event, EventBatch};

/// Most events on the wire without an acknowledgement; beyond it the rest waits.
const MAX_IN_FLIGHT: usize = 8 * MAX_BATCH;

/// The events that the management process has not yet stored.
#[derive(Debug)]
pub(super) struct Outbox {
    capacity: usize,
    /// The number of the next event to be added.
    next_seq: u64,
    /// Events without a gap in their numbers, the last being `next_seq - 1`.
    waiting: VecDeque<Event>,
    in_flight: VecDeque<(u64, Event)>,
}

impl Outbox {
    /// An outbox that holds `capacity` events besides those in flight.
    pub(super) fn new(capacity: usize) -> Outbox {
        Outbox {
            capacity: capacity.max(1),
            next_seq: 0,
            waiting: VecDeque::new(),
            in_flight: VecDeque::new(),
        }
    }

    /// Adds an event; returns how many old ones are lost for it. The last events tell most about now.
    pub(super) fn add(&mut self, event: Event) -> u64 {
        self.waiting.push_back(event);
        self.next_seq += 1;
        self.shed()
    }

    /// The next batch to send, if there is one and the acknowledgements keep up.
    pub(super) fn batch(&mut self, lost_total: u64) -> Option<EventBatch> {
        let room = MAX_IN_FLIGHT.saturating_sub(self.in_flight.len()).min(MAX_BATCH);
        let seq = self.next_seq - self.waiting.len() as u64;
        let mut bytes = 0;
        let fits = |event: &&Event| {
            let begun_within = bytes < MAX_BATCH_BYTES;
            bytes += frame::length(*event);
            begun_within
        };
        let count = self.waiting.iter().take(room).take_while(fits).count();
        let events: Vec<Event> = self.waiting.drain(..count).collect();
        if events.is_empty() {
            return None;
        }
        self.in_flight.extend((seq..).zip(events.iter().cloned()));
        Some(EventBatch { events, lost_total, seq })
    }

    /// The events before number `next` are stored.
    pub(super) fn acknowledge(&mut self, next: u64) {
        while self.in_flight.front().is_some_and(|(seq, _)| *seq < next) {
            self.in_flight.pop_front();
        }
    }

    /// The connection ended: what was in flight is to be sent again. Returns how many old events are lost for it.
    pub(super) fn disconnected(&mut self) -> u64 {
        // `waiting` must have no gap: where it was shed while older events were in flight, these can't be put before it.
        let mut lost = 0;
        while let Some((seq, event)) = self.in_flight.pop_back() {
            if seq + 1 == self.next_seq - self.waiting.len() as u64 {
                self.waiting.push_front(event);
            } else {
                lost += 1;
            }
        }
        lost + self.shed()
    }

    fn shed(&mut self) -> u64 {
        let over = self.waiting.len().saturating_sub(self.capacity);
        self.waiting.drain(..over);
        over as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(n: u64) -> Event {
        Event { flow_id: n, ..Event::default() }
    }

    fn numbers(batch: &EventBatch) -> Vec<u64> {
        batch.events.iter().map(|e| e.flow_id).collect()
    }

    #[test]
    fn events_leave_in_order_with_their_numbers() {
        let mut out = Outbox::new(1_000);
        for n in 0..300 {
            assert_eq!(out.add(event(n)), 0);
        }
        let first = out.batch(0).unwrap();
        assert_eq!((first.seq, first.events.len()), (0, MAX_BATCH));
        let second = out.batch(0).unwrap();
        assert_eq!((second.seq, numbers(&second)), (256, (256..300).collect()));
        assert!(out.batch(0).is_none());
    }

    #[test]
    fn a_batch_of_the_longest_events_fits_into_a_frame() {
        // Five fields of 2 KB that are no UTF-8, each byte of which becomes three.
        let long = || "\u{fffd}".repeat(2048);
        let http = weir_proto::Http {
            url: long(),
            hostname: long(),
            http_user_agent: long(),
            http_refer: long(),
            redirect: long(),
            ..Default::default()
        };
        let body = weir_proto::event::Body::Http(http);
        let mut out = Outbox::new(1_000);
        for n in 0..300 {
            assert_eq!(out.add(Event { body: Some(body.clone()), ..event(n) }), 0);
        }
        let mut sent = Vec::new();
        while let Some(batch) = out.batch(0) {
            assert_eq!(batch.seq, sent.len() as u64);
            frame::encode(&batch, &mut Vec::new()).unwrap();
            sent.extend(numbers(&batch));
        }
        assert_eq!(sent, (0..300).collect::<Vec<_>>());
    }

    #[test]
    fn a_full_outbox_loses_the_oldest_and_says_how_many() {
        let mut out = Outbox::new(10);
        let lost: u64 = (0..25).map(|n| out.add(event(n))).sum();
        assert_eq!(lost, 15);
        let batch = out.batch(lost).unwrap();
        assert_eq!((batch.seq, batch.lost_total), (15, 15));
        assert_eq!(numbers(&batch), (15..25).collect::<Vec<_>>());
    }

    #[test]
    fn what_was_not_acknowledged_is_sent_again() {
        let mut out = Outbox::new(100);
        for n in 0..20 {
            out.add(event(n));
        }
        out.batch(0).unwrap();
        out.acknowledge(12);
        assert_eq!(out.disconnected(), 0);
        let again = out.batch(0).unwrap();
        assert_eq!((again.seq, numbers(&again)), (12, (12..20).collect()));
    }

    #[test]
    fn without_acknowledgements_the_flight_is_bounded_and_nothing_is_counted_twice() {
        let mut out = Outbox::new(10);
        let mut sent = 0;
        let mut lost = 0;
        for n in 0..10_000 {
            lost += out.add(event(n));
            while let Some(b) = out.batch(lost) {
                sent += b.events.len();
            }
        }
        assert_eq!(sent, MAX_IN_FLIGHT);
        assert_eq!(sent as u64 + lost + out.waiting.len() as u64, 10_000);
        lost += out.disconnected();
        assert_eq!(lost + out.waiting.len() as u64, 10_000);
        assert_eq!(out.batch(lost).unwrap().seq, 9_990);
    }
}
