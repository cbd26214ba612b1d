//! Boots the lab (`tests/lab/lab`) and runs things in it.
//!
//! A test that needs the kernel's drivers has two halves: one that any test runner runs, which boots the lab, and one that
//! is ignored outside (`#[ignore = "runs inside the lab"]`) and is called inside by its name, by this same test program.

#![allow(dead_code)] // each test program uses a part of it

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// `tests/lab/lab` of the repository that this package is in.
fn script() -> PathBuf {
    let candidates = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("tests/lab/lab"));
    candidates.into_iter().find(|path| path.is_file()).unwrap()
}

/// A lab that is to be booted.
pub struct Lab {
    options: Vec<String>,
}

impl Lab {
    /// A lab with a third party's library: a changer and two LTO-6 drives by tgt.
    ///
    /// `None` if the person who runs the tests said so (`TAPEBACKARR_LAB=skip`). Where the lab cannot start for any other
    /// reason the test fails and says why.
    pub fn tgt() -> Option<Lab> {
        Lab::with(&["--backend", "tgt"])
    }

    /// A lab started with these options of `lab run`.
    pub fn with(options: &[&str]) -> Option<Lab> {
        if std::env::var_os("TAPEBACKARR_LAB").is_some_and(|value| value == "skip") {
            eprintln!("SKIPPED: TAPEBACKARR_LAB=skip, so nothing is tried with the kernel's tape drivers");
            return None;
        }
        Some(Lab { options: options.iter().map(|&option| option.to_owned()).collect() })
    }

    /// Adds options of `lab run`.
    pub fn and(mut self, options: &[&str]) -> Lab {
        self.options.extend(options.iter().map(|&option| option.to_owned()));
        self
    }

    /// Runs shell text; it must succeed. Returns what it printed.
    #[track_caller]
    pub fn shell(&self, text: &str) -> String {
        succeeded(self.run(&["-c", "--", text]))
    }

    /// Runs the ignored test `name` of this program inside; it must succeed. Returns what it printed.
    #[track_caller]
    pub fn inside(&self, name: &str) -> String {
        let program = std::env::current_exe().unwrap();
        let program = program.to_str().unwrap();
        let printed = succeeded(self.run(&["--", program, "--exact", name, "--ignored", "--nocapture"]));
        assert!(printed.contains("1 passed"), "there is no test {name} to be run inside:\n{printed}");
        printed
    }

    /// Runs `lab run` with these arguments.
    pub fn run(&self, command: &[&str]) -> Output {
        let output = Command::new(script()).arg("run").args(&self.options).args(command).output().unwrap();
        if output.status.code() == Some(126) {
            panic!(
                "{}\nNothing was tried with the kernel's tape drivers. To test without: TAPEBACKARR_LAB=skip",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        output
    }
}

#[track_caller]
fn succeeded(output: Output) -> String {
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{printed}\n{errors}", output.status);
    printed
}
