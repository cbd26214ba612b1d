//! The target as an initiator sees it that does not keep to the rules, or has not the right secret.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;
use tape_drive::virt::{CartridgeSpec, LibrarySpec, Place, library};
use tape_target::{Credentials, Settings, Target, TargetError};

fn library_in(dir: &Path) -> Settings {
    let settings = library::Settings::volatile();
    let serial = Some("PROTO".to_owned());
    library::create(dir, &LibrarySpec { serial, settings, ..Default::default() }).unwrap();
    let tape = CartridgeSpec::new("PROTO1L9").with_capacity(16 << 20);
    library::add_cartridge(dir, &tape, Place::Drive(0)).unwrap();
    let listen = "127.0.0.1:0".parse().unwrap();
    Settings { library: dir.to_owned(), listen, name: None, credentials: None, injection: false }
}

/// A small initiator: one command at a time.
struct Initiator {
    stream: TcpStream,
    command: u32,
}

type Reply = ([u8; 48], Vec<u8>);

impl Initiator {
    fn connect(target: &Target) -> Initiator {
        let stream = TcpStream::connect(target.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Initiator { stream, command: 1 }
    }

    fn send(&mut self, header: [u8; 48], data: &[u8]) {
        let mut bytes = header.to_vec();
        bytes[5..8].copy_from_slice(&(data.len() as u32).to_be_bytes()[1..]);
        bytes.extend(data);
        bytes.resize(48 + data.len().next_multiple_of(4), 0);
        // The target may have closed the connection for what was sent before.
        let _ = self.stream.write_all(&bytes);
    }

    /// The next message; `None` if the connection was closed.
    fn receive(&mut self) -> Option<Reply> {
        let mut header = [0; 48];
        self.stream.read_exact(&mut header).ok()?;
        let length = u32::from_be_bytes([0, header[5], header[6], header[7]]) as usize;
        let mut data = vec![0; length.next_multiple_of(4)];
        self.stream.read_exact(&mut data).ok()?;
        data.truncate(length);
        Some((header, data))
    }

    /// One step of a login; returns status and keys.
    fn login(&mut self, flags: u8, keys: &str) -> Option<(u16, String)> {
        let mut header = [0; 48];
        header[0] = 0x43;
        header[1] = flags;
        header[8] = 0x80;
        header[27] = self.command as u8;
        self.send(header, keys.replace(' ', "\0").as_bytes());
        let (header, data) = self.receive()?;
        assert_eq!(header[0], 0x23);
        Some((u16::from_be_bytes([header[36], header[37]]), String::from_utf8(data).unwrap().replace('\0', " ")))
    }

    fn logged_in(target: &Target) -> Initiator {
        Initiator::logged_in_as("iqn.test", target)
    }

    fn logged_in_as(name: &str, target: &Target) -> Initiator {
        let mut initiator = Initiator::connect(target);
        let keys = format!("InitiatorName={name} TargetName={} SessionType=Normal InitialR2T=Yes ", target.name());
        assert_eq!(initiator.login(0x87, &keys).unwrap().0, 0);
        initiator
    }

    /// A command without data to send; returns status, data and sense data.
    fn command(&mut self, lun: u8, cdb: &[u8], length: u32) -> Option<(u8, Vec<u8>, Vec<u8>)> {
        self.send(self.header(lun, cdb, 0xc0, length), &[]);
        self.command += 1;
        let mut read = Vec::new();
        loop {
            let (header, data) = self.receive()?;
            match header[0] {
                0x25 => {
                    read.extend(data);
                    if header[1] & 1 != 0 {
                        return Some((header[3], read, Vec::new()));
                    }
                }
                0x21 => return Some((header[3], read, data.get(2..).unwrap_or(&[]).to_vec())),
                other => panic!("opcode {other:#x}"),
            }
        }
    }

    /// A command with data that is sent along; returns the status.
    fn put(&mut self, lun: u8, cdb: &[u8], data: &[u8]) -> u8 {
        self.send(self.header(lun, cdb, 0xa0, data.len() as u32), data);
        self.command += 1;
        let (header, _) = self.receive().unwrap();
        assert_eq!(header[0], 0x21);
        header[3]
    }

    fn header(&self, lun: u8, cdb: &[u8], flags: u8, length: u32) -> [u8; 48] {
        let mut header = [0; 48];
        header[0] = 0x01;
        header[1] = flags;
        header[9] = lun;
        header[19] = self.command as u8;
        header[20..24].copy_from_slice(&length.to_be_bytes());
        header[24..28].copy_from_slice(&self.command.to_be_bytes());
        header[32..32 + cdb.len()].copy_from_slice(cdb);
        header
    }
}

impl Initiator {
    /// A task management function on a unit, with the tag of the task that it is about; returns the response.
    fn manage(&mut self, function: u8, lun: u8, task: u32) -> u8 {
        let mut header = self.header(lun, &[], 0x80 | function, task);
        // Immediate: it does not wait its turn, and has a tag of its own.
        header[0] = 0x42;
        header[16..20].copy_from_slice(&0x7777u32.to_be_bytes());
        self.send(header, &[]);
        let (header, _) = self.receive().unwrap();
        assert_eq!((header[0], header[18]), (0x22, 0x77), "{header:?}");
        header[2]
    }

