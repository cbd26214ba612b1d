//! What has streamed to and from each device since the server started, counted with every look at what runs.

use super::{Jobs, Running};
use crate::executions::ProgressView;
use crate::executions::throughput::{Pace, Reading};
use actix::prelude::*;
use std::collections::BTreeMap;
use std::time::Instant;

/// What has streamed to and from a device.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Moved {
    /// Content bytes of files.
    pub content_bytes: u64,
    /// Bytes written to tape.
    pub tape_bytes: u64,
    /// Seconds in which the drive waited for data.
    pub starved_seconds: f64,
    /// Times that it had to.
    pub starvations: u64,
    /// Seconds in which a run was at work on it.
    pub working_seconds: f64,
    /// Seconds in which a run on it waited for a tape, a drive or a person, or was paused.
    pub waiting_seconds: f64,
}

/// What was counted of an execution, and when.
#[derive(Debug, Clone, Copy)]
pub struct Counted {
    at: Instant,
    reading: Reading,
    starvations: u64,
}

impl Default for Counted {
    fn default() -> Self {
        Counted { at: Instant::now(), reading: Reading::default(), starvations: 0 }
    }
}

/// Adds what happened since the last look to the device that the execution uses; as long as it uses none, nothing.
pub fn count(
    moved: &mut BTreeMap<String, Moved>,
    counted: &mut Counted,
    (view, at): (&ProgressView, Reading),
    pace: Pace,
) {
    let seconds = std::mem::replace(&mut counted.at, Instant::now()).elapsed().as_secs_f64();
    if view.device_path.is_empty() {
        return;
    }
    let last = std::mem::replace(&mut counted.reading, at);
    let starvations = std::mem::replace(&mut counted.starvations, view.starvations);
    let of_device = match moved.get_mut(&view.device_path) {
        Some(known) => known,
        None => moved.entry(view.device_path.clone()).or_default(),
    };
    // counters that fall back were set anew
    of_device.content_bytes += at.content_bytes.saturating_sub(last.content_bytes);
    of_device.tape_bytes += at.tape_bytes.saturating_sub(last.tape_bytes);
    of_device.starved_seconds += (at.starved_seconds - last.starved_seconds).max(0.0);
    of_device.starvations += view.starvations.saturating_sub(starvations);
    match pace {
        Pace::Works => of_device.working_seconds += seconds,
        Pace::Waits => of_device.waiting_seconds += seconds,
    }
}

/// What runs, and what has streamed.
#[derive(Debug, Clone, Default)]
pub struct AtWork {
    /// Figures of everything that runs.
    pub running: Vec<ProgressView>,
    /// By device path.
    pub moved: BTreeMap<String, Moved>,
}

/// What runs, and what has streamed up to now.
#[derive(Message)]
#[rtype(result = "AtWork")]
pub struct LookAtWork;

impl Handler<LookAtWork> for Jobs {
    type Result = MessageResult<LookAtWork>;

    fn handle(&mut self, _: LookAtWork, _: &mut Self::Context) -> Self::Result {
        let mut look = |(id, running): (&i32, &mut Running)| {
            let view = running.progress.view(*id);
            running.count(&mut self.moved, &view);
            view
        };
        let running = self.running.iter_mut().map(&mut look).collect();
        MessageResult(AtWork { running, moved: self.moved.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executions::{Progress, TapeFill};
    use std::sync::atomic::Ordering;

    #[test]
    fn what_moves_is_counted_once_for_the_device_that_is_used() {
        let (progress, mut moved, mut counted) = (Progress::default(), BTreeMap::new(), Counted::default());
        let mut look = |moved: &mut _, pace| {
            let view = progress.view(1);
            count(moved, &mut counted, (&view, progress.reading()), pace);
        };
        progress.bytes.store(100, Ordering::Relaxed);
        look(&mut moved, Pace::Works);
        assert!(moved.is_empty(), "no drive is used yet");
        progress.set_tape(TapeFill::default(), "d0".into());
        progress.tape_bytes.store(60, Ordering::Relaxed);
        progress.starvations.store(2, Ordering::Relaxed);
        look(&mut moved, Pace::Works);
        look(&mut moved, Pace::Waits);
        progress.set_tape(TapeFill::default(), "d1".into());
        progress.bytes.store(150, Ordering::Relaxed);
        look(&mut moved, Pace::Works);
        let of = |device: &str| (moved[device].content_bytes, moved[device].tape_bytes, moved[device].starvations);
        assert_eq!((of("d0"), of("d1")), ((100, 60, 2), (50, 0, 0)));
        assert!(moved["d0"].working_seconds > 0.0 && moved["d0"].waiting_seconds > 0.0);
        assert_eq!(moved["d1"].waiting_seconds, 0.0);
        progress.bytes.store(10, Ordering::Relaxed);
        look(&mut moved, Pace::Works);
        progress.bytes.store(30, Ordering::Relaxed);
        look(&mut moved, Pace::Works);
        assert_eq!(moved["d1"].content_bytes, 70, "counters that were set anew");
    }
}
