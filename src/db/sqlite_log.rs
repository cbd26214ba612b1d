//! What SQLite itself has to say, in the server's log: which file could not be read and why, where a database is damaged.

use libsqlite3_sys as sqlite;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::null_mut;
use std::sync::Once;

/// Sends it to the log from now on. To be called before the first database is opened; later it does nothing.
pub fn begin() {
    static ONCE: Once = Once::new();
    // SAFETY: SQLITE_CONFIG_LOG takes a function of this type and a pointer that is handed to it; SQLite refuses it (and nothing
    // is lost) if it is at work already
    ONCE.call_once(|| unsafe {
        let function: unsafe extern "C" fn(*mut c_void, c_int, *const c_char) = told;
        let answer = sqlite::sqlite3_config(sqlite::SQLITE_CONFIG_LOG, function, null_mut::<c_void>());
        if answer != sqlite::SQLITE_OK {
            tracing::debug!(answer, "SQLite does not log");
        }
    });
}

/// Called by SQLite, which must not be called from here.
unsafe extern "C" fn told(_: *mut c_void, code: c_int, message: *const c_char) {
    // SAFETY: SQLite passes a text that ends in a zero and lives until we return
    let message = unsafe { CStr::from_ptr(message) }.to_string_lossy();
    // the low byte is the kind of the error: https://sqlite.org/rescode.html
    match code & 0xff {
        sqlite::SQLITE_IOERR | sqlite::SQLITE_CORRUPT | sqlite::SQLITE_CANTOPEN | sqlite::SQLITE_NOTADB => {
            tracing::error!(target: "sqlite", code, "{message}");
        }
        sqlite::SQLITE_FULL => tracing::warn!(target: "sqlite", code, "{message}"),
        _ => tracing::debug!(target: "sqlite", code, "{message}"),
    }
}
