//! A strict reader of the OpenMetrics text format: what it takes, Prometheus takes.

use std::collections::{BTreeMap, BTreeSet};

/// Labels of a sample.
pub type Labels = BTreeMap<String, String>;

/// All samples by name.
#[derive(Debug, Default)]
pub struct Metrics {
    pub samples: BTreeMap<String, Vec<(Labels, f64)>>,
    /// Type of each family.
    pub types: BTreeMap<String, String>,
}

impl Metrics {
    /// Reads a page; panics with the line where it is not what it should be.
    #[track_caller]
    pub fn read(text: &str) -> Metrics {
        let body = text.strip_suffix("# EOF\n").unwrap_or_else(|| panic!("it does not end with # EOF: {text}"));
        let (mut metrics, mut family) = (Metrics::default(), Family::default());
        let mut seen = BTreeSet::new();
        for line in body.lines() {
            match line.strip_prefix("# ") {
                Some(about) => {
                    let (what, rest) = about.split_once(' ').unwrap_or_else(|| panic!("{line}"));
                    let (name, value) = rest.split_once(' ').unwrap_or_else(|| panic!("{line}"));
                    if name != family.name {
                        assert!(!metrics.types.contains_key(name), "a family is torn apart: {line}");
                        family.check(&metrics);
                        family = Family { name: name.into(), ..Family::default() };
                    }
                    assert!(is_name(name) && !family.has_samples, "{line}");
                    match what {
                        "HELP" => assert!(!value.contains('"'), "{line}"),
                        "TYPE" => {
                            assert!(["counter", "gauge", "histogram"].contains(&value), "{line}");
                            family.kind = value.into();
                            metrics.types.insert(name.into(), value.into());
                        }
                        "UNIT" => assert!(name.ends_with(&format!("_{value}")), "{line}"),
                        _ => panic!("{line}"),
                    }
                }
                None => {
                    assert!(!line.starts_with('#') && !line.is_empty(), "{line:?}");
                    let (name, labels, value) = sample(line);
                    let ending = name.strip_prefix(&family.name).unwrap_or_else(|| panic!("not of {family:?}: {line}"));
                    let fits = match family.kind.as_str() {
                        "counter" => ending == "_total" && value >= 0.0,
                        "histogram" => ["_sum", "_count", "_bucket"].contains(&ending) && value >= 0.0,
                        _ => ending.is_empty(),
                    };
                    assert!(fits, "not as a {} is: {line}", family.kind);
                    assert_eq!(labels.contains_key("le"), ending == "_bucket", "{line}");
                    assert!(seen.insert((name.clone(), labels.clone())), "twice: {line}");
                    family.has_samples = true;
                    metrics.samples.entry(name).or_default().push((labels, value));
                }
            }
        }
        family.check(&metrics);
        metrics
    }

    /// The sum of all samples that have these labels.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let fits =
            |found: &Labels| labels.iter().all(|(key, value)| found.get(*key).is_some_and(|found| found == value));
        let samples = self.samples.get(name).into_iter().flatten();
        samples.filter(|(found, _)| fits(found)).map(|(_, value)| value).sum()
    }

    /// The one sample that has these labels.
    #[track_caller]
    pub fn one(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let fits =
            |found: &Labels| labels.iter().all(|(key, value)| found.get(*key).is_some_and(|found| found == value));
        let samples = self.samples.get(name).into_iter().flatten();
        let found: Vec<_> = samples.filter(|(found, _)| fits(found)).collect();
        assert_eq!(found.len(), 1, "{name} {labels:?}: {found:?} of {:?}", self.samples.get(name));
        found[0].1
    }
}

#[derive(Debug, Default)]
struct Family {
    name: String,
    kind: String,
    has_samples: bool,
}

impl Family {
    /// Buckets grow, and the last one has all.
    fn check(&self, metrics: &Metrics) {
        if self.kind != "histogram" {
            return;
        }
        let empty = Vec::new();
        let get = |ending: &str| metrics.samples.get(&format!("{}{ending}", self.name)).unwrap_or(&empty);
        let mut series: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
        for (labels, value) in get("_bucket") {
            let mut labels = labels.clone();
            let limit = labels.remove("le").unwrap();
            let limit = if limit == "+Inf" { f64::INFINITY } else { limit.parse().unwrap() };
            series.entry(labels).or_default().push((limit, *value));
        }
        assert_eq!(series.len(), get("_count").len());
        for (labels, count) in get("_count") {
            let buckets = &series[labels];
            assert!(buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{} {labels:?}: {buckets:?}", self.name);
            assert_eq!(buckets.last(), Some(&(f64::INFINITY, *count)), "{} {labels:?}", self.name);
        }
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// `name{label="value",…} number`
fn sample(line: &str) -> (String, Labels, f64) {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("{line}"));
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let mut labels = Labels::new();
    if let Some(mut inside) = rest.strip_prefix('{') {
        loop {
            let (label, after) = inside.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
            assert!(is_name(label), "{line}");
            let (value, after) = quoted(after).unwrap_or_else(|| panic!("{line}"));
            assert!(labels.insert(label.into(), value).is_none(), "{line}");
            match after.strip_prefix(',') {
                Some(more) => inside = more,
                None => {
                    rest = after.strip_prefix('}').unwrap_or_else(|| panic!("{line}"));
                    break;
                }
            }
        }
    }
    let number = rest.strip_prefix(' ').unwrap_or_else(|| panic!("{line}"));
    let value: f64 = number.parse().unwrap_or_else(|_| panic!("{line}"));
    assert!(value.is_finite(), "{line}");
    (name.into(), labels, value)
}

/// What stands before the closing quote, and what comes behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut chars) = (String::new(), text.char_indices());
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                escaped @ ('\\' | '"') => escaped,
                _ => return None,
            }),
            c if c.is_control() => return None,
            c => value.push(c),
        }
    }
    None
}
