//! The lab itself.

use crate::harness::Lab;

#[test]
fn the_third_party_library_is_seen_by_the_kernel_and_by_other_programs() {
    let Some(lab) = Lab::tgt() else { return };
    let printed = lab.and(&["--barcodes", "LAB001L6,LAB002L6"]).shell(
        "set -e; lsscsi -g; mtx -f $TAPELAB_CHANGER status; mtx -f $TAPELAB_CHANGER load 1 0; \
         mt -f ${TAPELAB_DRIVES%% *} status; echo drives $TAPELAB_DRIVES sgs $TAPELAB_DRIVE_SGS",
    );
    for expected in ["mediumx", "tape", "VolumeTag=LAB001L6", "ONLINE", "drives /dev/nst0 /dev/nst1 sgs /dev/sg"] {
        assert!(printed.contains(expected), "{expected:?} is missing:\n{printed}");
    }
}

#[test]
fn a_status_is_passed_through_and_the_machine_is_not_written_to() {
    let Some(lab) = Lab::with(&["--backend", "none"]) else { return };
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/written-by-the-guest");
    let share = tempfile::tempdir().unwrap();
    let lab = lab.and(&["--share", share.path().to_str().unwrap()]);
    let output = lab.run(&["-c", "--", &format!("echo shared > $TAPELAB_SHARE/file; echo x > {here}; exit 7")]);
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    assert!(!std::path::Path::new(here).exists());
    assert_eq!(std::fs::read_to_string(share.path().join("file")).unwrap(), "shared\n");
    assert_eq!(lab.and(&["--timeout", "3"]).run(&["--", "sleep", "60"]).status.code(), Some(124));
}

#[test]
fn this_program_runs_inside() {
    let Some(lab) = Lab::with(&["--backend", "none"]) else { return };
    lab.inside("boots::the_guest_has_the_kernels_drivers");
}

#[test]
#[ignore = "runs inside the lab"]
fn the_guest_has_the_kernels_drivers() {
    for driver in ["st", "ch"] {
        assert!(std::path::Path::new("/sys/bus/scsi/drivers").join(driver).exists(), "{driver}");
    }
}
