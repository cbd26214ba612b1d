//! A server's data folder that is made once and copied for every run, and the server that lives in it.

use crate::api::Api;
use crate::files;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tape_drive::virt::library::{self, LibrarySpec, Settings};
use tape_drive::virt::{CartridgeSpec, Place};
use tempfile::TempDir;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_tapebackarr");
const PASSWORD: &str = "correct horse battery";
/// Capacity of the tapes: the set takes three of them.
const CAPACITY: u64 = 20 << 20;

/// How the job of a run writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Plain,
    Encrypted,
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
    child: Option<Child>,
    file_limit: Option<u64>,
    pages: Option<u64>,
    disk: Option<u64>,
}

fn template(kind: Kind) -> &'static Template {
    static PLAIN: OnceLock<Template> = OnceLock::new();
    static ENCRYPTED: OnceLock<Template> = OnceLock::new();
    match kind {
        Kind::Plain => PLAIN.get_or_init(|| make(kind)),
        Kind::Encrypted => ENCRYPTED.get_or_init(|| make(kind)),
    }
}

fn make(kind: Kind) -> Template {
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
    let mut house = House {
        source: PathBuf::from("/"),
        api: Api::new(""),
        child: None,
        file_limit: None,
        pages: None,
        disk: None,
        folder,
    };
    let token = house.start_new();
    let dir = house.library();
    let spec =
        LibrarySpec { drives: 2, slots: 9, mail_slots: 1, settings: Settings::volatile(), ..LibrarySpec::default() };
    library::create(&dir, &spec).unwrap();
    for number in 1..10 {
        let spec = CartridgeSpec {
            capacity_bytes: CAPACITY,
            early_warning_bytes: 1 << 20,
            ..CartridgeSpec::new(&format!("F0000{number}L9"))
        };
        library::add_cartridge(&dir, &spec, Place::AnySlot).unwrap();
    }
    let api = &house.api;
    let device = |part: &str| format!("virtual:{}#{part}", dir.display());
    api.post("/api/v1/libraries", json!({"name": "lib", "device_path": device("changer")})).ok();
    for drive in ["drive0", "drive1"] {
        api.post("/api/v1/drives", json!({"device_path": device(drive), "display_name": drive})).ok();
    }
    api.post("/api/v1/libraries/1/inventory", json!({})).ok();
    let labelled = api.post("/api/v1/tapes/batch-label", json!({"library_id": 1, "barcodes": true, "pool_id": 1})).ok();
    assert_eq!(api.complete(labelled)["result"]["completed"], 9);
    let key = api.post("/api/v1/encryption-keys", json!({"name": "k", "description": ""})).ok();
    let source_id = api.source("s", &house.folder.path().join("source"));
    let options = match kind {
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
    let token_of_api = house.api.token.clone();
    drop(token);
    assert!(house.stop());
    Template { folder: std::mem::replace(&mut house.folder, TempDir::new().unwrap()), token: token_of_api }
}

impl House {
    /// A copy in which nothing runs yet.
    pub fn new(kind: Kind) -> House {
        let template = template(kind);
        let folder = TempDir::new().unwrap();
        let copied = Command::new("cp")
            .args(["-a", "--sparse=always"])
            .arg(template.folder.path().join("."))
            .arg(folder.path())
            .status();
        assert!(copied.unwrap().success());
        // device paths and sources are absolute in the database
        let (old, new) = (template.folder.path().to_str().unwrap(), folder.path().to_str().unwrap());
        moved(&folder.path().join("data/tapebackarr.db"), old, new);
        let mut api = Api::new("");
        api.token.clone_from(&template.token);
        House {
            source: folder.path().join("source"),
            api,
            child: None,
            file_limit: None,
            pages: None,
            disk: None,
            folder,
        }
    }

    pub fn library(&self) -> PathBuf {
        self.folder.path().join("data/libraries/lib")
    }

    /// From the next start on no file of the server may grow beyond this.
    pub fn limit_files(&mut self, bytes: Option<u64>) {
        self.file_limit = bytes;
    }

    /// From the next start on the database may have so many pages more than it has now: then its disk is full.
    pub fn limit_database(&mut self, more: Option<u64>) {
        let length = std::fs::metadata(self.folder.path().join("data/tapebackarr.db")).unwrap().len();
        self.pages = more.map(|more| length / 4096 + more);
    }

    /// From the next start on the data folder (but not the tapes) lies on a disk of this size of its own, which is gone when
    /// the server is.
    pub fn limit_disk(&mut self, bytes: Option<u64>) {
        self.disk = bytes;
    }

    /// The data folder as the server sees it, if it has a disk of its own.
    pub fn inside(&self) -> PathBuf {
        let pid = self.child.as_ref().expect("a server").id();
        let data = self.folder.path().join("data");
        PathBuf::from(format!("/proc/{pid}/root{}", data.display()))
    }

    /// Takes all but so many bytes of the server's disk.
    pub fn fill_disk(&self, but: u64) {
        let data = self.inside();
        let state = rustix::fs::statvfs(&data).unwrap();
        let free = state.f_bavail * state.f_frsize;
        let chunk = vec![0x5a; 1 << 20];
        let mut ballast = std::fs::File::create(data.join("ballast")).unwrap();
        let mut left = free.saturating_sub(but);
        while left > 0 {
            let length = left.min(chunk.len() as u64) as usize;
            std::io::Write::write_all(&mut ballast, &chunk[..length]).unwrap();
            left -= length as u64;
        }
    }

    /// Gives it back.
    pub fn free_disk(&self) {
        std::fs::remove_file(self.inside().join("ballast")).unwrap();
    }

    fn breakpoint(&self) -> PathBuf {
        self.folder.path().join("break")
    }

    /// The server gets killed at so many places behind the next one.
    pub fn arm(&self, places: u64) {
        let temporary = self.folder.path().join("break.new");
        std::fs::write(&temporary, places.to_string()).unwrap();
        std::fs::rename(temporary, self.breakpoint()).unwrap();
    }

    /// It does not any more. The place at which it was.
    pub fn disarm(&self) -> Option<String> {
        let _ = std::fs::remove_file(self.breakpoint());
        let hit = self.breakpoint().with_extension("hit");
        let place = std::fs::read_to_string(&hit).ok();
        let _ = std::fs::remove_file(hit);
        place
    }

    fn start_new(&mut self) -> String {
        let token = self.spawn().expect("a new server prints its set-up token");
        let body = json!({"token": token, "username": "admin", "password": PASSWORD});
        self.api.post("/api/v1/auth/setup", body).ok();
        let answer = self.api.post("/api/v1/auth/login", json!({"username": "admin", "password": PASSWORD})).ok();
        self.api.token = answer["token"].as_str().unwrap().into();
        token
    }

    /// Starts the server; false if it was killed before it listened.
    pub fn start(&mut self) -> bool {
        self.spawn();
        std::thread::sleep(Duration::from_millis(1));
        let lives = self.lives();
        if !lives && !self.breakpoint().with_extension("hit").exists() {
            eprintln!(
                "the server ended: {}",
                std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
            );
        }
        lives
    }

    fn spawn(&mut self) -> Option<String> {
        let data = self.folder.path().join("data");
        let mut command = match (self.file_limit, self.disk) {
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
            .env("TAPEBACKARR_BREAKPOINTS", self.breakpoint())
            .env("TAPEBACKARR_DATABASE_PAGES", self.pages.map_or(String::new(), |pages| pages.to_string()))
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(self.folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
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
        token
    }

    /// Whether the server is up.
    pub fn lives(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// kill -9, without a breakpoint.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// SIGTERM and the orderly end; whether it was one.
    pub fn stop(&mut self) -> bool {
        let Some(mut child) = self.child.take() else { return true };
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        child.wait().unwrap().success()
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
        let started = self.ask("POST", "/api/v1/jobs/1/run", Some(json!({})))?;
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
