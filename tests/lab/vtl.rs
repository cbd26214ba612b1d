//! `tapebackarr vtl` as a person starts it, and the kernel's own initiator with the secret (CHAP), without it, and with another.

use crate::harness::Lab;
use crate::house::{ok, says, sh, wait_for};
use std::path::Path;
use std::process::{Child, Command};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tapebackarr");
const SECRET: &str = "correct-horse-battery";

#[test]
fn the_kernel_logs_in_with_the_secret_alone() {
    let Some(lab) = Lab::with(&["--backend", "none"]) else { return };
    lab.inside("vtl::inside");
}

/// Ends it, whatever became of the test.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "runs inside the lab"]
fn inside() {
    ok(&format!("{PROGRAM} virtual create /run/library --drives 2 --slots 4 --cartridges 2 --capacity 64M"));
    ok(&format!("umask 077; printf %s {SECRET} > /run/secret"));
    let child = Command::new(PROGRAM)
        .args(["vtl", "--library", "/run/library", "--name", "iqn.2026-01.lab:rack"])
        .args(["--chap-user", "robot", "--chap-secret-file", "/run/secret"])
        .spawn()
        .unwrap();
    let _served = Served(child);
    wait_for("the target", || std::net::TcpStream::connect("127.0.0.1:3260").is_ok());
    let log_in = "timeout 60 iscsistart -i iqn.2026-01.lab:initiator -g 1 -a 127.0.0.1 -p 3260 -t iqn.2026-01.lab:rack";
    for wrong in ["", "-u robot -w another-horse-battery", &format!("-u nobody -w {SECRET}")] {
        let refused = sh(&format!("{log_in} {wrong}"));
        assert!(!refused.status.success(), "{wrong}: {refused:?}");
        assert!(!Path::new("/dev/nst0").exists(), "{wrong:?} got in");
    }
    ok(&format!("{log_in} -u robot -w {SECRET}"));
    wait_for("the device nodes", || ["/dev/nst1", "/dev/sch0", "/dev/sg2"].iter().all(|node| Path::new(node).exists()));
    says("lsscsi", &["VIRTUAL LIBRARY", "VIRTUAL LTO-9"]);
    ok("mtx -f /dev/sg0 load 1 0; mt -f /dev/nst0 rewind");
    // What ordinary programs write is in the image as they wrote it.
    ok("head -c 300000 /dev/zero | tr '\\0' t > /run/text; dd if=/run/text of=/dev/nst0 bs=64k status=none; \
        mt -f /dev/nst0 rewind; dd if=/dev/nst0 bs=64k status=none | cmp - /run/text");
    ok("grep -aq tttttttttttttttt /run/library/cartridges/*.tap");
    // With the drive's compression on it is shorter there, and the same to read.
    ok("mt -f /dev/nst0 rewind; mt -f /dev/nst0 compression 1; dd if=/run/text of=/dev/nst0 bs=64k status=none; \
        mt -f /dev/nst0 rewind; dd if=/dev/nst0 bs=64k status=none | cmp - /run/text");
    ok("mt -f /dev/nst0 offline; mtx -f /dev/sg0 unload 1 0");
    let sizes = ok("stat -c %s /run/library/cartridges/*.tap");
    let most = sizes.lines().map(|size| size.parse::<u64>().unwrap()).max().unwrap();
    assert!((1..30_000).contains(&most), "300000 bytes are stored as {most}");
}
