//! The server's own log, on standard error.

use super::exit::{CliResult, Doing};
use crate::config::{LogFormat, Logging};
use std::fmt;
use std::io::IsTerminal;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format, Full, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Begins to log as the settings say.
pub fn begin(logging: &Logging) -> CliResult {
    let filter = EnvFilter::try_new(&logging.level).doing("logging.level")?;
    // a log that cannot be written must not end what is told: complaining about it on the same standard error would panic
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    let begun = match logging.format {
        LogFormat::Text if !goes_to_journal() => log.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => log.json().try_init(),
        LogFormat::Text | LogFormat::Journal => log.with_ansi(false).event_format(Journal::default()).try_init(),
    };
    begun.doing("cannot begin the log")?;
    crate::db::sqlite_log::begin();
    Ok(())
}

/// Whether standard error is the journal of systemd: then its device and number are in `JOURNAL_STREAM` (systemd.exec(5)).
fn goes_to_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    rustix::fs::fstat(std::io::stderr()).is_ok_and(|file| stream == format!("{}:{}", file.st_dev, file.st_ino))
}

/// Lines for the journal: before each stands its priority (sd-daemon(3)), and no time, for the journal has that.
struct Journal(Format<Full, ()>);

impl Default for Journal {
    fn default() -> Self {
        Journal(Format::default().without_time().with_level(false))
    }
}

impl<S, N> FormatEvent<S, N> for Journal
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut text = String::new();
        self.0.format_event(context, Writer::new(&mut text), event)?;
        let priority = priority(event.metadata().level());
        // what has several lines has the same priority in each
        text.lines().try_for_each(|line| writeln!(writer, "<{priority}>{line}"))
    }
}

/// As syslog(3) numbers them.
fn priority(level: &Level) -> u8 {
    match *level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::fmt::MakeWriter;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'w> MakeWriter<'w> for Written {
        type Writer = Written;

        fn make_writer(&'w self) -> Written {
            self.clone()
        }
    }

    #[test]
    fn each_line_for_the_journal_begins_with_its_priority_and_says_whose_it_is() {
        let written = Written::default();
        let log = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new("warn"))
            .with_writer(written.clone())
            .with_ansi(false)
            .event_format(Journal::default());
        tracing::subscriber::with_default(log.finish(), || {
            let _inside = tracing::error_span!("execution", execution = 7).entered();
            tracing::error!("it is broken\nvery much");
            tracing::warn!(drive = 1, "look");
            tracing::info!("left out");
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[0].starts_with("<3>") && lines[0].contains("execution=7") && lines[0].ends_with("it is broken"));
        assert_eq!(lines[1], "<3>very much");
        assert!(
            lines[2].starts_with("<4>") && lines[2].contains("execution=7") && lines[2].contains("drive=1"),
            "{text}"
        );
    }

    #[test]
    fn priorities_are_those_of_syslog() {
        assert_eq!([Level::ERROR, Level::WARN, Level::INFO, Level::TRACE].map(|level| priority(&level)), [3, 4, 6, 7]);
    }
}
