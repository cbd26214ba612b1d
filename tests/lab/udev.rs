//! Our udev rules under Debian's own udev: who may use the nodes of drives and libraries, and names that stay the same.

use crate::harness::Lab;
use crate::house::{House, attach, ok, wait_for};
use crate::server::Server;
use std::path::{Path, PathBuf};
use tape_scsi::command::inquiry::{designator::DesignatorKind, vpd};
use tape_scsi::transport::{SgIo, Sharing};

#[test]
fn the_rules_give_nodes_to_the_group_and_names_that_stay() {
    let Some(lab) = Lab::with(&["--backend", "none"]) else { return };
    lab.inside("udev::inside");
}

/// Starts udev with our rules and those of Debian that make nodes and the names of tapes. The package is unpacked, not
/// installed, so its helper is called by its whole path.
fn start_udev() {
    let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/config/60-tapebackarr.rules");
    ok(&format!(
        "set -e; udev=$(dirname $(dirname $(readlink -f $(which udevadm)))); mkdir -p /run/udev/rules.d; \
         cp $udev/lib/udev/rules.d/50-udev-default.rules $udev/lib/udev/rules.d/60-persistent-storage-tape.rules {ours} \
             /run/udev/rules.d; \
         sed -i \"s|IMPORT{{program}}=\\\"scsi_id|IMPORT{{program}}=\\\"$udev/lib/udev/scsi_id|\" /run/udev/rules.d/*; \
         $udev/lib/systemd/systemd-udevd --daemon 2>&1"
    ));
}

/// The name that udev makes of a device's own world-wide name.
fn name(node: &str) -> String {
    let designators = vpd::designators(&mut SgIo::open(Path::new(node), Sharing::Shared).unwrap()).unwrap();
    let naa = designators.iter().find(|designator| designator.kind == DesignatorKind::Naa).unwrap();
    let hex: String = naa.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("/dev/tape/by-id/scsi-3{hex}")
}

fn target(link: &str) -> Option<PathBuf> {
    std::fs::canonicalize(link).ok()
}

#[test]
#[ignore = "runs inside the lab"]
fn inside() {
    let house = House::served(&["VTL001L9"], 64 << 20, |_| {});
    start_udev();
    attach(&house.target, &[]);
    let nodes = ["/dev/sg0", "/dev/sg1", "/dev/sg2", "/dev/nst0", "/dev/nst1", "/dev/sch0"];
    wait_for("the nodes are the group's", || {
        let owners = ok(&format!("stat -c '%G %a' {}", nodes.join(" ")));
        owners.lines().all(|line| line == "tape 660")
    });
    let [library, first, second] = ["/dev/sg0", "/dev/sg1", "/dev/sg2"].map(name);
    let links = [
        (format!("{library}-changer"), "/dev/sg0"),
        (format!("{first}-sg"), "/dev/sg1"),
        (format!("{first}-nst"), "/dev/nst0"),
        (format!("{second}-sg"), "/dev/sg2"),
        (format!("{second}-nst"), "/dev/nst1"),
    ];
    wait_for("names of the devices", || links.iter().all(|(link, node)| target(link) == Some(PathBuf::from(node))));

    // These are the names that the server finds and stores.
    let server = Server::bare();
    let libraries = server.api.get("/api/v1/libraries/scan").ok();
    assert_eq!(libraries[0]["device_path"], links[0].0, "{libraries}");
    let drives = server.api.get("/api/v1/drives/scan").ok();
    for (drive, (link, _)) in drives.as_array().unwrap().iter().zip([&links[1], &links[3]]) {
        assert_eq!(drive["device_path"], *link, "{drives}");
    }
    assert_eq!(drives.as_array().map(Vec::len), Some(2), "{drives}");
}
