//! `serve`: run the server.

use super::exit::{CliError, CliResult, Doing};
use super::logging;
use crate::app;
use crate::config::Sources;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Run the server
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Settings come from, strongest first: this command line, the environment (TAPEBACKARR_SERVER__PORT=9000), what was \
changed in the settings of the server, the file, the defaults. config/default.toml documents every one of them. \
On its first start the server prints a set-up token; with it `tapebackarr login --setup` creates the administrator.

Examples:
  tapebackarr serve --data-dir /srv/tapebackarr
  tapebackarr serve --config /etc/tapebackarr.toml
  tapebackarr serve --data-dir data --listen 127.0.0.1 --port 9000")]
pub struct ServeArgs {
    /// Settings file (TOML)
    #[arg(long, value_name = "FILE", env = "TAPEBACKARR_CONFIG")]
    config: Option<PathBuf>,
    /// Where database, master key and virtual libraries live
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<IpAddr>,
    /// TCP port
    #[arg(long)]
    port: Option<u16>,
}

/// Runs the server until it is told to stop.
pub fn run(args: ServeArgs) -> CliResult {
    let flags: Vec<(String, Value)> = [
        args.data_dir.map(|dir| ("data_dir", json!(dir))),
        args.listen.map(|address| ("server.listen", json!(address))),
        args.port.map(|port| ("server.port", json!(port))),
    ]
    .into_iter()
    .flatten()
    .map(|(key, value)| (key.to_owned(), value))
    .collect();
    let sources = Sources::load(args.config.as_deref(), std::env::vars(), flags);
    let sources = sources.map_err(|error| CliError::usage(error.to_string()))?;
    let config = sources.resolve(&BTreeMap::new()).map_err(|error| CliError::usage(error.to_string()))?;
    logging::begin(&config.logging)?;
    let on_disk = Path::new("/var/tmp");
    if std::env::var_os("TMPDIR").is_none() && on_disk.is_dir() {
        // long lists are kept in temporary files to save memory, and /tmp may be memory; an override that is there wins
        let _ = tempfile::env::override_temp_dir(on_disk);
    }
    app::serve(sources).doing("the server ended")
}
