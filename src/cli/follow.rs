//! Following long work: a progress bar and the log on standard error until it ends. Ctrl-C stops only the watching.

use super::args::Wait;
use super::exit::{CliError, CliResult, Exit};
use super::output::{Context, Format, number_at, text_at};
use super::{human, output};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const POLL: Duration = Duration::from_millis(400);
/// A server that restarts is waited for this long.
const PATIENCE: u32 = 75;

/// What to do with the answer of a request that started long work (or did short work at once).
pub fn started(context: &Context, answer: &Value, wait: Wait, sentence: &str) -> CliResult {
    match ended(context, answer, wait, sentence)? {
        Some(execution) => finish(context, &execution),
        None => Ok(()),
    }
}

/// The same without a last word: the last state of the execution, if there is one and it was waited for.
pub fn ended(context: &Context, answer: &Value, wait: Wait, sentence: &str) -> CliResult<Option<Value>> {
    let id = match (text_at(answer, "status"), answer.get("execution_id").and_then(Value::as_i64)) {
        (Some("started"), Some(id)) => id,
        _ => return context.format.done(answer, sentence).map(|()| None),
    };
    if wait.no_wait {
        return context.format.done(answer, &format!("{sentence}: execution {id}")).map(|()| None);
    }
    follow(context, id).map(Some)
}

/// Watches execution `id` until it ends, and returns its last state, whatever that is.
pub fn follow(context: &Context, id: i64) -> CliResult<Value> {
    let interrupted = watch_for_interrupt();
    let view = View::new(context.format);
    let mut last_log = 0;
    let mut unreachable = 0;
    loop {
        let state = match context.client.get(&format!("executions/{id}")) {
            Ok(state) => state,
            Err(error) if error.exit == Exit::Unreachable && unreachable < PATIENCE => {
                unreachable += 1;
                view.bar.set_message("the server does not answer; trying again");
                std::thread::sleep(POLL);
                continue;
            }
            Err(error) => return Err(error),
        };
        unreachable = 0;
        last_log = view.show_log(context, id, last_log);
        view.show(&state);
        if has_ended(&state) {
            // Lines written between the two questions.
            view.show_log(context, id, last_log);
            view.bar.finish_and_clear();
            return Ok(state);
        }
        if interrupted.load(Ordering::Relaxed) {
            view.bar.finish_and_clear();
            return Err(CliError::new(Exit::Interrupted, format!("stopped watching; execution {id} goes on")).advise(
                format!(
                    "watch it again: tapebackarr executions follow {id}; end it: tapebackarr executions cancel {id}"
                ),
            ));
        }
        std::thread::sleep(POLL);
    }
}

/// Prints how an execution ended; an error if it did not complete.
pub fn finish(context: &Context, execution: &Value) -> CliResult {
    if context.format == Format::Json {
        output::json(execution)?;
    } else {
        eprintln!("{}", summary(execution));
    }
    succeeded(execution)
}

/// An error unless the execution completed.
pub fn succeeded(execution: &Value) -> CliResult {
    let title = text_at(execution, "title").unwrap_or("the work");
    match text_at(execution, "status") {
        Some("completed") => Ok(()),
        Some("cancelled") => Err(CliError::failed(format!("{title}: cancelled"))),
        _ => {
            let why = text_at(execution, "error_message").unwrap_or("no reason was given");
            let id = number_at(execution, "id");
            Err(CliError::failed(format!("{title}: {why}")).advise(format!("its log: tapebackarr executions log {id}")))
        }
    }
}

fn has_ended(state: &Value) -> bool {
    matches!(text_at(state, "status"), Some("completed" | "failed" | "cancelled"))
}

/// `Backup nightly: completed, 1 234 files, 5.6 GB in 12 min 03 s (7.7 MB/s), 2 warnings`
pub fn summary(execution: &Value) -> String {
    let title = human::printable(text_at(execution, "title").unwrap_or("execution"));
    let status = text_at(execution, "status").unwrap_or("ended");
    let mut text = format!("{title}: {status}");
    let (files, size) = (number_at(execution, "files_processed"), number_at(execution, "bytes_processed"));
    if size > 0 {
        text.push_str(&format!(", {} files, {}", human::count(files), human::bytes(size)));
    }
    if let Some(took) = elapsed(execution) {
        text.push_str(&format!(" in {}", human::duration(took)));
        if size > 0 && took.as_millis() > 0 {
            text.push_str(&format!(" ({})", human::rate(size as f64 / took.as_secs_f64())));
        }
    }
    match number_at(execution, "warning_count") {
        0 => {}
        1 => text.push_str(", 1 warning"),
        warnings => text.push_str(&format!(", {} warnings", human::count(warnings))),
    }
    text
}

/// How long an execution took from start to end.
pub fn elapsed(execution: &Value) -> Option<Duration> {
    let moment = |field| chrono::DateTime::parse_from_rfc3339(text_at(execution, field)?).ok();
    (moment("end_time")? - moment("start_time")?).to_std().ok()
}

/// The bar and the lines above it.
struct View {
    bar: ProgressBar,
}

impl View {
    fn new(format: Format) -> Self {
        let bar = match format {
            // Hidden by itself where standard error is no terminal.
            Format::Human => ProgressBar::no_length(),
            Format::Json => ProgressBar::hidden(),
        };
        bar.enable_steady_tick(Duration::from_millis(200));
        bar.set_style(style("{spinner} {msg}"));
        View { bar }
    }

