//! A client of the REST API, as small as a test needs it.

use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A logged-in client.
#[derive(Clone)]
pub struct Api {
    pub base: String,
    pub token: String,
    http: reqwest::blocking::Client,
}

/// Status and body.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Answer {
    /// The body of a success.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.body);
        self.body
    }

    /// The message of a failure with this status and code.
    #[track_caller]
    pub fn fails(self, status: u16, code: &str) -> String {
        assert_eq!((self.status, self.body["code"].as_str().unwrap_or("")), (status, code), "{}", self.body);
        let message = self.body["error"].as_str().unwrap_or_default().to_string();
        assert!(message.len() > 10, "an error says what is wrong: {message:?}");
        message
    }
}

impl Api {
    pub fn new(base: &str) -> Api {
        let http = reqwest::blocking::Client::builder().timeout(Duration::from_secs(120)).build().unwrap();
        Api { base: base.into(), token: String::new(), http }
    }

    pub fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.try_send(method, path, body).unwrap()
    }

    /// An error if there is nobody who answers.
    pub fn try_send(&self, method: &str, path: &str, body: Option<&Value>) -> reqwest::Result<Answer> {
        let url = format!("{}{path}", self.base);
        let mut request = self.http.request(method.parse().unwrap(), url);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send()?;
        let status = response.status().as_u16();
        let text = response.text()?;
        Ok(Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) })
    }

    /// Any bytes as a body, with an API key.
    #[allow(dead_code, reason = "shared between test programs")]
    pub fn send_raw(&self, key: &str, method: &str, path: &str, content_type: &str, body: Vec<u8>) -> Answer {
        let request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.base));
        let response = request.header("x-api-key", key).header("content-type", content_type).body(body).send();
        let response = response.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let status = response.status().as_u16();
        let text = String::from_utf8_lossy(&response.bytes().unwrap()).into_owned();
        Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None)
    }

    pub fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, Some(&body))
    }

    /// Waits until the answer to a GET is as it should be, and returns it.
    #[track_caller]
    pub fn wait_for(&self, path: &str, condition: impl Fn(&Value) -> bool) -> Value {
        let since = Instant::now();
        loop {
            let answer = self.get(path).ok();
            if condition(&answer) {
                return answer;
            }
            assert!(since.elapsed() < Duration::from_secs(60), "{path} is still {answer}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for the end of an execution and returns its row.
    #[track_caller]
    pub fn wait(&self, execution: &Value) -> Value {
        let id = execution.as_i64().unwrap_or_else(|| panic!("an execution id, not {execution}"));
        let since = Instant::now();
        loop {
            let row = self.get(&format!("/api/v1/executions/{id}")).ok();
            if matches!(row["status"].as_str(), Some("completed" | "failed" | "cancelled")) {
                return row;
            }
            assert!(since.elapsed() < Duration::from_secs(120), "still not done: {row}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until an execution has completed.
    #[track_caller]
    pub fn complete(&self, started: Value) -> Value {
        let row = self.wait(&started["execution_id"]);
        if row["status"] != "completed" {
            let log = self.get(&format!("/api/v1/executions/{}/logs", row["id"])).ok();
            panic!("{row}\n{log}");
        }
        row
    }

    /// Waits until an execution asks for a tape, and returns the request.
    #[track_caller]
    pub fn tape_change(&self, started: &Value) -> Value {
        let id = &started["execution_id"];
        let since = Instant::now();
        loop {
            let row = self.get(&format!("/api/v1/executions/{id}")).ok();
            if !row["tape_change"].is_null() && row["phase"] == "waiting" {
                return row["tape_change"].clone();
            }
            let ended = matches!(row["status"].as_str(), Some("completed" | "failed" | "cancelled"));
            assert!(!ended && since.elapsed() < Duration::from_secs(60), "it asks for no tape: {row}");
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// Waits until a request for a tape says what is wrong with what was tried.
    #[track_caller]
    pub fn notice(&self, request: &Value) -> String {
        let since = Instant::now();
        loop {
            let row = self.get(&format!("/api/v1/tape-changes/{}", request["id"])).ok();
            if let Some(notice) = row["notice"].as_str() {
                assert_eq!(row["status"], "pending", "{row}");
                return notice.to_string();
            }
            assert!(since.elapsed() < Duration::from_secs(30), "nothing is said: {row}");
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// Runs a job to its end and returns the execution.
    #[track_caller]
    pub fn run_job(&self, job: i64, body: Value) -> Value {
        let started = self.post(&format!("/api/v1/jobs/{job}/run"), body).ok();
        self.complete(started)
    }

    #[track_caller]
    pub fn source(&self, name: &str, path: &std::path::Path) -> i64 {
        let body = json!({"name": name, "source_type": "local", "path": path.to_str().unwrap()});
        self.post("/api/v1/sources", body).ok()["id"].as_i64().unwrap()
    }

    #[track_caller]
    pub fn job(&self, name: &str, source: i64, pool: i64, extra: Value) -> i64 {
        let mut body = json!({
            "name": name, "source_id": source, "pool_id": pool, "backup_type": "full", "schedule_cron": "",
            "retention_days": 30, "compression": "none",
        });
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        self.post("/api/v1/jobs", body).ok()["id"].as_i64().unwrap()
    }

    /// Restores and waits for the end.
    #[track_caller]
    pub fn restore(&self, body: Value) -> Value {
        let started = self.post("/api/v1/restore/run", body).ok();
        self.complete(started)
    }
}
