//! Where the time of a backup went, as a table.

use super::exit::CliResult;
use super::human;
use super::output::{at, line, number_at, text_at};
use serde_json::Value;

/// Prints the stages of an execution.
pub fn show(execution: &Value) -> CliResult {
    match execution.get("stages") {
        Some(stages) if !stages.is_null() => line(&table(stages)),
        _ => line("Nothing was counted: the run ended before it read its source, or went on after a restart."),
    }
}

fn seconds(value: &Value, path: &str) -> f64 {
    at(value, path).and_then(Value::as_f64).unwrap_or(0.0)
}

/// One line for each stage, and what limits them.
fn table(stages: &Value) -> String {
    let elapsed = seconds(stages, "elapsed_seconds");
    let mut text = format!("{:<10} {:>10} {:>10} {:>12} {:>12}\n", "STAGE", "CPU S", "WAIT S", "BYTES", "ENTRIES");
    for stage in stages.get("stages").and_then(Value::as_array).into_iter().flatten() {
        let name = human::printable(text_at(stage, "stage").unwrap_or_default()).into_owned();
        let shown = |number: u64, text: String| if number == 0 { String::new() } else { text };
        let (bytes, entries) = (number_at(stage, "bytes"), number_at(stage, "entries"));
        let row = format!(
            "{name:<10} {:>10.2} {:>10.2} {:>12} {:>12}",
            seconds(stage, "cpu_seconds"),
            seconds(stage, "wait_seconds"),
            shown(bytes, human::bytes(bytes)),
            shown(entries, human::count(entries)),
        );
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text.push_str(&format!(
        "{elapsed:.2} s in all; reading waited {:.2} s for room in the buffer, the drive {:.2} s for data ({} pauses); up to {} readers",
        seconds(stages, "buffer_full_seconds"),
        seconds(stages, "buffer_empty_seconds"),
        number_at(stages, "pauses"),
        number_at(stages, "readers"),
    ));
    if let Some(limit) = text_at(stages, "limited_by_text") {
        text.push_str(&format!("\nlimited by: {}", human::printable(limit)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_table_of_stages() {
        let stages = json!({
            "elapsed_seconds": 12.5, "buffer_full_seconds": 0.0, "buffer_empty_seconds": 9.25, "pauses": 2, "readers": 4,
            "limited_by": "read", "limited_by_text": "reading the source",
            "stages": [
                {"stage": "walk", "cpu_seconds": 0.5, "wait_seconds": 0.0, "bytes": 5_000_000_000u64, "entries": 1234},
                {"stage": "read", "cpu_seconds": 1.5, "wait_seconds": 20.0, "bytes": 5_000_000_000u64, "entries": 0},
                {"stage": "catalog", "cpu_seconds": 0.01, "wait_seconds": 0.0, "bytes": 0, "entries": 1234},
            ],
        });
        let expected = "\
STAGE           CPU S     WAIT S        BYTES      ENTRIES
walk             0.50       0.00      5.00 GB        1 234
read             1.50      20.00      5.00 GB
catalog          0.01       0.00                     1 234
12.50 s in all; reading waited 0.00 s for room in the buffer, the drive 9.25 s for data (2 pauses); up to 4 readers
limited by: reading the source";
        assert_eq!(table(&stages), expected);
    }
}
