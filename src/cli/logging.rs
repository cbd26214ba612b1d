//! The server's own log, on standard error.

use super::exit::{CliResult, Doing};
use crate::config::{LogFormat, Logging};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Begins to log as the settings say.
pub fn begin(logging: &Logging) -> CliResult {
    let filter = EnvFilter::try_new(&logging.level).doing("logging.level")?;
    // a log that cannot be written must not end what is told: complaining about it on the same standard error would panic
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    let begun = match logging.format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    begun.doing("cannot begin the log")?;
    crate::db::sqlite_log::begin();
    Ok(())
}
