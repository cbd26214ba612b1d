//! Every operation of the API description with bodies, paths and queries that nobody means well: never a server error, never
//! an answer without a reason, and the server lives on.

use crate::api::Answer;
use crate::files;
use crate::seed::Seed;
use crate::server::Server;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Ends the server, or never ends itself.
const LEFT_OUT: [&str; 2] = ["/api/v1/settings/restart", "/api/v1/events/stream"];
/// Requests to each operation.
const TRIES: usize = 12;

const WORDS: [&str; 14] = [
    "",
    " ",
    "a",
    "../../../etc/passwd",
    "relative/path",
    "/does/not/exist",
    "with\nnew\r\nlines",
    "with\0null",
    "'; DROP TABLE tapes; --",
    "{{7*7}}${7*7}%n%s",
    "\u{202e}gnp.exe",
    "-rf",
    "2026-13-45T99:99:99Z",
    "file:///etc/passwd",
];

struct Hostile<'a> {
    seed: &'a mut Seed,
    schemas: &'a Value,
}

impl Hostile<'_> {
    fn one<'v, T>(&mut self, of: &'v [T]) -> &'v T {
        &of[self.seed.below(of.len() as u64) as usize]
    }

    fn word(&mut self) -> String {
        match self.seed.below(16) {
            0 => "x".repeat(70_000),
            1 => "\u{1f4fc}".repeat(300),
            _ => (*self.one(&WORDS)).to_owned(),
        }
    }

    fn number(&mut self) -> Value {
        let numbers = [
            json!(0),
            json!(1),
            json!(-1),
            json!(999_999),
            json!(i64::MAX),
            json!(i64::MIN),
            json!(u64::MAX),
            json!(i32::MAX),
            json!(1.5),
            json!(1e308),
        ];
        self.one(&numbers).clone()
    }

    /// A value of some other type than asked.
    fn anything(&mut self) -> Value {
        match self.seed.below(7) {
            0 => Value::Null,
            1 => json!(self.seed.below(2) == 0),
            2 => self.number(),
            3 => Value::String(self.word()),
            4 => json!([]),
            5 => json!({"nested": [[[{}]]]}),
            _ => json!([null, {"a": 1}, "b", -1]),
        }
    }

    /// A value that fits the schema more often than not, so that it comes past the first check.
    fn value(&mut self, schema: &Value, depth: u32) -> Value {
        if depth > 6 || self.seed.below(8) == 0 {
            return self.anything();
        }
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            let schemas = self.schemas;
            return self.value(&schemas[name], depth + 1);
        }
        for key in ["oneOf", "anyOf"] {
            if let Some(options) = schema[key].as_array().filter(|options| !options.is_empty()) {
                let option = self.one(options).clone();
                return self.value(&option, depth + 1);
            }
        }
        if let Some(parts) = schema["allOf"].as_array() {
            let mut all = Map::new();
            for part in parts {
                if let Value::Object(fields) = self.value(part, depth + 1) {
                    all.extend(fields);
                }
            }
            return all.into();
        }
        if let Some(values) = schema["enum"].as_array().filter(|values| !values.is_empty()) {
            return self.one(values).clone();
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => self.one(kinds).clone(),
            kind => kind.clone(),
        };
        match kind.as_str() {
            Some("object") => self.object(schema, depth),
            Some("array") => (0..self.seed.below(4)).map(|_| self.value(&schema["items"], depth + 1)).collect(),
            Some("string") => Value::String(self.word()),
            Some("integer" | "number") => self.number(),
            Some("boolean") => json!(self.seed.below(2) == 0),
            _ => self.anything(),
        }
    }

    fn object(&mut self, schema: &Value, depth: u32) -> Value {
        let mut object = Map::new();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            if self.seed.below(5) != 0 {
                object.insert(name.clone(), self.value(property, depth + 1));
            }
        }
        object.into()
    }

    /// One segment of a path, or one value of a query.
    fn segment(&mut self) -> String {
        const SEGMENTS: [&str; 12] =
            ["1", "1", "1", "0", "-1", "999999", "9223372036854775808", "abc", "%00", "%2e%2e%2f", "%ff%fe", "1%20"];
        (*self.one(&SEGMENTS)).to_owned()
    }

    fn path(&mut self, pattern: &str, operation: &Value) -> String {
        let parts: Vec<String> = pattern
            .split('/')
            .map(|part| if part.starts_with('{') { self.segment() } else { part.to_owned() })
            .collect();
        let mut query = Vec::new();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            if parameter["in"] == "query" && self.seed.below(3) != 0 {
                let name = parameter["name"].as_str().unwrap();
                query.push(format!("{name}={}", self.segment()));
            }
        }
        format!("{}?{}", parts.join("/"), query.join("&"))
    }
}

