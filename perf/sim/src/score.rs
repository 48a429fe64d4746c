//! How well verdicts agree with labels: the area under the ROC curve, what is found at a bounded rate of false alarms, how soon.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::record::NORMAL;

/// What a detector said of an actor.
#[derive(Clone, Copy, Debug, Default)]
pub struct Verdict {
    /// 0..1.
    pub score: f64,
    /// When the score first reached one half.
    pub alarm: Option<f64>,
}

/// An actor of the labels, with its verdict.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Its label, and how blatant or which event.
    pub label: String,
    /// See `label`.
    pub level: String,
    /// When it began to do what it is labelled with.
    pub first: Option<f64>,
    /// No verdict counts as a score of zero.
    pub verdict: Verdict,
}

/// Reads labels (`sim --labels`) and verdicts (`weir detect behaviour --measures`). The error is a sentence.
pub fn read(labels: &str, verdicts: &str) -> Result<Vec<Actor>, String> {
    let mut given: HashMap<String, Verdict> = HashMap::new();
    for line in lines(verdicts) {
        let (line, actor) = line?;
        let score = line.get("score").and_then(Value::as_f64).ok_or("a verdict without a score")?;
        given.insert(actor, Verdict { score, alarm: line.get("alarm").and_then(Value::as_f64) });
    }
    let actor = |line: Result<(Value, String), String>| {
        let (line, name) = line?;
        let text = |key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Actor {
            label: text("label"),
            level: text("level"),
            first: line.get("first").and_then(Value::as_f64),
            verdict: given.get(&name).copied().unwrap_or_default(),
        })
    };
    lines(labels).map(actor).collect()
}

fn lines(text: &str) -> impl Iterator<Item = Result<(Value, String), String>> {
    text.lines().enumerate().map(|(n, line)| {
        let line: Value = serde_json::from_str(line).map_err(|e| format!("line {}: {e}", n + 1))?;
        let actor = line.get("actor").and_then(Value::as_str).map(str::to_owned);
        let actor = actor.ok_or_else(|| format!("line {}: no actor", n + 1))?;
        Ok((line, actor))
    })
}

/// Of some attackers, against all who are normal.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Attackers.
    pub actors: usize,
    /// Area under the ROC curve.
    pub auc: f64,
    /// Share found when at most one in a hundred of the normal ones is an alarm.
    pub found_at_1pct: f64,
    /// Share found with alarms from one half on.
    pub found: f64,
    /// Median seconds from the first request to the alarm.
    pub seconds: Option<f64>,
}

/// A row for all, and for each label alone and with each level.
pub fn table(actors: &[Actor]) -> BTreeMap<String, Row> {
    let normal: Vec<f64> =
        actors.iter().filter(|a| a.label == NORMAL).map(|a| a.verdict.score).collect();
    let mut groups: BTreeMap<String, Vec<&Actor>> = BTreeMap::new();
    for actor in actors.iter().filter(|a| a.label != NORMAL) {
        let mut put = |name: String| groups.entry(name).or_default().push(actor);
        put("all".to_owned());
        put(actor.label.clone());
        if !actor.level.is_empty() {
            put(format!("{} {}", actor.label, actor.level));
        }
    }
    groups.into_iter().map(|(name, group)| (name, row(&group, &normal))).collect()
}

/// Those who are normal and raised an alarm, by level.
pub fn false_alarms(actors: &[Actor]) -> BTreeMap<&str, usize> {
    let mut alarms = BTreeMap::new();
    for actor in actors.iter().filter(|a| a.label == NORMAL && a.verdict.score >= 0.5) {
        *alarms.entry(actor.level.as_str()).or_default() += 1;
    }
    alarms
}

fn row(group: &[&Actor], normal: &[f64]) -> Row {
    let scores: Vec<f64> = group.iter().map(|a| a.verdict.score).collect();
    let limit = threshold(normal);
    let share = |from: f64| {
        scores.iter().filter(|score| **score >= from).count() as f64 / scores.len().max(1) as f64
    };
    let soon = |a: &&Actor| Some((a.verdict.alarm? - a.first?).max(0.0));
    let mut seconds: Vec<f64> = group.iter().filter_map(soon).collect();
    seconds.sort_by(f64::total_cmp);
    Row {
        actors: group.len(),
        auc: auc(&scores, normal),
        found_at_1pct: share(limit),
        found: share(0.5),
        seconds: seconds.get(seconds.len() / 2).copied(),
    }
}

/// The lowest score from which on at most one in a hundred of these is an alarm.
fn threshold(normal: &[f64]) -> f64 {
    let mut sorted = normal.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    // The first that may be no alarm: the limit lies just above it.
    sorted.get(normal.len() / 100).map_or(0.0, |score| score.next_up())
}

/// The probability that one of the first has a higher score than one of the second; equal scores count half.
fn auc(positive: &[f64], negative: &[f64]) -> f64 {
    let mut sorted = negative.to_vec();
    sorted.sort_by(f64::total_cmp);
    let below = |score: &f64| {
        let less = sorted.partition_point(|x| x < score);
        let same = sorted.partition_point(|x| x <= score) - less;
        less as f64 + same as f64 / 2.0
    };
    positive.iter().map(below).sum::<f64>() / (positive.len() * negative.len()).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_and_thresholds() {
        assert_eq!(auc(&[0.9, 0.8], &[0.1, 0.2]), 1.0);
        assert_eq!(auc(&[0.5], &[0.5, 0.5]), 0.5);
        assert_eq!(auc(&[0.1], &[0.2, 0.05]), 0.5);
        let normal: Vec<f64> = (0..200).map(|i| f64::from(i) / 200.0).collect();
        let limit = threshold(&normal);
        assert_eq!(normal.iter().filter(|score| **score >= limit).count(), 2);
    }

    #[test]
    fn labels_and_verdicts_are_joined() {
        let labels = "{\"actor\":\"a\",\"label\":\"normal\",\"level\":\"cron\"}\n{\"actor\":\"b\",\"label\":\"flood\",\"level\":\"slow\",\"first\":10}\n{\"actor\":\"c\",\"label\":\"flood\",\"level\":\"slow\"}\n";
        let verdicts = "{\"actor\":\"b\",\"score\":0.9,\"alarm\":15.0}\n{\"actor\":\"a\",\"score\":0.6,\"alarm\":null}\n";
        let actors = read(labels, verdicts).unwrap();
        let table = table(&actors);
        assert_eq!(table.keys().collect::<Vec<_>>(), ["all", "flood", "flood slow"]);
        let row = &table["all"];
        assert_eq!((row.actors, row.auc, row.found, row.seconds), (2, 0.5, 0.5, Some(5.0)));
        assert_eq!(false_alarms(&actors), BTreeMap::from([("cron", 1)]));
        assert!(read("{}", "").unwrap_err().contains("no actor"));
    }
}
