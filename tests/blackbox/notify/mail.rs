//! Mail, to a mail server that is not ours: STARTTLS, TLS, login, what a mail looks like.

use super::certificate::Certificate;
use super::{BASE, channel, happen, message};
use crate::server::Server;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel as line};
use std::time::Duration;

/// The Python of the distribution: that is where the packages are.
const PYTHON: &str = "/usr/bin/python3";

/// A mail server, and the mails that it took.
pub struct MailServer {
    child: Child,
    mails: Receiver<Value>,
    port: u16,
    authority: String,
}

impl MailServer {
    pub fn start(server: &Server, how: &str) -> MailServer {
        let certificate = Certificate::new(&server.folder("certificates"));
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/blackbox/notify/smtp.py");
        let mut child = Command::new(PYTHON)
            .args([script, how])
            .args([&certificate.certificate, &certificate.key])
            .args(["tapes", "pass word"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut port = String::new();
        lines.read_line(&mut port).unwrap();
        let port = port.trim().parse().expect("aiosmtpd runs (scripts/install-deps test installs it)");
        let (sender, mails) = line();
        std::thread::spawn(move || {
            let mails = lines.lines().map_while(Result::ok).map(|line| serde_json::from_str(&line).unwrap());
            mails.map(|mail: Value| sender.send(mail)).take_while(Result::is_ok).for_each(drop);
        });
        MailServer { child, mails, port, authority: certificate.authority }
    }

    pub fn config(&self, security: &str) -> Value {
        json!({
            "host": "localhost", "port": self.port, "security": security, "username": "tapes", "password": "pass word",
            "from": "tapes@example.org", "to": ["ann@example.org", "bob@example.net"],
            "ca_certificate": self.authority,
        })
    }

    /// The next mail.
    #[track_caller]
    pub fn next(&self) -> Value {
        self.mails.recv_timeout(Duration::from_secs(60)).expect("a mail")
    }

    /// The mails that came and were not looked at.
    pub fn rest(&self) -> Vec<Value> {
        self.mails.try_iter().collect()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn mail_goes_by_starttls_with_a_login_and_has_the_headers_of_a_machine() {
    let server = Server::bare();
    let mail = MailServer::start(&server, "starttls");
    channel(&server, "email", mail.config("starttls"), &[]);
    happen(&server, "Größe & <b>more</b>");
    let got = mail.next();
    assert_eq!((&got["tls"], &got["login"]), (&json!(true), &json!("tapes")));
    assert_eq!(got["to"], json!(["ann@example.org", "bob@example.net"]));
    let content = got["content"].as_str().unwrap();
    let sent = message(&server, "sent");
    let id = format!("Message-ID: <{}@example.org>", sent["uid"].as_str().unwrap());
    for expected in [id.as_str(), "Auto-Submitted: auto-generated", "References: <thread.event.", "Date: ", "text/html"]
    {
        assert!(content.contains(expected), "{expected} in {content}");
    }
    assert!(sent["answer"].as_str().unwrap().contains("queued as 4711"), "{sent}");

    // an independent reader of mails takes it apart
    let script = "import email, email.policy, sys, json\n\
        m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)\n\
        part = lambda kind: m.get_body((kind,)).get_content()\n\
        print(json.dumps([m['subject'], part('plain'), part('html')]))";
    let mut child =
        Command::new(PYTHON).args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), content.as_bytes()).unwrap();
    let parts: Value = serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap();
    assert!(parts[0].as_str().unwrap().ends_with("Source Created"), "{parts}");
    assert!(parts[1].as_str().unwrap().contains("Größe & <b>more</b>"), "{parts}");
    assert!(parts[2].as_str().unwrap().contains("Größe &amp; &lt;b&gt;more"), "{parts}");
}

#[test]
fn mail_goes_by_tls_and_a_foreign_certificate_is_refused() {
    let server = Server::bare();
    let mail = MailServer::start(&server, "tls");
    let body = |config: Value| json!({"kind": "email", "config": config});
    let path = format!("{BASE}/channels/try");
    let answer = server.api.post(&path, body(mail.config("tls"))).ok();
    assert!(answer["answer"].as_str().unwrap().contains("4711"), "{answer}");
    assert_eq!(mail.next()["tls"], true);
    let mut stranger = mail.config("tls");
    stranger["ca_certificate"] = json!("");
    let said = server.api.post(&path, body(stranger)).fails(422, "not_delivered");
    assert!(said.contains("certificate"), "{said}");
    let mut wrong = mail.config("tls");
    wrong["password"] = json!("hush hush");
    let said = server.api.post(&path, body(wrong)).fails(422, "not_delivered");
    assert!(said.contains("535") && !said.contains("hush"), "{said}");
}

#[test]
fn a_mail_that_is_refused_for_good_is_given_up_at_once() {
    let server = Server::bare();
    let mail = MailServer::start(&server, "starttls");
    channel(&server, "email", mail.config("starttls"), &["other"]);
    happen(&server, "refuse this");
    let failed = message(&server, "failed");
    assert_eq!(failed["attempts"], 1);
    assert!(failed["last_error"].as_str().unwrap().contains("refused by policy"), "{failed}");
}

#[test]
fn the_settings_of_the_go_program_make_a_channel() {
    let server = Server::bare();
    let shown = server.api.get("/api/v1/settings").ok();
    let mut wanted = shown["notifications"].clone();
    assert_eq!((&wanted["email"]["enabled"], &wanted["email"]["smtp_port"]), (&json!(false), &json!(587)));
    let answer = server.api.send("PUT", "/api/v1/settings", Some(&shown)).ok();
    assert_eq!(answer["changed"], json!([]));
    wanted["email"]["enabled"] = json!(true);
    wanted["email"]["smtp_host"] = json!("127.0.0.1");
    wanted["email"]["smtp_port"] = json!(9);
    wanted["email"]["password"] = json!("hush hush");
    wanted["email"]["from_email"] = json!("tapes@example.org");
    wanted["email"]["to_emails"] = json!("ann@example.org, bob@example.org");
    server.api.send("PUT", "/api/v1/settings", Some(&json!({"notifications": wanted}))).ok();
    let after = server.api.get("/api/v1/settings").ok();
    wanted["email"]["password"] = json!("********");
    assert_eq!(after["notifications"], wanted);
    let channels = server.api.get(&format!("{BASE}/channels")).ok();
    assert_eq!((&channels[0]["settings_slot"], &channels[0]["config"]["port"]), (&json!("email"), &json!(9)));
    assert_eq!(channels[0]["rules"], json!(["E-mail (settings)"]));
    let same = server.api.send("PUT", "/api/v1/settings", Some(&after)).ok();
    assert_eq!(same["changed"], json!([]));
    let bad = json!({"notifications": {"email": {"smtp_hots": "x"}}});
    let said = server.api.send("PUT", "/api/v1/settings", Some(&bad)).fails(400, "bad_setting");
    assert!(said.contains("notifications.email.smtp_hots"), "{said}");
}