    /// Sends a command and does not wait for its answer; returns its tag.
    fn begin(&mut self, lun: u8, cdb: &[u8]) -> u32 {
        let header = self.header(lun, cdb, 0xc0, 0);
        self.send(header, &[]);
        self.command += 1;
        u32::from_be_bytes(header[16..20].try_into().unwrap())
    }
}

#[test]
fn tasks_are_aborted_and_units_reset() {
    use tape_target::{Response, Rule};
    const COMPLETE: u8 = 0;
    const NO_SUCH_TASK: u8 = 1;
    const NO_SUCH_UNIT: u8 = 2;
    const NOT_SUPPORTED: u8 = 5;
    let dir = tempfile::tempdir().unwrap();
    let target = Target::start(&Settings { injection: true, ..library_in(dir.path()) }).unwrap();
    let mut both = ["iqn.first", "iqn.second"].map(|name| Initiator::logged_in_as(name, &target));
    for initiator in &mut both {
        while initiator.command(1, &[0; 6], 0).unwrap().0 != 0 {}
    }
    let [first, second] = &mut both;
    let attention = |initiator: &mut Initiator| {
        let (status, _, sense) = initiator.command(1, &[0; 6], 0).unwrap();
        (status, sense.get(12..14).map(<[u8]>::to_vec).unwrap_or_default())
    };
    let slow =
        || target.injection(1).unwrap().add(Rule::execute(0x01, Response::Device).delayed(Duration::from_secs(60)));

    // ABORT TASK: the command under way is not answered, and the unit goes on with the next at once.
    slow();
    let tag = first.begin(1, &[0x01, 0, 0, 0, 0, 0]);
    assert_eq!(first.manage(1, 1, tag), COMPLETE);
    assert_eq!(attention(first), (0, vec![]), "an abort is nothing that anybody has to be told");
    assert_eq!(first.manage(1, 1, tag), NO_SUCH_TASK, "it is over");
    assert_eq!(first.manage(1, 1, 0x9999), NO_SUCH_TASK);
    // ABORT TASK SET and CLEAR TASK SET
    for function in [2, 4] {
        slow();
        first.begin(1, &[0x01, 0, 0, 0, 0, 0]);
        assert_eq!(first.manage(function, 1, u32::MAX), COMPLETE);
        assert_eq!(attention(first), (0, vec![]));
        assert_eq!(first.manage(function, 9, u32::MAX), NO_SUCH_UNIT);
    }
    // LOGICAL UNIT RESET, TARGET WARM RESET and TARGET COLD RESET: everybody is told.
    for function in [5, 6, 7] {
        slow();
        first.begin(1, &[0x01, 0, 0, 0, 0, 0]);
        assert_eq!(first.manage(function, 1, u32::MAX), COMPLETE);
        for initiator in [&mut *first, &mut *second] {
            assert_eq!(attention(initiator), (2, vec![0x29, 0x03]), "function {function}");
            assert_eq!(attention(initiator), (0, vec![]), "once");
        }
    }
    assert_eq!(first.manage(5, 9, u32::MAX), NO_SUCH_UNIT);
    assert_eq!((first.manage(3, 1, u32::MAX), first.manage(8, 1, u32::MAX)), (NOT_SUPPORTED, NOT_SUPPORTED));
    let managed = target.take_management();
    assert_eq!(managed.len(), 13, "{managed:?}");
    assert_eq!(&managed[..2], [(1, COMPLETE), (1, NO_SUCH_TASK)]);
}

#[test]
fn only_chap_opens_other_networks_than_the_loopback() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { listen: "0.0.0.0:0".parse().unwrap(), ..library_in(dir.path()) };
    assert!(matches!(Target::start(&settings), Err(TargetError::Open(_))));
}

