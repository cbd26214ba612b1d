//! What an operator would do, done through the REST API: tapes, jobs, runs, verification, restores.

use super::super::compare::{self, Comparison, Owners};
use super::super::exit::{CliError, CliResult, Doing};
use super::super::output::{Context, id_of, number_at, text_at};
use super::super::{follow, human, resolve};
use super::narrator::{Narrator, amount};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// The demonstration's connection, voice and results.
pub struct Steps<'a> {
    /// The server, as the administrator.
    pub context: &'a Context,
    /// Who tells.
    pub narrator: &'a Narrator,
    /// What all comparisons found together.
    pub compared: Comparison,
}

impl Steps<'_> {
    /// Adds the virtual library with its drives, and labels its tapes by their bar codes.
    pub fn hardware(&self, dir: &Path, drives: u16) -> CliResult {
        let client = &self.context.client;
        let device = |part: &str| format!("virtual:{}#{part}", dir.display());
        let body = json!({ "name": "Demo library", "device_path": device("changer") });
        let library = id_of(&client.post("libraries", &body)?)?;
        for number in 0..drives {
            let body =
                json!({ "device_path": device(&format!("drive{number}")), "display_name": format!("Drive {number}") });
            client.post("drives", &body)?;
        }
        self.work(&client.post(&format!("libraries/{library}/inventory"), &json!({}))?)?;
        let pool = self.pool()?;
        let body = json!({ "library_id": library, "barcodes": true, "pool_id": pool });
        let (_, took) = self.work(&client.post("tapes/batch-label", &body)?)?;
        let tapes = client.get("tapes")?;
        let labels = tapes.as_array().into_iter().flatten().filter_map(|tape| text_at(tape, "label"));
        let labels: Vec<&str> = labels.collect();
        self.narrator.say(&format!(
            "Labelled {} tapes in {}: {}",
            labels.len(),
            human::duration(took),
            labels.join(", ")
        ))
    }

    fn pool(&self) -> CliResult<i64> {
        resolve::id(&self.context.client, resolve::POOL, "DAILY")
    }

    /// Makes a source and a job for it; returns the job.
    pub fn job(&self, name: &str, path: &Path, encryption_key: Option<i64>) -> CliResult<i64> {
        let client = &self.context.client;
        let body = json!({ "name": name, "source_type": "local", "path": path });
        let source = id_of(&client.post("sources", &body)?)?;
        let mut body = json!({
            "name": name, "source_id": source, "pool_id": self.pool()?, "backup_type": "full", "schedule_cron": "",
            "retention_days": 30, "compression": "zstd",
        });
        if let Some(key) = encryption_key {
            body["encryption_key_id"] = key.into();
        }
        id_of(&client.post("jobs", &body)?)
    }

    /// Makes an encryption key.
    pub fn key(&self) -> CliResult<i64> {
        let answer = self.context.client.post("encryption-keys", &json!({ "name": "Demo key", "description": "" }))?;
        answer.get("key").map_or_else(|| id_of(&answer), id_of)
    }

    /// Runs the job; returns its new set.
    pub fn back_up(&self, job: i64, backup_type: &str) -> CliResult<i64> {
        let body = json!({ "use_pool": true, "backup_type": backup_type });
        let (execution, took) = self.work(&self.context.client.post(&format!("jobs/{job}/run"), &body)?)?;
        let set = execution.get("backup_set_id").and_then(Value::as_i64);
        let set = set.ok_or_else(|| CliError::failed("the run ended without a backup set"))?;
        let details = self.context.client.get(&format!("backup-sets/{set}"))?;
        let (files, bytes) = (number_at(&details, "file_count"), number_at(&details, "total_bytes"));
        let stored = number_at(&details, "stored_bytes");
        let tape = text_at(&details, "tape_label").or(text_at(&execution, "tape_label")).unwrap_or("a tape");
        let deleted = match number_at(&details, "deleted_count") {
            0 => String::new(),
            count => format!(", {count} deletions recorded"),
        };
        self.narrator.say(&format!(
            "Set {set}, {backup_type}, to tape {tape}: {}; {} on tape{deleted}",
            amount(files, bytes, took),
            human::bytes(stored)
        ))?;
        for why in execution.get("why").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            self.narrator.say(&format!("    why: {why}"))?;
        }
        match number_at(&execution, "warning_count") {
            0 => Ok(set),
            count => {
                let id = number_at(&execution, "id");
                self.narrator.say(&format!("    {count} warnings: tapebackarr executions log {id}"))?;
                Ok(set)
            }
        }
    }

    /// Reads a set back from tape and lets the server compare every hash.
    pub fn verify(&self, set: i64) -> CliResult {
        let (execution, took) =
            self.work(&self.context.client.post(&format!("backup-sets/{set}/verify"), &json!({}))?)?;
        let (files, bytes) = (number_at(&execution, "files_processed"), number_at(&execution, "bytes_processed"));
        self.narrator.say(&format!("Verified set {set}: {}, every hash as cataloged", amount(files, bytes, took)))
    }

    /// Restores what `what` names (`backup_set_id`, or `job_id`, with paths or without) to `destination`.
    pub fn restore(&self, what: &Value, destination: &Path, words: &str) -> CliResult {
        std::fs::create_dir_all(destination).doing(format_args!("cannot make {}", destination.display()))?;
        let mut body = what.clone();
        body["dest_path"] = json!(destination);
        body["destination_type"] = "local".into();
        body["policy"] = "overwrite".into();
        body["verify"] = true.into();
        let (execution, took) = self.work(&self.context.client.post("restore/run", &body)?)?;
        let (files, bytes) = (number_at(&execution, "files_processed"), number_at(&execution, "bytes_processed"));
        self.narrator.say(&format!("Restored {words}: {}", amount(files, bytes, took)))
    }

    /// Compares two trees with our own eyes.
    pub fn compare(&mut self, expected: &Path, found: &Path, words: &str) -> CliResult<(u64, u64)> {
        let started = Instant::now();
        let result = compare::trees(expected, found, Owners::expected()).doing("cannot compare")?;
        let what = amount(result.files, result.bytes, started.elapsed());
        let verdict = match result.mismatches {
            0 => "equal in content, mode, owner, time, links and attributes".to_owned(),
            count => format!("{} DIFFERENCES", human::count(count)),
        };
        self.narrator.say(&format!("Compared {words}: {what}: {verdict}"))?;
        for (path, reason) in &result.differences {
            self.narrator.say(&format!("    {}: {reason}", path.display()))?;
        }
        let measured = (result.files, result.bytes);
        self.compared.entries += result.entries;
        self.compared.files += result.files;
        self.compared.bytes += result.bytes;
        self.compared.mismatches += result.mismatches;
        self.compared.passed_over += result.passed_over;
        let room = compare::MOST_DIFFERENCES.saturating_sub(self.compared.differences.len());
        let named = result.differences.into_iter().map(|(path, reason)| (Path::new(words).join(path), reason));
        self.compared.differences.extend(named.take(room));
        Ok(measured)
    }

    /// Waits for long work and returns its execution and how long it took; an error if it did not complete.
    fn work(&self, answer: &Value) -> CliResult<(Value, Duration)> {
        let started = Instant::now();
        let Some(id) = answer.get("execution_id").and_then(Value::as_i64) else {
            return Ok((answer.clone(), Duration::ZERO));
        };
        let execution = follow::follow(self.context, id)?;
        if let Err(error) = follow::succeeded(&execution) {
            self.tell_log(id)?;
            return Err(error);
        }
        let took = follow::elapsed(&execution).unwrap_or_else(|| started.elapsed());
        Ok((execution, took))
    }

    /// The end of the log of work that failed; that it failed is told anyway.
    fn tell_log(&self, id: i64) -> CliResult {
        let path = format!("executions/{id}/logs");
        let log = self.context.client.get_with(&path, &[("after", Some("0".to_owned()))]).unwrap_or_default();
        let lines: Vec<String> = log.as_array().into_iter().flatten().map(follow::log_line).collect();
        lines.iter().skip(lines.len().saturating_sub(20)).try_for_each(|line| self.narrator.say(&format!("    {line}")))
    }
}
