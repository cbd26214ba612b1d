//! Programs that are not ours agree with what the target says.

use crate::harness::Lab;
use crate::house::*;

#[test]
fn other_programs_agree_with_the_target() {
    let Some(lab) = Lab::with(&["--backend", "none"]) else { return };
    lab.inside("tools::inside");
}

#[test]
#[ignore = "runs inside the lab"]
fn inside() {
    let _house = House::attached(&["VTL001L9", "VTL002L9", "CLNU01L1"], 64 << 20);
    identity();
    robot();
    positions();
    data();
}

fn identity() {
    says("lsscsi -g", &["mediumx TAPEBKR  VIRTUAL LIBRARY", "tape    TAPEBKR  VIRTUAL LTO-9", "/dev/st1"]);
    // The first command that is not INQUIRY learns of the power-on, as from real drives.
    says("sg_turs -v /dev/sg1 2>&1; sg_turs -v /dev/sg2 2>&1; true", &["Power on occurred"]);
    says("sg_inq /dev/sg1", &["TAPEBKR", "VIRTUAL LTO-9", "Unit serial number: LAB0001D0", "SPC-4"]);
    says("sg_vpd -p 0x80 /dev/sg1", &["LAB0001D0"]);
    says("sg_vpd -p 0x83 /dev/sg1", &["vendor id: TAPEBKR", "designator type: NAA", "0x3cca0602ce180b6a"]);
    says("sg_vpd -p 0xb0 /dev/sg1", &["WORM=1"]);
    says("sg_opcodes /dev/sg1", &["Locate(16)", "Read position"]);
    says("sg_luns /dev/sg1", &["Report luns"]);
    says("sg_turs /dev/sg0", &[]);
}

fn robot() {
    let status = "mtx -f /dev/sg0 status";
    says(status, &["2 Drives, 7 Slots ( 1 Import/Export )", "Storage Element 1:Full :VolumeTag=VTL001L9", "CLNU01L1"]);
    ok("mtx -f /dev/sg0 load 1 0");
    says(status, &["Data Transfer Element 0:Full (Storage Element 1 Loaded):VolumeTag = VTL001L9"]);
    let full = sh("mtx -f /dev/sg0 load 2 0");
    assert!(!full.status.success(), "a full drive was loaded");
    ok("mtx -f /dev/sg0 transfer 2 7");
    says(status, &["Storage Element 7 IMPORT/EXPORT:Full :VolumeTag=VTL002L9"]);
    ok("mtx -f /dev/sg0 transfer 7 2");
}

fn positions() {
    says("mt -f /dev/nst0 status", &["ONLINE", "BOT"]);
    ok(
        "for i in 1 2 3; do dd if=/dev/urandom of=/tmp/f$i bs=64k count=4 status=none; dd if=/tmp/f$i of=/dev/nst0 bs=64k status=none; done",
    );
    says("mt -f /dev/nst0 tell", &["At block 15."]);
    ok("mt -f /dev/nst0 rewind; mt -f /dev/nst0 fsf 1; cmp <(dd if=/dev/nst0 bs=64k status=none) /tmp/f2");
    ok("mt -f /dev/nst0 seek 10");
    says("mt -f /dev/nst0 tell", &["At block 10."]);
    ok("mt -f /dev/nst0 bsfm 2; cmp <(dd if=/dev/nst0 bs=64k status=none) /tmp/f2");
    ok(
        "mt -f /dev/nst0 asf 2; mt -f /dev/nst0 fsr 3; mt -f /dev/nst0 bsr 3; cmp <(dd if=/dev/nst0 bs=64k status=none) /tmp/f3",
    );
    ok("mt -f /dev/nst0 eod; mt -f /dev/nst0 bsf 1; mt -f /dev/nst0 rewind");
    says("sg_raw -r 32 /dev/sg1 34 06 00 00 00 00 00 00 00 00 2>&1", &["80 00"]);
}

fn data() {
    ok("mt -f /dev/nst0 rewind; cd /usr/share; tar -b 512 -cf /dev/nst0 common-licenses 2>/dev/null; \
        mt -f /dev/nst0 rewind; tar -b 512 -df /dev/nst0 -C /usr/share");
    // every size up to the largest, and odd ones
    ok("set -e; for size in 1 513 65536 65537 262144 1000001 1048576 4194304 8388608; do \
        dd if=/dev/urandom of=/tmp/block bs=$size count=1 iflag=fullblock status=none; mt -f /dev/nst0 rewind; \
        dd if=/tmp/block of=/dev/nst0 bs=$size status=none; mt -f /dev/nst0 rewind; \
        dd if=/dev/nst0 of=/tmp/back bs=$size count=1 status=none; cmp /tmp/block /tmp/back; done");
    // fixed blocks
    ok("set -e; mt -f /dev/nst0 rewind; mt -f /dev/nst0 setblk 512; dd if=/tmp/f1 of=/dev/nst0 bs=10k status=none; \
        mt -f /dev/nst0 rewind; dd if=/dev/nst0 of=/tmp/back bs=10k status=none; cmp /tmp/f1 /tmp/back; \
        mt -f /dev/nst0 setblk 0; mt -f /dev/nst0 compression 0; mt -f /dev/nst0 compression 1");
    ok("sg_read_attr /dev/sg1 >/tmp/attributes");
    says("cat /tmp/attributes", &["Remaining capacity in partition", "Medium serial number"]);
    health();
    encryption();
    ok("mt -f /dev/nst0 offline; mtx -f /dev/sg0 unload 1 0");
}

fn health() {
    let pages = says("sg_logs /dev/sg1", &["0x2e", "0x31", "0x17", "0x0c", "0x14"]);
    assert!(!pages.contains("illegal"), "{pages}");
    says("sg_logs -p 0x2e /dev/sg1", &["Cleaning required: 0", "Hard error: 0"]);
    says("sg_logs -p 0x31 /dev/sg1", &["Main partition maximum capacity (in MiB): 64"]);
    says("sg_logs -p 0x02 /dev/sg1", &["Total uncorrected errors = 0"]);
    says(
        "sg_logs -p 0x17 /dev/sg1; sg_logs -p 0x14 /dev/sg1; sg_logs -p 0x0c /dev/sg1",
        &["Lifetime megabytes written: 16", "Lifetime media loads: 1"],
    );
    says("sg_raw -r 1k /dev/sg1 44 00 00 00 00 00 00 04 00 00 2>&1", &["LTO-CVE"]);
}

fn encryption() {
    ok("head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \\n' > /tmp/key; echo >> /tmp/key; echo label >> /tmp/key");
    says("timeout 30 stenc -f /dev/sg1 --detail", &["Drive Encryption:        off"]);
    ok("mt -f /dev/nst0 rewind; timeout 30 stenc -f /dev/sg1 -e mixed -a 1 -k /tmp/key");
    says("timeout 30 stenc -f /dev/sg1 --detail", &["Drive Encryption:        mixed"]);
    ok("dd if=/tmp/f1 of=/dev/nst0 bs=64k status=none; mt -f /dev/nst0 rewind");
    ok("timeout 30 stenc -f /dev/sg1 -e off");
    let locked = sh("dd if=/dev/nst0 bs=64k of=/dev/null");
    assert!(!locked.status.success(), "an encrypted block was read without its key");
    ok(
        "mt -f /dev/nst0 rewind; timeout 30 stenc -f /dev/sg1 -e mixed -a 1 -k /tmp/key; cmp <(dd if=/dev/nst0 bs=64k status=none) /tmp/f1",
    );
    ok("timeout 30 stenc -f /dev/sg1 -e off");
}
