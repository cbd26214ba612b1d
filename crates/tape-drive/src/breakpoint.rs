//! Places at which a test kills the process: before and after every device command and every commit of the database.
//!
//! Compiled only with the feature `breakpoints`, which nothing but the tests turns on. The environment variable
//! `TAPEBACKARR_BREAKPOINTS` names a file; once it exists it holds a number, and the process gets SIGKILL at that many
//! places behind the one where it was found. If a name follows the number, only places of that name count.

#[cfg(feature = "breakpoints")]
mod armed {
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Mutex, OnceLock};

    fn file() -> Option<&'static PathBuf> {
        static FILE: OnceLock<Option<PathBuf>> = OnceLock::new();
        FILE.get_or_init(|| std::env::var_os("TAPEBACKARR_BREAKPOINTS").map(PathBuf::from)).as_ref()
    }

    /// Passes a place.
    pub fn pass(name: &str) {
        static LEFT: AtomicU64 = AtomicU64::new(u64::MAX);
        static ONLY: OnceLock<String> = OnceLock::new();
        static ARMING: Mutex<()> = Mutex::new(());
        let Some(file) = file() else { return };
        if LEFT.load(Ordering::SeqCst) == u64::MAX {
            let _one = ARMING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            if LEFT.load(Ordering::SeqCst) == u64::MAX {
                let Ok(text) = std::fs::read_to_string(file) else { return };
                let text = text.trim();
                let (number, only) = text.split_once(' ').unwrap_or((text, ""));
                let Ok(number) = number.parse() else { return };
                ONLY.get_or_init(|| only.to_owned());
                LEFT.store(number, Ordering::SeqCst);
            }
        }
        if ONLY.get().is_some_and(|only| !only.is_empty() && only != name) {
            return;
        }
        if LEFT.fetch_sub(1, Ordering::SeqCst) == 1 {
            let _ = std::fs::write(file.with_extension("hit"), name);
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            // the signal comes, but perhaps not before the next instruction
            loop {
                std::thread::sleep(std::time::Duration::from_secs(1));
            }
        }
    }
}

#[cfg(feature = "breakpoints")]
pub use armed::pass;

/// Passes a place: does nothing.
#[cfg(not(feature = "breakpoints"))]
#[inline(always)]
pub fn pass(_name: &str) {}