#[test]
fn chap_lets_in_who_knows_the_secret_and_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let credentials = Credentials::new("robot", b"a long enough secret").unwrap();
    let target = Target::start(&Settings { credentials: Some(credentials), ..library_in(dir.path()) }).unwrap();
    let names = format!("InitiatorName=iqn.test TargetName={} SessionType=Normal ", target.name());
    // Straight to the operational stage, and without a method.
    assert_eq!(Initiator::connect(&target).login(0x87, &names).unwrap().0, 0x0201);
    assert_eq!(Initiator::connect(&target).login(0x81, &format!("{names}AuthMethod=None ")).unwrap().0, 0x0201);
    // Leaving the security stage at once does not lead out of it.
    let mut sneak = Initiator::connect(&target);
    assert_eq!(sneak.login(0x83, &format!("{names}AuthMethod=CHAP,None ")).unwrap().0, 0);
    assert_eq!(sneak.login(0x87, "").unwrap().0, 0x0201);
    for (secret, expected) in [("a long enough secret", 0), ("another long secret", 0x0201)] {
        let mut initiator = Initiator::connect(&target);
        initiator.login(0x01, &format!("{names}AuthMethod=CHAP,None ")).unwrap();
        let (_, challenge) = initiator.login(0x01, "CHAP_A=5 ").unwrap();
        let value = |key: &str| challenge.split(' ').find_map(|pair| pair.strip_prefix(key)).unwrap().to_owned();
        let mut input = vec![value("CHAP_I=").parse::<u8>().unwrap()];
        input.extend(secret.as_bytes());
        input.extend(hex::decode(&value("CHAP_C=")[2..]).unwrap());
        let digest = openssl::hash::hash(openssl::hash::MessageDigest::md5(), &input).unwrap();
        let proof = format!("CHAP_N=robot CHAP_R=0x{} ", hex::encode(digest));
        assert_eq!(initiator.login(0x81, &proof).unwrap().0, expected, "{secret}");
        if expected == 0 {
            assert_eq!(initiator.login(0x87, "HeaderDigest=None ").unwrap().0, 0);
            assert_eq!(initiator.command(1, &[0x12, 0, 0, 0, 36, 0], 36).unwrap().1.len(), 36);
            // The proof of one login is none for the next.
            let mut replay = Initiator::connect(&target);
            replay.login(0x01, &format!("{names}AuthMethod=CHAP ")).unwrap();
            assert_eq!(replay.login(0x81, &proof).unwrap().0, 0x0201);
        }
    }
}

#[test]
fn unit_attentions_are_told_to_each_initiator_and_commands_answer() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::start(&library_in(dir.path())).unwrap();
    let mut initiator = Initiator::logged_in(&target);
    let (status, data, _) = initiator.command(0, &[0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0], 256).unwrap();
    assert_eq!((status, data.len()), (0, 8 + 16));
    let attention = |initiator: &mut Initiator| {
        let (status, _, sense) = initiator.command(1, &[0; 6], 0).unwrap();
        (status, sense.get(12).copied())
    };
    assert_eq!(attention(&mut initiator), (2, Some(0x29)));
    assert_eq!(attention(&mut initiator), (2, Some(0x28)), "the cartridge was put in");
    assert_eq!(attention(&mut initiator), (0, None));
    target.attend(1, 0x2a, 0x01);
    assert_eq!(attention(&mut initiator), (2, Some(0x2a)));
    let (status, _, sense) = initiator.command(7, &[0; 6], 0).unwrap();
    assert_eq!((status, sense[12]), (2, 0x25), "there is no such unit");
    let (status, _, sense) = initiator.command(1, &[0xff; 6], 0).unwrap();
    assert_eq!((status, sense[12]), (2, 0x20));
    // Another session of the same initiator ends the first.
    let mut second = Initiator::logged_in(&target);
    assert_eq!(attention(&mut second), (2, Some(0x29)));
    assert!(initiator.receive().is_none());
}

