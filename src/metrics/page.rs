//! The samples of one page, and the page as text.

use super::families::{ALL, Family, Kind};
use chrono::NaiveDateTime;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::collections::BTreeMap;
use std::fmt;

/// Longer values of labels say no more.
const LONGEST: usize = 200;

/// Samples that were collected. Of two with the same labels the later one counts: twice the same would make the whole page
/// worthless to whoever reads it.
#[derive(Debug, Default)]
pub struct Page {
    samples: BTreeMap<&'static str, BTreeMap<Vec<String>, f64>>,
}

impl Page {
    /// A sample, with the values of its labels in the order of the family.
    pub fn put(&mut self, family: &Family, labels: &[&str], value: impl Into<f64>) {
        debug_assert_eq!(family.labels.len(), labels.len(), "{}", family.name);
        let value = value.into();
        if value.is_finite() {
            let labels = labels.iter().map(|text| readable(text)).collect();
            self.samples.entry(family.name).or_default().insert(labels, value);
        }
    }

    /// A moment, if there is one.
    pub fn put_time(&mut self, family: &Family, labels: &[&str], time: Option<NaiveDateTime>) {
        if let Some(time) = time {
            self.put(family, labels, unix(time));
        }
    }

    /// 1 for the word that is true, 0 for the others; the word is the last label.
    pub fn put_one_of(&mut self, family: &Family, labels: &[&str], words: &[&str], true_one: &str) {
        for word in words {
            self.put(family, &[labels, &[*word]].concat(), if *word == true_one { 1 } else { 0 });
        }
    }

    /// Adds to a sample.
    pub fn add(&mut self, family: &Family, labels: &[&str], value: f64) {
        let sum = self.get(family, labels).unwrap_or_default() + value;
        self.put(family, labels, sum);
    }

    /// A sample that was put here.
    pub fn get(&self, family: &Family, labels: &[&str]) -> Option<f64> {
        let labels: Vec<String> = labels.iter().map(|text| readable(text)).collect();
        self.samples.get(family.name)?.get(&labels).copied()
    }

    /// Takes the samples of another page.
    pub fn merge(&mut self, other: Page) {
        for (name, samples) in other.samples {
            self.samples.entry(name).or_default().extend(samples);
        }
    }
}

/// Seconds since 1970, to milliseconds.
pub fn unix(time: NaiveDateTime) -> f64 {
    time.and_utc().timestamp_millis() as f64 / 1000.0
}

/// Names of people's things may hold anything; what readers of the page choke on is replaced. Quotes, backslashes and new lines
/// are escaped by the encoder.
fn readable(text: &str) -> String {
    let harmless = |c: char| if c.is_control() && c != '\n' { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().take(LONGEST).map(harmless).collect()
}

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let none = BTreeMap::new();
        for family in ALL {
            let (name, unit) = family.split();
            let unit = unit.map(|unit| Unit::Other(unit.to_owned()));
            let kind = match family.kind {
                Kind::Gauge => MetricType::Gauge,
                Kind::Counter => MetricType::Counter,
            };
            let mut metric = encoder.encode_descriptor(name, family.help, unit.as_ref(), kind)?;
            for (values, value) in self.samples.get(family.name).unwrap_or(&none) {
                let labels: Vec<(&str, &str)> =
                    family.labels.iter().copied().zip(values.iter().map(String::as_str)).collect();
                match labels.is_empty() {
                    true => sample(family.kind, &mut metric, *value)?,
                    false => sample(family.kind, &mut metric.encode_family(&labels)?, *value)?,
                }
            }
        }
        Ok(())
    }
}

fn sample(kind: Kind, metric: &mut MetricEncoder, value: f64) -> fmt::Result {
    match kind {
        Kind::Gauge => metric.encode_gauge(&value),
        Kind::Counter => metric.encode_counter::<NoLabelSet, f64, f64>(&value, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::families;
    use prometheus_client::encoding::text;
    use prometheus_client::registry::Registry;

    fn text_of(page: Page) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(page));
        let mut out = String::new();
        text::encode(&mut out, &registry).unwrap();
        out
    }

    #[test]
    fn a_page_is_text_that_prometheus_reads() {
        let mut page = Page::default();
        page.put(&families::COLLECTED, &[], 0.25);
        page.put(&families::DRIVE_WRITTEN, &["1", "D0"], 3_000_000_000_000_f64);
        page.put_one_of(&families::DRIVE_STATE, &["1", "D0"], &["busy", "online"], "busy");
        let text = text_of(page);
        let has = |line: &str| assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        has("# TYPE tapebackarr_collect_duration_seconds gauge");
        has("# UNIT tapebackarr_collect_duration_seconds seconds");
        has("tapebackarr_collect_duration_seconds 0.25");
        has("# TYPE tapebackarr_drive_lifetime_written_bytes counter");
        has("tapebackarr_drive_lifetime_written_bytes_total{drive_id=\"1\",drive=\"D0\"} 3000000000000.0");
        has("tapebackarr_drive_state{drive_id=\"1\",drive=\"D0\",state=\"busy\"} 1.0");
        has("tapebackarr_drive_state{drive_id=\"1\",drive=\"D0\",state=\"online\"} 0.0");
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn hostile_names_stay_inside_their_quotes() {
        let mut page = Page::default();
        let hostile = "a\"} 1\ntapebackarr_evil{x=\"\\\u{0}\u{1b}[2J";
        page.put(&families::POOL_USED, &[hostile], 7);
        page.put(&families::POOL_USED, &[&"x".repeat(10_000)], 8);
        let text = text_of(page);
        let line = text.lines().find(|line| line.ends_with(" 7.0")).unwrap();
        assert_eq!(
            line,
            "tapebackarr_pool_used_bytes{pool=\"a\\\"} 1\\ntapebackarr_evil{x=\\\"\\\\\u{fffd}\u{fffd}[2J\"} 7.0"
        );
        assert!(!text.lines().any(|line| line.starts_with("tapebackarr_evil")));
        assert!(text.lines().all(|line| line.len() < 500));
    }

    #[test]
    fn a_sample_is_there_once_and_what_is_no_number_is_not() {
        let mut page = Page::default();
        page.put(&families::POOL_USED, &["a\u{1}"], 1);
        page.put(&families::POOL_USED, &["a\u{2}"], 2);
        page.put(&families::POOL_USED, &["b"], f64::NAN);
        page.add(&families::POOL_CAPACITY, &["a"], 2.0);
        page.add(&families::POOL_CAPACITY, &["a"], 3.0);
        assert_eq!(page.get(&families::POOL_CAPACITY, &["a"]), Some(5.0));
        let text = text_of(page);
        let used = text.lines().filter(|line| line.starts_with("tapebackarr_pool_used_bytes{"));
        assert_eq!(used.collect::<Vec<_>>(), ["tapebackarr_pool_used_bytes{pool=\"a\u{fffd}\"} 2.0"]);
    }
}
