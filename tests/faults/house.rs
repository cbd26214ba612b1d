//! A server's data folder that is made once and copied for every run, and the server that lives in it.

use crate::api::Api;
use crate::breakpoints;
use crate::clock::Clock;
use crate::files;
use crate::operator::Operator;
use crate::room::Room;
use crate::syscalls::Kernel;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tape_drive::virt::library::{self, LibrarySpec, Settings};
use tape_drive::virt::{CartridgeSpec, Place};
use tempfile::TempDir;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_tapebackarr");
const PASSWORD: &str = "correct horse battery";
/// Capacity of the tapes: the set takes three of them.
const CAPACITY: u64 = 20 << 20;
/// How many there are.
const TAPES: u32 = 9;

/// How the job of a run writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Plain,
    Encrypted,
}

/// Who changes the tapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hands {
    /// A person, at the one drive there is.
    Operator,
    /// A library, with one drive.
    Library,
    /// A library, with two.
    TwoDrives,
}

/// What a house is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Variant {
    pub kind: Kind,
    pub hands: Hands,
}

impl Variant {
    pub const ALL: [Variant; 6] = {
        const fn of(kind: Kind, hands: Hands) -> Variant {
            Variant { kind, hands }
        }
        use {Hands::*, Kind::*};
        [
            of(Plain, Operator),
            of(Encrypted, Library),
            of(Plain, TwoDrives),
            of(Encrypted, Operator),
            of(Plain, Library),
            of(Encrypted, TwoDrives),
        ]
    };

    /// With a library and two drives.
    pub const fn two_drives(kind: Kind) -> Variant {
        Variant { kind, hands: Hands::TwoDrives }
    }

    pub fn drives(self) -> u16 {
        if self.hands == Hands::TwoDrives { 2 } else { 1 }
    }
}

impl std::fmt::Display for Variant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}/{:?}", self.hands, self.kind)
    }
}

/// What was made once.
struct Template {
    folder: TempDir,
    token: String,
}

/// A copy of it, with a server.
pub struct House {
    pub folder: TempDir,
    pub api: Api,
    pub source: PathBuf,
    pub child: Option<Child>,
    pub hands: Hands,
    operator: Option<Operator>,
    /// How much room there is from the next start on.
    pub room: Room,
    /// Stands between the server and the real kernel from the next start on.
    pub kernel: Option<Kernel>,
    /// What the server takes for the time from the next start on.
    pub clock: Option<Clock>,
}

