//! The doctor: looks at everything that a server needs, as the user that it runs as, and says how to mend what is wrong.
//!
//! It changes nothing, moves no tape and sends no message, and may look while the server works. One file per thing that it
//! looks at; each adds [`Finding`]s to the [`Report`].

mod channels;
mod clock;
mod database;
mod devices;
mod folders;
mod server;
mod single_sign_on;
mod tls;

use crate::config::{Config, Sources};
use serde::Serialize;
use std::collections::BTreeMap;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, but somebody should look.
    Warning,
    /// Something does not work.
    Failure,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at: `configuration`, `folder`, `database`, `device`, `clock`, `channel`, `single sign-on`,
    /// `server`, `tls`.
    pub check: &'static str,
    /// Which one: a path, a name.
    pub subject: String,
    /// How bad it is.
    pub verdict: Verdict,
    /// What was found.
    pub about: String,
    /// What to do.
    pub mend: Option<String>,
}

/// Everything that was looked at.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// In the order in which it was looked at.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The worst of all.
    pub fn worst(&self) -> Verdict {
        self.findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Ok)
    }

    /// How many were found so.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == verdict).count()
    }

    fn ok(&mut self, check: &'static str, subject: impl Into<String>, about: impl Into<String>) {
        self.add(check, Verdict::Ok, subject, about, None);
    }

    fn warn(
        &mut self,
        check: &'static str,
        subject: impl Into<String>,
        about: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.add(check, Verdict::Warning, subject, about, Some(mend.into()));
    }

    fn fail(
        &mut self,
        check: &'static str,
        subject: impl Into<String>,
        about: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.add(check, Verdict::Failure, subject, about, Some(mend.into()));
    }

    fn add(
        &mut self,
        check: &'static str,
        verdict: Verdict,
        subject: impl Into<String>,
        about: impl Into<String>,
        mend: Option<String>,
    ) {
        self.findings.push(Finding { check, subject: subject.into(), verdict, about: about.into(), mend });
    }
}

/// Whether addresses outside this machine are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Mail servers, Telegram and the like are reached, but sent nothing.
    Tried,
    /// Nobody is reached.
    Spared,
}

/// Looks at everything. What cannot be looked at because something else is wrong is left out.
pub fn look(sources: &Sources, network: Network) -> Report {
    let mut report = Report::default();
    let early = match sources.resolve(&BTreeMap::new()) {
        Ok(config) => config,
        Err(error) => {
            report.fail("configuration", "settings", error.message, "Correct it where it is set: file or environment.");
            return report;
        }
    };
    if !folders::data(&mut report, &early) {
        return report;
    }
    let Some(mut conn) = database::open(&mut report, &early) else { return report };
    let config = match crate::db::settings::list(&mut conn).and_then(|stored| sources.resolve(&stored)) {
        Ok(config) => config,
        Err(error) => {
            let mend =
                "Take it back: `tapebackarr settings` while the server runs, or set it right in file or environment.";
            report.fail("configuration", "settings", error.message, mend);
            return report;
        }
    };
    report.ok("configuration", "settings", "Every setting is known and accepted.");
    folders::room(&mut report, &config);
    database::look(&mut report, &mut conn);
    devices::look(&mut report, &mut conn);
    clock::look(&mut report, &mut conn);
    channels::look(&mut report, &mut conn, &config, network);
    single_sign_on::look(&mut report, &mut conn, &config, network);
    server::look(&mut report, &config);
    tls::look(&mut report, &config);
    report
}

/// The words of an error, with a capital and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.trim().trim_end_matches('.').chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

/// What the doctor must know of the configuration in tests.
#[cfg(test)]
fn config_in(folder: &std::path::Path) -> Config {
    let flags = [("data_dir", serde_json::json!(folder))];
    Sources::with(flags).unwrap().resolve(&BTreeMap::new()).unwrap()
}
