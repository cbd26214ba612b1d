//! `source`: what can be backed up.

use super::args::{Body, Sure};
use super::exit::CliResult;
use super::output::{Context, Format, bytes, count, id_of, json, line, patterns, text, text_at, time, yes_no};
use super::pool::yes_or_no;
use super::resolve::{self, SOURCE};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

/// List, create, change and delete sources; preview what one would send
#[derive(Debug, Args)]
#[command(after_help = "\
Patterns: `*` within a name, `**` across folders, `dir/` only folders, `!pattern` takes back. Without an include \
pattern everything is included.

Examples:
  tapebackarr source create home --path /home --exclude '**/.cache/' --exclude '*.tmp'
  tapebackarr source create media --path /mnt/media --type nfs --one-file-system yes
  tapebackarr source preview home")]
pub struct SourceArgs {
    #[command(subcommand)]
    command: SourceCommand,
}

#[derive(Debug, Subcommand)]
enum SourceCommand {
    /// List sources
    List,
    /// Show one source
    Show {
        /// Name or id
        source: String,
    },
    /// Create a source
    Create {
        /// Its name
        name: String,
        /// The folder on the server
        #[arg(long)]
        path: String,
        /// Where the folder comes from; a share must be mounted, which is checked at each run
        #[arg(long = "type", value_enum, default_value_t = SourceType::Local)]
        source_type: SourceType,
        #[command(flatten)]
        options: SourceOptions,
    },
    /// Change a source
    Edit {
        /// Name or id
        source: String,
        /// New name
        #[arg(long)]
        name: Option<String>,
        /// New folder
        #[arg(long)]
        path: Option<String>,
        #[command(flatten)]
        options: SourceOptions,
    },
    /// Delete a source that no job uses
    Delete {
        /// Name or id
        source: String,
        #[command(flatten)]
        sure: Sure,
    },
    /// Count what the patterns select, without writing anything
    Preview {
        /// Name or id
        source: String,
    },
}

#[derive(Debug, Args)]
struct SourceOptions {
    /// Include only what matches; may be given several times and replaces the list
    #[arg(long, value_name = "PATTERN")]
    include: Vec<String>,
    /// Leave out what matches; may be given several times and replaces the list
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,
    /// Stay on one file system
    #[arg(long, value_name = "YES_OR_NO", value_parser = yes_or_no)]
    one_file_system: Option<bool>,
    /// Patterns ignore case
    #[arg(long, value_name = "YES_OR_NO", value_parser = yes_or_no)]
    case_insensitive: Option<bool>,
    /// Whether jobs may use it
    #[arg(long, value_name = "YES_OR_NO", value_parser = yes_or_no)]
    enabled: Option<bool>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SourceType {
    Local,
    Nfs,
    Smb,
}

impl SourceOptions {
    fn body(self) -> Body {
        Body::new()
            .list("include_patterns", self.include)
            .list("exclude_patterns", self.exclude)
            .maybe("one_file_system", self.one_file_system)
            .maybe("case_insensitive", self.case_insensitive)
            .maybe("enabled", self.enabled)
    }
}

/// Runs the subcommand.
pub fn run(args: SourceArgs, context: &Context) -> CliResult {
    let Context { client, format } = context;
    match args.command {
        SourceCommand::List => {
            let columns = [
                text("id", "id"),
                text("name", "name"),
                text("type", "source_type"),
                text("path", "path"),
                patterns("include", "include_patterns"),
                patterns("exclude", "exclude_patterns"),
                yes_no("enabled", "enabled"),
            ];
            format.list(&client.get("sources")?, &columns, "No source yet: tapebackarr source create NAME --path DIR")
        }
        SourceCommand::Show { source } => {
            let id = resolve::id(client, SOURCE, &source)?;
            let fields = [
                text("Id", "id"),
                text("Name", "name"),
                text("Type", "source_type"),
                text("Path", "path"),
                patterns("Include", "include_patterns"),
                patterns("Exclude", "exclude_patterns"),
                yes_no("One file system", "one_file_system"),
                yes_no("Patterns ignore case", "case_insensitive"),
                yes_no("Enabled", "enabled"),
                time("Created", "created_at"),
                time("Changed", "updated_at"),
            ];
            format.record(&client.get(&format!("sources/{id}"))?, &fields)
        }
        SourceCommand::Create { name, path, source_type, options } => {
            let source_type = match source_type {
                SourceType::Local => "local",
                SourceType::Nfs => "nfs",
                SourceType::Smb => "smb",
            };
            let body = options.body().with("name", name.as_str()).with("path", path).with("source_type", source_type);
            format.done(&client.post("sources", &body.json())?, &format!("Created the source {name}"))
        }
        SourceCommand::Edit { source, name, path, options } => {
            let id = resolve::id(client, SOURCE, &source)?;
            let body = options.body().maybe("name", name).maybe("path", path).changes()?;
            format.done(&client.put(&format!("sources/{id}"), &body)?, &format!("Changed the source {source}"))
        }
        SourceCommand::Delete { source, sure } => {
            let row = resolve::find(client, SOURCE, &source)?;
            let name = text_at(&row, "name").unwrap_or(&source).to_owned();
            sure.confirm(&format!("This deletes the source {name}; the files themselves stay."), &name)?;
            format.done(&client.delete(&format!("sources/{}", id_of(&row)?))?, &format!("Deleted the source {name}"))
        }
        SourceCommand::Preview { source } => {
            let id = resolve::id(client, SOURCE, &source)?;
            let answer = client.post(&format!("sources/{id}/preview"), &json!({}))?;
            preview(*format, &answer)
        }
    }
}

fn preview(format: Format, answer: &Value) -> CliResult {
    if format == Format::Json {
        return json(answer);
    }
    let fields = [
        count("Files", "files"),
        count("Folders", "directories"),
        bytes("Bytes", "bytes"),
        count("Left out", "excluded"),
        text("Warnings", "warnings"),
    ];
    format.record(answer, &fields)?;
    if answer.get("complete").and_then(Value::as_bool) == Some(false) {
        eprintln!("There is more; the counting was stopped.");
    }
    let first = answer.get("first").and_then(Value::as_array).into_iter().flatten();
    first.filter_map(|entry| text_at(entry, "path")).try_for_each(|path| line(&super::human::printable(path)))
}
