//! What a command prints: tables and records for people, the server's JSON for programs.

use super::client::Client;
use super::exit::{CliError, CliResult, output_error};
use super::{Global, human, session};
use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde_json::Value;
use std::io::Write;

/// Who reads the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Tables and sentences.
    Human,
    /// The server's JSON.
    Json,
}

/// A connection and where its results go.
pub struct Context {
    /// The server.
    pub client: Client,
    /// How to print.
    pub format: Format,
}

/// How the value of a column is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Show {
    Text,
    Bytes,
    Count,
    Time,
    YesNo,
    Patterns,
    Mode,
}

/// One column of a table, or one line of a record: a title and where its value is (dots go into objects).
#[derive(Debug, Clone, Copy)]
pub struct Column {
    title: &'static str,
    path: &'static str,
    show: Show,
}

/// Text as it is.
pub const fn text(title: &'static str, path: &'static str) -> Column {
    Column { title, path, show: Show::Text }
}

/// A number of bytes.
pub const fn bytes(title: &'static str, path: &'static str) -> Column {
    Column { title, path, show: Show::Bytes }
}

/// A number of things.
pub const fn count(title: &'static str, path: &'static str) -> Column {
    Column { title, path, show: Show::Count }
}

/// A moment.
pub const fn time(title: &'static str, path: &'static str) -> Column {
    Column { title, path, show: Show::Time }
}

/// A list of patterns, which the API gives as a JSON text.
pub const fn patterns(title: &'static str, path: &'static str) -> Column {
    Column { title, path, show: Show::Patterns }
}

/// Permission bits.
pub const fn mode(title: &'static str, path: &'static str) -> Column {
    Column { title, path, show: Show::Mode }
}

/// True or false.
pub const fn yes_no(title: &'static str, path: &'static str) -> Column {
    Column { title, path, show: Show::YesNo }
}

impl Format {
    pub(super) fn of(global: &Global) -> Self {
        if global.json { Format::Json } else { Format::Human }
    }

    /// Prints a table of the rows, or `empty` if there are none. JSON: the rows.
    pub fn list(self, rows: &Value, columns: &[Column], empty: &str) -> CliResult {
        if self == Format::Json {
            return json(rows);
        }
        let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
        if rows.is_empty() {
            eprintln!("{empty}");
            return Ok(());
        }
        line(&table(rows, columns))
    }

    /// Prints the fields of one object that have a value. JSON: the object.
    pub fn record(self, value: &Value, fields: &[Column]) -> CliResult {
        if self == Format::Json {
            return json(value);
        }
        let width = fields.iter().map(|field| field.title.chars().count()).max().unwrap_or(0);
        for field in fields {
            let shown = field.render(value);
            if !shown.is_empty() {
                line(&format!("{:<width$}  {shown}", field.title))?;
            }
        }
        Ok(())
    }

    /// Says that something was done. JSON: the server's answer.
    pub fn done(self, answer: &Value, sentence: &str) -> CliResult {
        match self {
            Format::Json => json(answer),
            Format::Human => line(&human::printable_lines(sentence)),
        }
    }
}

impl Context {
    /// Connects with the credentials that can be found.
    pub(super) fn connect(global: &Global) -> CliResult<Self> {
        let credentials = session::find(&global.server, global.api_key_file.as_deref())?;
        Ok(Context { client: Client::new(&global.server, &global.trust()?, credentials)?, format: Format::of(global) })
    }
}

impl Column {
    fn render(&self, row: &Value) -> String {
        let Some(value) = at(row, self.path) else { return String::new() };
        let number = value.as_u64().or_else(|| value.as_f64().map(|number| number.max(0.0) as u64));
        match (self.show, value, number) {
            (_, Value::Null, _) => String::new(),
            (Show::Bytes, _, Some(number)) => human::bytes(number),
            (Show::Count, _, Some(number)) => human::count(number),
            (Show::Time, Value::String(text), _) => human::time(text),
            (Show::Time, Value::Number(_), Some(seconds)) => human::unix_time(seconds),
            (Show::Mode, _, Some(bits)) => human::mode(bits),
            (Show::Patterns, Value::String(text), _) => {
                let patterns: Vec<String> = serde_json::from_str(text).unwrap_or_else(|_| vec![text.clone()]);
                human::printable(&patterns.join(", ")).into_owned()
            }
            (Show::YesNo, Value::Bool(true), _) => "yes".to_owned(),
            (Show::YesNo, Value::Bool(false), _) => "no".to_owned(),
            (_, Value::String(text), _) => human::printable(text).into_owned(),
            (_, Value::Array(items), _) => {
                let items = items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned));
                human::printable(&items.collect::<Vec<_>>().join(", ")).into_owned()
            }
            (_, other, _) => human::printable(&other.to_string()).into_owned(),
        }
    }
}

fn table(rows: &[Value], columns: &[Column]) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|column| column.title.to_uppercase()));
    for row in rows {
        table.add_row(columns.iter().map(|column| column.render(row)));
    }
    for (column, cells) in columns.iter().zip(table.column_iter_mut()) {
        cells.set_padding((0, 2));
        if matches!(column.show, Show::Bytes | Show::Count) {
            cells.set_cell_alignment(CellAlignment::Right);
        }
    }
    let text = table.to_string();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// Prints JSON on standard output.
pub fn json(value: &Value) -> CliResult {
    let text = serde_json::to_string_pretty(value).map_err(|error| CliError::failed(error.to_string()))?;
    line(&text)
}

/// Prints a line on standard output.
pub fn line(text: &str) -> CliResult {
    writeln!(std::io::stdout().lock(), "{text}").map_err(|error| output_error(&error))
}

/// Prints bytes on standard output as they are.
pub fn raw(bytes: &[u8]) -> CliResult {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| output_error(&error))
}

/// The value at a dotted path.
pub fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, key| value.get(key))
}

/// The text at a dotted path.
pub fn text_at<'a>(value: &'a Value, path: &str) -> Option<&'a str> {
    at(value, path).and_then(Value::as_str)
}

/// The number at a dotted path, 0 if there is none.
pub fn number_at(value: &Value, path: &str) -> u64 {
    at(value, path).and_then(Value::as_u64).unwrap_or(0)
}

/// The `id` of an object.
pub fn id_of(value: &Value) -> CliResult<i64> {
    value.get("id").and_then(Value::as_i64).ok_or_else(|| CliError::failed("the server's answer has no id"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_table_of_rows() {
        let rows = json!([
            {"id": 1, "name": "a\u{1b}b", "size": 1500, "at": null, "on": true, "of": {"tape": "T1"}},
            {"id": 22, "mode": 0o4755, "patterns": "[\"*.o\",\"b/\"]", "name": "c", "size": 2_000_000_000_000u64, "at": "0001-01-01T00:00:00Z", "on": false, "tags": ["x", "y"]},
        ]);
        let columns = [
            text("id", "id"),
            text("name", "name"),
            bytes("size", "size"),
            time("at", "at"),
            yes_no("on", "on"),
            text("tape", "of.tape"),
            text("tags", "tags"),
            mode("mode", "mode"),
            patterns("patterns", "patterns"),
        ];
        let expected = "\
ID  NAME         SIZE  AT  ON   TAPE  TAGS  MODE       PATTERNS
1   a\\u{1b}b  1.50 kB      yes  T1
22  c         2.00 TB  –   no         x, y  rwsr-xr-x  *.o, b/";
        assert_eq!(table(rows.as_array().unwrap(), &columns), expected);
    }
}
