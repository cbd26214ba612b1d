//! Credentials: where they come from, and the session that `login` keeps.
//!
//! The session file is `$XDG_CONFIG_HOME/tapebackarr/session.json` (`~/.config/…`), mode 0600, one token per server.

use super::exit::{CliError, CliResult, Doing, Exit};
use super::trust::Trust;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The environment variable with an API key (not known to clap, which would show it in `--help`).
pub const API_KEY_VARIABLE: &str = "TAPEBACKARR_API_KEY";

/// How a request says who it is.
#[derive(Clone)]
pub enum Credentials {
    /// `X-API-Key`.
    ApiKey(String),
    /// `Authorization: Bearer`.
    Token(String),
}

/// One login.
#[derive(Clone, Serialize, Deserialize)]
pub struct Login {
    /// The session token.
    pub token: String,
    /// Whose.
    pub username: String,
    /// Which certificate of the server is believed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub trust: Trust,
}

fn is_default(trust: &Trust) -> bool {
    *trust == Trust::default()
}

/// The sessions by server.
#[derive(Default, Serialize, Deserialize)]
struct Sessions {
    servers: BTreeMap<String, Login>,
}

/// Finds credentials for `server`: environment, key file, session.
pub fn find(server: &str, api_key_file: Option<&Path>) -> CliResult<Option<Credentials>> {
    if let Some(key) = std::env::var(API_KEY_VARIABLE).ok().filter(|key| !key.trim().is_empty()) {
        return Ok(Some(Credentials::ApiKey(key.trim().to_owned())));
    }
    if let Some(file) = api_key_file {
        return read_key_file(file).map(Some);
    }
    let mut sessions = load()?;
    Ok(sessions.servers.remove(server_key(server)).map(|login| Credentials::Token(login.token)))
}

/// Which certificate of `server` is believed since the login there. A damaged file knows of none: then only what the machine
/// trusts is believed.
pub fn trust(server: &str) -> Trust {
    let mut sessions = load().unwrap_or_default();
    sessions.servers.remove(server_key(server)).map(|login| login.trust).unwrap_or_default()
}

fn read_key_file(file: &Path) -> CliResult<Credentials> {
    let shown = file.display();
    let about = std::fs::metadata(file).doing(format_args!("cannot read the API key file {shown}"))?;
    if about.mode() & 0o077 != 0 {
        return Err(CliError::new(Exit::Denied, format!("the API key file {shown} can be read by other users"))
            .advise(format!("chmod 600 {shown}; if others had access, delete the key and create a new one")));
    }
    let text = std::fs::read_to_string(file).doing(format_args!("cannot read the API key file {shown}"))?;
    match text.trim() {
        "" => Err(CliError::usage(format!("the API key file {shown} is empty"))),
        key => Ok(Credentials::ApiKey(key.to_owned())),
    }
}

/// Keeps a login for `server`.
pub fn save(server: &str, login: Login) -> CliResult {
    let mut sessions = load().unwrap_or_default();
    sessions.servers.insert(server_key(server).to_owned(), login);
    store(&sessions)
}

/// Forgets the login for `server`; says whether there was one.
pub fn forget(server: &str) -> CliResult<Option<Login>> {
    let mut sessions = load()?;
    let forgotten = sessions.servers.remove(server_key(server));
    if forgotten.is_some() {
        store(&sessions)?;
    }
    Ok(forgotten)
}

fn server_key(server: &str) -> &str {
    server.trim_end_matches('/')
}

fn path() -> CliResult<PathBuf> {
    let config = std::env::var_os("XDG_CONFIG_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
    let base = config.or_else(home).ok_or_else(|| {
        CliError::failed("neither XDG_CONFIG_HOME nor HOME is set, so there is no place for the session")
            .advise(format!("set one of them, or use an API key in {API_KEY_VARIABLE}"))
    })?;
    Ok(base.join("tapebackarr").join("session.json"))
}

fn load() -> CliResult<Sessions> {
    let Ok(path) = path() else { return Ok(Sessions::default()) };
    match std::fs::read_to_string(&path) {
        Ok(text) => serde_json::from_str(&text)
            .map_err(|error| CliError::failed(format!("the session file {} is damaged: {error}", path.display())))
            .map_err(|error| error.advise("run `tapebackarr login`, which writes it anew")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Sessions::default()),
        Err(error) => Err(CliError::failed(format!("cannot read the session file {}: {error}", path.display()))),
    }
}

fn store(sessions: &Sessions) -> CliResult {
    let path = path()?;
    let shown = path.display();
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).doing(format_args!("cannot create {}", folder.display()))?;
    let temporary = path.with_extension("new");
    let text = serde_json::to_string_pretty(sessions).doing("cannot write the session")?;
    let write = || -> std::io::Result<()> {
        // A file left over with other permissions would keep them.
        let _ = std::fs::remove_file(&temporary);
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&temporary, &path)
    };
    write().doing(format_args!("cannot write the session file {shown}"))
}
