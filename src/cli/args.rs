//! Arguments that several subcommands share.

use super::exit::{CliError, CliResult};
use serde_json::{Map, Value};

/// Whether to stay until the work is done.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct Wait {
    /// Start the work and return at once; its execution id is printed
    #[arg(long)]
    pub no_wait: bool,
}

/// A promise that destructive work is meant.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Sure {
    /// Do it without asking
    #[arg(long, short = 'y')]
    pub yes: bool,
}

impl Sure {
    /// Asks at the terminal to type `word`, unless `--yes` was given.
    pub fn confirm(self, what_is_lost: &str, word: &str) -> CliResult {
        if self.yes {
            return Ok(());
        }
        eprintln!("{what_is_lost}");
        let typed = super::secret::ask(&format!("Type {word} to go on"))
            .map_err(|_| CliError::usage(format!("{what_is_lost} This needs --yes when there is nobody to ask.")))?;
        match typed == word {
            true => Ok(()),
            false => Err(CliError::usage("not confirmed; nothing was changed")),
        }
    }
}

/// Which sets are kept beside those whose days are not over.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Keep {
    /// Keep the last N sets of a job
    #[arg(long, value_name = "N", help_heading = "Retention, beside the days")]
    keep_last: Option<u32>,
    /// Keep the newest set of each of the last N days that have one
    #[arg(long, value_name = "N", help_heading = "Retention, beside the days")]
    keep_daily: Option<u32>,
    /// Keep the newest set of each of the last N weeks that have one
    #[arg(long, value_name = "N", help_heading = "Retention, beside the days")]
    keep_weekly: Option<u32>,
    /// Keep the newest set of each of the last N months that have one
    #[arg(long, value_name = "N", help_heading = "Retention, beside the days")]
    keep_monthly: Option<u32>,
    /// Keep the newest set of each of the last N years that have one
    #[arg(long, value_name = "N", help_heading = "Retention, beside the days")]
    keep_yearly: Option<u32>,
}

impl Keep {
    /// Adds what was given.
    pub fn add(self, body: Body) -> Body {
        body.maybe("keep_last", self.keep_last)
            .maybe("keep_daily", self.keep_daily)
            .maybe("keep_weekly", self.keep_weekly)
            .maybe("keep_monthly", self.keep_monthly)
            .maybe("keep_yearly", self.keep_yearly)
    }
}

/// A JSON object of the fields that were given.
#[derive(Debug, Default)]
pub struct Body(Map<String, Value>);

impl Body {
    /// An empty object.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a field if it has a value.
    pub fn maybe<T: Into<Value>>(self, name: &str, value: Option<T>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Lets something else add fields.
    pub fn and(self, add: impl FnOnce(Self) -> Self) -> Self {
        add(self)
    }

    /// Adds a list if it is not empty.
    pub fn list(self, name: &str, values: Vec<String>) -> Self {
        if values.is_empty() { self } else { self.with(name, values) }
    }

    /// The object.
    pub fn json(self) -> Value {
        Value::Object(self.0)
    }

    /// The object; an error if nothing was given.
    pub fn changes(self) -> CliResult<Value> {
        match self.0.is_empty() {
            true => Err(CliError::usage("nothing to change was given").advise("see --help for what can be changed")),
            false => Ok(self.json()),
        }
    }
}
