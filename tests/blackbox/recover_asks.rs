//! `tapebackarr recover` with one drive and a person at a terminal, who is asked for tapes.

use crate::files;
use crate::hands::Hands;
use serde_json::json;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// A program at a terminal: what it says, and what is typed.
pub struct Terminal {
    child: Child,
    said: Receiver<Vec<u8>>,
    heard: String,
}

impl Terminal {
    /// `script`, of util-linux, makes the terminal.
    pub fn run(program: &[&str]) -> Terminal {
        let quoted: Vec<String> = program.iter().map(|word| format!("'{word}'")).collect();
        let mut child = Command::new("script")
            .args(["--quiet", "--return", "--command", &quoted.join(" "), "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = child.stdout.take().unwrap();
        let (sender, said) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = out.read(&mut buffer) {
                if sender.send(buffer[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        Terminal { child, said, heard: String::new() }
    }

    /// Waits until it says this, and forgets everything up to there.
    #[track_caller]
    pub fn hears(&mut self, words: &str) -> String {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(at) = self.heard.find(words) {
                let rest = self.heard.split_off(at + words.len());
                return std::mem::replace(&mut self.heard, rest);
            }
            match self.said.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(more) => self.heard.push_str(&String::from_utf8_lossy(&more)),
                Err(error) => panic!("it does not say {words:?} ({error}), but: {}", self.heard),
            }
        }
    }

    pub fn types(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(format!("{line}\r").as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    /// Its exit code, and what else it said.
    pub fn ends(mut self) -> (Option<i32>, String) {
        while let Ok(more) = self.said.recv_timeout(Duration::from_secs(60)) {
            self.heard.push_str(&String::from_utf8_lossy(&more));
        }
        // the terminal stays as long as somebody may type
        drop(self.child.stdin.take());
        (self.child.wait().unwrap().code(), self.heard)
    }
}

/// A set on two tapes: `a` on the first, `huge` on both, `z` on the second; no server any more, and both on the shelf.
fn two_tapes() -> (Hands, PathBuf) {
    let mut hands = Hands::new(1, &["H00001L9", "H00002L9"], 40);
    let source = hands.server.folder("s");
    std::fs::write(source.join("a"), files::noise(1, 1 << 20)).unwrap();
    std::fs::write(source.join("huge"), files::noise(2, 60 << 20)).unwrap();
    std::fs::write(source.join("z"), files::noise(3, 1 << 20)).unwrap();
    let api = &hands.server.api;
    let job = api.job("j", api.source("s", &source), 1, json!({}));
    hands.insert("H00001L9", 0);
    let started = api.post(&format!("/api/v1/jobs/{job}/run"), json!({})).ok();
    api.tape_change(&started);
    hands.change("H00002L9", 0);
    let run = api.complete(started);
    assert_eq!(run["result"]["parts"], 2, "{run}");
    hands.eject(1);
    hands.take_out(0);
    assert!(hands.server.stop().success());
    (hands, source)
}

fn recover(hands: &Hands, to: &Path) -> Terminal {
    let drive = format!("virtual:{}#drive0", hands.server.library_dir().display());
    Terminal::run(&[env!("CARGO_BIN_EXE_tapebackarr"), "recover", &drive, "--to", to.to_str().unwrap()])
}

#[test]
fn recover_asks_for_the_next_tape_and_goes_on_with_it() {
    let (hands, source) = two_tapes();
    hands.insert("H00001L9", 0);
    let to = hands.server.dir.path().join("to");
    let mut terminal = recover(&hands, &to);
    let question = "press Enter, or type s to go on without it: ";
    let told = terminal.hears(question);
    assert!(told.contains("part 2") && !to.join("z").exists(), "{told}");
    // the wrong one is in the drive again: it asks once more
    hands.change("H00001L9", 0);
    terminal.types("");
    terminal.hears(question);
    hands.change("H00002L9", 0);
    terminal.types("");
    // both are known now: each is asked for as it is needed, by its name
    let told = terminal.hears(question);
    assert!(told.contains("H00001L9"), "{told}");
    hands.change("H00001L9", 0);
    terminal.types("");
    let told = terminal.hears(question);
    assert!(told.contains("H00002L9"), "{told}");
    hands.change("H00002L9", 0);
    terminal.types("");
    let (code, told) = terminal.ends();
    assert_eq!(code, Some(0), "{told}");
    files::assert_equal(&source, &to);
}

#[test]
fn recover_goes_on_without_a_tape_that_is_skipped_and_names_what_is_missing() {
    let (hands, source) = two_tapes();
    hands.insert("H00001L9", 0);
    let to = hands.server.dir.path().join("to");
    let mut terminal = recover(&hands, &to);
    terminal.hears("press Enter, or type s to go on without it: ");
    terminal.types("s");
    // the other one still lies in the drive
    let (code, told) = terminal.ends();
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("huge") && told.contains("part 2"), "{told}");
    assert_eq!(std::fs::read(to.join("a")).unwrap(), std::fs::read(source.join("a")).unwrap());
    assert!(!to.join("huge").exists() && !to.join("z").exists(), "{told}");
}
