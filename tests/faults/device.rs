//! Device commands that fail, each with each condition.

use crate::house::{House, Kind, Variant};
use crate::judge;
use crate::safe::Safe;
use crate::seed::Seed;
use serde_json::json;
use tape_drive::Operation;
use tape_drive::fault::{Condition, FaultPlan};

/// Runs the job with a plan for each drive; the changer gets one too if it is given. Whether any of the faults happened.
pub fn with(variant: Variant, drives: &FaultPlan, changer: Option<&FaultPlan>, what: &str) -> bool {
    let mut house = House::new(variant);
    house.keep_trace();
    let plans = [("drive0", Some(drives)), ("drive1", Some(drives)), ("changer", changer)];
    for (unit, plan) in plans {
        if let Some(plan) = plan {
            let file = house.library().join(format!("{unit}.faults"));
            std::fs::write(file, serde_json::to_vec(plan).unwrap()).unwrap();
        }
    }
    assert!(house.start(), "{what}");
    house.run();
    house.ended().unwrap_or_else(|| panic!("{what}: the server died"));
    house.disarm();
    house.stop();
    let safe = Safe::look(&house, variant);
    house.end_faults();
    let happened = house.trace().iter().any(|line| line.starts_with("fault: "));
    judge::holds(&mut house, what);
    safe.was_kept(&house, what);
    happened
}

/// Commands of a drive while the job runs, more or less.
const COMMANDS: u64 = 250;

/// One fault at this command of each drive; in each round another one.
pub fn one(variant: Variant, number: u64, round: u64) -> bool {
    let condition = Condition::ALL[((number + round) % Condition::ALL.len() as u64) as usize];
    let plan = FaultPlan::nth(number, condition);
    with(variant, &plan, None, &format!("{variant}, {condition:?} at command {number} of each drive"))
}

/// Several at once.
pub fn several(variant: Variant, seed: &mut Seed) -> bool {
    let number = seed.below(u64::MAX);
    let plan = FaultPlan::from_seed(number, COMMANDS);
    let changer = FaultPlan::from_seed(number ^ 1, 20);
    with(variant, &plan, Some(&changer), &format!("{variant}, plan of seed {number}"))
}

/// A drive that was reset in the middle of a restore, or thinks that its medium may have changed: it is looked at, and gone on
/// with.
#[test]
fn a_restore_goes_on_after_unit_attentions() {
    for condition in [Condition::Reset, Condition::MediumChanged, Condition::ParametersChanged, Condition::Aborted] {
        let mut house = House::new(Variant::two_drives(Kind::Plain));
        assert!(house.start());
        let set = house.api.run_job(1, json!({}))["result"]["backup_set_id"].clone();
        house.stop();
        let plan = FaultPlan::nth_of(30, Operation::Read, condition);
        for drive in ["drive0", "drive1"] {
            let file = house.library().join(format!("{drive}.faults"));
            std::fs::write(file, serde_json::to_vec(&plan).unwrap()).unwrap();
        }
        assert!(house.start());
        judge::restored(&mut house, &set, "source", &format!("{condition:?} while it is restored"));
    }
}
