//! The command line: one file per subcommand.
//!
//! `serve`, `demo`, `doctor`, `openapi`, `recover`, `virtual` and `vtl` do their work in this process; everything else asks a server through the
//! same REST API that the web interface uses, so the command line can do nothing that the permission table forbids.
//!
//! Rules that hold for every subcommand:
//! * data goes to standard output, everything else (progress, questions, errors) to standard error;
//! * `--json` prints what the server answered;
//! * no secret is ever an argument, because arguments are visible to every user of the machine;
//! * an error says what failed and what to do, and ends with one of the codes of [`exit::Exit`].

mod args;
mod client;
pub mod compare;
mod exit;
mod follow;
mod logging;
mod output;
mod resolve;
mod secret;
mod session;
mod trust;

mod api_key;
mod audit;
mod catalog;
mod completions;
mod database;
mod demo;
mod doctor;
mod drill;
mod drive;
mod drive_test;
mod events;
mod executions;
mod find;
mod import;
mod job;
mod key;
mod library;
mod login;
mod logins;
mod ls;
mod maintenance;
mod man;
mod notify;
mod openapi;
mod pool;
mod recover;
mod restore;
mod retention;
mod run;
mod scrub;
mod second_factor;
mod serve;
mod sets;
mod settings;
mod source;
mod stages;
mod status;
mod tape;
mod tape_changes;
mod user;
mod verify;
mod virtual_library;
mod vtl;

use crate::human;
use clap::{Parser, Subcommand};
use exit::{CliResult, Exit};
use output::Context;
use std::path::PathBuf;
use std::process::ExitCode;
use trust::Trust;

const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  it failed (the message says why), or a comparison found differences
  2  the command line is wrong
  3  the server cannot be reached
  4  not logged in, or not allowed
  5  no such object
  130  interrupted; work that was started on the server goes on

A server with a certificate of its own is trusted by its fingerprint, which `tapebackarr login` keeps.

Credentials, the first found wins: the environment variable TAPEBACKARR_API_KEY, \
--api-key-file, the session that `tapebackarr login` saved. A secret is never an argument.

Examples:
  tapebackarr demo --exit                 see it work, on tapes made of files
  tapebackarr serve --config server.toml  run the server
  tapebackarr login                       then:
  tapebackarr status
  tapebackarr run nightly                 start a job and watch it";

/// A tape backup server: files to LTO tape and back, cataloged, hashed, encrypted, verified.
#[derive(Debug, Parser)]
#[command(name = "tapebackarr", version, about, after_help = AFTER_HELP, propagate_version = true)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options every subcommand knows.
#[derive(Debug, Clone, clap::Args)]
struct Global {
    /// The server to talk to
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "TAPEBACKARR_SERVER",
        hide_env_values = true,
        default_value = "http://127.0.0.1:8080",
        help_heading = "Server"
    )]
    server: String,
    /// Trust servers that these authorities vouch for: a file with their certificates (PEM)
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "TAPEBACKARR_CA",
        hide_env_values = true,
        help_heading = "Server"
    )]
    ca: Option<PathBuf>,
    /// Trust the one certificate with this SHA-256, which the server prints when it starts
    #[arg(
        long,
        global = true,
        value_name = "SHA256",
        env = "TAPEBACKARR_FINGERPRINT",
        hide_env_values = true,
        help_heading = "Server"
    )]
    fingerprint: Option<String>,
    /// A file that holds an API key, readable by you alone
    #[arg(long, global = true, value_name = "FILE", help_heading = "Server")]
    api_key_file: Option<PathBuf>,
    /// Print the server's answer as JSON
    #[arg(long, global = true, help_heading = "Output")]
    json: bool,
}

