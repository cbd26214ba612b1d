//! `login` and `logout`: a session for this user on this machine.

use super::exit::{CliResult, Exit};
use super::output::{Format, text_at};
use super::secret::{SecretSource, ask};
use super::session::{self, Credentials, Login};
use super::trust::Trust;
use super::{Global, client::Client};
use serde_json::{Value, json};

/// Log in and keep the session (`--setup`: create the administrator on a new server)
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The session is kept in ~/.config/tapebackarr/session.json, readable by you alone, with the authority or the fingerprint by \
which the certificate of the server is trusted. \
On its first start a server prints a set-up token; with it, --setup creates the administrator. The token is \
read from TAPEBACKARR_SETUP_TOKEN or asked for. Where there is a second factor its code is asked for behind the password; with \
--stdin it is the second line.

Examples:
  tapebackarr login --username anna
  tapebackarr login --username admin --setup
  tapebackarr login --server https://tapes.example.org:8080 --ca ca.pem
  pass tape/anna | tapebackarr login --username anna --stdin")]
pub struct LoginArgs {
    /// Who; asked for if not given
    #[arg(long, short)]
    username: Option<String>,
    /// Create the administrator on a new server
    #[arg(long)]
    setup: bool,
    #[command(flatten)]
    password: SecretSource,
}

/// Log out: end the session
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  tapebackarr logout\n  tapebackarr logout --everywhere")]
pub struct LogoutArgs {
    /// Also end all other logins of this user, on every device
    #[arg(long)]
    everywhere: bool,
}

/// Logs in.
pub fn run(args: LoginArgs, global: &Global) -> CliResult {
    let trust = global.trust()?;
    let client = Client::new(&global.server, &trust, None)?;
    let username = match args.username {
        Some(username) => username,
        None => ask("User name")?,
    };
    if args.setup {
        let token = match std::env::var("TAPEBACKARR_SETUP_TOKEN") {
            Ok(token) => token,
            Err(_) => ask("Set-up token")?,
        };
        let password = args.password.read_new("New password of the administrator")?;
        let body = json!({ "token": token.trim(), "username": username, "password": password });
        client.post("auth/setup", &body)?;
        return log_in(&client, trust, &username, &password, args.password, Format::of(global));
    }
    let password = args.password.read("Password")?;
    log_in(&client, trust, &username, &password, args.password, Format::of(global))
}

fn log_in(
    client: &Client,
    trust: Trust,
    username: &str,
    password: &str,
    source: SecretSource,
    format: Format,
) -> CliResult {
    let send = |code: Option<String>| {
        client.post("auth/login", &json!({ "username": username, "password": password, "code": code }))
    };
    let answer = match send(None) {
        Err(error) if error.code.as_deref() == Some("totp_required") => {
            send(Some(source.read("Code of the app, or a recovery code")?))?
        }
        other => other?,
    };
    let token = text_at(&answer, "token").unwrap_or_default().to_owned();
    session::save(client.base(), Login { token, username: username.to_owned(), trust })?;
    let role = text_at(&answer, "user.role").unwrap_or("user");
    // Not the answer itself: it holds the token.
    let shown = answer.get("user").cloned().unwrap_or(Value::Null);
    format.done(&shown, &format!("Logged in at {} as {username} ({role})", client.base()))?;
    if answer["second_factor_missing"] == true {
        eprintln!("Your role needs a second factor. Before anything else: tapebackarr second-factor enable");
    }
    Ok(())
}

/// Forgets the session, and ends it on the server; where that cannot be reached it ends when its time is over.
pub fn log_out(args: &LogoutArgs, global: &Global) -> CliResult {
    let trust = global.trust()?;
    let forgotten = session::forget(&global.server)?;
    let mut unended = String::new();
    if let Some(login) = &forgotten {
        let client = Client::new(&global.server, &trust, Some(Credentials::Token(login.token.clone())))?;
        let path = if args.everywhere { "auth/logout?everywhere=true" } else { "auth/logout" };
        match client.post(path, &json!({})) {
            // a session that the server knows no more has ended
            Err(error) if error.exit == Exit::Denied => {}
            Err(error) if args.everywhere => return Err(error),
            Err(error) => unended = format!("; the server ends it when its time is over ({})", error.message),
            Ok(_) => {}
        }
    }
    let sentence = match &forgotten {
        Some(login) => format!("Logged out {} at {}{unended}", login.username, global.server),
        None => format!("There was no session at {}", global.server),
    };
    Format::of(global).done(&json!({ "logged_out": forgotten.is_some() }), &sentence)
}
