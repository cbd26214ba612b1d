//! `ls`: look into the catalog as into a folder, as of any moment.

use super::exit::{CliError, CliResult};
use super::human;
use super::output::{Context, Format, bytes, json, mode, text, time};
use super::resolve::{self, JOB};
use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::Value;

/// List a folder of the catalog: of one set, or of a job as of a moment
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tapebackarr ls --job nightly                                the newest state
  tapebackarr ls --job nightly --as-of 2026-11-01 home/anna   the state at the end of that day
  tapebackarr ls --set 17 etc")]
pub struct LsArgs {
    /// The folder, relative to the source; the top if not given
    #[arg(default_value = "")]
    path: String,
    #[command(flatten)]
    which: Which,
}

/// A set, or the state of a job at a moment.
#[derive(Debug, Args)]
pub struct Which {
    /// This set, with the sets it builds on
    #[arg(long, value_name = "ID", conflicts_with = "job")]
    pub set: Option<i64>,
    /// What this job had backed up
    #[arg(long, value_name = "JOB", required_unless_present = "set")]
    pub job: Option<String>,
    /// As of this moment instead of now: a day, "day time", or RFC 3339
    #[arg(long, value_name = "MOMENT", requires = "job", conflicts_with = "set", value_parser = human::parse_moment)]
    pub as_of: Option<DateTime<Utc>>,
}

impl Which {
    /// Names and values for the API.
    pub fn parameters(&self, context: &Context) -> CliResult<Vec<(&'static str, Value)>> {
        if let Some(set) = self.set {
            return Ok(vec![("backup_set_id", set.into())]);
        }
        let job = self.job.as_deref().ok_or_else(|| CliError::usage("name a set (--set) or a job (--job)"))?;
        let mut parameters = vec![("job_id", resolve::id(&context.client, JOB, job)?.into())];
        parameters.extend(self.as_of.map(|moment| ("as_of", moment.to_rfc3339().into())));
        Ok(parameters)
    }
}

/// Lists the folder.
pub fn run(args: LsArgs, context: &Context) -> CliResult {
    let parameters = args.which.parameters(context)?;
    let mut query: Vec<(&str, Option<String>)> = vec![("path", Some(args.path.trim_matches('/').to_owned()))];
    for (name, value) in parameters {
        let name = if name == "backup_set_id" { "set_id" } else { name };
        query.push((name, Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))));
    }
    let answer = context.client.get_with("catalog/tree", &query)?;
    if context.format == Format::Json {
        return json(&answer);
    }
    let rows = ["entries", "children"].iter().find_map(|name| answer.get(name)).unwrap_or(&answer);
    let columns = [
        text("kind", "kind"),
        mode("mode", "mode"),
        text("owner", "user"),
        text("group", "group"),
        bytes("size", "size"),
        time("modified", "mod_time"),
        text("set", "backup_set_id"),
        text("name", "name"),
        text("points to", "link"),
    ];
    context.format.list(rows, &columns, "Empty.")
}
