//! `/metrics`: samples in Prometheus' text format 0.0.4.

use std::collections::BTreeMap;
use std::fmt::Write;

use weir_proto::{Sample, sample};

/// Series taken from one snapshot of the data plane; more means that a label is not bounded. The rest is left out, and
/// `weir_mgmt_series_refused` says so.
const MAX_SERIES: usize = 10_000;

/// Renders samples under the prefix `weir_`. Samples of one name stand together, as the format asks for.
pub(super) fn render(samples: &[Sample]) -> String {
    let (good, bad): (Vec<_>, Vec<_>) = samples.iter().partition(|s| is_valid(s));
    let refused = bad.len() + good.len().saturating_sub(MAX_SERIES);
    let refused = Sample::gauge("mgmt_series_refused", &[], refused as f64);
    let mut families: BTreeMap<&str, Vec<&Sample>> = BTreeMap::new();
    for s in good.into_iter().take(MAX_SERIES).chain([&refused]) {
        families.entry(&s.name).or_default().push(s);
    }
    let mut out = String::new();
    for (name, samples) in families {
        let counter =
            matches!(samples.first().and_then(|s| s.value), Some(sample::Value::Count(_)));
        let kind = if counter { "counter" } else { "gauge" };
        let _ = writeln!(out, "# TYPE weir_{name} {kind}");
        for s in samples {
            line(&mut out, s);
        }
    }
    out
}

fn line(out: &mut String, s: &Sample) {
    let _ = write!(out, "weir_{}", s.name);
    for (i, label) in s.labels.iter().enumerate() {
        let before = if i == 0 { '{' } else { ',' };
        let _ = write!(out, "{before}{}=\"{}\"", label.name, escape(&label.value));
    }
    if !s.labels.is_empty() {
        out.push('}');
    }
    let _ = match s.value {
        Some(sample::Value::Count(n)) => writeln!(out, " {n}"),
        _ => writeln!(out, " {}", s.as_f64()),
    };
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Names as the data model allows them: <https://prometheus.io/docs/concepts/data_model/>.
fn is_valid(s: &Sample) -> bool {
    is_name(&s.name) && s.labels.iter().all(|l| is_name(&l.name) && !l.name.starts_with("__"))
}

fn is_name(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(letter) && name.chars().all(|c| letter(c) || c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_stand_together_with_their_type() {
        let text = render(&[
            Sample::count("packets_total", &[("reason", "forwarded")], 7),
            Sample::gauge("flows", &[], 2.5),
            Sample::count("packets_total", &[("reason", "edited"), ("worker", "0")], u64::MAX),
        ]);
        assert_eq!(
            text,
            "# TYPE weir_flows gauge\n\
             weir_flows 2.5\n\
             # TYPE weir_mgmt_series_refused gauge\n\
             weir_mgmt_series_refused 0\n\
             # TYPE weir_packets_total counter\n\
             weir_packets_total{reason=\"forwarded\"} 7\n\
             weir_packets_total{reason=\"edited\",worker=\"0\"} 18446744073709551615\n"
        );
    }

    #[test]
    fn label_values_are_escaped_and_bad_names_left_out() {
        let text = render(&[
            Sample::count("rules_total", &[("rule", "a\\b\"c\nd")], 1),
            Sample::count("bad-name", &[], 1),
            Sample::count("bad_label", &[("0", "x")], 1),
        ]);
        assert!(text.contains("weir_rules_total{rule=\"a\\\\b\\\"c\\nd\"} 1\n"), "{text}");
        assert!(text.contains("weir_mgmt_series_refused 2\n") && !text.contains("bad"), "{text}");
    }

    #[test]
    fn an_unbounded_label_is_cut_off() {
        let all: Vec<_> = (0..MAX_SERIES + 5)
            .map(|n| Sample::count("x_total", &[("ip", &n.to_string())], 1))
            .collect();
        let text = render(&all);
        assert_eq!(text.lines().filter(|l| l.starts_with("weir_x_total")).count(), MAX_SERIES);
        assert!(text.contains("weir_mgmt_series_refused 5\n"));
    }
}
