//! `docs/manual-recovery.md`: its program and every command in it are run, against the tape that it describes.
//!
//! `mt`, and `dd` from the tape, are stand-ins that read the image of a cartridge.

use crate::files;
use crate::server::{Library, Server};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tapebackarr");

const MT: &str = r#"#!/bin/bash
set -euo pipefail
[ "$1 $2" = "-f /dev/nst0" ] || { echo "mt: unexpected: $*" >&2; exit 2; }
at=$(cat "$WORK/at")
case "$3" in
rewind) at=0 ;;
setblk) [ "$4" = 0 ] ;;
asf) at=$4 ;;
fsf) at=$((at + $4)) ;;
eod) at=0; while "$PROGRAM" virtual dump "$IMAGE" --file $at >/dev/null 2>&1; do at=$((at + 1)); done ;;
bsfm) at=$((at - $4 + 1)) ;;
*) echo "mt: unexpected: $*" >&2; exit 2 ;;
esac
echo "$at" >"$WORK/at"
"#;

const DD: &str = r#"#!/bin/bash
set -euo pipefail
declare -A option=([of]=/dev/stdout)
for word in "$@"; do option[${word%%=*}]=${word#*=}; done
[ "${option[if]}" = /dev/nst0 ] || { echo "dd: unexpected: $*" >&2; exit 2; }
at=$(cat "$WORK/at")
if [ -n "${option[count]:-}" ]; then
    "$PROGRAM" virtual dump "$IMAGE" --file "$at" >"$WORK/block"
    head -c $((${option[bs]} * ${option[count]})) "$WORK/block"
else
    "$PROGRAM" virtual dump "$IMAGE" --file "$at" >"${option[of]}"
    echo $((at + 1)) >"$WORK/at"
fi
"#;

/// The fenced blocks of the page behind `<!-- NAME -->`, by that name.
fn blocks() -> HashMap<String, String> {
    let page = fs::read_to_string(format!("{}/docs/manual-recovery.md", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let mut blocks = HashMap::new();
    let mut fences = 0;
    for piece in page.split("<!-- ").skip(1) {
        let (name, rest) = piece.split_once(" -->\n```").unwrap_or_else(|| panic!("{piece}"));
        let (_, rest) = rest.split_once('\n').unwrap();
        let (code, _) = rest.split_once("\n```").unwrap();
        blocks.insert(name.to_owned(), code.to_owned());
        fences += 2;
    }
    assert_eq!(page.matches("```").count(), fences, "every fenced block has a name, and is run");
    blocks
}

struct Desk {
    blocks: HashMap<String, String>,
    work: PathBuf,
    bin: PathBuf,
    image: PathBuf,
    used: Vec<String>,
}

impl Desk {
    fn new(server: &Server, image: &Path) -> Desk {
        let (work, bin) = (server.folder("work"), server.folder("bin"));
        for (name, script) in [("mt", MT), ("dd", DD)] {
            fs::write(bin.join(name), script).unwrap();
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let blocks = blocks();
        fs::write(work.join("recover.py"), &blocks["recover.py"]).unwrap();
        fs::write(work.join("at"), "7").unwrap();
        Desk { blocks, work, bin, image: image.to_owned(), used: vec!["recover.py".into()] }
    }

    /// Runs a block of the page; `/restore` is an ordinary folder.
    fn run(&mut self, name: &str, restore: &Path) -> Output {
        fs::create_dir_all(restore).unwrap();
        self.used.push(format!("run: {name}"));
        let script = self.blocks[&format!("run: {name}")].replace("/restore", restore.to_str().unwrap());
        let path = format!("{}:{}", self.bin.display(), std::env::var("PATH").unwrap());
        Command::new("bash")
            .args(["-euo", "pipefail", "-c", &script])
            .current_dir(&self.work)
            .envs([("PATH", path.as_str()), ("PROGRAM", PROGRAM)])
            .envs([("WORK", &self.work), ("IMAGE", &self.image)])
            .output()
            .unwrap()
    }

    #[track_caller]
    fn good(&mut self, name: &str, restore: &Path) -> String {
        let output = self.run(name, restore);
        let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{name}: {:?} {out}{error}", output.status);
        out.into_owned()
    }
}

fn fill(source: &Path, seed: u64) {
    fs::create_dir_all(source.join("docs/empty")).unwrap();
    fs::create_dir_all(source.join("gone/below")).unwrap();
    fs::write(source.join("docs/large"), files::noise(seed, 2_500_000)).unwrap();
    fs::write(source.join("docs/text"), b"the same again ".repeat(10_000)).unwrap();
    fs::write(source.join("docs/new\nline"), b"newline").unwrap();
    fs::write(source.join("gone/below/file"), b"bye").unwrap();
    symlink("docs/text", source.join("link")).unwrap();
    fs::hard_link(source.join("docs/large"), source.join("docs/other")).unwrap();
    fs::set_permissions(source.join("docs/text"), fs::Permissions::from_mode(0o750)).unwrap();
    files::whole_seconds(source);
}

#[test]
fn every_command_of_the_page_does_what_it_says() {
    let mut server = Server::with_library(Library { drives: 1, slots: 4, capacity_mb: 64 });
    let api = &server.api;
    let source = server.folder("source");
    fill(&source, 1);
    let source_id = api.source("s", &source);
    let key = api.post("/api/v1/encryption-keys", json!({"name": "k1", "description": ""})).ok();
    let key_id = &key["key"]["id"];
    let passphrase = "Grüße aus dem Keller";
    api.send("PUT", "/api/v1/pools/1/passphrase", Some(&json!({"passphrase": passphrase}))).ok();
    for (number, options) in [
        json!({"compression": "none"}),
        json!({"compression": "zstd"}),
        json!({"compression": "gzip"}),
        json!({"compression": "zstd", "encryption_key_id": key_id}),
    ]
    .into_iter()
    .enumerate()
    {
        let job = api.job(&format!("job{number}"), source_id, 1, options);
        api.run_job(job, json!({}));
    }
    let changing = server.folder("changing");
    fill(&changing, 2);
    let options = json!({"compression": "zstd", "backup_type": "incremental"});
    let job = api.job("changing", api.source("c", &changing), 1, options);
    api.run_job(job, json!({}));
    fs::remove_dir_all(changing.join("gone")).unwrap();
    fs::write(changing.join("docs/text"), b"changed").unwrap();
    files::whole_seconds(&changing);
    api.run_job(job, json!({}));
    let wide = server.folder("wide");
    for number in 0..4 {
        fs::write(wide.join(format!("file{number}")), files::noise(number, 28 << 20)).unwrap();
    }
    files::whole_seconds(&wide);
    let job = api.job("wide", api.source("w", &wide), 1, json!({"compression": "none"}));
    let run = api.run_job(job, json!({}));
    assert_eq!(run["result"]["parts"], 3, "{run}");
    server.stop();

    let tapes = tapes(&server);
    let mut desk = Desk::new(&server, &tapes[0]);
    fs::write(desk.work.join("key.txt"), key["key_base64"].as_str().unwrap()).unwrap();
    let to = |name: &str| server.dir.path().join(format!("restored-{name}"));
    let none = to("nothing");
    let label = desk.good("label", &none);
    assert!(label.starts_with("TAPEBACKARR|") && label.ends_with("|\n"), "{label}");
    let listed = desk.good("whole tape", &none);
    assert_eq!(listed.matches("also on this tape:").count(), 6, "{listed}");
    assert!(listed.contains("'job': 'wide'") && listed.contains("file 29360128"), "{listed}");
    let table = desk.good("first table", &none);
    assert!(table.starts_with("{\"magic\":\"TAPEBACKARR_TOC\","), "{table}");
    for name in ["plain", "zstd", "gzip", "encrypted"] {
        desk.good(name, &to(name));
        files::assert_equal(&source, &to(name));
    }
    fs::remove_file(desk.work.join("key.txt")).unwrap();
    fs::write(desk.work.join("passphrase.txt"), "Grüße aus dem Garten\n").unwrap();
    let wrong = desk.run("unlock", &none);
    let told = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(!wrong.status.success() && told.contains("InvalidTag"), "{told}");
    fs::write(desk.work.join("passphrase.txt"), format!("{passphrase}\n")).unwrap();
    desk.good("unlock", &none);
    desk.good("encrypted", &to("unlocked"));
    files::assert_equal(&source, &to("unlocked"));
    assert_eq!(desk.good("check", &to("plain")), "");
    fs::write(to("plain").join("docs/large"), "spoiled").unwrap();
    fs::remove_file(to("plain").join("docs/text")).unwrap();
    let spoiled = desk.run("check", &to("plain"));
    let told = String::from_utf8_lossy(&spoiled.stdout).into_owned();
    assert!(told.contains("another content: docs/large") && told.contains("missing: docs/text"), "{told}");
    assert_eq!(spoiled.status.code(), Some(1));

    desk.good("chain", &to("chain"));
    files::assert_equal(&changing, &to("chain"));

    for (name, tape) in ["first part", "second part", "third part"].iter().zip(&tapes) {
        desk.image.clone_from(tape);
        desk.good(name, &none);
    }
    desk.good("join", &to("join"));
    files::assert_equal(&wide, &to("join"));

    let mut used = desk.used.clone();
    used.sort();
    used.dedup();
    assert_eq!(used.len(), desk.blocks.len(), "every block is run: {used:?}");
}

/// The images of the tapes of the widest set, in the order of its parts.
fn tapes(server: &Server) -> Vec<PathBuf> {
    let entries = fs::read_dir(server.library_dir().join("cartridges")).unwrap();
    let mut images: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    images.retain(|path| path.extension().is_some_and(|extension| extension == "tap"));
    images.retain(|path| fs::metadata(path).unwrap().len() > 600);
    let output = Command::new(PROGRAM).args(["recover", "--json"]).args(&images).output().unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let sets = found["sets"].as_array().unwrap();
    let wide = sets.iter().find(|set| set["job"] == "wide").unwrap();
    let names: Vec<&Value> = found["tapes"].as_array().unwrap().iter().map(|tape| &tape["name"]).collect();
    let parts = wide["parts"].as_array().unwrap().iter();
    parts.map(|part| images[names.iter().position(|name| **name == part["tape"]).unwrap()].clone()).collect()
}