#[test]
fn of_two_initiators_the_one_that_reserved_a_drive_has_it_for_himself() {
    const CONFLICT: u8 = 0x18;
    const READY: [u8; 6] = [0; 6];
    let dir = tempfile::tempdir().unwrap();
    let target = Target::start(&library_in(dir.path())).unwrap();
    let mut both = ["iqn.first", "iqn.second"].map(|name| Initiator::logged_in_as(name, &target));
    for initiator in &mut both {
        while initiator.command(1, &READY, 0).unwrap().0 != 0 {}
    }
    let [first, second] = &mut both;
    let status = |initiator: &mut Initiator, cdb: &[u8]| initiator.command(1, cdb, 0).unwrap().0;
    let block = [0x0a, 0, 0, 2, 0, 0];
    // RESERVE and RELEASE
    assert_eq!(status(first, &[0x16, 0, 0, 0, 0, 0]), 0);
    assert_eq!((second.put(1, &block, &[1; 512]), first.put(1, &block, &[1; 512])), (CONFLICT, 0));
    assert_eq!(status(second, &[0x17, 0, 0, 0, 0, 0]), 0, "who reserved nothing releases nothing");
    assert_eq!(status(second, &READY), CONFLICT);
    assert_eq!(status(first, &[0x17, 0, 0, 0, 0, 0]), 0);
    assert_eq!(status(second, &READY), 0);
    // PERSISTENT RESERVE OUT: register a key, then reserve with exclusive access
    let mut parameters = [0u8; 24];
    parameters[15] = 7;
    let persistent = |action: u8, kind: u8| [0x5f, action, kind, 0, 0, 0, 0, 0, 24, 0];
    assert_eq!(first.put(1, &persistent(0, 0), &parameters), 0);
    parameters.swap(7, 15);
    assert_eq!(first.put(1, &persistent(1, 3), &parameters), 0);
    assert_eq!((second.put(1, &block, &[2; 512]), first.put(1, &block, &[2; 512])), (CONFLICT, 0));
    let (told, keys, _) = second.command(1, &[0x5e, 0, 0, 0, 0, 0, 0, 0, 64, 0], 64).unwrap();
    assert_eq!((told, keys.get(15)), (0, Some(&7)), "anybody may ask who it is");
    assert_eq!(first.put(1, &persistent(2, 3), &parameters), 0);
    assert_eq!(status(second, &READY), 0);
}

#[test]
fn what_breaks_the_rules_ends_its_connection_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::start(&library_in(dir.path())).unwrap();
    type Attack = fn(&mut Initiator);
    let attacks: [(&str, Attack); 6] = [
        ("a number that is not due", |i| {
            i.command += 5;
            i.send(i.header(1, &[0; 6], 0x80, 0), &[]);
        }),
        ("more immediate data than announced", |i| {
            i.send(i.header(1, &[0x0a, 0, 0, 0, 4, 0], 0xa0, 4), &[0; 512]);
        }),
        ("unsolicited data", |i| {
            i.send(i.header(1, &[0x0a, 0, 0, 4, 0, 0], 0x20, 1024), &[]);
        }),
        ("a second login", |i| {
            let mut header = [0; 48];
            header[0] = 0x43;
            header[1] = 0x87;
            i.send(header, &[]);
            assert_eq!(i.receive().unwrap().0[0], 0x3f, "it is rejected");
            i.stream.shutdown(std::net::Shutdown::Both).unwrap();
        }),
        ("a data segment without end", |i| {
            i.stream.write_all(&[1, 0x80, 0, 0, 0, 0xff, 0xff, 0xff]).unwrap();
            i.stream.write_all(&[0; 40]).unwrap();
        }),
        ("a task tag twice", |i| {
            i.send(i.header(1, &[0x0a, 0, 0, 4, 0, 0], 0xa0, 1024), &[]);
            assert_eq!(i.receive().unwrap().0[0], 0x31, "data is asked for");
            let mut again = i.header(1, &[0x0a, 0, 0, 4, 0, 0], 0xa0, 1024);
            again[24..28].copy_from_slice(&(i.command + 1).to_be_bytes());
            i.send(again, &[]);
        }),
    ];
    for (name, attack) in attacks {
        let mut initiator = Initiator::logged_in(&target);
        attack(&mut initiator);
        assert!(initiator.receive().is_none(), "{name}: the connection lives on");
    }
    let mut initiator = Initiator::logged_in(&target);
    assert_eq!(initiator.command(1, &[0x12, 0, 0, 0, 36, 0], 36).unwrap().0, 0);
}

#[test]
fn writes_larger_than_memory_allows_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::start(&library_in(dir.path())).unwrap();
    let mut initiator = Initiator::logged_in(&target);
    initiator.send(initiator.header(1, &[0x0a, 0, 0xff, 0xff, 0xff, 0], 0xa0, u32::MAX), &[]);
    let (header, _) = initiator.receive().unwrap();
    assert_eq!((header[0], header[3]), (0x21, 2));
    // Three writes of 16 MiB whose data never comes: the third finds no room.
    let mut answers = Vec::new();
    for _ in 0..3 {
        initiator.command += 1;
        initiator.send(initiator.header(1, &[0x0a, 0, 0xff, 0xff, 0xff, 0], 0xa0, 16 << 20), &[]);
        let (header, _) = initiator.receive().unwrap();
        answers.push((header[0], header[3]));
    }
    assert_eq!(answers, [(0x31, 0), (0x31, 0), (0x21, 0x28)]);
}
