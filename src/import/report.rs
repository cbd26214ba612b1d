//! What an import did, did not do, and what a person has to look at; by name.

use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Entries listed of each kind; the figures count all.
const MAX_LISTED: usize = 5000;

/// Kinds of things in the report, as it calls them.
pub type What = &'static str;

/// The report in the making.
#[derive(Debug, Default)]
pub struct Report {
    imported: BTreeMap<What, u64>,
    there: BTreeMap<What, u64>,
    skipped: Vec<Value>,
    skipped_count: u64,
    attention: Vec<Value>,
    attention_count: u64,
    lines: Vec<String>,
}

impl Report {
    /// One was taken over.
    pub fn imported(&mut self, what: What) {
        self.add(what, 1);
    }

    /// So many were taken over.
    pub fn add(&mut self, what: What, count: u64) {
        *self.imported.entry(what).or_default() += count;
    }

    /// It is here already, from an earlier import or because both have it.
    pub fn there(&mut self, what: What) {
        *self.there.entry(what).or_default() += 1;
    }

    /// It was not taken over.
    pub fn skipped(&mut self, what: What, name: &str, reason: impl Into<String>) {
        let reason = reason.into();
        self.lines.push(format!("Not taken over: {what} '{name}': {reason}."));
        self.skipped_count += 1;
        if self.skipped.len() < MAX_LISTED {
            self.skipped.push(json!({"what": what, "name": name, "reason": reason}));
        }
    }

    /// A person has to do or to know something about it.
    pub fn attention(&mut self, what: What, name: &str, reason: impl Into<String>) {
        let reason = reason.into();
        self.lines.push(format!("Needs attention: {what} '{name}': {reason}."));
        self.attention_count += 1;
        if self.attention.len() < MAX_LISTED {
            self.attention.push(json!({"what": what, "name": name, "reason": reason}));
        }
    }

    /// What was said since the last time, for the log.
    pub fn take_lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }

    /// How many of a kind were taken over.
    pub fn count(&self, what: What) -> u64 {
        self.imported.get(what).copied().unwrap_or_default()
    }

    /// The report for who asked.
    pub fn to_json(&self) -> Value {
        json!({
            "imported": self.imported, "already_there": self.there, "skipped": self.skipped,
            "skipped_count": self.skipped_count, "needs_attention": self.attention,
            "attention_count": self.attention_count,
        })
    }
}
