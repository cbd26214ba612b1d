//! A server process with its own data folder and virtual library.

use crate::api::Api;
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tapebackarr");
pub const PASSWORD: &str = "correct horse battery";

/// A running server.
pub struct Server {
    pub dir: TempDir,
    pub api: Api,
    child: Child,
    lines: Receiver<String>,
    token: String,
    settings: Vec<(String, String)>,
}

/// What the virtual library is like.
pub struct Library {
    pub drives: u32,
    pub slots: u32,
    pub capacity_mb: u64,
}

impl Default for Library {
    fn default() -> Self {
        Library { drives: 2, slots: 8, capacity_mb: 512 }
    }
}

impl Server {
    /// A server that has just been installed: an administrator, a library with labelled tapes in pool 1.
    pub fn with_library(library: Library) -> Server {
        let server = Server::bare();
        server.create_library(&library);
        server.add_library();
        let body = json!({"library_id": 1, "barcodes": true, "pool_id": 1});
        let started = server.api.post("/api/v1/tapes/batch-label", body).ok();
        let row = server.api.complete(started);
        assert_eq!(row["result"]["completed"], library.slots, "{row}");
        server
    }

    /// The same with a library of 8 tapes of 512 MiB and two drives.
    pub fn ready() -> Server {
        Server::with_library(Library::default())
    }

    /// A server with nothing but an administrator.
    pub fn bare() -> Server {
        // tests ask as fast as they can
        Server::with_settings(&[("SERVER__REQUESTS_PER_SECOND", "0")])
    }

    /// The same with these settings: `("SERVER__WORKERS", "1")`.
    pub fn with_settings(settings: &[(&str, &str)]) -> Server {
        let dir = TempDir::new().unwrap();
        let settings: Vec<_> =
            settings.iter().map(|(key, value)| (format!("TAPEBACKARR_{key}"), value.to_string())).collect();
        let (child, lines) = spawn(dir.path(), &settings);
        let mut server = Server { dir, api: Api::new(""), child, lines, token: String::new(), settings };
        server.set_up();
        server
    }

