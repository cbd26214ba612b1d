//! The whole service life of the tapes of a library, by the server, as a person and a robot go through it: found, made known,
//! labelled by their bar codes, written over several of them, added to, verified, restored, carried out and back in; and
//! the drive cleaned. Against a third party's library and our own, through both of the kernel's ways to a drive.

use crate::files;
use crate::harness::Lab;
use crate::house::{FIRST_DRIVE, House, ok};
use crate::server::Server;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tape_drive::virt::library::{self, Place};
use tape_scsi::TapeAlert;

const CAPACITY_MIB: u64 = 24;
const BARCODES: [&str; 4] = ["LAB001L9", "LAB002L9", "LAB003L9", "LAB004L9"];
/// Logical unit of the robot.
const ROBOT: u16 = 0;
const CLEANER: &str = "CLNU01L9";

#[test]
fn our_library_by_generic_nodes() {
    let Some(lab) = Lab::with(&["--backend", "none"]) else { return };
    lab.inside("cycle::ours_by_sg");
}

#[test]
fn our_library_by_the_tape_driver() {
    let Some(lab) = Lab::with(&["--backend", "none"]) else { return };
    lab.inside("cycle::ours_by_st");
}

fn third_party() -> Option<Lab> {
    let barcodes = "LAB001L6,LAB002L6,LAB003L6,LAB004L6,CLN001L1";
    Some(Lab::tgt()?.and(&["--tape-mb", "24", "--barcodes", barcodes]))
}

#[test]
fn a_third_partys_library_by_generic_nodes() {
    let Some(lab) = third_party() else { return };
    lab.inside("cycle::tgt_by_sg");
}

#[test]
fn a_drive_without_positions_is_not_written_to_by_the_tape_driver() {
    let Some(lab) = third_party() else { return };
    lab.inside("cycle::tgt_by_st");
}

/// A server that knows the library.
pub struct Rack {
    pub server: Server,
    pub source: PathBuf,
    changer: String,
}

impl Rack {
    /// Found by a scan, and made known: by one confirmation, or each drive by its path.
    pub fn added(drives: Option<&[&str]>) -> Rack {
        let server = Server::bare();
        let api = &server.api;
        let found = api.get("/api/v1/libraries/scan").ok();
        assert_eq!(found.as_array().map(Vec::len), Some(1), "{found}");
        assert_eq!(found[0]["drives"].as_array().map(Vec::len), Some(2), "{found}");
        let changer = found[0]["device_path"].as_str().unwrap().to_owned();
        let body = json!({"name": "Rack", "device_path": changer, "with_drives": drives.is_none()});
        let added = api.post("/api/v1/libraries", body).ok();
        assert_eq!(added["drives"].as_array().map(Vec::len), Some(if drives.is_none() { 2 } else { 0 }), "{added}");
        for path in drives.unwrap_or_default() {
            api.post("/api/v1/drives", json!({"device_path": path})).ok();
        }
        let rows = api.get("/api/v1/drives").ok();
        for row in rows.as_array().unwrap() {
            assert!(row["library_drive_number"].is_i64(), "each drive is in its bay: {rows}");
        }
        let source = server.folder("source");
        files::fill(&source);
        std::fs::write(source.join("large"), files::noise(1, 30 << 20)).unwrap();
        Rack { server, source, changer }
    }

    pub fn label(&self) -> Value {
        let body = json!({"library_id": 1, "barcodes": true, "pool_id": 1});
        let started = self.server.api.post("/api/v1/tapes/batch-label", body).ok();
        self.server.api.wait(&started["execution_id"])
    }

    /// Where a bar code is, as the server knows it.
    fn slot(&self, barcode: &str) -> Option<Value> {
        let slots = self.server.api.get("/api/v1/libraries/1/slots").ok();
        slots.as_array().unwrap().iter().find(|row| row["barcode"] == barcode).cloned()
    }

    fn transfer(&self, from: &Value, to: &Value) {
        let body = json!({"source_slot": from, "dest_slot": to});
        self.server.api.complete(self.server.api.post("/api/v1/libraries/1/transfer", body).ok());
    }

    pub fn restored(&self, set: &Value, expected: &Path) {
        let to = self.server.dir.path().join("restored");
        self.server.api.restore(json!({"backup_set_id": set, "dest_path": to}));
        files::assert_equal(expected, &to);
        std::fs::remove_dir_all(to).unwrap();
    }

    pub fn set(&self, id: &Value) -> Value {
        self.server.api.get(&format!("/api/v1/backup-sets/{id}")).ok()
    }

