//! Who touched what: per caller, service, endpoint and detector how many findings and how many different values, over an hour
//! and a day, in fixed memory. Built from the events of findings; limits do not depend on it, the data plane counts for itself.

use std::collections::HashMap;

use serde_json::{Value, json};
use weir_inspect::behaviour::template;
use weir_inspect::linear_counting;
use weir_proto::event::Body;
use weir_proto::{Event, Finding, Http, eve};

/// Entries; of more, a tenth is forgotten: those that were silent longest. About 20 MB.
const MAX_ENTRIES: usize = 10_000;
/// Microseconds of a window.
const WINDOW: u64 = 3600 * 1_000_000;
/// Windows: a day, and the hour that has begun.
const WINDOWS: usize = 25;
/// Windows of the short view: the hour that has begun and the one before.
const SHORT: u64 = 2;
/// Bits by which different values are told apart. Linear counting (Whang et al. 1990): right to about 5 % up to 1,000.
const BITS: usize = 512;
const WORDS: usize = BITS / 64;

/// Who touched what where.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    /// The keyed hash of its token, else its address.
    caller: String,
    service: String,
    endpoint: String,
    detector: String,
}

#[derive(Debug)]
struct Entry {
    /// The address that it came from last.
    source: String,
    /// Microseconds since the Unix epoch.
    seen: u64,
    windows: Box<[Window; WINDOWS]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Window {
    /// Hours since the Unix epoch.
    hour: u64,
    count: u64,
    values: [u64; WORDS],
}

/// What was found at whose calls lately.
#[derive(Debug, Default)]
pub(super) struct Access {
    entries: HashMap<Key, Entry>,
}

/// What to show: entries in which each of these texts, if it is given, is the one.
#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct Wanted {
    caller: Option<String>,
    service: Option<String>,
    detector: Option<String>,
}

impl Access {
    /// Takes an event; only findings of sensitive data count.
    pub(super) fn add(&mut self, event: &Event) {
        let Some(Body::Leak(leak)) = &event.body else { return };
        let Some(finding) = &leak.finding else { return };
        let source = event.src.as_ref().and_then(weir_proto::Endpoint::addr);
        let source = source.map(|ip| ip.to_string()).unwrap_or_default();
        let caller = match finding.identity.is_empty() {
            true => source.clone(),
            false => eve::hex(&finding.identity),
        };
        let endpoint = leak.http.as_ref().map(endpoint).unwrap_or_default();
        let (service, detector) = (finding.service.clone(), finding.detector.clone());
        self.count(
            Key { caller, service, endpoint, detector },
            source,
            event.timestamp_us,
            finding,
        );
    }

    fn count(&mut self, key: Key, source: String, now: u64, finding: &Finding) {
        if self.entries.len() >= MAX_ENTRIES && !self.entries.contains_key(&key) {
            self.forget();
        }
        let entry = self.entries.entry(key).or_insert_with(|| Entry {
            source: String::new(),
            seen: 0,
            windows: Box::new([Window::default(); WINDOWS]),
        });
        entry.source = source;
        entry.seen = entry.seen.max(now);
        let hour = now / WINDOW;
        let Some(window) = entry.windows.get_mut((hour % WINDOWS as u64) as usize) else { return };
        if window.hour != hour {
            *window = Window { hour, ..Window::default() };
        }
        window.count += 1;
        let value = finding.hash.first_chunk().map_or(0, |hash| u64::from_be_bytes(*hash));
        let bit = (value % BITS as u64) as usize;
        if let Some(word) = window.values.get_mut(bit / 64) {
            *word |= 1 << (bit % 64);
        }
    }

    /// Makes room.
    fn forget(&mut self) {
        let mut seen: Vec<u64> = self.entries.values().map(|entry| entry.seen).collect();
        let (_, oldest, _) = seen.select_nth_unstable(MAX_ENTRIES / 10);
        let oldest = *oldest;
        self.entries.retain(|_, entry| entry.seen > oldest);
    }

    /// The entries of the last day, the widest access first.
    pub(super) fn to_json(&self, wanted: &Wanted, now: u64) -> Value {
        let is = |wanted: &Option<String>, text: &str| wanted.as_deref().is_none_or(|w| w == text);
        let mut rows: Vec<_> = self
            .entries
            .iter()
            .filter(|(key, _)| {
                is(&wanted.caller, &key.caller)
                    && is(&wanted.service, &key.service)
                    && is(&wanted.detector, &key.detector)
            })
            .map(|(key, entry)| (entry.used(now, WINDOWS as u64), key, entry))
            .filter(|((count, _), ..)| *count > 0)
            .collect();
        rows.sort_by(|(a, ka, _), (b, kb, _)| {
            (b.1, b.0, &ka.caller, &ka.detector).cmp(&(a.1, a.0, &kb.caller, &kb.detector))
        });
        let row = |((count, distinct), key, entry): ((u64, u64), &Key, &Entry)| {
            let (hour_count, hour_distinct) = entry.used(now, SHORT);
            json!({
                "caller": key.caller, "source": entry.source, "service": key.service,
                "endpoint": key.endpoint, "detector": key.detector,
                "hour": {"findings": hour_count, "distinct": hour_distinct},
                "day": {"findings": count, "distinct": distinct},
                "last": eve::timestamp(entry.seen),
            })
        };
        json!({ "entries": rows.into_iter().map(row).collect::<Vec<_>>() })
    }
}

