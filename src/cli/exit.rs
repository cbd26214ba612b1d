//! How a command ends: the exit codes, and the error that carries one.

use std::fmt::Display;
use std::process::ExitCode;

/// The exit codes; documented in `--help` and docs/cli.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0
    Done,
    /// 1: the work failed or a comparison found differences.
    Failed,
    /// 2: the command line is wrong (also given by clap itself).
    Usage,
    /// 3: no server answers.
    Unreachable,
    /// 4: not logged in, or not allowed.
    Denied,
    /// 5: no such object.
    NotFound,
    /// 130: Ctrl-C while following; the work goes on.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Unreachable => 3,
            Exit::Denied => 4,
            Exit::NotFound => 5,
            Exit::Interrupted => 130,
        })
    }
}

/// Why a command did not succeed: what failed, and what to do.
#[derive(Debug, Clone)]
pub struct CliError {
    /// How the process ends.
    pub exit: Exit,
    /// What failed, on which object.
    pub message: String,
    /// What to do now, if that is not already said.
    pub advice: Option<String>,
    /// The stable word of the server for it, if it was the server that refused.
    pub code: Option<String>,
}

/// What every command returns.
pub type CliResult<T = ()> = Result<T, CliError>;

impl CliError {
    /// An error that ends with `exit`.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        CliError { exit, message: message.into(), advice: None, code: None }
    }

    /// The work failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    /// The command line is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The same with what to do.
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Tells the person, on standard error.
    pub fn print(&self) {
        eprintln!("error: {}", super::human::printable_lines(&self.message));
        if let Some(advice) = &self.advice {
            eprintln!("  → {advice}");
        }
    }
}

/// Adds what was being done to any error.
pub trait Doing<T> {
    /// `doing` is put before the message: "cannot read x: permission denied".
    fn doing(self, doing: impl Display) -> CliResult<T>;
}

impl<T, E: Display> Doing<T> for Result<T, E> {
    fn doing(self, doing: impl Display) -> CliResult<T> {
        self.map_err(|error| CliError::failed(format!("{doing}: {error}")))
    }
}

/// Standard output was closed: `tapebackarr ls … | head` is no error.
pub fn output_error(error: &std::io::Error) -> CliError {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    CliError::failed(format!("cannot write to standard output: {error}"))
}
