//! What a restore did, with the field names of the Go program, and whether that is a success.

use crate::{Error, ErrorKind, Result};
use chrono::NaiveDateTime;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Errors listed in the result; more are only counted (the log has them).
const MAX_ERRORS: usize = 1000;

/// Errors named in the message.
const NAMED: usize = 3;

/// Figures of one restore.
#[derive(Debug)]
pub struct Report {
    /// Files, links and nodes that are there.
    pub files: u64,
    /// Content bytes of them.
    pub bytes: u64,
    /// Directories that are there.
    pub folders: u64,
    /// Files left as they were, as the policy says.
    pub skipped: u64,
    /// What failed.
    pub error_count: u64,
    /// Whether everything restored was read back and right.
    pub verified: bool,
    /// Labels of the tapes, in order.
    pub tapes: Vec<String>,
    errors: Vec<String>,
    started: NaiveDateTime,
    destination: PathBuf,
    requested: u64,
}

impl Report {
    /// Nothing done yet of `requested` files.
    pub fn new(started: NaiveDateTime, destination: &Path, requested: u64) -> Report {
        Report {
            files: 0,
            bytes: 0,
            folders: 0,
            skipped: 0,
            error_count: 0,
            verified: false,
            tapes: Vec::new(),
            errors: Vec::new(),
            started,
            destination: destination.to_path_buf(),
            requested,
        }
    }

    /// Something that was asked for is not there.
    pub fn failed(&mut self, path: &str, why: &str) {
        self.error_count += 1;
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(format!("{path}: {why}"));
        }
    }

    /// The figures for the person who asked.
    pub fn to_json(&self) -> Value {
        json!({
            "files_requested": self.requested, "files_restored": self.files, "bytes_restored": self.bytes,
            "folders_restored": self.folders, "skipped": self.skipped, "error_count": self.error_count,
            "errors": self.errors, "verified": self.verified, "tapes": self.tapes,
            "dest_path": self.destination.to_string_lossy(), "start_time": self.started.and_utc().to_rfc3339(),
            "end_time": crate::db::now().and_utc().to_rfc3339(),
        })
    }

    /// Success only if everything that was asked for is there; nothing at all is no success either.
    pub fn outcome(&self) -> Result<Value> {
        let fail =
            |code, message| Err(Error::new(ErrorKind::Unprocessable, code, message).with_details(self.to_json()));
        if self.error_count > 0 {
            let named: Vec<&str> = self.errors.iter().take(NAMED).map(String::as_str).collect();
            let rest = self.error_count.saturating_sub(NAMED as u64);
            let more = if rest > 0 { format!("; and {rest} more, see the log") } else { String::new() };
            let message = format!(
                "{} of {} files were not restored: {}{more}",
                self.error_count,
                self.requested.max(self.error_count),
                named.join("; ")
            );
            return fail("restore_incomplete", message);
        }
        if self.requested > 0 && self.files == 0 {
            let message = format!(
                "no file was restored: all {} exist at the destination already and were kept; choose another destination or \
                 the policy 'overwrite'",
                self.skipped
            );
            return fail("nothing_restored", message);
        }
        Ok(self.to_json())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(requested: u64) -> Report {
        Report::new(crate::db::now(), Path::new("/r"), requested)
    }

    #[test]
    fn everything_there_is_success() {
        let mut report = report(2);
        report.files = 2;
        assert_eq!(report.outcome().unwrap()["files_restored"], 2);
        let mut only_folders = Report { folders: 1, ..self::report(0) };
        assert!(only_folders.outcome().is_ok());
        only_folders.failed("d", "why");
        assert!(only_folders.outcome().is_err());
    }

    #[test]
    fn one_missing_file_is_a_failure_that_names_it() {
        let mut report = report(10);
        report.files = 5;
        for number in 0..5 {
            report.failed(&format!("f{number}"), "medium error");
        }
        let error = report.outcome().unwrap_err();
        assert_eq!(error.code, "restore_incomplete");
        assert!(error.message.starts_with("5 of 10 files were not restored: f0: medium error; f1"), "{error}");
        assert!(error.message.ends_with("and 2 more, see the log"), "{error}");
        assert_eq!(error.details.unwrap()["errors"].as_array().unwrap().len(), 5);
    }

    #[test]
    fn nothing_restored_is_a_failure() {
        let error = Report { skipped: 3, ..report(3) }.outcome().unwrap_err();
        assert_eq!(error.code, "nothing_restored");
    }
}