impl Entry {
    /// Findings and different values in the last so many windows.
    fn used(&self, now: u64, windows: u64) -> (u64, u64) {
        let hour = now / WINDOW;
        let recent = self.windows.iter().filter(|w| w.hour + windows > hour);
        let (mut count, mut all) = (0, [0; WORDS]);
        for window in recent {
            count += window.count;
            all.iter_mut().zip(window.values).for_each(|(a, b)| *a |= b);
        }
        (count, u64::from(linear_counting::distinct(&all)).min(count))
    }
}

/// Method and learnt template; where none is known, the path with what varies between calls by its looks left out.
fn endpoint(http: &Http) -> String {
    match http.endpoint.is_empty() {
        true => format!("{} {}", http.http_method, template(&http.url)),
        false => format!("{} {}", http.http_method, http.endpoint),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_proto::{Endpoint, Leak};

    const NOW: u64 = 500_000 * WINDOW;

    /// A hash that is good enough for a test (splitmix64).
    fn mixed(n: u64) -> u64 {
        let mut z = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn leak(at: u64, caller: u8, url: &str, value: u64) -> Event {
        let finding = Finding {
            service: "people".into(),
            detector: "us-ssn".into(),
            identity: if caller == 0 { Vec::new() } else { vec![caller; 8] },
            hash: mixed(value).to_be_bytes().to_vec(),
            ..Default::default()
        };
        let http = Http { url: url.into(), http_method: "GET".into(), ..Default::default() };
        Event {
            timestamp_us: at,
            src: Some(Endpoint { ip: vec![10, 0, 0, 7], port: 4000 }),
            body: Some(Body::Leak(Leak { finding: Some(finding), http: Some(http), grpc: None })),
            ..Default::default()
        }
    }

    #[test]
    fn findings_and_different_values_of_an_hour_and_a_day() {
        let mut access = Access::default();
        for n in 0..100 {
            access.add(&leak(NOW, 1, &format!("/v1/people/{n}?x=1"), n % 40));
            access.add(&leak(NOW - 5 * WINDOW, 1, "/v1/people/7", 1000 + n));
        }
        access.add(&leak(NOW - 30 * WINDOW, 2, "/v1/people/7", 1));
        access.add(&leak(NOW, 0, "/health", 1));
        let all = access.to_json(&Wanted::default(), NOW);
        let entries = all["entries"].as_array().unwrap();
        assert_eq!(entries.len(), 2, "one is older than a day: {all}");
        let (first, second) = (&entries[0], &entries[1]);
        assert_eq!(
            (&first["caller"], &first["endpoint"]),
            (&json!("0101010101010101"), &json!("GET /v1/people/{id}"))
        );
        assert_eq!(
            (&first["hour"]["findings"], &first["day"]["findings"]),
            (&json!(100), &json!(200))
        );
        let near = |value: &Value, want: i64| (value.as_i64().unwrap() - want).abs() <= want / 10;
        assert!(
            near(&first["hour"]["distinct"], 40) && near(&first["day"]["distinct"], 140),
            "{all}"
        );
        assert_eq!(
            (&second["caller"], &second["source"]),
            (&json!("10.0.0.7"), &json!("10.0.0.7"))
        );
        let wanted = Wanted { caller: Some("10.0.0.7".into()), ..Default::default() };
        assert_eq!(access.to_json(&wanted, NOW)["entries"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn memory_is_fixed_and_the_silent_go_first() {
        let mut access = Access::default();
        access.add(&leak(NOW, 1, "/kept", 1));
        for n in 0..3 * MAX_ENTRIES as u64 {
            access.add(&leak(NOW - WINDOW + n, 2, &format!("/x{}", letters(n)), 1));
        }
        assert!(access.entries.len() <= MAX_ENTRIES);
        assert!(access.entries.keys().any(|key| key.endpoint == "GET /kept"));
    }

    /// A number in letters, since digits are taken for ids.
    fn letters(mut n: u64) -> String {
        let mut out = String::new();
        while n > 0 {
            out.push(char::from(b'a' + (n % 26) as u8));
            n /= 26;
        }
        out
    }
}
