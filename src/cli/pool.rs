//! `pool`: groups of tapes with one retention and one way of choosing.

use super::args::{Body, Keep, Sure};
use super::exit::CliResult;
use super::output::{Context, bytes, count, id_of, text, text_at, time, yes_no};
use super::resolve::{self, POOL};
use super::secret::SecretSource;
use clap::{Args, Subcommand, ValueEnum};

/// List, create, change and delete pools of tapes
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapebackarr pool list
  tapebackarr pool create OFFSITE --retention-days 365 --allocation always-new
  tapebackarr pool passphrase OFFSITE
  tapebackarr pool edit DAILY --retention-days 14 --keep-weekly 4 --keep-monthly 12")]
pub struct PoolArgs {
    #[command(subcommand)]
    command: PoolCommand,
}

#[derive(Debug, Subcommand)]
enum PoolCommand {
    /// List pools
    List,
    /// Show one pool
    Show {
        /// Name or id
        pool: String,
    },
    /// Create a pool
    Create {
        /// Its name
        name: String,
        #[command(flatten)]
        options: PoolOptions,
    },
    /// Change a pool
    Edit {
        /// Name or id
        pool: String,
        /// New name
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        options: PoolOptions,
    },
    /// Write the keys of encrypted sets onto the tapes of a pool too, closed with a passphrase
    ///
    /// The passphrase is asked for, or read from standard input; it is kept nowhere. A tape and its passphrase are enough to read the
    /// tape then, without a key sheet. Sets that are on tape already keep the passphrase that they were written with. Whoever finds
    /// a tape can guess for years: six words drawn by lot are a good passphrase, a sentence that somebody wrote is not.
    Passphrase {
        /// Name or id
        pool: String,
        /// Write no more keys onto its tapes; those that are there stay
        #[arg(long, conflicts_with = "stdin")]
        remove: bool,
        #[command(flatten)]
        secret: SecretSource,
    },
    /// Delete a pool without tapes
    Delete {
        /// Name or id
        pool: String,
        #[command(flatten)]
        sure: Sure,
    },
}

#[derive(Debug, Args)]
struct PoolOptions {
    /// What it is for
    #[arg(long)]
    description: Option<String>,
    /// Days a set is kept; 0 keeps it forever
    #[arg(long, value_name = "DAYS")]
    retention_days: Option<u32>,
    #[command(flatten)]
    keep: Keep,
    /// Whether tapes whose sets have all expired may be written again
    #[arg(long, value_name = "YES_OR_NO", value_parser = yes_or_no)]
    allow_reuse: Option<bool>,
    /// How a tape is chosen for a run
    #[arg(long, value_enum)]
    allocation: Option<Allocation>,
    /// Whether the pool has write-once (WORM) tapes, which are never written anew
    #[arg(long, value_enum)]
    write_once: Option<WriteOnce>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum WriteOnce {
    /// Beside others
    Allow,
    /// No others
    Require,
    /// None
    Refuse,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Allocation {
    /// Append to a tape already begun while there is room
    Continue,
    /// A fresh tape for each run
    AlwaysNew,
}

/// `yes` and `no`, and what people write for them.
pub fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" | "true" | "on" | "1" => Ok(true),
        "no" | "false" | "off" | "0" => Ok(false),
        _ => Err("expected yes or no".to_owned()),
    }
}

impl PoolOptions {
    fn body(self) -> Body {
        let allocation = self.allocation.map(|allocation| match allocation {
            Allocation::Continue => "continue",
            Allocation::AlwaysNew => "always-new",
        });
        let write_once = self.write_once.map(|rule| match rule {
            WriteOnce::Allow => "allow",
            WriteOnce::Require => "require",
            WriteOnce::Refuse => "refuse",
        });
        Body::new()
            .maybe("description", self.description)
            .maybe("retention_days", self.retention_days)
            .and(|body| self.keep.add(body))
            .maybe("allow_reuse", self.allow_reuse)
            .maybe("allocation_policy", allocation)
            .maybe("write_once", write_once)
    }
}

/// Runs the subcommand.
pub fn run(args: PoolArgs, context: &Context) -> CliResult {
    let Context { client, format } = context;
    match args.command {
        PoolCommand::List => {
            let columns = [
                text("id", "id"),
                text("name", "name"),
                count("days kept", "retention_days"),
                text("allocation", "allocation_policy"),
                count("tapes", "tape_count"),
                bytes("used", "total_used_bytes"),
                bytes("free", "total_free_bytes"),
                text("description", "description"),
            ];
            format.list(&client.get("pools")?, &columns, "No pool yet.")
        }
        PoolCommand::Show { pool } => {
            let id = resolve::id(client, POOL, &pool)?;
            let fields = [
                text("Id", "id"),
                text("Name", "name"),
                text("Description", "description"),
                count("Days kept", "retention_days"),
                count("Last kept", "keep_last"),
                count("Daily kept", "keep_daily"),
                count("Weekly kept", "keep_weekly"),
                count("Monthly kept", "keep_monthly"),
                count("Yearly kept", "keep_yearly"),
                yes_no("Tapes are reused", "allow_reuse"),
                text("Allocation", "allocation_policy"),
                text("Write-once tapes", "write_once"),
                count("Tapes", "tape_count"),
                bytes("Capacity", "total_capacity_bytes"),
                bytes("Used", "total_used_bytes"),
                bytes("Free", "total_free_bytes"),
                time("Keys on its tapes since", "key_lock_at"),
                time("Created", "created_at"),
            ];
            format.record(&client.get(&format!("pools/{id}"))?, &fields)
        }
        PoolCommand::Create { name, options } => {
            let answer = client.post("pools", &options.body().with("name", name.as_str()).json())?;
            format.done(&answer, &format!("Created the pool {name}"))
        }
        PoolCommand::Edit { pool, name, options } => {
            let id = resolve::id(client, POOL, &pool)?;
            let answer = client.put(&format!("pools/{id}"), &options.body().maybe("name", name).changes()?)?;
            format.done(&answer, &format!("Changed the pool {pool}"))
        }
        PoolCommand::Passphrase { pool, remove, secret } => {
            let path = format!("pools/{}/passphrase", resolve::id(client, POOL, &pool)?);
            if remove {
                return format
                    .done(&client.delete(&path)?, &format!("No more keys are written onto tapes of pool {pool}"));
            }
            let passphrase = secret.read_new("Passphrase")?;
            let answer = client.put(&path, &Body::new().with("passphrase", passphrase).json())?;
            let sentence = format!(
                "From now on the keys of sets are written onto tapes of pool {pool}, closed with the passphrase\n\
                 Sets that are on tape already stay as they are\n\
                 Write the passphrase down, away from the tapes: it is kept nowhere. A tape is as safe as it is hard to guess"
            );
            format.done(&answer, &sentence)
        }
        PoolCommand::Delete { pool, sure } => {
            let row = resolve::find(client, POOL, &pool)?;
            let name = text_at(&row, "name").unwrap_or(&pool).to_owned();
            sure.confirm(&format!("This deletes the pool {name}."), &name)?;
            format.done(&client.delete(&format!("pools/{}", id_of(&row)?))?, &format!("Deleted the pool {name}"))
        }
    }
}