/// Runs something with the template of a variant, which is made the first time. It is a folder of this process's own that
/// goes when the process ends.
fn template<T>(variant: Variant, run: impl FnOnce(&Template) -> T) -> T {
    static TEMPLATES: Mutex<Option<HashMap<Variant, Template>>> = Mutex::new(None);
    extern "C" fn forget() {
        drop(TEMPLATES.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
    let mut all = TEMPLATES.lock().unwrap_or_else(PoisonError::into_inner);
    let all = all.get_or_insert_with(|| {
        // SAFETY: a function without arguments that unwinds into nobody
        assert_eq!(unsafe { libc::atexit(forget) }, 0);
        HashMap::new()
    });
    run(all.entry(variant).or_insert_with(|| make(variant)))
}

fn make(variant: Variant) -> Template {
    let folder = TempDir::new().unwrap();
    let source = folder.path().join("source");
    std::fs::create_dir_all(source.join("dir")).unwrap();
    for number in 0..40u64 {
        std::fs::write(source.join(format!("dir/{number:02}")), files::noise(number, 20_000)).unwrap();
    }
    // larger than one tape
    std::fs::write(source.join("large"), files::noise(99, 36 << 20)).unwrap();
    std::fs::write(source.join("zlast"), files::noise(100, 900_000)).unwrap();
    std::fs::hard_link(source.join("dir/00"), source.join("zlink")).unwrap();
    let mut house = House::in_folder(folder, variant.hands);
    house.start_new();
    let dir = house.library();
    let settings = Settings::volatile();
    let (slots, mail_slots) = if variant.hands == Hands::Operator { (0, 0) } else { (9, 1) };
    let drives = variant.drives();
    library::create(&dir, &LibrarySpec { drives, slots, mail_slots, settings, ..LibrarySpec::default() }).unwrap();
    let place = if variant.hands == Hands::Operator { Place::Shelf } else { Place::AnySlot };
    for tape in tapes() {
        let spec =
            CartridgeSpec { capacity_bytes: CAPACITY, early_warning_bytes: 1 << 20, ..CartridgeSpec::new(&tape) };
        library::add_cartridge(&dir, &spec, place).unwrap();
    }
    let api = &house.api;
    let device = |part: &str| format!("virtual:{}#{part}", dir.display());
    if variant.hands != Hands::Operator {
        api.post("/api/v1/libraries", json!({"name": "lib", "device_path": device("changer")})).ok();
    }
    for drive in 0..drives {
        let drive = format!("drive{drive}");
        api.post("/api/v1/drives", json!({"device_path": device(&drive), "display_name": drive})).ok();
    }
    if variant.hands == Hands::Operator {
        label_by_hand(&house);
        house.operator = Some(Operator::start(api.clone(), dir));
    } else {
        api.post("/api/v1/libraries/1/inventory", json!({})).ok();
        let body = json!({"library_id": 1, "barcodes": true, "pool_id": 1});
        let labelled = api.post("/api/v1/tapes/batch-label", body).ok();
        assert_eq!(api.complete(labelled)["result"]["completed"], TAPES);
    }
    let key = api.post("/api/v1/encryption-keys", json!({"name": "k", "description": ""})).ok();
    std::fs::write(house.folder.path().join("key"), key["key_base64"].as_str().unwrap()).unwrap();
    let source_id = api.source("s", &house.folder.path().join("source"));
    let options = match variant.kind {
        Kind::Plain => json!({}),
        Kind::Encrypted => json!({"compression": "zstd", "encryption_key_id": key["key"]["id"]}),
    };
    let job = api.job("j", source_id, 1, options);
    assert_eq!(job, 1);
    // a set that is committed before anything goes wrong
    let small = house.folder.path().join("committed");
    std::fs::create_dir_all(&small).unwrap();
    std::fs::write(small.join("a"), files::noise(7, 50_000)).unwrap();
    let before = api.job("before", api.source("committed", &small), 1, json!({}));
    api.run_job(before, json!({}));
    let token = house.api.token.clone();
    assert!(house.stop());
    Template { folder: std::mem::replace(&mut house.folder, TempDir::new().unwrap()), token }
}

/// Names of the tapes.
pub fn tapes() -> impl Iterator<Item = String> {
    (1..=TAPES).map(|number| format!("F{number:05}L9"))
}

/// Labels all tapes, one after the other, in the only drive.
fn label_by_hand(house: &House) {
    let dir = house.library();
    for tape in tapes() {
        library::put(&dir, &tape, Place::Drive(0)).unwrap();
        let body = json!({"label": tape, "barcode": tape, "pool_id": 1, "write_label": true, "drive_id": 1});
        house.api.post("/api/v1/tapes?wait=true", body).ok();
        house.api.post("/api/v1/drives/1/eject?wait=true", json!({})).ok();
        library::put(&dir, &tape, Place::Shelf).unwrap();
    }
}

impl House {
    /// A copy in which nothing runs yet.
    pub fn new(variant: Variant) -> House {
        let folder = TempDir::new().unwrap();
        let token = template(variant, |template| {
            let copied = Command::new("cp")
                .args(["-a", "--sparse=always"])
                .arg(template.folder.path().join("."))
                .arg(folder.path())
                .status();
            assert!(copied.unwrap().success());
            // device paths and sources are absolute in the database
            let (old, new) = (template.folder.path().to_str().unwrap(), folder.path().to_str().unwrap());
            moved(&folder.path().join("data/tapebackarr.db"), old, new);
            template.token.clone()
        });
        let mut house = House::in_folder(folder, variant.hands);
        house.api.token = token;
        house
    }

    fn in_folder(folder: TempDir, hands: Hands) -> House {
        let source = folder.path().join("source");
        House {
            folder,
            api: Api::new(""),
            source,
            child: None,
            hands,
            operator: None,
            room: Room::default(),
            kernel: None,
            clock: None,
        }
    }

    pub fn library(&self) -> PathBuf {
        self.folder.path().join("data/libraries/lib")
    }

    fn start_new(&mut self) {
        let token = self.spawn().expect("a new server prints its set-up token");
        let body = json!({"token": token, "username": "admin", "password": PASSWORD});
        self.api.post("/api/v1/auth/setup", body).ok();
        self.log_in();
    }

    /// Logs in anew.
    pub fn log_in(&mut self) {
        let answer = self.api.post("/api/v1/auth/login", json!({"username": "admin", "password": PASSWORD})).ok();
        self.api.token = answer["token"].as_str().unwrap().into();
        if self.operator.is_some() {
            self.operator = None;
            self.operator = Some(Operator::start(self.api.clone(), self.library()));
        }
    }

    /// Starts the server; false if it was killed before it listened.
    pub fn start(&mut self) -> bool {
        self.spawn();
        std::thread::sleep(Duration::from_millis(1));
        let lives = self.lives();
        if !lives && !breakpoints::file(&self.folder).with_extension("hit").exists() {
            eprintln!(
                "the server ended: {}",
                std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
            );
        }
        lives
    }

    fn spawn(&mut self) -> Option<String> {
        let data = self.folder.path().join("data");
        let mut command = match (self.room.file, self.room.disk) {
            (None, None) => Command::new(PROGRAM),
            (_, Some(bytes)) => {
                // a mount that only this process sees, and that needs no privilege; the tapes stay where they are
                let script = "set -e; mkdir -p \"$DISK\"; mount -t tmpfs -o size=$BYTES none \"$DISK\"; \
                    for f in \"$DATA\"/*; do [ \"${f##*/}\" = libraries ] || cp -a \"$f\" \"$DISK\"; done; \
                    mkdir \"$DISK/libraries\"; mount --bind \"$DATA/libraries\" \"$DISK/libraries\"; \
                    mount --rbind \"$DISK\" \"$DATA\"; exec \"$0\" \"$@\"";
                let mut shell = Command::new("unshare");
                shell.args(["-r", "-m", "bash", "-c", script, PROGRAM]);
                shell.env("DATA", &data).env("DISK", self.folder.path().join("disk")).env("BYTES", bytes.to_string());
                shell
            }
            (Some(bytes), None) => {
                let mut shell = Command::new("bash");
                let blocks = bytes / 1024;
                shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\""), PROGRAM]);
                shell
            }
        };
        let asking = self.kernel.as_ref().map(|kernel| kernel.before(&mut command));
        let mut child = command
            .arg("serve")
            .env("TAPEBACKARR_DATA_DIR", &data)
            .env("TAPEBACKARR_SERVER__LISTEN", "127.0.0.1")
            .env("TAPEBACKARR_SERVER__PORT", "0")
            .env("TAPEBACKARR_SERVER__WORKERS", "1")
            .env("TAPEBACKARR_SERVER__SHUTDOWN_SECONDS", "1")
            .env("TAPEBACKARR_TAPE__BUFFER_SIZE_MB", "32")
            .env("TAPEBACKARR_TAPE__CHECKPOINT_MB", "5")
            .env("TAPEBACKARR_TAPE__WAIT_FOR_TAPE_MINUTES", "1")
            .env("TAPEBACKARR_AUTH__BCRYPT_COST", "4")
            .env("TAPEBACKARR_SERVER__REQUESTS_PER_SECOND", "0")
            .envs(self.room.reserve.map(|megabytes| ("TAPEBACKARR_DATABASE__RESERVE_MB", megabytes.to_string())))
            .env("TAPEBACKARR_BREAKPOINTS", breakpoints::file(&self.folder))
            .env("TAPEBACKARR_DATABASE_PAGES", self.room.pages.map_or(String::new(), |pages| pages.to_string()))
            .envs(self.clock.iter().flat_map(Clock::environment))
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(self.folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        if let Some(asking) = asking {
            asking.answer();
        }
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut token = None;
        for line in lines.by_ref().map_while(Result::ok) {
            if let Some(word) = line.split(|c: char| !c.is_ascii_hexdigit()).find(|word| word.len() == 64) {
                token = Some(word.to_string());
            }
            if let Some(base) = line.strip_prefix("Listening on ") {
                let kept = self.api.token.clone();
                self.api = Api::new(base.trim());
                self.api.token = kept;
                break;
            }
        }
        std::thread::spawn(move || lines.for_each(drop));
        self.child = Some(child);
        if self.hands == Hands::Operator && !self.api.token.is_empty() {
            self.operator = Some(Operator::start(self.api.clone(), self.library()));
        }
        token
    }

    /// Whether the server is up.
    pub fn lives(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// kill -9, without a breakpoint.
    pub fn kill(&mut self) {
        self.operator = None;
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// The drives lose what was in their buffers. The server must be dead.
    pub fn cut_power(&self) {
        for drive in 0..if self.hands == Hands::TwoDrives { 2 } else { 1 } {
            library::power_cut(&self.library(), drive).unwrap();
        }
    }

    /// SIGTERM and the orderly end; whether it was one.
    pub fn stop(&mut self) -> bool {
        self.operator = None;
        let Some(mut child) = self.child.take() else { return true };
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        child.wait().unwrap().success()
    }

    /// Makes all tapes so long, with so many bytes behind early warning. The server must be down.
    pub fn set_capacity(&self, bytes: u64, early_warning: u64) {
        for tape in tapes() {
            let file = self.library().join(format!("cartridges/{tape}.json"));
            let mut cartridge: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            assert!(cartridge["capacity_bytes"].is_u64() && cartridge["early_warning_bytes"].is_u64(), "{cartridge}");
            cartridge["capacity_bytes"] = json!(bytes);
            cartridge["early_warning_bytes"] = json!(early_warning);
            std::fs::write(&file, serde_json::to_vec(&cartridge).unwrap()).unwrap();
        }
    }

    /// No more faults of devices: the server is started again without any plan.
    pub fn end_faults(&mut self) {
        self.stop();
        for unit in ["drive0", "drive1", "changer"] {
            let _ = std::fs::remove_file(self.library().join(format!("{unit}.faults")));
        }
        assert!(self.start());
    }

    /// Starts the job; `None` if the server died of it.
    pub fn run(&mut self) -> Option<Value> {
        self.run_job(1)
    }

    /// Starts a job; `None` if the server died of it.
    pub fn run_job(&mut self, job: i64) -> Option<Value> {
        self.run_with(job, json!({}))
    }

    /// Starts a job that is told how; `None` if the server died of it.
    pub fn run_with(&mut self, job: i64, how: Value) -> Option<Value> {
        let started = self.ask("POST", &format!("/api/v1/jobs/{job}/run"), Some(how))?;
        Some(started["execution_id"].clone())
    }

    /// An answer, unless the server dies while it is waited for.
    pub fn ask(&mut self, method: &str, path: &str, body: Option<Value>) -> Option<Value> {
        match self.api.try_send(method, path, body.as_ref()) {
            Ok(answer) if (200..300).contains(&answer.status) => Some(answer.body),
            Ok(answer) if self.lives() => panic!("{method} {path}: {} {}", answer.status, answer.body),
            Ok(_) => None,
            Err(problem) => {
                std::thread::sleep(Duration::from_millis(100));
                assert!(!self.lives(), "{method} {path}: {problem}");
                None
            }
        }
    }

    /// Sends a request for work and waits until it is done; `None` if the server died.
    pub fn done(&mut self, path: &str, body: Value) -> Option<Value> {
        let started = self.ask("POST", path, Some(body))?;
        loop {
            let row = self.ask("GET", &format!("/api/v1/executions/{}", started["execution_id"]), None)?;
            if matches!(row["status"].as_str(), Some("completed" | "failed" | "cancelled")) {
                return Some(row);
            }
            std::thread::sleep(Duration::from_millis(15));
        }
    }

    /// The row of the tape with this label.
    pub fn tape(&self, label: &str) -> Option<Value> {
        let tapes = self.api.get("/api/v1/tapes?limit=100").ok();
        tapes.as_array().unwrap().iter().find(|tape| tape["label"] == label).cloned()
    }

    /// Waits until the newest backup has ended; `None` if the server died.
    pub fn ended(&mut self) -> Option<Value> {
        let since = Instant::now();
        loop {
            if !self.lives() {
                return None;
            }
            let rows = self.ask("GET", "/api/v1/executions?kind=backup&limit=1", None)?;
            let row = rows[0].clone();
            if matches!(row["status"].as_str(), Some("completed" | "failed" | "cancelled")) {
                return Some(row);
            }
            assert!(since.elapsed() < Duration::from_secs(90), "still not done: {row}");
            std::thread::sleep(Duration::from_millis(15));
        }
    }

    /// Waits until nothing is at work or waits to be.
    pub fn idle(&self, what: &str) {
        let since = Instant::now();
        while self.api.get("/api/v1/jobs/active").ok() != json!([])
            || self.api.get("/api/v1/executions?status=pending,running&limit=1").ok() != json!([])
        {
            assert!(since.elapsed() < Duration::from_secs(150), "{what}: it is never idle");
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// The cartridges as files.
    pub fn cartridges(&self) -> Vec<PathBuf> {
        let mut all: Vec<PathBuf> = std::fs::read_dir(self.library().join("cartridges"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "tap"))
            .collect();
        all.sort();
        all
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Makes a database that was copied point to its new folder.
fn moved(database: &Path, old: &str, new: &str) {
    use diesel::connection::SimpleConnection;
    let mut conn = tapebackarr::db::open_one(database).unwrap();
    let change =
        |table: &str, column: &str| format!("UPDATE {table} SET {column} = replace({column}, '{old}', '{new}');");
    let all = change("tape_drives", "device_path")
        + &change("tape_libraries", "device_path")
        + &change("backup_sources", "path");
    conn.batch_execute(&all).unwrap();
    conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
}