    fn setup_token(&mut self) -> String {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let line = self
                .lines
                .recv_timeout(until.saturating_duration_since(Instant::now()))
                .expect("the server prints its set-up token");
            let word = line.split(|c: char| !c.is_ascii_hexdigit()).find(|word| word.len() == 64);
            if let Some(word) = word {
                self.token = word.into();
                self.wait_until_up();
                return word.into();
            }
        }
    }

    pub fn log_in(&mut self) {
        let answer = self.api.post("/api/v1/auth/login", json!({"username": "admin", "password": PASSWORD})).ok();
        self.api.token = answer["token"].as_str().unwrap().into();
    }

    /// Waits until the server says where it listens.
    fn wait_until_up(&mut self) {
        let until = Instant::now() + Duration::from_secs(60);
        let mut said = Vec::new();
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => match line.strip_prefix("Listening on ") {
                    Some(base) => return self.api.base = base.trim().into(),
                    None => said.push(line),
                },
                Err(_) => panic!("the server does not listen: {said:?}"),
            }
        }
    }

    pub fn library_dir(&self) -> PathBuf {
        self.dir.path().join("data/libraries/lib1")
    }

    pub fn create_library(&self, library: &Library) {
        let (drives, slots) = (library.drives.to_string(), library.slots.to_string());
        let capacity = format!("{}MiB", library.capacity_mb);
        let dir = self.library_dir();
        self.cli(&[
            "virtual",
            "create",
            dir.to_str().unwrap(),
            "--drives",
            &drives,
            "--slots",
            &slots,
            "--cartridges",
            &slots,
            "--capacity",
            &capacity,
        ]);
    }

    pub fn add_library(&self) {
        let dir = self.library_dir();
        let device = |part: &str| format!("virtual:{}#{part}", dir.display());
        self.api.post("/api/v1/libraries", json!({"name": "lib1", "device_path": device("changer")})).ok();
        for drive in 0..2 {
            let body = json!({"device_path": device(&format!("drive{drive}")), "display_name": format!("D{drive}")});
            if self.api.post("/api/v1/drives", body).status >= 300 {
                break;
            }
        }
        self.api.post("/api/v1/libraries/1/inventory", json!({})).ok();
    }

    /// From the next start on the drives are no faster than this, in MiB per second; they wind in no time.
    pub fn slow_drives(&self, speed: u64) {
        self.set_speed(speed, 0);
    }

    /// Lets the drives write so many MiB a second, and take so long to thread a tape.
    pub fn set_speed(&self, speed: u64, load_ms: u64) {
        use tape_drive::virt::library::{Settings, set_settings};
        use tape_drive::virt::speed::{Clock, SpeedSpec};
        let speed = SpeedSpec {
            native_bytes_per_s: speed << 20,
            slowest_bytes_per_s: 1 << 20,
            back_hitch_ms: 0,
            load_ms,
            unload_ms: 0,
            wind_ms: 0,
            seek_ms: 0,
            wraps: 2,
            clock: Clock::Real,
        };
        set_settings(&self.library_dir(), Settings { speed: Some(speed), ..Settings::volatile() }).unwrap();
    }

    /// Runs the command line and returns what it prints.
    #[track_caller]
    pub fn cli(&self, args: &[&str]) -> Vec<u8> {
        let output = Command::new(PROGRAM).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Runs the command line as an administrator and returns what it prints.
    #[track_caller]
    pub fn cli_as_admin(&self, args: &[&str]) -> String {
        let body = json!({"name": format!("cli {args:?}"), "role": "admin"});
        let key = self.api.post("/api/v1/api-keys", body).ok();
        let output = Command::new(PROGRAM)
            .args(args)
            .args(["--server", &self.api.base])
            .env("TAPEBACKARR_API_KEY", key["key"].as_str().unwrap())
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Raw bytes of a tape file of a cartridge.
    #[track_caller]
    pub fn dump(&self, barcode: &str, file: u64) -> Vec<u8> {
        let cartridge = self.library_dir().join(format!("cartridges/{barcode}.tap"));
        self.cli(&["virtual", "dump", cartridge.to_str().unwrap(), "--file", &file.to_string()])
    }

    /// kill -9, and a new process on the same data folder.
    pub fn kill_and_restart(&mut self) {
        self.kill();
        self.restart();
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// From now on the server is killed at the next place of this name (only if it was built with its breakpoints).
    #[cfg(feature = "breakpoints")]
    pub fn kill_at(&self, place: &str) {
        // in one step: the server may read at any moment
        let file = self.dir.path().join("breakpoint");
        std::fs::write(file.with_extension("new"), format!("1 {place}")).unwrap();
        std::fs::rename(file.with_extension("new"), file).unwrap();
    }

    /// Waits until it was killed at that place, and disarms it.
    #[cfg(feature = "breakpoints")]
    pub fn killed(&mut self, place: &str) {
        assert!(!self.child.wait().unwrap().success());
        let file = self.dir.path().join("breakpoint");
        assert_eq!(std::fs::read_to_string(file.with_extension("hit")).unwrap(), place);
        std::fs::remove_file(file.with_extension("hit")).unwrap();
        std::fs::remove_file(file).unwrap();
    }

    pub fn restart(&mut self) {
        let (child, lines) = spawn(self.dir.path(), &self.settings);
        self.child = child;
        self.lines = lines;
        self.wait_until_up();
    }

    /// Everything in the data folder is lost but the cartridges: a new server with an administrator, and the library.
    pub fn lose_everything_but_tapes(&mut self) {
        assert!(self.stop().success());
        for entry in std::fs::read_dir(self.dir.path().join("data")).unwrap() {
            let path = entry.unwrap().path();
            match path.file_name().unwrap() == "libraries" {
                true => {}
                false if path.is_dir() => std::fs::remove_dir_all(path).unwrap(),
                false => std::fs::remove_file(path).unwrap(),
            }
        }
        let (child, lines) = spawn(self.dir.path(), &self.settings);
        (self.child, self.lines) = (child, lines);
        self.api.token = String::new();
        self.set_up();
        self.add_library();
    }

    fn set_up(&mut self) {
        let token = self.setup_token();
        let body = json!({"token": token, "username": "admin", "password": PASSWORD});
        self.api.post("/api/v1/auth/setup", body).ok();
        self.log_in();
    }

    /// A connection to the server's database.
    pub fn database(&self) -> tapebackarr::db::Conn {
        tapebackarr::db::open_one(self.dir.path().join("data/tapebackarr.db")).unwrap()
    }

    /// Loses the database and every key of the stopped server, but not its library.
    pub fn lose_everything(&self) {
        for entry in std::fs::read_dir(self.dir.path().join("data")).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                std::fs::remove_file(entry.path()).unwrap();
            }
        }
    }

    /// A new process on a data folder without a database: an administrator, and nothing else.
    pub fn start_anew(&mut self) {
        let (child, lines) = spawn(self.dir.path(), &self.settings);
        self.child = child;
        self.lines = lines;
        self.api.token.clear();
        let token = self.setup_token();
        let body = json!({"token": token, "username": "admin", "password": PASSWORD});
        self.api.post("/api/v1/auth/setup", body).ok();
        self.log_in();
    }

    /// What it has said since it was last listened to.
    pub fn said(&self) -> Vec<String> {
        self.lines.try_iter().collect()
    }

    /// SIGTERM, and wait for the orderly end.
    pub fn stop(&mut self) -> std::process::ExitStatus {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap()
    }

    /// A folder for the test's files.
    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            for line in self.lines.try_iter() {
                eprintln!("server: {line}");
            }
        }
    }
}

fn spawn(dir: &Path, settings: &[(String, String)]) -> (Child, Receiver<String>) {
    let mut child = Command::new(PROGRAM)
        .arg("serve")
        .env("TAPEBACKARR_DATA_DIR", dir.join("data"))
        .env("TAPEBACKARR_SERVER__LISTEN", "127.0.0.1")
        // any free one: nobody can take it between asking and listening
        .env("TAPEBACKARR_SERVER__PORT", "0")
        .env("TAPEBACKARR_TAPE__BUFFER_SIZE_MB", "64")
        .env("TAPEBACKARR_TAPE__CHECKPOINT_MB", "16")
        .env("TAPEBACKARR_AUTH__BCRYPT_COST", "4")
        .env("TAPEBACKARR_NOTIFY__RETRY_SECONDS", "1")
        .env("TAPEBACKARR_NOTIFY__PUBLIC_URL", "https://tapes.example")
        .env("TAPEBACKARR_BREAKPOINTS", dir.join("breakpoint"))
        .envs(settings.iter().map(|(key, value)| (key, value)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (sender, lines) = channel();
    let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let other = sender.clone();
    std::thread::spawn(move || {
        BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    std::thread::spawn(move || BufReader::new(err).lines().map_while(Result::ok).try_for_each(|line| other.send(line)));
    (child, lines)
}
