//! The server killed at a breakpoint, with and without the drive's buffer.

use crate::breakpoints::Breakpoint;
use crate::house::{House, Variant};
use crate::judge;
use crate::messages::Messages;
use crate::safe::Safe;
use serde_json::{Value, json};

/// What is lost with the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    Process,
    /// The drives' buffers too.
    Power,
}

/// The runs of the job.
fn executions(house: &House) -> Vec<Value> {
    let rows = house.api.get("/api/v1/executions?kind=backup&limit=50").ok();
    rows.as_array().unwrap().iter().filter(|row| row["job_id"] == 1).cloned().collect()
}

/// Kills the server at a place while it writes a set, and starts it again: the run goes on by itself and completes, what was
/// safe on tape is not sent again, and every message arrives. False if the place was not passed so often this time.
pub fn at(variant: Variant, place: &Breakpoint, loss: Loss) -> bool {
    let mut house = House::new(variant);
    assert!(house.start());
    run(house, variant, &json!({}), place, loss)
}

/// The same in a house that is up; `how` the run is asked for.
pub fn run(mut house: House, variant: Variant, how: &Value, place: &Breakpoint, loss: Loss) -> bool {
    let messages = Messages::subscribe(&house);
    house.arm(place);
    // a number of an execution is a promise
    let accepted = house.run_with(1, how.clone());
    let died = accepted.is_none() || house.ended().is_none() || messages.sent(&mut house).is_none();
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
    match (&accepted, executions(&house).as_slice()) {
        (Some(id), [row]) => assert_eq!(row["id"], *id, "{what}"),
        (Some(id), rows) => panic!("{what}: execution {id} was accepted: {rows:?}"),
        // killed before the request was stored, or before anybody was told that it is
        (None, []) => drop(house.run_with(1, how.clone())),
        (None, _) => {}
    }
    let row = house.ended().unwrap_or_else(|| panic!("{what}: the server died without a fault"));
    assert_eq!(row["status"], "completed", "{what}: the run goes on by itself: {row}");
    messages.arrived(&mut house, &what);
    assert_eq!(executions(&house).len(), 1, "{what}: it was run once");
    let sets = house.api.get("/api/v1/backup-sets?limit=50").ok();
    let of_job = |set: &&Value| set["job_id"] == 1 && set["status"] == "completed";
    assert_eq!(sets.as_array().unwrap().iter().filter(of_job).count(), 1, "{what}: {sets}");
    judge::holds(&mut house, &what);
    safe.was_kept(&house, &what);
    died
}
