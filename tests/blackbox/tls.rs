//! TLS from outside: the program makes a certificate, and the command line trusts it only when it is told to.

use crate::server::PASSWORD;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tapebackarr");

struct House {
    folder: TempDir,
    child: Child,
    url: String,
    token: String,
    fingerprint: String,
}

impl House {
    fn start() -> House {
        let folder = TempDir::new().unwrap();
        let mut child = command(folder.path(), &["serve"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut after = |words: &str| loop {
            let line = lines.next().expect("the server says where it listens").unwrap();
            if let Some((_, rest)) = line.split_once(words) {
                return rest.trim().to_owned();
            }
        };
        let (token, url) = (after("(works once): "), after("Listening on "));
        let fingerprint = after("(SHA-256): ");
        // what is said later has somewhere to go
        std::thread::spawn(move || lines.for_each(drop));
        House { folder, child, url, token, fingerprint }
    }

    fn run(&self, args: &[&str], input: &str) -> Output {
        let mut command = command(self.folder.path(), args);
        command.args(["--server", &self.url]).env("TAPEBACKARR_SETUP_TOKEN", &self.token);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // who refuses at once does not read it
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    #[track_caller]
    fn good(&self, args: &[&str], input: &str) -> String {
        let output = self.run(args, input);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    fn refused(&self, code: i32, args: &[&str]) -> String {
        let output = self.run(args, PASSWORD);
        let words = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {words}");
        words
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(args)
        .env("TAPEBACKARR_DATA_DIR", folder.join("data"))
        .env("TAPEBACKARR_SERVER__LISTEN", "127.0.0.1")
        .env("TAPEBACKARR_SERVER__PORT", "0")
        .env("TAPEBACKARR_SERVER__TLS", "on")
        .env("TAPEBACKARR_AUTH__BCRYPT_COST", "4")
        .env("XDG_CONFIG_HOME", folder.join("config"));
    command
}

#[test]
fn the_command_line_trusts_the_certificate_of_the_server_only_when_it_is_told_to() {
    let house = House::start();
    assert!(house.url.starts_with("https://127.0.0.1:"), "{}", house.url);
    let login = ["login", "--setup", "--username", "admin", "--stdin"];

    let stranger = house.refused(3, &login);
    assert!(stranger.contains("is not trusted") && stranger.contains(&house.fingerprint), "{stranger}");
    let other = "ab".repeat(32);
    let wrong = house.refused(4, &[&login[..], &["--fingerprint", &other]].concat());
    assert!(wrong.contains("another certificate") && wrong.contains(&house.fingerprint), "{wrong}");
    assert!(house.refused(2, &[&login[..], &["--fingerprint", "12"]].concat()).contains("not the fingerprint"));
    assert!(house.refused(2, &[&login[..], &["--fingerprint", &other, "--ca", "x"]].concat()).contains("give one"));

    house.good(&[&login[..], &["--fingerprint", &house.fingerprint]].concat(), PASSWORD);
    // the login keeps what it was told
    house.good(&["status"], "");
    let sessions = house.good(&["session", "list", "--json"], "");
    let list: Value = serde_json::from_str(&sessions).unwrap();
    assert_eq!(list.as_array().unwrap().iter().filter(|one| one["current"] == true).count(), 1, "{sessions}");
    let certificate = house.folder.path().join("data/tls.crt");
    house.good(&["status", "--ca", certificate.to_str().unwrap()], "");
    assert!(house.refused(4, &["status", "--fingerprint", &other]).contains("another certificate"));
    house.good(&["logout"], "");
    assert!(house.refused(3, &["status"]).contains("is not trusted"), "with the login the trust is gone");
}

#[test]
fn the_doctor_says_which_fingerprint_is_the_right_one() {
    let house = House::start();
    let port = house.url.rsplit(':').next().unwrap();
    let output =
        command(house.folder.path(), &["doctor", "--offline", "--json"]).env("TAPEBACKARR_SERVER__PORT", port).output();
    let report: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let of = |check: &str| findings.iter().filter(|one| one["check"] == check).collect::<Vec<_>>();
    assert_eq!((of("tls").len(), of("server").len()), (1, 1), "{findings:#?}");
    assert!(of("tls")[0]["about"].as_str().unwrap().contains(&house.fingerprint), "{findings:#?}");
    assert_eq!((&of("tls")[0]["verdict"], &of("server")[0]["verdict"]), (&Value::from("ok"), &Value::from("ok")));
}

#[test]
fn a_server_with_a_bad_certificate_does_not_start_and_says_why() {
    let folder = TempDir::new().unwrap();
    let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    std::fs::write(&certificate, "no certificate").unwrap();
    std::fs::write(&key, "no key").unwrap();
    let mut serve = command(folder.path(), &["serve"]);
    serve.env("TAPEBACKARR_SERVER__TLS_CERTIFICATE", &certificate);
    let output = serve.output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(words.contains("server.tls_key"), "{words}");
    let output = serve.env("TAPEBACKARR_SERVER__TLS_KEY", &key).output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains("c.pem holds no certificate"), "{words}");
}
