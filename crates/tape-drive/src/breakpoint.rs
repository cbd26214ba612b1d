//! Places at which a test kills the process: before every device command, in the middle of a block, around every
//! transaction of the database, and wherever else something is promised to outlive a crash.
//!
//! Compiled only with the feature `breakpoints`, which nothing but the tests turns on. The environment variable
//! `TAPEBACKARR_BREAKPOINTS` names a file; what it says is read at the first place that is passed once it exists:
//!
//! * `N`: the process gets SIGKILL at the Nth place from there on;
//! * `N PLACE`: the same, and only passings of the place with this name count;
//! * `trace`: nothing is killed; the name of every place that is passed is written, a line each, to the file with the
//!   extension `trace`.
//!
//! Before the process is killed, the name of the place is written to the file with the extension `hit`.

use std::fmt;

#[cfg(feature = "breakpoints")]
mod armed {
    use std::fmt;
    use std::fs::File;
    use std::io::Write;
    use std::path::{Path, PathBuf};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    enum Orders {
        Trace(File),
        Kill { left: AtomicU64, only: Option<String>, hit: PathBuf },
    }

    impl Orders {
        fn read(file: &Path) -> Option<Orders> {
            let text = std::fs::read_to_string(file).ok()?;
            if text.trim() == "trace" {
                let trace = File::options().create(true).append(true).open(file.with_extension("trace")).ok()?;
                return Some(Orders::Trace(trace));
            }
            let (number, only) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
            Some(Orders::Kill {
                left: AtomicU64::new(number.parse().ok()?),
                only: Some(only.to_owned()).filter(|only| !only.is_empty()),
                hit: file.with_extension("hit"),
            })
        }
    }

    fn orders() -> Option<&'static Orders> {
        static FILE: OnceLock<Option<PathBuf>> = OnceLock::new();
        static ORDERS: OnceLock<Orders> = OnceLock::new();
        if let Some(orders) = ORDERS.get() {
            return Some(orders);
        }
        let file = FILE.get_or_init(|| std::env::var_os("TAPEBACKARR_BREAKPOINTS").map(PathBuf::from)).as_ref()?;
        let orders = Orders::read(file)?;
        Some(ORDERS.get_or_init(|| orders))
    }

    pub fn pass(place: fmt::Arguments<'_>) {
        match orders() {
            None => {}
            Some(Orders::Trace(_)) => tell(place),
            Some(Orders::Kill { left, only, hit }) => {
                let place = place.to_string();
                if only.as_ref().is_none_or(|only| *only == place) && left.fetch_sub(1, Ordering::SeqCst) == 1 {
                    die(hit, &place);
                }
            }
        }
    }

    pub fn tell(text: fmt::Arguments<'_>) {
        if let Some(Orders::Trace(file)) = orders() {
            let mut file: &File = file;
            // one write each, so that the lines of threads do not mix; a trace that is not complete fails the test
            let _ = file.write_all(format!("{text}\n").as_bytes());
        }
    }

    fn die(hit: &Path, place: &str) {
        let _ = std::fs::write(hit, place);
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        // the signal comes, but perhaps not before the next instruction
        loop {
            std::thread::sleep(std::time::Duration::from_secs(1));
        }
    }
}

/// Passes a place.
#[inline(always)]
pub fn pass(name: &str) {
    pass_at(name, format_args!(""));
}

/// Passes one of several places with the same name; `detail` says which.
#[cfg(feature = "breakpoints")]
pub fn pass_at(name: &str, detail: fmt::Arguments<'_>) {
    match detail.as_str() {
        Some("") => armed::pass(format_args!("{name}")),
        _ => armed::pass(format_args!("{name}: {detail}")),
    }
}

/// Passes a place: does nothing.
#[cfg(not(feature = "breakpoints"))]
#[inline(always)]
pub fn pass_at(_name: &str, _detail: fmt::Arguments<'_>) {}

/// Writes a line to the trace, if one is kept: something that is no place.
#[cfg(feature = "breakpoints")]
pub fn tell(text: fmt::Arguments<'_>) {
    armed::tell(text);
}

/// Writes a line to the trace: does nothing.
#[cfg(not(feature = "breakpoints"))]
#[inline(always)]
pub fn tell(_text: fmt::Arguments<'_>) {}
