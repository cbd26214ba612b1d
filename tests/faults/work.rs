//! What is done to tapes besides an ordinary run, and the server is killed at any breakpoint of it: labelling a batch, copying a set
//! to another pool, writing an expired tape anew, and a run that makes many checkpoints.

use crate::breakpoints::Breakpoint;
use crate::house::{Hands, House, Kind, Variant};
use crate::judge;
use crate::kill::{self, Loss};
use crate::rehearsal::{self, Rehearsal};
use crate::seed::Seed;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tape_drive::virt::library;
use tape_drive::virt::{CartridgeSpec, Place};

/// The work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Work {
    /// Two blank tapes get their labels.
    Labels,
    /// A set is copied to another pool.
    Copy,
    /// A run writes a tape anew whose only set has expired.
    Reuse,
    /// A run writes all of its set to one tape.
    Checkpoints,
}

const NEW: [&str; 2] = ["N00001L9", "N00002L9"];
/// The tape that is written anew.
const EXPIRED: &str = "F00005L9";
/// The pool that copies go to.
const OFFSITE: i64 = 4;

impl Work {
    pub const ALL: [Work; 4] = [Work::Labels, Work::Copy, Work::Reuse, Work::Checkpoints];

    /// The house it is done in.
    pub fn variant(self) -> Variant {
        match self {
            Work::Labels | Work::Copy => Variant::two_drives(Kind::Plain),
            Work::Reuse => Variant { kind: Kind::Plain, hands: Hands::Library },
            Work::Checkpoints => Variant { kind: Kind::Encrypted, hands: Hands::Library },
        }
    }

    /// The house, down, with everything ready for it.
    fn house(self) -> House {
        let mut house = House::new(self.variant());
        let tape = |house: &House, label: &str| house.tape(label).expect("a tape")["id"].clone();
        match self {
            Work::Labels => {
                for (old, new) in ["F00008L9", "F00009L9"].into_iter().zip(NEW) {
                    library::put(&house.library(), old, Place::Shelf).unwrap();
                    let spec = CartridgeSpec::new(new).with_capacity(20 << 20);
                    library::add_cartridge(&house.library(), &spec, Place::AnySlot).unwrap();
                }
            }
            Work::Copy => {
                assert!(house.start());
                for label in ["F00006L9", "F00007L9", "F00008L9"] {
                    let path = format!("/api/v1/tapes/{}", tape(&house, label));
                    house.api.send("PUT", &path, Some(&json!({"pool_id": OFFSITE}))).ok();
                }
                assert!(house.stop());
            }
            Work::Reuse => {
                assert!(house.start());
                let id = tape(&house, EXPIRED);
                let row = house.api.run_job(2, json!({"backup_type": "full", "tape_id": id}));
                let set = format!("/api/v1/backup-sets/{}", row["result"]["backup_set_id"]);
                house.api.send("DELETE", &set, None).ok();
                let path = format!("/api/v1/tapes/{id}");
                house.api.send("PUT", &path, Some(&json!({"status": "expired"}))).ok();
                assert!(house.stop());
            }
            Work::Checkpoints => house.set_capacity(64 << 20, 1 << 20),
        }
        house
    }

    /// How its run is asked for, if it is one.
    fn run(self, house: &House) -> Option<Value> {
        match self {
            Work::Labels | Work::Copy => None,
            Work::Reuse => Some(json!({"tape_id": house.tape(EXPIRED).expect("a tape")["id"]})),
            Work::Checkpoints => Some(json!({})),
        }
    }

    /// Does it to its end, which may be that of the server. Its execution's row.
    fn attempt(self, house: &mut House) -> Option<Value> {
        let (path, body) = match self {
            Work::Copy => ("/api/v1/backup-sets/1/copy", json!({"pool_id": OFFSITE})),
            _ => {
                house.ask("POST", "/api/v1/libraries/1/inventory?wait=true", Some(json!({})))?;
                ("/api/v1/tapes/batch-label", json!({"library_id": 1, "barcodes": true, "pool_id": 1}))
            }
        };
        house.done(path, body)
    }

