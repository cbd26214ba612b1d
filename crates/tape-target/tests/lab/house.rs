//! Inside the lab: a virtual library behind a target in this process, attached by the kernel.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use tape_drive::virt::{CartridgeSpec, LibrarySpec, Place, library};
use tape_drive::{DriveErrorKind, TapeDrive, open_drive};
use tape_target::{Injection, Settings, Target};

/// Logical unit of the first drive; the robot is 0.
pub const FIRST_DRIVE: u16 = 1;

/// Everything of one test inside the lab.
pub struct House {
    pub target: Target,
    folder: tempfile::TempDir,
}

impl House {
    /// A library with two drives and tapes of so many bytes, known to the kernel.
    pub fn attached(barcodes: &[&str], capacity: u64) -> House {
        House::filled(barcodes, capacity, |_| {})
    }

    /// The same, with something done to the library before the target opens it.
    pub fn filled(barcodes: &[&str], capacity: u64, before: impl FnOnce(&Path)) -> House {
        let house = House::served(barcodes, capacity, before);
        attach(&house.target, &[]);
        house
    }

    /// The same, and nobody has logged in yet.
    pub fn served(barcodes: &[&str], capacity: u64, before: impl FnOnce(&Path)) -> House {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("library");
        let settings = library::Settings { max_block_bytes: 8 << 20, ..library::Settings::volatile() };
        let serial = Some("LAB0001".to_owned());
        library::create(&dir, &LibrarySpec { drives: 2, slots: 6, serial, settings, ..Default::default() }).unwrap();
        for barcode in barcodes {
            let spec = CartridgeSpec::new(barcode).with_capacity(capacity);
            library::add_cartridge(&dir, &spec, Place::AnySlot).unwrap();
        }
        before(&dir);
        let target = start(&dir, None);
        House { target, folder }
    }

    /// The folder of the library.
    pub fn library(&self) -> PathBuf {
        self.folder.path().join("library")
    }

    /// Rules and log of a unit.
    pub fn injection(&self, unit: u16) -> &Injection {
        self.target.injection(unit).unwrap()
    }
}

/// A target on the port where initiators look.
pub fn start(dir: &Path, credentials: Option<tape_target::Credentials>) -> Target {
    let listen = "127.0.0.1:3260".parse().unwrap();
    Target::start(&Settings { library: dir.to_owned(), listen, name: None, credentials, injection: true }).unwrap()
}

/// Lets the kernel log in, and waits for its device nodes.
pub fn attach(target: &Target, options: &[&str]) {
    let mut command = Command::new("iscsistart");
    command.args(["-i", "iqn.2026-01.lab:initiator", "-g", "1", "-a", "127.0.0.1", "-p", "3260", "-t", target.name()]);
    let output = command.args(options).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    wait_for_nodes();
}

/// Lets a daemon log in, which does so again when the connection breaks.
pub fn attach_by_daemon() {
    // It keeps what it knows below /etc, which is the machine's own.
    ok("set -e; cp -a /etc /run/etc; mkdir -p /run/etc/iscsi /run/lock/iscsi; mount --bind /run/etc /etc; \
        echo node.startup = manual > /etc/iscsi/iscsid.conf; \
        echo InitiatorName=iqn.2026-01.lab:initiator > /etc/iscsi/initiatorname.iscsi; \
        (setsid iscsid -f </dev/null >/run/iscsid.log 2>&1 &)");
    wait_for("the daemon", || sh("iscsiadm -m discovery -t st -p 127.0.0.1").status.success());
    ok("iscsiadm -m node -l");
    wait_for_nodes();
}

fn wait_for_nodes() {
    let nodes = ["/dev/nst0", "/dev/nst1", "/dev/sch0", "/dev/sg0", "/dev/sg1", "/dev/sg2"];
    wait_for("the device nodes", || nodes.iter().all(|node| Path::new(node).exists()));
}

/// Waits until it is so.
pub fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < end, "{what}: not after a minute");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Runs shell text.
pub fn sh(text: &str) -> Output {
    Command::new("bash").args(["-c", text]).output().unwrap()
}

/// Runs shell text that must succeed; returns what it printed.
#[track_caller]
pub fn ok(text: &str) -> String {
    let output = sh(text);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    printed
}

/// The same, and what is printed has all this in it.
#[track_caller]
pub fn says(text: &str, expected: &[&str]) -> String {
    let printed = ok(text);
    for expected in expected {
        assert!(printed.contains(expected), "{text}: {expected:?} is missing:\n{printed}");
    }
    printed
}

/// The drive at `device`, loaded, with its unit attentions told.
pub fn quiet(device: &str) -> Box<dyn TapeDrive> {
    let mut drive = open_drive(device).unwrap();
    let attention = |kind: &DriveErrorKind| matches!(kind, DriveErrorKind::MediumChanged | DriveErrorKind::Reset);
    while let Err(error) = drive.load() {
        assert!(attention(&error.kind), "{error}");
    }
    // Loading is itself something to be told of.
    while let Err(error) = drive.status() {
        assert!(attention(&error.kind), "{error}");
    }
    drive
}
