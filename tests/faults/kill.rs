//! The server killed at a breakpoint, with and without the drive's buffer.

use crate::breakpoints::Breakpoint;
use crate::house::{House, Variant};
use crate::judge;
use crate::messages::Messages;
use crate::safe::Safe;

/// What is lost with the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    Process,
    /// The drives' buffers too.
    Power,
}

/// Kills the server at a place while it writes a set, and starts it again: the run goes on by itself and completes, what was
/// safe on tape is not sent again, and every message arrives. False if the place was not passed so often this time.
pub fn at(variant: Variant, place: &Breakpoint, loss: Loss) -> bool {
    let mut house = House::new(variant);
    assert!(house.start());
    let messages = Messages::subscribe(&house);
    house.arm(place);
    let died = house.run().is_none() || house.ended().is_none() || messages.sent(&mut house).is_none();
    // the end of a run is a place too
    house.kill();
    let hit = house.disarm();
    let what = format!("{variant}, killed at {place}, {loss:?}");
    assert!(hit.is_some() || !died, "{what}: the server died by itself");
    let died = hit.is_some();
    if died && loss == Loss::Power {
        house.cut_power();
    }
    let safe = Safe::look(&house, variant);
    assert!(house.start(), "{what}: it starts again");
    if house.api.get("/api/v1/executions?kind=backup&limit=1").ok()[0]["job_id"] != 1 {
        // killed before the request was stored: nobody was promised anything
        house.run();
    }
    let row = house.ended().unwrap_or_else(|| panic!("{what}: the server died without a fault"));
    assert_eq!(row["status"], "completed", "{what}: the run goes on by itself: {row}");
    messages.arrived(&mut house, &what);
    judge::holds(&mut house, &what);
    safe.was_kept(&house, &what);
    died
}
