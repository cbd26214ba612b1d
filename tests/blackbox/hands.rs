//! A server whose drives stand alone, and the hands that change the tapes.

use crate::server::Server;
use serde_json::{Value, json};
use std::path::PathBuf;
use tape_drive::virt::library::{self, LibrarySpec, Place, Settings};
use tape_drive::virt::{CartridgeSpec, state::Thread};

/// Drives without a changer, and tapes on a shelf.
pub struct Hands {
    pub server: Server,
    dir: PathBuf,
}

impl Hands {
    /// So many drives, and labelled tapes of pool 1 on the shelf; their ids are 1, 2, …
    pub fn new(drives: u16, tapes: &[&str], capacity_mb: u64) -> Hands {
        let server = Server::bare();
        let dir = server.library_dir();
        let settings = Settings::volatile();
        let spec = LibrarySpec { drives, slots: 0, mail_slots: 0, settings, ..LibrarySpec::default() };
        library::create(&dir, &spec).unwrap();
        for drive in 0..drives {
            let device = format!("virtual:{}#drive{drive}", dir.display());
            let body = json!({"device_path": device, "display_name": format!("D{drive}")});
            server.api.post("/api/v1/drives", body).ok();
        }
        let hands = Hands { server, dir };
        for tape in tapes {
            hands.buy(tape, capacity_mb);
            hands.insert(tape, 0);
            hands.label(tape, 1);
            hands.eject(1);
            hands.take_out(0);
        }
        hands
    }

    /// A new, blank cartridge on the shelf.
    pub fn buy(&self, tape: &str, capacity_mb: u64) {
        let spec = CartridgeSpec::new(tape).with_capacity(capacity_mb << 20);
        library::add_cartridge(&self.dir, &spec, Place::Shelf).unwrap();
    }

    /// Makes the blank cartridge in a drive a tape of pool 1.
    pub fn label(&self, tape: &str, drive: i64) -> Value {
        let body = json!({"label": tape, "barcode": tape, "pool_id": 1, "write_label": true, "drive_id": drive});
        self.server.api.post("/api/v1/tapes?wait=true", body).ok()
    }

    /// Takes the cartridge out of a drive that has ejected it, if there is one.
    pub fn take_out(&self, drive: u16) -> Option<String> {
        let state = library::read(&self.dir).unwrap();
        let name = state.drives[usize::from(drive)].cartridge.clone()?;
        self.server.cli(&["virtual", "move", self.dir.to_str().unwrap(), &name, "--to", "shelf"]);
        Some(name)
    }

    /// Puts a cartridge into an empty drive.
    pub fn insert(&self, tape: &str, drive: u16) {
        self.server.cli(&["virtual", "move", self.dir.to_str().unwrap(), tape, "--to", &format!("drive:{drive}")]);
    }

    /// Changes the cartridge in a drive.
    pub fn change(&self, tape: &str, drive: u16) {
        self.take_out(drive);
        self.insert(tape, drive);
    }

    /// Presses the eject button of a drive that nobody uses.
    pub fn eject(&self, drive: i64) {
        self.server.api.post(&format!("/api/v1/drives/{drive}/eject?wait=true"), json!({})).ok();
    }

    /// The cartridge in a drive, and whether it is threaded.
    pub fn inside(&self, drive: u16) -> (Option<String>, bool) {
        let state = library::read(&self.dir).unwrap();
        let bay = &state.drives[usize::from(drive)];
        (bay.cartridge.clone(), bay.thread == Thread::Threaded)
    }

    /// Waits until an execution asks for a tape once more, with another request than the `last`; nothing if it ends.
    pub fn next_request(&self, started: &Value, last: &Value) -> Option<Value> {
        loop {
            let row = self.server.api.get(&format!("/api/v1/executions/{}", started["execution_id"])).ok();
            if row["end_time"].is_string() {
                return None;
            }
            let request = &row["tape_change"];
            if !request.is_null() && request["id"] != *last {
                return Some(request.clone());
            }
            std::thread::sleep(std::time::Duration::from_millis(30));
        }
    }

    /// What is on a cartridge, byte for byte.
    pub fn image(&self, tape: &str) -> Vec<u8> {
        std::fs::read(self.dir.join(format!("cartridges/{tape}.tap"))).unwrap()
    }
}