/// Judges an answer, and counts it by its status.
fn check(answers: &mut BTreeMap<u16, u32>, request: &str, body: &str, answer: &Answer) {
    let Answer { status, body: said } = answer;
    *answers.entry(*status).or_default() += 1;
    assert!(*status < 500 || *status == 503, "{request}\n{body}\nanswers {status}: {said}");
    let logs_in = request.starts_with("POST /api/v1/auth/");
    assert!(logs_in || *status != 401, "{request}\n{body}\nended the key: {said}");
    if *status >= 400 {
        let complete = said["error"].as_str().is_some_and(|text| text.len() > 5) && said["code"].is_string();
        assert!(complete, "{request}\n{body}\nanswers {status} without a reason: {said}");
    }
}

/// What no JSON value can be: cut off, deep, not UTF-8.
fn broken_bodies() -> Vec<Vec<u8>> {
    let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    vec![b"{\"name\": \"x".to_vec(), deep, vec![0xff, 0xfe, 0x00], b"\"text\"".to_vec(), b"null".to_vec()]
}

fn describe(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(2000)]).into_owned()
}

#[test]
fn no_request_is_a_server_error() {
    round(&mut Seed::new("hostile requests"));
}

/// Some requests to each operation of a server of its own.
pub fn round(seed: &mut Seed) {
    let server = Server::ready();
    let api = &server.api;
    let folder = server.folder("some");
    files::fill(&folder);
    let source = api.source("source", &folder);
    let job = api.job("job", source, 1, json!({}));
    api.run_job(job, json!({}));
    let description = api.get("/api/v1/openapi.json").ok();
    // An API key: no hostile request ends the session that it is sent with.
    let key = api.post("/api/v1/api-keys", json!({"name": "hostile", "role": "admin"})).ok();
    let key = key["key"].as_str().unwrap();

    let mut hostile = Hostile { seed, schemas: &description["components"]["schemas"] };
    let mut answers = BTreeMap::new();
    for (pattern, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let contents = operation["requestBody"]["content"].as_object();
            // The key itself must live: it has id 1.
            if LEFT_OUT.contains(&pattern.as_str()) || (method == "delete" && pattern.starts_with("/api/v1/api-keys")) {
                continue;
            }
            let method = method.to_uppercase();
            for _ in 0..TRIES {
                let path = hostile.path(pattern, operation);
                let request = format!("{method} {path}");
                let (kind, body) = match contents.and_then(|contents| contents.iter().next()) {
                    None => ("application/json", Vec::new()),
                    Some((kind, content)) if kind == "application/json" => {
                        let value = hostile.value(&content["schema"], 0);
                        ("application/json", value.to_string().into_bytes())
                    }
                    Some((kind, _)) => (kind.as_str(), hostile.word().into_bytes()),
                };
                let answer = api.send_raw(key, &method, &path, kind, body.clone());
                check(&mut answers, &request, &describe(&body), &answer);
            }
            for body in contents.map(|_| broken_bodies()).unwrap_or_default() {
                let path = pattern.replace("{id}", "1");
                let answer = api.send_raw(key, &method, &path, "application/json", body.clone());
                check(&mut answers, &format!("{method} {path}"), &describe(&body), &answer);
            }
        }
    }
    println!("answers by status: {answers:?}");
    assert!(answers.contains_key(&200) && answers.contains_key(&400) && answers.contains_key(&404), "{answers:?}");
    let alive = api.get("/api/v1/health").ok();
    assert_eq!(alive["status"], "ok", "{alive}");
}
