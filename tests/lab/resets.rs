//! The drive is reset while a backup streams to it: nothing that was said to be written is lost, and the run goes on.

use crate::cycle::Rack;
use crate::harness::Lab;
use crate::house::{FIRST_DRIVE, House, ok, wait_for};
use serde_json::{Value, json};
use std::time::Duration;
use tape_target::{Response, Rule};

const WRITE: u8 = 0x0a;
const WRITE_FILEMARKS: u8 = 0x10;
const TARGET_RESET: u8 = 6;

#[test]
fn a_backup_by_scsi_generic_outlives_resets() {
    let Some(lab) = Lab::with(&["--backend", "none"]) else { return };
    lab.inside("resets::by_sg");
}

#[test]
fn a_backup_by_the_tape_driver_outlives_resets() {
    let Some(lab) = Lab::with(&["--backend", "none"]) else { return };
    lab.inside("resets::by_st");
}

#[test]
#[ignore = "runs inside the lab"]
fn by_sg() {
    outlives("/dev/sg1");
}

#[test]
#[ignore = "runs inside the lab"]
fn by_st() {
    outlives("/dev/nst0");
}

fn outlives(drive: &str) {
    let house = House::attached(&["LAB001L9", "LAB002L9", "LAB003L9", "LAB004L9"], 64 << 20);
    let rack = Rack::added(Some(&[drive]));
    assert_eq!(rack.label()["result"]["completed"], 4);
    let api = &rack.server.api;
    let job = api.job("j", api.source("s", &rack.source), 1, json!({"backup_type": "full"}));
    let wait = Duration::from_secs(60);
    for (what, rule) in [
        ("in the middle of the data, the block not written", Rule::refuse(WRITE, Response::Device).after(8)),
        ("in the middle of the data, the block written", Rule::execute(WRITE, Response::Device).after(16)),
        ("at a filemark", Rule::refuse(WRITE_FILEMARKS, Response::Device).after(1)),
    ] {
        house.target.take_management();
        house.injection(FIRST_DRIVE).add(rule.delayed(wait));
        let started = api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
        wait_for("the command to arrive", || house.injection(FIRST_DRIVE).pending() == 0);
        // By the robot's node: nobody else gets at a drive that is in use.
        ok("sg_reset -t /dev/sch0");
        assert!(house.target.take_management().contains(&(TARGET_RESET, 0)), "{what}");
        let run = api.wait(&started["execution_id"]);
        assert_eq!(run["status"], "completed", "{what}: {run}");
        assert_eq!(api.get("/api/v1/tape-changes").ok(), json!([]), "{what}: nobody was needed");
        let set: Value = run["result"]["backup_set_id"].clone();
        api.complete(api.post(&format!("/api/v1/backup-sets/{set}/verify"), json!({})).ok());
        rack.restored(&set, &rack.source);
        println!("{what}: {} parts", rack.set(&set)["parts"].as_array().map_or(0, Vec::len));
    }
}
