//! `drive test` and `drive speed` as a person runs them beside a drive: through both of the kernel's ways, on our own drive and
//! on those of others.

use crate::harness::Lab;
use crate::house::{House, ok};
use serde_json::{Value, json};
use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tapebackarr");

#[test]
fn our_drive_does_everything_by_both_nodes() {
    let Some(lab) = Lab::with(&["--backend", "none"]) else { return };
    lab.inside("drive_test::ours");
}

#[test]
fn a_third_partys_drive_fails_what_it_does_not_do() {
    let Some(lab) = Lab::tgt() else { return };
    lab.and(&["--barcodes", "LAB001L6,LAB002L6"]).inside("drive_test::tgt");
}

fn run(args: &[&str]) -> (bool, Value) {
    let output = Command::new(PROGRAM).args(args).arg("--json").output().unwrap();
    let answer = serde_json::from_slice(&output.stdout);
    let answer = answer.unwrap_or_else(|_| panic!("{args:?}: {}", String::from_utf8_lossy(&output.stderr)));
    (output.status.success(), answer)
}

/// The checks that ended so.
fn ended(report: &Value, verdict: &str) -> Vec<String> {
    let checks = report["checks"].as_array().unwrap().iter().filter(|check| check["verdict"] == verdict);
    checks.map(|check| check["check"].as_str().unwrap().to_owned()).collect()
}

fn measured(device: &str) {
    let (passed, speed) = run(&["drive", "speed", device, "--size", "24MiB", "--block-size", "256KiB", "--force"]);
    assert!(passed, "{speed}");
    assert_eq!((&speed["compared"], &speed["read"]["bytes"]), (&json!(true), &json!(24 << 20)), "{device}: {speed}");
    for direction in ["write", "read"] {
        assert!(speed[direction]["bytes_per_second"].as_f64() > Some(0.0), "{device}: {speed}");
        let times: Vec<f64> = speed[direction]["block_ms"].as_array().unwrap().iter().flat_map(Value::as_f64).collect();
        assert!(times.len() == 5 && times.is_sorted(), "{device}: {speed}");
    }
}

#[test]
#[ignore = "runs inside the lab"]
fn ours() {
    let _house = House::attached(&["LAB001L9"], 64 << 20);
    ok("mtx -f /dev/sg0 load 1 0");
    for device in ["/dev/sg1", "/dev/nst0"] {
        let (passed, report) = run(&["drive", "test", device]);
        assert!(passed && ended(&report, "failed").is_empty(), "{device}: {report}");
        let (passed, report) = run(&["drive", "test", device, "--destructive", "--fill"]);
        assert_eq!(report["drive"]["serial"], "LAB0001D0", "{device}");
        assert!(ended(&report, "failed").is_empty(), "{device}: {report:#}");
        assert!(passed && ended(&report, "skipped").is_empty(), "{device}: {report:#}");
        assert!(ended(&report, "passed").len() >= 22, "{device}: {report:#}");
        measured(device);
    }
}

#[test]
#[ignore = "runs inside the lab"]
fn tgt() {
    let given = |name: &str| std::env::var(name).unwrap().split(' ').next().unwrap().to_owned();
    ok("mtx -f $TAPELAB_CHANGER load 1 0");
    let (generic, node) = (given("TAPELAB_DRIVE_SGS"), given("TAPELAB_DRIVES"));
    let (_, looked) = run(&["drive", "test", &generic]);
    assert_eq!(ended(&looked, "failed"), Vec::<String>::new(), "{looked:#}");
    let (passed, report) = run(&["drive", "test", &generic, "--destructive"]);
    // It lets a tape go that was locked, and cannot erase.
    assert!(!passed, "{report:#}");
    let cannot = ["a tape that is locked is not ejected", "the tape is blank again"];
    assert_eq!(ended(&report, "failed"), cannot, "{report:#}");
    // Its speed is measured on a tape that is blank again behind it, which this drive cannot make.
    let size = ["--size", "24MiB", "--block-size", "256KiB", "--force"];
    let output = Command::new(PROGRAM).args(["drive", "speed", &generic]).args(size).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && words.contains("cannot erase"), "{words}");
    // By the tape driver nothing is written to a drive that does not tell where it is.
    let output =
        Command::new(PROGRAM).args(["drive", "test", &node, "--destructive", "--force", "--json"]).output().unwrap();
    let words = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && words.contains("does not tell where the tape is"), "{words}");
}
