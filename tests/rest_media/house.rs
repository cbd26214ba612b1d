//! A server in this process, on a temporary data folder, with a virtual library.

use reqwest::blocking::Client;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tape_drive::lto::Generation;
use tape_drive::virt::library::{self, LibrarySpec, Settings};
use tape_drive::virt::{CartridgeSpec, Place};
use tapebackarr::app::{self, RunningServer};
use tapebackarr::auth::password::Hasher;
use tapebackarr::config::Sources;
use tapebackarr::db::{self, Role};
use tempfile::TempDir;

const PASSWORD: &str = "correct horse battery";

/// A running server and how to speak to it.
pub struct House {
    pub folder: TempDir,
    server: Option<RunningServer>,
    base: String,
    token: String,
    http: Client,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
    pub bytes: Vec<u8>,
}

impl Answer {
    /// The body of a success with this status.
    #[track_caller]
    pub fn is(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    /// The message of a failure, which has this status and code.
    #[track_caller]
    pub fn fails(self, status: u16, code: &str) -> String {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{}", self.body);
        self.body["error"].as_str().unwrap().to_string()
    }

    /// The field that a 400 is about.
    #[track_caller]
    pub fn about(self, field: &str) -> String {
        assert_eq!((self.status, &self.body["details"]["field"]), (400, &json!(field)), "{}", self.body);
        self.body["error"].as_str().unwrap().to_string()
    }
}

impl House {
    /// With an administrator and nothing else.
    pub fn new() -> House {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir_all(folder.path().join("data")).unwrap();
        let pool = db::open(folder.path().join("data/tapebackarr.db")).unwrap();
        let hasher = Hasher::new(4, 8).unwrap();
        for role in [Role::Admin, Role::Operator, Role::Readonly] {
            let hash = hasher.hash(PASSWORD).unwrap();
            db::users::insert(&mut pool.get().unwrap(), role.as_str(), &hash, role).unwrap();
        }
        drop(pool);
        let http = Client::builder().timeout(Duration::from_secs(60)).build().unwrap();
        let mut house = House { folder, server: None, base: String::new(), token: String::new(), http };
        house.start();
        house
    }

    /// With a library `lib` of two drives and eight slots; cartridges with these bar codes are in the first slots.
    pub fn with_library(barcodes: &[&str]) -> House {
        let house = House::new();
        let dir = house.library_dir();
        let spec = LibrarySpec {
            drives: 2,
            slots: 8,
            mail_slots: 1,
            settings: Settings::volatile(),
            ..LibrarySpec::default()
        };
        assert_eq!(spec.generation, Generation::LTO9);
        library::create(&dir, &spec).unwrap();
        for barcode in barcodes {
            let spec =
                CartridgeSpec { capacity_bytes: 64 << 20, early_warning_bytes: 4 << 20, ..CartridgeSpec::new(barcode) };
            library::add_cartridge(&dir, &spec, Place::AnySlot).unwrap();
        }
        house.post("/libraries", json!({"name": "lib", "device_path": house.device("changer")})).is(201);
        for drive in ["drive0", "drive1"] {
            house.post("/drives", json!({"device_path": house.device(drive), "display_name": drive})).is(201);
        }
        house
    }

    /// The same, and all cartridges are labelled with their bar codes and in the pool with id 1.
    pub fn with_tapes(barcodes: &[&str]) -> House {
        let house = House::with_library(barcodes);
        let body = json!({"library_id": 1, "barcodes": true, "pool_id": 1});
        let done = house.post("/tapes/batch-label?wait=true", body).is(200);
        assert_eq!(done["completed"], json!(barcodes.len()), "{done}");
        house
    }

    pub fn library_dir(&self) -> PathBuf {
        self.folder.path().join("data/libraries/lib")
    }

    pub fn device(&self, part: &str) -> String {
        format!("virtual:{}#{part}", self.library_dir().display())
    }

    /// Starts the server, or starts it again after [`House::stop`].
    pub fn start(&mut self) {
        let data = self.folder.path().join("data");
        let sources = Sources::with([
            ("data_dir", json!(data)),
            ("server.listen", json!("127.0.0.1")),
            ("server.port", json!(0)),
            ("server.workers", json!(2)),
            ("server.requests_per_second", json!(0)),
            ("server.shutdown_seconds", json!(2)),
            ("auth.bcrypt_cost", json!(4)),
            ("tape.buffer_size_mb", json!(64)),
        ])
        .unwrap();
        let server = app::start(sources).unwrap();
        self.base = format!("http://{}/api/v1", server.addr);
        self.server = Some(server);
        self.token.clear();
        self.become_role("admin");
    }

    pub fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().unwrap();
        }
    }

    /// From now on somebody else asks.
    pub fn become_role(&mut self, name: &str) {
        let login = self.post("/auth/login", json!({"username": name, "password": PASSWORD})).is(200);
        self.token = login["token"].as_str().unwrap().into();
    }

    pub fn send(&self, method: &str, path: &str, body: Option<String>) -> Answer {
        let mut request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.base));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        Self::answer(request)
    }

    fn answer(request: reqwest::blocking::RequestBuilder) -> Answer {
        let response = request.send().unwrap();
        let status = response.status().as_u16();
        let bytes = response.bytes().unwrap().to_vec();
        Answer { status, body: serde_json::from_slice(&bytes).unwrap_or_default(), bytes }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None)
    }

    pub fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, Some(body.to_string()))
    }

    pub fn put(&self, path: &str, body: Value) -> Answer {
        self.send("PUT", path, Some(body.to_string()))
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None)
    }

    /// Uploads a file in a multipart field.
    pub fn upload(&self, path: &str, field: &str, bytes: Vec<u8>) -> Answer {
        let part = reqwest::blocking::multipart::Part::bytes(bytes).file_name("upload.db");
        let form = reqwest::blocking::multipart::Form::new().part(field.to_string(), part);
        let request = self.http.post(format!("{}{path}", self.base)).bearer_auth(&self.token).multipart(form);
        Self::answer(request)
    }

    /// The last row of an execution that a request started.
    #[track_caller]
    pub fn ended(&self, started: &Value) -> Value {
        let id = started["execution_id"].as_i64().unwrap_or_else(|| panic!("no execution: {started}"));
        for _ in 0..1200 {
            let row = self.get(&format!("/executions/{id}")).is(200);
            if matches!(row["status"].as_str(), Some("completed" | "failed" | "cancelled")) {
                return row;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("execution {id} does not end");
    }

    /// A folder with files in it, by path and content.
    pub fn files(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let root = self.folder.path().join(name);
        for (path, content) in files {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
            std::fs::write(path, content).unwrap();
        }
        root
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop();
    }
}
