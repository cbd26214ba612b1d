//! The server of the demonstration, in this process, and its administrator.

use super::super::client::Client;
use super::super::exit::{CliError, CliResult, Doing};
use super::super::logging;
use super::super::output::{Context, Format, text_at};
use super::super::session::Credentials;
use super::super::trust::Trust;
use crate::app::{self, RunningServer};
use crate::config::{LogFormat, Logging, Sources};
use serde_json::json;
use std::path::Path;

/// The user the demonstration makes.
pub const ADMINISTRATOR: &str = "admin";

/// A running server, and the password of its administrator.
pub struct Server {
    running: RunningServer,
    /// Random, told to whoever may use the server afterwards.
    pub password: String,
}

impl Server {
    /// Starts a server on 127.0.0.1 with its data in `data_dir`; port 0 lets the system choose.
    pub fn start(data_dir: &Path, port: u16) -> CliResult<Self> {
        let sources = Sources::load(
            None,
            std::env::vars(),
            [
                ("data_dir".to_owned(), json!(data_dir)),
                ("server.listen".to_owned(), json!("127.0.0.1")),
                ("server.port".to_owned(), json!(port)),
                // it is for this machine only, whatever the environment says of another server
                ("server.tls".to_owned(), json!("off")),
                ("server.tls_certificate".to_owned(), json!("")),
                ("server.tls_key".to_owned(), json!("")),
            ],
        );
        let sources = sources.doing("cannot read the settings")?;
        // The demonstration tells what happens; the log is for what should not.
        logging::begin(&Logging { level: "error".to_owned(), format: LogFormat::Text })?;
        let running = app::start(sources).doing("cannot start the server")?;
        Ok(Server { running, password: random_text()? })
    }

    /// `http://127.0.0.1:8080`
    pub fn url(&self) -> String {
        format!("http://{}", self.running.addr)
    }

    /// Makes the administrator as a person would, with the set-up token, and logs in.
    pub fn log_in(&self) -> CliResult<Context> {
        let token = self.running.setup_token.as_deref();
        let token = token.ok_or_else(|| CliError::failed("the new server already has users"))?;
        let client = Client::new(&self.url(), &Trust::default(), None)?;
        let body = json!({ "token": token, "username": ADMINISTRATOR, "password": self.password });
        client.post("auth/setup", &body)?;
        let answer = client.post("auth/login", &json!({ "username": ADMINISTRATOR, "password": self.password }))?;
        let token = text_at(&answer, "token").unwrap_or_default().to_owned();
        let client = client.with_credentials(Credentials::Token(token));
        // JSON keeps the progress bars away; the narrator does the talking.
        Ok(Context { client, format: Format::Json })
    }

    /// Shuts the server down in order.
    pub fn stop(self) -> CliResult {
        self.running.stop().doing("cannot stop the server")
    }

    /// Serves until Ctrl-C or SIGTERM.
    pub fn stay(self) -> CliResult {
        self.running.wait().map(drop).doing("the server ended")
    }
}

fn random_text() -> CliResult<String> {
    let mut bytes = [0u8; 12];
    openssl::rand::rand_bytes(&mut bytes).doing("no randomness for a password")?;
    Ok(hex::encode(bytes))
}