    /// A full set over several tapes and an incremental one, verified and restored. Returns both, and what the first held.
    fn backed_up(&self) -> (Value, Value, PathBuf) {
        let api = &self.server.api;
        let job = api.job("j", api.source("s", &self.source), 1, json!({"backup_type": "incremental"}));
        let full = api.run_job(job, json!({}))["result"]["backup_set_id"].clone();
        let told = self.set(&full);
        assert_eq!(told["backup_type"], "full", "{told}");
        let parts = told["parts"].as_array().unwrap().len();
        assert!(parts >= 2, "52 MiB on tapes of {CAPACITY_MIB}: {told}");
        assert_eq!(api.get("/api/v1/tape-changes").ok(), json!([]), "the robot needed nobody");
        let first = self.server.dir.path().join("first");
        ok(&format!("cp -a {} {}", self.source.display(), first.display()));

        std::fs::remove_file(self.source.join("docs/file003.txt")).unwrap();
        std::fs::write(self.source.join("docs/file004.txt"), b"changed").unwrap();
        std::fs::write(self.source.join("new"), files::noise(5, 300_000)).unwrap();
        let second = api.run_job(job, json!({}))["result"]["backup_set_id"].clone();
        let told = self.set(&second);
        assert_eq!((&told["backup_type"], &told["parent_set_id"]), (&json!("incremental"), &full), "{told}");
        for set in [&full, &second] {
            api.complete(api.post(&format!("/api/v1/backup-sets/{set}/verify"), json!({})).ok());
        }
        self.restored(&second, &self.source);
        (full, second, first)
    }

    /// The first tape of a set goes out by the mail slot, which another program confirms; `away` happens to it, and it
    /// comes back and is read.
    fn carried(&self, set: &Value, expected: &Path, away: impl FnOnce(&str)) {
        let api = &self.server.api;
        let barcode = self.set(set)["parts"][0]["tape_label"].as_str().unwrap().to_owned();
        let mut at = self.slot(&barcode).unwrap();
        if at["slot_type"] == "drive" {
            let body = json!({"drive_number": at["slot_number"]});
            api.complete(api.post("/api/v1/libraries/1/unload", body).ok());
            at = self.slot(&barcode).unwrap();
        }
        assert_eq!(at["slot_type"], "storage", "{at}");
        let slots = api.get("/api/v1/libraries/1/slots").ok();
        let mail = slots.as_array().unwrap().iter().find(|row| row["slot_type"] == "import_export").unwrap();
        self.transfer(&at["slot_number"], &mail["slot_number"]);
        let tape = at["tape_id"].clone();
        api.post(&format!("/api/v1/tapes/{tape}/export"), json!({"offsite_location": "Safe"})).ok();
        let status = ok(&format!("mtx -f {} status | grep EXPORT", self.changer));
        assert!(status.contains("Full") && status.contains(&barcode), "{status}");

        away(&barcode);
        api.post("/api/v1/libraries/1/inventory", json!({})).ok();
        self.transfer(&mail["slot_number"], &at["slot_number"]);
        let back = api.post(&format!("/api/v1/tapes/{tape}/import"), json!({})).ok();
        assert_eq!(back["new_status"], "full");
        assert_eq!(self.slot(&barcode).unwrap()["slot_number"], at["slot_number"]);
        self.restored(set, expected);
    }
}

fn ours(drives: Option<&[&str]>) {
    let house = House::filled(&BARCODES, CAPACITY_MIB << 20, |dir| {
        library::add_cartridge(dir, &tape_drive::virt::CartridgeSpec::new(CLEANER), Place::AnySlot).unwrap();
    });
    let rack = Rack::added(drives);
    let labelled = rack.label();
    assert_eq!(labelled["result"]["completed"], BARCODES.len(), "{labelled}");
    let (full, _, first) = rack.backed_up();
    let dir = house.library();
    rack.carried(&full, &first, |barcode| {
        library::put(&dir, barcode, Place::Shelf).unwrap();
        rack.server.api.post("/api/v1/libraries/1/inventory", json!({})).ok();
        assert_eq!(rack.slot(barcode), None, "somebody took it out");
        library::put(&dir, barcode, Place::MailSlot(0)).unwrap();
    });

    library::request_cleaning(&dir, 0).unwrap();
    let api = &rack.server.api;
    let row = api.complete(api.post("/api/v1/drives/1/clean", json!({})).ok());
    assert_eq!(row["result"]["status"], "cleaned", "{row}");
    let state = library::read(&dir).unwrap();
    assert!(!state.drives[0].health.cleaning_required);
    assert!(state.slots.iter().any(|slot| slot.cartridge.as_deref() == Some(CLEANER)), "it is back in its slot");
    let statistics = api.get("/api/v1/drives/1/statistics").ok();
    assert!(statistics["last_cleaned_at"].is_string() && statistics["cleaning_required"] == false, "{statistics}");
    warned_of(&house, &rack);
}

