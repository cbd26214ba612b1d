//! `doctor`: looks at everything that a server on this machine needs, and says how to mend it.

use super::Global;
use super::exit::{CliError, CliResult};
use super::output::{Format, json, line};
use crate::config::Sources;
use crate::doctor::{self, Network, Verdict};
use std::path::PathBuf;

/// Look at configuration, permissions, devices, database, clock, mail and the rest, and say how to mend what is wrong
#[derive(Debug, clap::Args)]
#[command(after_help = "\
It runs on the machine of the server, as the user of the server, with the same configuration, whether the server runs or not. \
It changes nothing, moves no tape and sends no message; mail servers and the like are asked whether they answer.

Exit codes: 0 if everything works, also with warnings; 1 if something does not.

Examples:
  tapebackarr doctor --data-dir /srv/tapebackarr --offline
  sudo -u tapebackarr tapebackarr doctor --config /etc/tapebackarr.toml
  tapebackarr doctor --json")]
pub struct DoctorArgs {
    /// Settings file (TOML)
    #[arg(long, value_name = "FILE", env = "TAPEBACKARR_CONFIG")]
    config: Option<PathBuf>,
    /// Where database, master key and virtual libraries live
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Reach nobody outside this machine
    #[arg(long)]
    offline: bool,
}

/// Looks and tells.
pub fn run(args: DoctorArgs, global: &Global) -> CliResult {
    let flags = args.data_dir.map(|dir| ("data_dir".to_owned(), serde_json::json!(dir)));
    let sources = Sources::load(args.config.as_deref(), std::env::vars(), flags)
        .map_err(|error| CliError::failed(error.message).advise("Correct it where it is set: file or environment."))?;
    let report = doctor::look(&sources, if args.offline { Network::Spared } else { Network::Tried });
    if Format::of(global) == Format::Json {
        json(&serde_json::to_value(&report).unwrap_or_default())?;
    } else {
        for finding in &report.findings {
            let mark = match finding.verdict {
                Verdict::Ok => "ok     ",
                Verdict::Warning => "warning",
                Verdict::Failure => "FAILED ",
            };
            let words = format!("{mark}  {}: {}: {}", finding.check, finding.subject, finding.about);
            line(&super::human::printable_lines(&words))?;
            if let Some(mend) = &finding.mend {
                line(&format!("         → {}", super::human::printable_lines(mend)))?;
            }
        }
    }
    match report.worst() {
        Verdict::Failure => Err(CliError::failed(format!(
            "{} of {} checks failed",
            report.count(Verdict::Failure),
            report.findings.len()
        ))),
        Verdict::Ok | Verdict::Warning => Ok(()),
    }
}
