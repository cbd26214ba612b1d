//! The key sheet as text and as PDF: what it says is done, on a machine without the server.

use crate::files;
use crate::server::Server;
use serde_json::json;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tapebackarr");

/// The commands in the text of a sheet; one may go on in the next line.
fn commands(text: &str) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim) {
        match commands.last_mut() {
            _ if line.starts_with("tapebackarr ") => commands.push(line.to_owned()),
            Some(last) if line.starts_with("--") => *last = format!("{last} {line}"),
            _ => {}
        }
    }
    commands
}

/// A desk with the program, the drive with the tape, and a file with keys.
struct Desk {
    work: PathBuf,
    bin: PathBuf,
    drive: String,
}

impl Desk {
    fn new(server: &Server, name: &str) -> Desk {
        let (work, bin) = (server.folder(name), server.folder("bin"));
        if !bin.join("tapebackarr").exists() {
            symlink(PROGRAM, bin.join("tapebackarr")).unwrap();
        }
        Desk { work, bin, drive: format!("virtual:{}#drive0", server.library_dir().display()) }
    }

    /// Does everything that a sheet says, with these keys; what comes back is in `restore` and `data`.
    fn run(&self, sheet: &str, keys: &[u8]) {
        fs::write(self.work.join("keysheet.txt"), keys).unwrap();
        let commands = commands(sheet);
        assert_eq!(commands.len(), 3, "{sheet}");
        for command in commands {
            let here = command
                .replace("/dev/nst0", &self.drive)
                .replace("/restore", self.work.join("restore").to_str().unwrap())
                .replace("/var/lib/tapebackarr", self.work.join("data").to_str().unwrap());
            let path = format!("{}:{}", self.bin.display(), std::env::var("PATH").unwrap());
            let done = Command::new("bash")
                .args(["-euo", "pipefail", "-c", &here])
                .current_dir(&self.work)
                .env("PATH", path)
                .output()
                .unwrap();
            let (out, error) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
            assert!(done.status.success(), "{here}: {out}{error}");
        }
    }
}

/// What the QR codes of a page say, by a decoder that is not ours.
fn codes(folder: &Path, pdf: &Path) -> Vec<String> {
    let done = Command::new("pdftoppm").args(["-r", "150", "-gray"]).arg(pdf).arg(folder.join("page")).status();
    assert!(done.expect("pdftoppm, of poppler-utils").success());
    let mut pages: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.retain(|path| path.extension().is_some_and(|extension| extension == "pgm"));
    pages.sort();
    let mut found = Vec::new();
    for page in pages {
        let (width, height, pixels) = grey(&fs::read(page).unwrap());
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| pixels[y * width + x]);
        found.extend(image.detect_grids().iter().map(|grid| grid.decode().unwrap().1));
    }
    found
}

/// Width, height and pixels of a PGM file.
fn grey(file: &[u8]) -> (usize, usize, Vec<u8>) {
    let mut fields = file.splitn(4, u8::is_ascii_whitespace);
    let mut text = || String::from_utf8(fields.next().unwrap().to_vec()).unwrap();
    assert_eq!(text(), "P5");
    let (width, height): (usize, usize) = (text().parse().unwrap(), text().parse().unwrap());
    let pixels = file[file.len() - width * height..].to_vec();
    (width, height, pixels)
}

#[test]
fn what_the_sheet_says_brings_everything_back() {
    let mut server = Server::ready();
    let source = server.folder("source");
    files::fill(&source);
    let api = &server.api;
    let made = api.post("/api/v1/encryption-keys", json!({"name": "Schlüssel (1)", "description": ""})).ok();
    let options = json!({"compression": "zstd", "encryption_key_id": made["key"]["id"], "backup_type": "incremental"});
    let job = api.job("homes", api.source("s", &source), 1, options);
    api.run_job(job, json!({}));
    server.cli_as_admin(&["key", "rotate", "1"]);
    fs::write(source.join("later"), b"with the second key").unwrap();
    api.run_job(job, json!({}));
    let copied = api.post("/api/v1/database-backup/backup", json!({"pool_id": 1})).ok();
    assert_eq!(api.wait(&copied["execution_id"])["status"], "completed");

    let (txt, pdf) = (server.dir.path().join("sheet.txt"), server.dir.path().join("sheet.pdf"));
    server.cli_as_admin(&["key", "sheet", "--output", txt.to_str().unwrap()]);
    server.cli_as_admin(&["key", "sheet", "--pdf", "--output", pdf.to_str().unwrap()]);
    assert_eq!(fs::metadata(&pdf).unwrap().permissions().mode() & 0o777, 0o600);
    let keys = api.get("/api/v1/encryption-keys/keysheet").ok()["keys"].as_array().unwrap().clone();
    assert_eq!(keys.len(), 2);
    let label = api.get("/api/v1/tapes/1").ok()["label"].as_str().unwrap().to_owned();
    server.stop();

    let text = fs::read_to_string(&txt).unwrap();
    let printed = Command::new("pdftotext").args(["-layout"]).arg(&pdf).arg("-").output();
    let printed = printed.expect("pdftotext, of poppler-utils");
    assert!(printed.status.success());
    let printed = String::from_utf8(printed.stdout).unwrap();
    for (what, sheet) in [("text", &text), ("PDF", &printed)] {
        assert!(sheet.contains("Schlüssel (1)-2"), "{what}: {sheet}");
        assert!(sheet.contains(&label), "{what}: {sheet}");
        let bare: String = sheet.chars().filter(|letter| !letter.is_whitespace()).collect();
        for key in &keys {
            assert!(bare.contains(key["key_base64"].as_str().unwrap()), "{what}: {sheet}");
            assert!(bare.contains(key["fingerprint"].as_str().unwrap()), "{what}: {sheet}");
        }
    }
    let scanned = codes(&server.folder("pages"), &pdf);
    let secrets: Vec<&str> = keys.iter().filter_map(|key| key["key_base64"].as_str()).collect();
    assert_eq!(scanned, secrets);

    // the sheet itself is the file with the keys, or what was scanned off its paper
    let desk = Desk::new(&server, "desk");
    desk.run(&text, text.as_bytes());
    files::assert_equal(&source, &desk.work.join("restore/homes"));
    assert!(desk.work.join("data/tapebackarr.db").exists());
    let desk = Desk::new(&server, "other-desk");
    desk.run(&printed, scanned.join("\n").as_bytes());
    files::assert_equal(&source, &desk.work.join("restore/homes"));
    assert!(desk.work.join("data/tapebackarr.db").exists());
}
