//! What the server must be allowed to do (docs/hardware.md): as a user of the nodes' group, with no capability or one of them.

use crate::harness::Lab;
use crate::house::*;
use tape_drive::{FilemarkSync, Position, ReadOutcome};

const PROGRAM: &str = "/run/program";

#[test]
fn a_user_without_capabilities_uses_drives_by_both_nodes() {
    let Some(lab) = Lab::with(&["--backend", "none"]) else { return };
    lab.inside("rights::inside");
}

/// Shell text that runs something as an ordinary user with these capabilities.
fn as_user(capabilities: &str, command: &str) -> String {
    let set = format!("-all{capabilities}");
    format!(
        "setpriv --reuid 1000 --regid 1000 --groups $(getent group tape | cut -d: -f3) \
         --inh-caps={set} --ambient-caps={set} --bounding-set={set} env LD_LIBRARY_PATH=/run/libraries {command}"
    )
}

fn may(capabilities: &str, command: &str) -> bool {
    sh(&as_user(capabilities, command)).status.success()
}

#[test]
#[ignore = "runs inside the lab"]
fn inside() {
    let _house = House::attached(&["VTL001L9"], 64 << 20);
    ok("mtx -f /dev/sg0 load 1 0; chgrp tape /dev/sg* /dev/nst*; chmod 660 /dev/sg* /dev/nst*");
    let program = std::env::current_exe().unwrap();
    ok(&format!("cp {} {PROGRAM}; chmod 755 {PROGRAM}", program.display()));
    says(&as_user("", &format!("{PROGRAM} --exact rights::writes_and_reads --ignored --nocapture")), &["1 passed"]);

    // Where that user may run them.
    ok("set -e; mkdir /run/sg /run/mt /run/libraries; mount --bind $(dirname $(which sg_raw)) /run/sg; \
        mount --bind $(dirname $(which mt)) /run/mt; \
        mount --bind $(dirname $(which sg_raw))/../lib/$(uname -m)-linux-gnu /run/libraries");
    // Why SCSI commands go by the generic node, and why the driver's settings are not relied on.
    let command = "/run/sg/sg_raw /dev/nst0 00 00 00 00 00 00";
    assert!(!may("", command) && may(",+sys_rawio", command), "SCSI commands by the tape driver's node");
    let settings = "/run/mt/mt -f /dev/nst0 stsetoptions scsi2logical";
    assert!(!may("", settings) && may(",+sys_admin", settings), "settings of the tape driver");
    assert!(may("", "/run/sg/sg_raw /dev/sg1 00 00 00 00 00 00"), "SCSI commands by the generic node");
}

#[test]
#[ignore = "runs inside the lab, without rights"]
fn writes_and_reads() {
    for device in ["/dev/sg1", "/dev/nst0"] {
        let mut drive = quiet(device);
        drive.rewind().unwrap();
        drive.write_block(&[7; 65536]).unwrap();
        drive.write_filemarks(1, FilemarkSync::Flush).unwrap();
        drive.locate(Position::START).unwrap();
        let mut buffer = vec![0; 65536];
        assert_eq!(drive.read_block(&mut buffer).unwrap(), ReadOutcome::Block(65536));
        assert!(buffer.iter().all(|&byte| byte == 7));
        assert!(!drive.identity().serial.is_empty());
    }
}