/// A drive warns of the tape in it, which is not written any more then; what it counted of the tape is told; and nobody can
/// open a mail slot while the robot is on its way.
fn warned_of(house: &House, rack: &Rack) {
    let api = &rack.server.api;
    let slots = api.get("/api/v1/libraries/1/slots").ok();
    let bay = slots.as_array().unwrap().iter().find(|slot| slot["drive_id"] == 1).unwrap()["slot_number"].clone();
    let tape = rack.slot(BARCODES[0]).unwrap();
    house.injection(ROBOT).take_log();
    let body = json!({"slot_number": tape["slot_number"], "drive_number": bay});
    api.complete(api.post("/api/v1/libraries/1/load", body).ok());
    let sent: Vec<(u8, u8)> = house.injection(ROBOT).take_log().iter().map(|sent| (sent.cdb[0], sent.cdb[4])).collect();
    let at = sent.iter().position(|(opcode, _)| *opcode == 0xa5).unwrap();
    assert_eq!((sent[at - 1], sent[at + 1]), ((0x1e, 1), (0x1e, 0)), "locked before, and unlocked behind: {sent:x?}");

    let told = |resolved: bool| {
        api.wait_for("/api/v1/drives/1/alerts", |alerts| {
            // asking for the encryption asks the drive
            api.get("/api/v1/drives/1/hardware-encryption").ok();
            let of_media = |alert: &&Value| alert["message"].as_str().unwrap().starts_with("Media: ");
            let alert = alerts.as_array().unwrap().iter().find(of_media);
            alert.is_some_and(|alert| alert["severity"] == "critical" && alert["resolved"] == resolved)
        });
    };
    house.target.alert(FIRST_DRIVE, TapeAlert::MEDIA);
    told(false);
    let held = api.get(&format!("/api/v1/tapes/{}", tape["tape_id"])).ok();
    assert!(held["hold_reason"].as_str().unwrap().contains("TapeAlert 4 (Media)"), "{held}");
    api.complete(api.post("/api/v1/libraries/1/unload", json!({"drive_number": bay})).ok());
    told(true);
    let figures = api.get(&format!("/api/v1/tapes/{}/health", tape["tape_id"])).ok();
    let last = &figures[0];
    assert_eq!(last["tape_alert_flags"], "4", "{figures}");
    assert!(last["mounts"].as_i64() >= Some(3) && last["bytes_written"].as_i64() >= Some(10_000_000), "{figures}");
}

#[test]
#[ignore = "runs inside the lab"]
fn ours_by_sg() {
    ours(None);
}

#[test]
#[ignore = "runs inside the lab"]
fn ours_by_st() {
    ours(Some(&["/dev/nst0", "/dev/nst1"]));
}

#[test]
#[ignore = "runs inside the lab"]
fn tgt_by_sg() {
    let rack = Rack::added(None);
    let labelled = rack.label();
    assert_eq!(labelled["result"]["completed"], 4, "{labelled}");
    let (full, _, first) = rack.backed_up();
    rack.carried(&full, &first, |_| {});
    // It does nothing with a cleaning cartridge: that is brought, and taken back.
    let api = &rack.server.api;
    api.complete(api.post("/api/v1/drives/1/clean", json!({})).ok());
    assert_eq!(rack.slot("CLN001L1").unwrap()["slot_type"], "storage");
}

#[test]
#[ignore = "runs inside the lab"]
fn tgt_by_st() {
    let rack = Rack::added(Some(&["/dev/nst0", "/dev/nst1"]));
    let refused = rack.label();
    assert_eq!(refused["status"], "failed", "{refused}");
    let words = refused["error_message"].as_str().unwrap();
    assert!(words.contains("does not tell where the tape is") && words.contains("/dev/sg"), "{words}");
    // Nothing was written: by the other way every tape is blank, and is labelled.
    for drive in [1, 2] {
        assert!(rack.server.api.send("DELETE", &format!("/api/v1/drives/{drive}"), None).status < 300);
    }
    for path in std::env::var("TAPELAB_DRIVE_SGS").unwrap().split(' ') {
        rack.server.api.post("/api/v1/drives", json!({"device_path": path})).ok();
    }
    let labelled = rack.label();
    assert_eq!(labelled["result"]["completed"], 4, "{labelled}");
}
