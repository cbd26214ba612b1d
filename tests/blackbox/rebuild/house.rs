//! Jobs of all kinds on several tapes.

use crate::files;
use crate::server::{Library, Server};
use serde_json::{Value, json};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A server whose tapes hold: a chain of three sets (zstd), one with gzip, an encrypted chain, one over several tapes,
/// and a copy of the database.
pub struct House {
    pub server: Server,
    pub key_base64: String,
    /// The folders, as they are now.
    pub main: PathBuf,
    pub secret: PathBuf,
    pub large: PathBuf,
    /// Uuid and state of each set of the main chain.
    pub states: Vec<(String, PathBuf)>,
    pub spanned: String,
    pub encrypted: String,
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

fn uuid(run: &Value) -> String {
    run["result"]["uuid"].as_str().unwrap().to_string()
}

impl House {
    pub fn build() -> House {
        let server = Server::with_library(Library { drives: 2, slots: 5, capacity_mb: 128 });
        let api = &server.api;
        let main = server.folder("main");
        files::fill(&main);
        let sparse = std::fs::File::create(main.join("sparse")).unwrap();
        sparse.set_len(50 << 20).unwrap();
        sparse.write_all_at(b"in the middle", 20 << 20).unwrap();
        // not every file system has them
        let _ = Command::new("setfattr").args(["-n", "user.note", "-v", "kept"]).arg(main.join("hard")).status();
        let secret = server.folder("secret");
        std::fs::create_dir_all(secret.join("d")).unwrap();
        for number in 0..40u64 {
            std::fs::write(secret.join(format!("d/{number}")), files::noise(number, 40_000)).unwrap();
        }
        let large = server.folder("large");
        std::fs::write(large.join("before"), b"small").unwrap();
        std::fs::write(large.join("huge"), files::noise(9, 150 << 20)).unwrap();
        std::fs::write(large.join("later"), files::noise(10, 20 << 20)).unwrap();

        let key = api.post("/api/v1/encryption-keys", json!({"name": "k1", "description": ""})).ok();
        let key_base64 = key["key_base64"].as_str().unwrap().to_string();
        let zstd = json!({"backup_type": "incremental", "compression": "zstd"});
        let main_job = api.job("main", api.source("main", &main), 1, zstd);
        let gzip_job = api.job("zipped", api.source("zipped", &secret), 1, json!({"compression": "gzip"}));
        let sealed =
            json!({"backup_type": "incremental", "compression": "zstd", "encryption_key_id": key["key"]["id"]});
        let secret_job = api.job("secret", api.source("secret", &secret), 1, sealed);
        let large_job = api.job("large", api.source("large", &large), 1, json!({}));

        let mut states = Vec::new();
        for round in 0..3u64 {
            if round > 0 {
                std::fs::write(main.join(format!("docs/new{round}")), files::noise(round, 5000)).unwrap();
                std::fs::write(main.join("docs/file010.txt"), files::noise(100 + round, 300)).unwrap();
                std::fs::remove_file(main.join(format!("docs/file{:03}.txt", 20 + round))).unwrap();
            }
            if round == 2 {
                std::fs::remove_dir(main.join("empty")).unwrap();
            }
            let run = api.run_job(main_job, json!({}));
            let kept = server.dir.path().join(format!("state{round}"));
            copy(&main, &kept);
            states.push((uuid(&run), kept));
        }
        api.run_job(gzip_job, json!({}));
        api.run_job(secret_job, json!({}));
        std::fs::remove_file(secret.join("d/7")).unwrap();
        std::fs::write(secret.join("d/8"), b"changed").unwrap();
        let encrypted = uuid(&api.run_job(secret_job, json!({})));
        let run = api.run_job(large_job, json!({}));
        assert!(run["result"]["parts"].as_u64().unwrap() >= 2, "{run}");
        let spanned = uuid(&run);
        // a copy of the database, which lists itself when all rows are in it
        let tape = api
            .get("/api/v1/tapes")
            .ok()
            .as_array()
            .unwrap()
            .iter()
            .find(|tape| tape["status"] == "active")
            .unwrap()["id"]
            .clone();
        let started = api.post("/api/v1/database-backup/backup", json!({"tape_id": tape})).ok();
        api.complete(started);
        House { server, key_base64, main, secret, large, states, spanned, encrypted }
    }

    pub fn import_key(&self) {
        let body = json!({"name": "k1", "key_base64": self.key_base64});
        self.server.api.post("/api/v1/encryption-keys/import", body).ok();
    }

    /// Rebuilds from the library and returns the execution, however it ended.
    pub fn rebuild(&self, body: Value) -> Value {
        let started = self.server.api.post("/api/v1/catalog/rebuild", body).ok();
        self.server.api.wait(&started["execution_id"])
    }

    /// The set with this uuid.
    #[track_caller]
    pub fn set(&self, uuid: &str) -> Value {
        let sets = self.server.api.get("/api/v1/backup-sets?limit=100").ok();
        let found = sets.as_array().unwrap().iter().find(|set| set["uuid"] == uuid).cloned();
        found.unwrap_or_else(|| panic!("{uuid} in {sets}"))
    }

    /// Restores a set and compares it with a folder.
    #[track_caller]
    pub fn restore_equals(&self, uuid: &str, expected: &Path) {
        let to = self.server.dir.path().join(format!("restored-{uuid}-{}", rand()));
        self.server.api.restore(json!({"backup_set_id": self.set(uuid)["id"], "dest_path": to.to_str().unwrap()}));
        files::assert_equal(expected, &to);
    }

    /// Gives the job of a rebuilt set its source back.
    pub fn complete_job(&self, name: &str, path: &Path) -> i64 {
        let api = &self.server.api;
        let of = |list: &Value| list.as_array().unwrap().iter().find(|row| row["name"] == name).cloned().unwrap();
        let source = of(&api.get("/api/v1/sources").ok());
        assert_eq!((&source["enabled"], &source["rebuilt"]), (&json!(false), &json!(true)), "{source}");
        let body = json!({"path": path.to_str().unwrap(), "enabled": true});
        api.send("PUT", &format!("/api/v1/sources/{}", source["id"]), Some(&body)).ok();
        let source = of(&api.get("/api/v1/sources").ok());
        assert_eq!(source["rebuilt"], false, "{source}");
        let job = of(&api.get("/api/v1/jobs").ok());
        assert_eq!((&job["enabled"], &job["rebuilt"]), (&json!(false), &json!(true)), "{job}");
        let id = job["id"].as_i64().unwrap();
        api.send("PUT", &format!("/api/v1/jobs/{id}"), Some(&json!({"enabled": true, "retention_days": 30}))).ok();
        id
    }
}

fn rand() -> u32 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos()
}
