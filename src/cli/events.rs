//! `events`: what happened, and what happens.

use super::exit::{CliResult, Exit};
use super::human;
use super::output::{Column, Context, Format, line, text, text_at, time};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::time::Duration;

/// Show the last events; with --follow, stay and show new ones
#[derive(Debug, clap::Args)]
#[command(after_help = "\
With --json and --follow each event is one line of JSON; the progress of running work is among them.

Examples:
  tapebackarr events
  tapebackarr events --follow
  tapebackarr events --follow --json | jq -r 'select(.type == \"error\") | .message'")]
pub struct EventsArgs {
    /// Stay and show events as they come
    #[arg(long, short)]
    follow: bool,
}

const COLUMNS: &[Column] = &[
    time("when", "timestamp"),
    text("type", "type"),
    text("category", "category"),
    text("title", "title"),
    text("message", "message"),
];

/// Lists or follows.
pub fn run(args: &EventsArgs, context: &Context) -> CliResult {
    if !args.follow {
        return context.format.list(&context.client.get("events")?, COLUMNS, "Nothing happened yet.");
    }
    let mut last_id: Option<String> = None;
    let mut begun = false;
    loop {
        match context.client.stream("events/stream", last_id.as_deref()) {
            Ok(response) => {
                begun = true;
                let mut reader = BufReader::new(response);
                while let Some(event) = next_event(&mut reader) {
                    last_id = event.id.or(last_id);
                    show(context.format, &event.data)?;
                }
            }
            // Once it worked, a server that restarts is waited for.
            Err(error) if begun && error.exit == Exit::Unreachable => {}
            Err(error) => return Err(error),
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn show(format: Format, data: &str) -> CliResult {
    let Ok(event) = serde_json::from_str::<Value>(data) else { return Ok(()) };
    match format {
        Format::Json => line(&event.to_string()),
        // The progress of running work comes as events without a title, several times a second.
        Format::Human if event.get("title").is_none() => Ok(()),
        Format::Human => {
            let field = |name| text_at(&event, name).unwrap_or_default();
            let when = human::time(field("timestamp"));
            let text = format!(
                "{when}  {:<7}  {:<10}  {}: {}",
                field("type"),
                field("category"),
                field("title"),
                field("message")
            );
            line(&human::printable(&text))
        }
    }
}

/// One server-sent event.
#[derive(Debug, Default, PartialEq, Eq)]
struct ServerEvent {
    id: Option<String>,
    data: String,
}

/// The next event with data; `None` at the end of the stream.
fn next_event(reader: &mut impl BufRead) -> Option<ServerEvent> {
    let mut event = ServerEvent::default();
    loop {
        let mut bytes = Vec::new();
        if reader.read_until(b'\n', &mut bytes).ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end_matches(['\n', '\r']);
        if text.is_empty() {
            if !event.data.is_empty() {
                return Some(event);
            }
            continue;
        }
        // A line that begins with a colon is the heartbeat.
        match text.split_once(':').map(|(field, value)| (field, value.strip_prefix(' ').unwrap_or(value))) {
            Some(("data", value)) if event.data.is_empty() => event.data = value.to_owned(),
            Some(("data", value)) => event.data = format!("{}\n{value}", event.data),
            Some(("id", value)) => event.id = Some(value.to_owned()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_taken_apart() {
        let stream =
            ": heartbeat\n\nid: 7\nevent: tape\ndata: {\"a\":1}\n\n: x\n\ndata: one\r\ndata: two\r\n\r\ndata: cut";
        let mut reader = stream.as_bytes();
        let first = ServerEvent { id: Some("7".to_owned()), data: "{\"a\":1}".to_owned() };
        assert_eq!(next_event(&mut reader), Some(first));
        assert_eq!(next_event(&mut reader), Some(ServerEvent { id: None, data: "one\ntwo".to_owned() }));
        assert_eq!(next_event(&mut reader), None);
    }
}
