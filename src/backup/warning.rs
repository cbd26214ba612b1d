//! What was noticed while reading a source: named, counted, and never a reason to fail the set.

use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tape_format::path_text;

/// Most warnings that are kept for the report; all of them are counted and passed to the sink.
const KEPT: usize = 1000;

/// What happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningKind {
    /// Permission was refused: not in this set.
    Denied,
    /// It was listed and then gone: not in this set.
    Vanished,
    /// It became shorter while it was read: the rest was filled with zeros.
    Shrunk,
    /// It became longer while it was read: the new part was cut off.
    Grew,
    /// Its time or size changed while it was read: the content may be a mixture.
    Changed,
    /// The disk or the server failed while it was read.
    ReadError,
    /// The disk or the server did not answer before the run had to end.
    Silent,
    /// Some of its extended attributes could not be read, or were too large.
    Attributes,
    /// The root of another file system, which is left out, or a file system that holds no files.
    OtherFileSystem,
    /// A directory that contains itself.
    Loop,
    /// A socket: it has no content to save.
    Socket,
}

/// How much attention a warning deserves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing is missing.
    Info,
    /// Something is missing or doubtful.
    Warning,
}

impl WarningKind {
    /// The word for logs and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            WarningKind::Denied => "denied",
            WarningKind::Vanished => "vanished",
            WarningKind::Shrunk => "shrunk",
            WarningKind::Grew => "grew",
            WarningKind::Changed => "changed",
            WarningKind::ReadError => "read_error",
            WarningKind::Silent => "silent",
            WarningKind::Attributes => "attributes",
            WarningKind::OtherFileSystem => "other_file_system",
            WarningKind::Loop => "loop",
            WarningKind::Socket => "socket",
        }
    }

    /// Whether something is missing because of it.
    pub fn severity(self) -> Severity {
        match self {
            WarningKind::Socket | WarningKind::OtherFileSystem => Severity::Info,
            _ => Severity::Warning,
        }
    }
}

/// One warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What happened.
    pub kind: WarningKind,
    /// To which path, relative to the source.
    pub path: Vec<u8>,
    /// In words, with the path.
    pub message: String,
}

/// Takes warnings as they come, on the thread that noticed them; must be quick.
pub type WarningSink = Arc<dyn Fn(&Warning) + Send + Sync>;

/// Passes warnings on, counts them, and keeps the first thousand.
pub struct Reporter {
    sink: Mutex<Option<WarningSink>>,
    seen: Mutex<WarningSummary>,
}

/// What a run noticed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WarningSummary {
    /// How many of each kind.
    pub counts: BTreeMap<WarningKind, u64>,
    /// The first of them.
    pub first: Vec<Warning>,
}

impl WarningSummary {
    /// How many say that something is missing or doubtful.
    pub fn warnings(&self) -> u64 {
        self.counts.iter().filter(|(kind, _)| kind.severity() == Severity::Warning).map(|(_, count)| count).sum()
    }
}

impl Reporter {
    /// A reporter that passes everything on to `sink`.
    pub fn new(sink: Option<WarningSink>) -> Reporter {
        Reporter { sink: Mutex::new(sink), seen: Mutex::default() }
    }

    /// Reports that `kind` happened to `path`, because of `what`.
    pub fn report(&self, kind: WarningKind, path: &[u8], what: impl Into<Cow<'static, str>>) {
        let message = format!("{}: {}", path_text::to_text(path), what.into());
        let warning = Warning { kind, path: path.to_vec(), message };
        let sink = super::stats::lock(&self.sink).clone();
        if let Some(sink) = sink {
            sink(&warning);
        }
        let mut seen = super::stats::lock(&self.seen);
        *seen.counts.entry(kind).or_default() += 1;
        if seen.first.len() < KEPT {
            seen.first.push(warning);
        }
    }

    /// Reports that an operation on `path` failed, as the kind that fits the error.
    pub fn failed(&self, path: &[u8], doing: &str, error: rustix::io::Errno) {
        use rustix::io::Errno;
        match error {
            Errno::ACCESS | Errno::PERM => self.report(
                WarningKind::Denied,
                path,
                format!("permission denied to {doing}; it is not in this set. Give the server's user read access"),
            ),
            Errno::NOENT | Errno::NOTDIR | Errno::LOOP => {
                self.report(WarningKind::Vanished, path, "it vanished before it was read; it is not in this set")
            }
            error => self.report(WarningKind::ReadError, path, format!("could not {doing}: {error}")),
        }
    }

    /// Lets the sink go: what threads notice that were left behind is not passed on any more.
    pub fn close(&self) {
        super::stats::lock(&self.sink).take();
    }

    /// What was noticed so far.
    pub fn summary(&self) -> WarningSummary {
        super::stats::lock(&self.seen).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_and_the_first_are_kept() {
        let heard = Arc::new(Mutex::new(0));
        let listener = heard.clone();
        let reporter = Reporter::new(Some(Arc::new(move |_| *listener.lock().unwrap() += 1)));
        for number in 0..KEPT + 5 {
            reporter.report(WarningKind::Grew, format!("f{number}").as_bytes(), "it grew");
        }
        reporter.failed(b"s\xff", "open it", rustix::io::Errno::ACCESS);
        reporter.report(WarningKind::Socket, b"sock", "a socket");
        let summary = reporter.summary();
        assert_eq!(*heard.lock().unwrap(), KEPT + 7);
        assert_eq!(summary.first.len(), KEPT);
        assert_eq!(summary.counts[&WarningKind::Grew], KEPT as u64 + 5);
        assert_eq!(summary.counts[&WarningKind::Denied], 1);
        assert_eq!(summary.warnings(), KEPT as u64 + 6);
    }
}
