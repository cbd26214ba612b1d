//! `user`: who may use the server, and as what.

use super::args::Sure;
use super::exit::CliResult;
use super::output::{Context, text, text_at, time, yes_no};
use super::resolve::{self, USER};
use super::secret::SecretSource;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

/// List, add and change users
#[derive(Debug, Args)]
#[command(after_help = "\
Passwords are asked for, or read from standard input with --stdin; they are never arguments.

Examples:
  tapebackarr user add anna --role operator
  tapebackarr user passwd            your own password
  tapebackarr user passwd anna       somebody else's (administrators)
  tapebackarr user role anna readonly
  tapebackarr user reset-second-factor anna
  tapebackarr user link anna 4f6c2e1a-…   what the OpenID provider calls her
  tapebackarr user disable anna")]
pub struct UserArgs {
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// List users
    List,
    /// Add a user
    Add {
        /// Name to log in with
        name: String,
        /// What the user may do
        #[arg(long, value_enum, default_value_t = Role::Operator)]
        role: Role,
        #[command(flatten)]
        password: SecretSource,
    },
    /// Change a password: your own without a name
    Passwd {
        /// Whose
        name: Option<String>,
        #[command(flatten)]
        password: SecretSource,
    },
    /// Change what a user may do; running sessions of the user end
    Role {
        /// Who
        name: String,
        /// The new role
        #[arg(value_enum)]
        role: Role,
    },
    /// Take the second factor of a user away who has lost it; running sessions of the user end
    ResetSecondFactor {
        /// Whose
        name: String,
    },
    /// Let a user log in at the OpenID provider; the provider gives the role from then on
    Link {
        /// Who
        name: String,
        /// What the provider calls the user (claim `sub`): it is in the audit trail of a refused login
        subject: String,
    },
    /// The OpenID provider does not let a user in any more; running sessions of the user end
    Unlink {
        /// Who
        name: String,
    },
    /// Keep a user out for the time being; running sessions of the user end
    Disable {
        /// Who
        name: String,
    },
    /// Let a user in again who was disabled
    Enable {
        /// Who
        name: String,
    },
    /// Delete a user; running sessions of the user end
    Delete {
        /// Who
        name: String,
        #[command(flatten)]
        sure: Sure,
    },
}

/// Roles of the permission table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Everything
    Admin,
    /// All work on tapes, drives, libraries, jobs, sources, restores
    Operator,
    /// Look, but no secret and no change
    Readonly,
}

impl Role {
    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Role::Admin => "admin",
            Role::Operator => "operator",
            Role::Readonly => "readonly",
        }
    }
}

/// Runs the subcommand.
pub fn run(args: UserArgs, context: &Context) -> CliResult {
    let Context { client, format } = context;
    match args.command {
        UserCommand::List => {
            let columns = [
                text("id", "id"),
                text("user", "username"),
                text("role", "role"),
                yes_no("second factor", "second_factor"),
                text("provider's name", "identity.subject"),
                time("disabled", "disabled_at"),
                time("created", "created_at"),
            ];
            format.list(&client.get("users")?, &columns, "No user yet.")
        }
        UserCommand::Add { name, role, password } => {
            let password = password.read_new(&format!("Password of {name}"))?;
            let body = json!({ "username": name, "password": password, "role": role.name() });
            format.done(&client.post("users", &body)?, &format!("Added {name} ({})", role.name()))
        }
        UserCommand::Passwd { name: None, password } => {
            let old = password.read("Current password")?;
            let new = password.read_new("New password")?;
            let answer = client.post("auth/change-password", &json!({ "old_password": old, "new_password": new }))?;
            format.done(&answer, "Password changed; log in again with `tapebackarr login`")
        }
        UserCommand::Passwd { name: Some(name), password } => {
            let id = resolve::id(client, USER, &name)?;
            let password = password.read_new(&format!("New password of {name}"))?;
            let answer = client.put(&format!("users/{id}/password"), &json!({ "password": password }))?;
            format.done(&answer, &format!("Changed the password of {name}; sessions of {name} have ended"))
        }
        UserCommand::Role { name, role } => {
            let id = resolve::id(client, USER, &name)?;
            let answer = client.put(&format!("users/{id}/role"), &json!({ "role": role.name() }))?;
            format.done(&answer, &format!("{name} is now {}", role.name()))
        }
        UserCommand::ResetSecondFactor { name } => {
            let id = resolve::id(client, USER, &name)?;
            let answer = client.delete(&format!("users/{id}/second-factor"))?;
            format.done(&answer, &format!("{name} logs in with the password alone; sessions of {name} have ended"))
        }
        UserCommand::Link { name, subject } => {
            let id = resolve::id(client, USER, &name)?;
            let answer = client.put(&format!("users/{id}/identity"), &json!({ "subject": subject }))?;
            format.done(&answer, &format!("{name} logs in at the provider, too"))
        }
        UserCommand::Unlink { name } => {
            let id = resolve::id(client, USER, &name)?;
            let answer = client.delete(&format!("users/{id}/identity"))?;
            format
                .done(&answer, &format!("The provider does not let {name} in any more; sessions of {name} have ended"))
        }
        UserCommand::Disable { name } => {
            let id = resolve::id(client, USER, &name)?;
            let answer = client.put(&format!("users/{id}/disabled"), &json!({ "disabled": true }))?;
            format.done(&answer, &format!("{name} stays out; sessions of {name} have ended"))
        }
        UserCommand::Enable { name } => {
            let id = resolve::id(client, USER, &name)?;
            let answer = client.put(&format!("users/{id}/disabled"), &json!({ "disabled": false }))?;
            format.done(&answer, &format!("{name} may log in again"))
        }
        UserCommand::Delete { name, sure } => {
            let user = resolve::find(client, USER, &name)?;
            let username = text_at(&user, "username").unwrap_or(&name).to_owned();
            sure.confirm(&format!("This deletes the user {username}."), &username)?;
            let answer = client.delete(&format!("users/{}", super::output::id_of(&user)?))?;
            format.done(&answer, &format!("Deleted {username}"))
        }
    }
}
