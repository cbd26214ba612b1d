//! The settings for people: what each is for, what it accepts, what it is, where that comes from.
//!
//! The words are the comments of `config/default.toml`, so that file, documentation and UI cannot say different things.

use super::MASK;
use super::sources::{DEFAULTS, Sources, Values, is_acceptable, parse};
use super::spec::{Reach, Rule, SPECS, Spec};
use crate::Result;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Where the value of a setting comes from, the weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// The configuration file.
    File,
    /// It was changed in the UI or over REST.
    Interface,
    /// An environment variable.
    Environment,
    /// An argument of the program.
    CommandLine,
}

/// What can be typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SettingKind {
    /// A whole number from `least` to `most`.
    Whole,
    /// One of `choices`.
    Choice,
    /// A text.
    Text,
    /// A list of texts.
    List,
    /// A text that is never shown.
    Secret,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Setting {
    /// Dotted: `server.port`.
    pub key: &'static str,
    /// What it is for.
    pub words: String,
    /// What can be typed.
    pub kind: SettingKind,
    /// The smallest number.
    pub least: Option<i64>,
    /// The largest number.
    pub most: Option<i64>,
    /// The values there are.
    pub choices: Vec<Value>,
    /// What is accepted, in words.
    pub expected: String,
    /// Without anybody saying anything.
    pub default: Value,
    /// What the next start will use. A secret is masked.
    pub value: Value,
    /// Where that comes from.
    pub origin: Origin,
    /// Whether the UI can change it.
    pub changeable: bool,
    /// Whether the server still runs with another value, until it is started again.
    pub pending: bool,
}

impl Sources {
    /// All settings, in the order of `config/default.toml`, when `stored` is what was changed in the UI.
    pub fn explain(&self, stored: &Values) -> Result<Vec<Setting>> {
        let (values, defaults, words) = (self.values(stored)?, parse(DEFAULTS)?, words());
        let settings = SPECS.iter().map(|spec| {
            let value = values.get(spec.key).cloned().unwrap_or_default();
            let (kind, range, choices) = kind(spec.rule);
            Setting {
                key: spec.key,
                words: words.get(spec.key).cloned().unwrap_or_default(),
                kind,
                least: range.map(|(least, _)| least),
                most: range.map(|(_, most)| most),
                choices,
                expected: spec.expected(),
                default: defaults.get(spec.key).cloned().unwrap_or_default(),
                pending: self.running.as_ref().is_some_and(|running| running.get(spec.key) != Some(&value)),
                value: masked(spec, value),
                origin: self.origin(spec.key, stored),
                changeable: spec.reach == Reach::Everywhere,
            }
        });
        Ok(settings.collect())
    }

    fn origin(&self, key: &str, stored: &Values) -> Origin {
        if self.in_flags.contains(key) {
            Origin::CommandLine
        } else if self.above.contains_key(key) {
            Origin::Environment
        } else if stored.get(key).is_some_and(|value| is_acceptable(key, value)) {
            Origin::Interface
        } else if self.in_file.contains(key) {
            Origin::File
        } else {
            Origin::Default
        }
    }
}

fn masked(spec: &Spec, value: Value) -> Value {
    let filled = value.as_str().is_some_and(|text| !text.is_empty());
    if filled && spec.is_secret() { MASK.into() } else { value }
}

fn kind(rule: Rule) -> (SettingKind, Option<(i64, i64)>, Vec<Value>) {
    match rule {
        Rule::Whole(least, most) => (SettingKind::Whole, Some((least, most)), Vec::new()),
        Rule::Numbers(numbers) => (SettingKind::Choice, None, numbers.iter().copied().map(Value::from).collect()),
        Rule::Words(words) => (SettingKind::Choice, None, words.iter().copied().map(Value::from).collect()),
        Rule::Text | Rule::Filled | Rule::Address | Rule::Url | Rule::LogFilter => {
            (SettingKind::Text, None, Vec::new())
        }
        Rule::Networks | Rule::Names | Rule::Texts | Rule::Origins | Rule::AnyOf(_) => {
            (SettingKind::List, None, Vec::new())
        }
        Rule::Secret(_) => (SettingKind::Secret, None, Vec::new()),
    }
}

/// What the comments above each key of `config/default.toml` say.
fn words() -> BTreeMap<String, String> {
    let (mut words, mut section, mut comment) = (BTreeMap::new(), String::new(), Vec::new());
    for line in DEFAULTS.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix('#') {
            comment.push(text.trim());
        } else if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = format!("{name}.");
            comment.clear();
        } else if let Some((name, _)) = line.split_once('=') {
            words.insert(format!("{section}{}", name.trim()), comment.join(" "));
            comment.clear();
        } else {
            comment.clear();
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn explained(sources: &Sources, stored: &Values, key: &str) -> Setting {
        sources.explain(stored).unwrap().into_iter().find(|setting| setting.key == key).unwrap()
    }

    #[test]
    fn every_setting_is_explained_in_a_sentence_of_its_own() {
        for setting in Sources::with([]).unwrap().explain(&Values::new()).unwrap() {
            let (words, key) = (&setting.words, setting.key);
            assert!(words.len() > 20 && words.ends_with('.'), "{key}: {words:?}");
            assert!(words.starts_with(|c: char| c.is_uppercase() || c == '"'), "{key}: {words:?}");
            assert!(!words.contains('…') || words.contains(" … "), "{key}: {words:?} goes on elsewhere");
            assert_eq!((setting.value, setting.origin), (setting.default, Origin::Default), "{key}");
        }
    }

    #[test]
    fn it_is_said_where_a_value_comes_from_and_whether_it_counts_already() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("c.toml");
        std::fs::write(&file, "[tape]\nstart_percent = 80\nrefill_percent = 5\n").unwrap();
        let env = [("TAPEBACKARR_SERVER__WORKERS".to_owned(), "3".to_owned())];
        let sources = Sources::load(Some(&file), env, [("server.port".to_owned(), json!(4))]).unwrap();
        let sources = sources.started_with(&Values::new()).unwrap();
        let stored = Values::from([
            ("tape.refill_percent".to_owned(), json!(7)),
            ("server.port".to_owned(), json!(5)),
            ("auth.token_hours".to_owned(), json!("what an older version stored")),
        ]);
        let origin = |key: &str| explained(&sources, &stored, key).origin;
        assert_eq!(origin("server.port"), Origin::CommandLine);
        assert_eq!(origin("server.workers"), Origin::Environment);
        assert_eq!(origin("tape.refill_percent"), Origin::Interface);
        assert_eq!(origin("tape.start_percent"), Origin::File);
        assert_eq!(origin("auth.token_hours"), Origin::Default);
        let refill = explained(&sources, &stored, "tape.refill_percent");
        assert_eq!((&refill.value, &refill.default, refill.pending), (&json!(7), &json!(10), true));
        assert!(!explained(&sources, &stored, "server.port").pending, "the command line still wins");
        assert!(!explained(&sources, &stored, "data_dir").changeable);
    }

    #[test]
    fn no_secret_is_explained_away() {
        let secret = "0123456789abcdef0123456789abcdef";
        let sources = Sources::with([("auth.jwt_secret", json!(secret))]).unwrap();
        let setting = explained(&sources, &Values::new(), "auth.jwt_secret");
        assert_eq!((setting.kind, setting.value), (SettingKind::Secret, json!(MASK)));
    }
}
