//! The person at a drive without a library: brings the tape that is asked for.

use crate::api::Api;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tape_drive::virt::Place;
use tape_drive::virt::library;

/// Works until it is dropped.
pub struct Operator {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Operator {
    pub fn start(api: Api, library: PathBuf) -> Operator {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(25));
                let Ok(answer) = api.try_send("GET", "/api/v1/tape-changes?status=open", None) else { continue };
                for request in answer.body.as_array().into_iter().flatten() {
                    serve(&api, &library, request);
                }
            }
        });
        Operator { stop, thread: Some(thread) }
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Brings the tape that a request names. What cannot be done now is done the next time: a drive does not let go of a tape before
/// it has ejected it.
fn serve(api: &Api, dir: &Path, request: &Value) {
    let Some(wanted) = request["tape_label"].as_str() else { return };
    let inside = library::read(dir).ok().and_then(|state| state.drives.first().and_then(|bay| bay.cartridge.clone()));
    if inside.as_deref() == Some(wanted) {
        return;
    }
    if let Some(other) = inside
        && library::put(dir, &other, Place::Shelf).is_err()
    {
        return;
    }
    if library::put(dir, wanted, Place::Drive(0)).is_ok() {
        let _ = api.try_send("POST", &format!("/api/v1/tape-changes/{}/complete", request["id"]), Some(&json!({})));
    }
}