    /// What it passes; found out the first time.
    pub fn rehearsal(self) -> Arc<Rehearsal> {
        static ALL: Mutex<Option<HashMap<Work, Arc<Rehearsal>>>> = Mutex::new(None);
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        all.get_or_insert_default().entry(self).or_insert_with(|| Arc::new(self.rehearse())).clone()
    }

    fn rehearse(self) -> Rehearsal {
        let mut house = self.house();
        house.keep_trace();
        assert!(house.start());
        if let Some(how) = self.run(&house) {
            return rehearsal::rehearse(&mut house, self.variant(), &how);
        }
        let before = house.trace().len();
        let row = self.attempt(&mut house).expect("nothing goes wrong");
        assert_eq!(row["status"], "completed", "{row}");
        Rehearsal::of_trace(&house.trace(), before, self.variant())
    }

    /// The server is killed at a place of it; whether that was passed so often.
    pub fn killed(self, at: &Breakpoint, loss: Loss) -> bool {
        let mut house = self.house();
        assert!(house.start());
        if let Some(how) = self.run(&house) {
            return kill::run(house, self.variant(), &how, at, loss);
        }
        let what = format!("{self:?}, killed at {at}, {loss:?}");
        house.arm(at);
        let ended = self.attempt(&mut house);
        house.kill();
        let died = house.disarm().is_some();
        assert!(died || ended.is_some(), "{what}: the server died by itself");
        if died && loss == Loss::Power {
            house.cut_power();
        }
        assert!(house.start(), "{what}: it starts again");
        let again = self.attempt(&mut house).unwrap_or_else(|| panic!("{what}: the server died without a fault"));
        match self {
            Work::Labels => labelled(&mut house, &what),
            _ => assert_eq!(again["status"], "completed", "{what}: {again}"),
        }
        assert_eq!(house.api.get("/api/v1/jobs/active").ok(), json!([]), "{what}");
        let sets = house.api.get("/api/v1/backup-sets?limit=100").ok();
        let whole: Vec<&Value> =
            sets.as_array().unwrap().iter().filter(|set| set["status"] == "completed").map(|set| &set["id"]).collect();
        assert!(self != Work::Copy || whole.len() >= 2, "{what}: there is a copy: {sets}");
        for set in whole {
            judge::restored(&mut house, set, "committed", &what);
        }
        assert!(house.stop(), "{what}: an orderly end");
        judge::on_tape(&house, &what);
        died
    }
}

/// Both tapes have their labels, or get them when a person asks for each, and can be written.
fn labelled(house: &mut House, what: &str) {
    for label in NEW {
        let row = house.tape(label).unwrap_or_else(|| panic!("{what}: {label} is not known"));
        if row["labeled_at"].is_null() {
            let done = house.done(&format!("/api/v1/tapes/{}/label", row["id"]), json!({})).unwrap();
            assert_eq!(done["status"], "completed", "{what}: {label}: {done}");
        }
        let run = house.api.run_job(2, json!({"backup_type": "full", "tape_id": row["id"]}));
        let set = house.api.get(&format!("/api/v1/backup-sets/{}", run["result"]["backup_set_id"])).ok();
        assert_eq!(set["tape_id"], row["id"], "{what}: {label}: {set}");
    }
}

/// One place of one of them, by chance.
#[test]
fn killed_at_other_work() {
    let mut seed = Seed::new("work");
    let work = Work::ALL[seed.below(Work::ALL.len() as u64) as usize];
    let places = work.rehearsal().breakpoints();
    let at = &places[seed.below(places.len() as u64) as usize];
    let loss = if seed.below(3) == 0 { Loss::Power } else { Loss::Process };
    println!("{work:?}: {at}, {loss:?}, of {}", places.len());
    work.killed(at, loss);
}