    fn show(&self, state: &Value) {
        let (done, total) = (number_at(state, "bytes_processed"), number_at(state, "bytes_total"));
        if total > 0 {
            self.bar.set_style(style("{spinner} {bar:30} {percent:>3}%  {msg}"));
            self.bar.set_length(total);
        }
        self.bar.set_position(done);
        self.bar.set_message(progress_words(state));
    }

    /// Prints log lines newer than `last`; returns the id of the newest. A log that cannot be had is no reason to stop.
    fn show_log(&self, context: &Context, id: i64, last: i64) -> i64 {
        let query = [("after", Some(last.to_string()))];
        let Ok(answer) = context.client.get_with(&format!("executions/{id}/logs"), &query) else { return last };
        let mut newest = last;
        for entry in answer.as_array().map(Vec::as_slice).unwrap_or_default() {
            newest = newest.max(entry.get("id").and_then(Value::as_i64).unwrap_or(0));
            if context.format == Format::Human {
                self.print(&log_line(entry));
            }
        }
        newest
    }

    fn print(&self, text: &str) {
        match self.bar.is_hidden() {
            true => eprintln!("{text}"),
            false => self.bar.println(text),
        }
    }
}

/// One line of an execution's log.
pub fn log_line(entry: &Value) -> String {
    let time = human::time(text_at(entry, "created_at").unwrap_or_default());
    let level = match text_at(entry, "level") {
        None | Some("info") => String::new(),
        Some(level) => format!("{level}: "),
    };
    let path =
        text_at(entry, "path").filter(|path| !path.is_empty()).map(|path| format!("{path}: ")).unwrap_or_default();
    let message = text_at(entry, "message").unwrap_or_default();
    human::printable(&format!("{time}  {level}{path}{message}")).into_owned()
}

/// `streaming  312 MB/s  4.5 GB of 12 GB  1 234 files  buffer 93%  12 min left`
fn progress_words(state: &Value) -> String {
    let mut words = vec![text_at(state, "phase").unwrap_or("running").to_owned()];
    let (done, total) = (number_at(state, "bytes_processed"), number_at(state, "bytes_total"));
    let speed = state.get("write_speed").and_then(Value::as_f64).unwrap_or(0.0);
    if speed > 0.0 {
        words.push(human::rate(speed));
    }
    match (done, total) {
        (0, 0) => {}
        (done, 0) => match state.get("progress").map_or(0, |live| number_at(live, "expected_bytes")) {
            0 => words.push(human::bytes(done)),
            expected => words.push(format!("{} of about {}", human::bytes(done), human::bytes(expected))),
        },
        (done, total) => words.push(format!("{} of {}", human::bytes(done), human::bytes(total))),
    }
    match number_at(state, "files_processed") {
        0 => {}
        files => words.push(format!("{} files", human::count(files))),
    }
    if let Some(buffer) = state.get("buffer_percent").and_then(Value::as_f64) {
        words.push(format!("buffer {buffer:.0}%"));
    }
    if let Some(left) = state.get("estimated_seconds_remaining").and_then(Value::as_f64).filter(|left| *left > 0.0) {
        words.push(format!("{} left", human::duration(Duration::from_secs(left as u64))));
    }
    if words.len() == 1 {
        words.extend(text_at(state, "message").filter(|message| !message.is_empty()).map(str::to_owned));
    }
    human::printable(&words.join("  ")).into_owned()
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("█▉▊▋▌▍▎▏ ")
}

/// True once Ctrl-C was pressed. The work on the server is not ours to stop by accident.
fn watch_for_interrupt() -> &'static AtomicBool {
    static PRESSED: AtomicBool = AtomicBool::new(false);
    static WATCHER: Once = Once::new();
    WATCHER.call_once(|| {
        std::thread::spawn(|| {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
            if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
                PRESSED.store(true, Ordering::Relaxed);
            }
        });
    });
    &PRESSED
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_summary_has_the_numbers() {
        let execution = json!({
            "title": "Backup nightly", "status": "completed", "files_processed": 1234, "bytes_processed": 5_000_000_000u64,
            "start_time": "2026-11-20T01:00:00Z", "end_time": "2026-11-20T01:00:50Z", "warning_count": 2
        });
        assert_eq!(
            summary(&execution),
            "Backup nightly: completed, 1 234 files, 5.00 GB in 50 s (100 MB/s), 2 warnings"
        );
        assert!(succeeded(&execution).is_ok());
        let failed = json!({"id": 7, "title": "Backup nightly", "status": "failed", "error_message": "no tape"});
        assert_eq!(succeeded(&failed).unwrap_err().message, "Backup nightly: no tape");
        assert_eq!(summary(&failed), "Backup nightly: failed");
    }

    #[test]
    fn progress_in_words() {
        let state = json!({"phase": "streaming", "write_speed": 3e8, "bytes_processed": 100, "bytes_total": 1000,
            "files_processed": 3, "buffer_percent": 92.6, "estimated_seconds_remaining": 90});
        assert_eq!(
            progress_words(&state),
            "streaming  300 MB/s  100 B of 1.00 kB  3 files  buffer 93%  1 min 30 s left"
        );
        let guessed = json!({"phase": "streaming", "bytes_processed": 100, "bytes_total": 0,
            "progress": {"expected_bytes": 1000}});
        assert_eq!(progress_words(&guessed), "streaming  100 B of about 1.00 kB");
        assert_eq!(progress_words(&json!({"phase": "waiting", "message": "for a tape"})), "waiting  for a tape");
    }
}