impl Global {
    /// Which certificate of the server is believed: what was given, or what was given at the login.
    fn trust(&self) -> CliResult<Trust> {
        let given = Trust::given(self.ca.as_ref(), self.fingerprint.as_ref())?;
        Ok(given.unwrap_or_else(|| session::trust(&self.server)))
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::ServeArgs),
    Demo(demo::DemoArgs),
    Doctor(doctor::DoctorArgs),
    Status(status::StatusArgs),
    Login(login::LoginArgs),
    Logout(login::LogoutArgs),
    Session(logins::SessionArgs),
    SecondFactor(second_factor::SecondFactorArgs),
    Run(run::RunArgs),
    Restore(restore::RestoreArgs),
    Recover(recover::RecoverArgs),
    Verify(verify::VerifyArgs),
    Scrub(scrub::ScrubArgs),
    Drill(drill::DrillArgs),
    Ls(ls::LsArgs),
    Find(find::FindArgs),
    Catalog(catalog::CatalogArgs),
    Sets(sets::SetsArgs),
    Executions(executions::ExecutionsArgs),
    Job(job::JobArgs),
    Source(source::SourceArgs),
    Pool(pool::PoolArgs),
    Tape(tape::TapeArgs),
    TapeChanges(tape_changes::TapeChangesArgs),
    Drive(drive::DriveArgs),
    Library(library::LibraryArgs),
    Key(key::KeyArgs),
    Import(import::ImportArgs),
    User(user::UserArgs),
    ApiKey(api_key::ApiKeyArgs),
    Settings(settings::SettingsArgs),
    Events(events::EventsArgs),
    Audit(audit::AuditArgs),
    Notify(notify::NotifyArgs),
    Retention(retention::RetentionArgs),
    Maintenance(maintenance::MaintenanceArgs),
    Database(database::DatabaseArgs),
    Virtual(virtual_library::VirtualArgs),
    Vtl(vtl::VtlArgs),
    Openapi(openapi::OpenapiArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

/// Reads the command line, does what it says, and tells how it ended.
pub fn main() -> ExitCode {
    let Cli { global, command } = Cli::parse();
    match dispatch(global, command) {
        Ok(()) => Exit::Done.into(),
        Err(error) => {
            error.print();
            error.exit.into()
        }
    }
}

fn dispatch(global: Global, command: Command) -> CliResult {
    match command {
        Command::Serve(args) => serve::run(args),
        Command::Demo(args) => demo::run(args, &global),
        Command::Doctor(args) => doctor::run(args, &global),
        Command::Openapi(args) => openapi::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Database(args) => database::run(args, &global),
        Command::Virtual(args) => virtual_library::run(args, &global),
        Command::Vtl(args) => vtl::run(args, &global),
        Command::Recover(args) => recover::run(args, &global),
        Command::Login(args) => login::run(args, &global),
        Command::Logout(args) => login::log_out(&args, &global),
        Command::SecondFactor(args) => second_factor::run(args, &Context::connect(&global)?),
        Command::Session(args) => logins::run(args, &Context::connect(&global)?),
        Command::Status(args) => status::run(&args, &Context::connect(&global)?),
        Command::Run(args) => run::run(args, &Context::connect(&global)?),
        Command::Restore(args) => restore::run(args, &Context::connect(&global)?),
        Command::Scrub(args) => scrub::run(args, &Context::connect(&global)?),
        Command::Drill(args) => drill::run(args, &Context::connect(&global)?),
        Command::Verify(args) => verify::run(&args, &Context::connect(&global)?),
        Command::Ls(args) => ls::run(args, &Context::connect(&global)?),
        Command::Find(args) => find::run(&args, &Context::connect(&global)?),
        Command::Catalog(args) => catalog::run(args, &Context::connect(&global)?),
        Command::Sets(args) => sets::run(args, &Context::connect(&global)?),
        Command::Executions(args) => executions::run(args, &Context::connect(&global)?),
        Command::Job(args) => job::run(args, &Context::connect(&global)?),
        Command::Source(args) => source::run(args, &Context::connect(&global)?),
        Command::Notify(args) => notify::run(args, &Context::connect(&global)?),
        Command::Pool(args) => pool::run(args, &Context::connect(&global)?),
        Command::Tape(args) => tape::run(args, &Context::connect(&global)?),
        Command::TapeChanges(args) => tape_changes::run(args, &Context::connect(&global)?),
        Command::Drive(args) => drive::run(args, &global),
        Command::Library(args) => library::run(args, &Context::connect(&global)?),
        Command::Key(args) => key::run(args, &Context::connect(&global)?),
        Command::Import(args) => import::run(args, &Context::connect(&global)?),
        Command::User(args) => user::run(args, &Context::connect(&global)?),
        Command::ApiKey(args) => api_key::run(args, &Context::connect(&global)?),
        Command::Settings(args) => settings::run(args, &Context::connect(&global)?),
        Command::Events(args) => events::run(&args, &Context::connect(&global)?),
        Command::Audit(args) => audit::run(args, &Context::connect(&global)?),
        Command::Retention(args) => retention::run(args, &Context::connect(&global)?),
        Command::Maintenance(args) => maintenance::run(args, &Context::connect(&global)?),
    }
}

#[cfg(test)]
pub mod tests;
