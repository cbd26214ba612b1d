//! A tape is the same whichever way leads to it: written by SCSI generic, by the kernel's tape driver or as a virtual image,
//! it is read by each of the others, by `mt`, `dd` and `tar`, and as an image. And what somebody else did to the position
//! between two jobs does no harm.

use crate::files;
use crate::harness::Lab;
use crate::house::{House, ok, sh};
use crate::server::Server;
use serde_json::json;
use std::path::{Path, PathBuf};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tapebackarr");
const BARCODE: &str = "LAB001L9";
const CAPACITY: u64 = 96 << 20;

#[test]
fn a_tape_written_by_a_generic_node_is_read_by_all() {
    let Some(lab) = Lab::with(&["--backend", "none"]) else { return };
    lab.inside("cross::by_sg");
}

#[test]
fn a_tape_written_by_the_tape_driver_is_read_by_all() {
    let Some(lab) = Lab::with(&["--backend", "none"]) else { return };
    lab.inside("cross::by_st");
}

#[test]
fn a_tape_written_as_an_image_is_read_by_all() {
    let Some(lab) = Lab::with(&["--backend", "none"]) else { return };
    lab.inside("cross::by_image");
}

/// What was written: as it was at first, and at the end.
struct Written {
    server: Server,
    first: PathBuf,
    last: PathBuf,
}

/// A full set and some on top of it, with `between` before each of those.
fn write(changer: &str, drive: &str, between: &dyn Fn(usize)) -> Written {
    let mut server = Server::bare();
    let api = &server.api;
    api.post("/api/v1/libraries", json!({"name": "Rack", "device_path": changer})).ok();
    api.post("/api/v1/drives", json!({"device_path": drive})).ok();
    let body = json!({"library_id": 1, "barcodes": true, "pool_id": 1});
    let labelled = api.complete(api.post("/api/v1/tapes/batch-label", body).ok());
    assert_eq!(labelled["result"]["completed"], 1, "{labelled}");
    let source = server.folder("source");
    files::fill(&source);
    // tar keeps no fractions of them
    files::whole_seconds(&source);
    let job = api.job("j", api.source("s", &source), 1, json!({"backup_type": "incremental"}));
    api.run_job(job, json!({}));
    let first = server.dir.path().join("first");
    ok(&format!("cp -a {} {}", source.display(), first.display()));
    let mut set = json!(null);
    for number in 0..ELSEWHERE.len() {
        between(number);
        std::fs::write(source.join(format!("new{number}")), files::noise(number as u64, 700_000)).unwrap();
        set = api.run_job(job, json!({}))["result"]["backup_set_id"].clone();
    }
    let tapes = api.get(&format!("/api/v1/backup-sets/{set}")).ok()["tapes"].clone();
    assert_eq!(tapes, json!([BARCODE]), "all is appended to one tape");
    // the server itself reads it back, from wherever the tape stands
    between(0);
    let to = server.dir.path().join("restored");
    api.restore(json!({"backup_set_id": set, "dest_path": to}));
    files::assert_equal(&source, &to);
    assert!(server.stop().success());
    Written { server, first, last: source }
}

/// Where others leave the tape.
const ELSEWHERE: [&str; 5] = ["rewind", "asf 1", "eod", "seek 5", "bsf 2"];

fn by_mt(number: usize) {
    ok(&format!("mt -f /dev/nst0 {}", ELSEWHERE[number]));
}

impl Written {
    fn folder(&self, name: &str) -> PathBuf {
        self.server.folder(name)
    }

    /// By programs that are not ours.
    fn read_by_tar(&self) {
        sh("mtx -f /dev/sg0 load 1 0");
        ok("mt -f /dev/nst0 rewind; mt -f /dev/nst0 setblk 0");
        let label = ok("dd if=/dev/nst0 bs=512 count=1 status=none | tr -d '\\0'");
        assert!(label.starts_with(&format!("TAPEBACKARR|{BARCODE}|")), "{label}");
        let to = self.folder("by-tar");
        ok(&format!(
            "mt -f /dev/nst0 asf 1; tar -xp --same-owner --xattrs --acls -b 512 -f /dev/nst0 -C {}",
            to.display()
        ));
        files::assert_equal(&self.first, &to);
    }

    /// By this program, without server and database.
    fn recovered(&self, from: &str) {
        sh("mtx -f /dev/sg0 load 1 0");
        let to = self.folder(&from.replace('/', "-"));
        ok(&format!("{PROGRAM} recover --non-interactive {from} --to {}", to.display()));
        files::assert_equal(&self.last, &to);
    }

    fn read_as_image(&self, library: &Path) {
        let copy = self.folder("copy");
        ok(&format!("cp {}/cartridges/* {}", library.display(), copy.display()));
        self.recovered(copy.join(format!("{BARCODE}.tap")).to_str().unwrap());
    }
}

#[test]
#[ignore = "runs inside the lab"]
fn by_sg() {
    let house = House::attached(&[BARCODE], CAPACITY);
    let written = write("/dev/sg0", "/dev/sg1", &by_mt);
    written.read_by_tar();
    written.recovered("/dev/nst0");
    written.recovered("/dev/sg1");
    written.read_as_image(&house.library());
}

#[test]
#[ignore = "runs inside the lab"]
fn by_st() {
    let house = House::attached(&[BARCODE], CAPACITY);
    // Who has the tape driver's node has the drive for himself.
    let refused = |number: usize| {
        let mt = sh(&format!("mt -f /dev/nst0 {}", ELSEWHERE[number]));
        let words = String::from_utf8_lossy(&mt.stderr).into_owned();
        assert!(!mt.status.success() && words.contains("busy"), "{words}");
    };
    let written = write("/dev/sg0", "/dev/nst0", &refused);
    written.read_by_tar();
    written.recovered("/dev/sg1");
    written.recovered("/dev/nst0");
    written.read_as_image(&house.library());
}

#[test]
#[ignore = "runs inside the lab"]
fn by_image() {
    let mut written = None;
    let _house = House::filled(&[BARCODE], CAPACITY, |dir| {
        let device = |part: &str| format!("virtual:{}#{part}", dir.display());
        written = Some(write(&device("changer"), &device("drive0"), &|_| {}));
    });
    let written = written.unwrap();
    written.read_by_tar();
    written.recovered("/dev/sg1");
    written.recovered("/dev/nst0");
}
