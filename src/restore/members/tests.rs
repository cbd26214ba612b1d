use super::*;
use crate::restore::flow;
use crate::restore::items::Items;
use std::sync::Arc;
use tape_format::{MemberKind, tar};

const LENGTH: usize = 700;

fn name(number: usize) -> Vec<u8> {
    format!("f{number}").into_bytes()
}

/// Members f0, f1, … and where each begins.
fn archive(count: usize) -> (Vec<u8>, Vec<u64>) {
    let mut stream = Vec::new();
    let mut offsets = Vec::new();
    for number in 0..count {
        offsets.push(stream.len() as u64);
        let member = Member {
            path: name(number),
            kind: MemberKind::File,
            size: LENGTH as u64,
            mode: 0o600,
            uid: 0,
            gid: 0,
            user: String::new(),
            group: String::new(),
            mtime_ns: 0,
            link: None,
            device: None,
            xattrs: vec![],
            sparse: None,
        };
        tar::write_header(&member, &mut stream).unwrap();
        stream.extend_from_slice(&[number as u8; LENGTH]);
        stream.resize(stream.len() + tar::padding(LENGTH as u64), 0);
    }
    (stream, offsets)
}

/// One run with some of the members.
fn plan(offsets: &[u64], wanted: &[usize]) -> Plan {
    let item = |number: &usize| Item {
        path: name(*number).into(),
        on_tape: None,
        kind: MemberKind::File,
        size: LENGTH as u64,
        sha256: None,
        mtime_ns: 0,
        set: 0,
        tar_offset: offsets[*number],
        tar_length: 1536,
    };
    let items: Vec<Item> = wanted.iter().map(item).collect();
    let run = Run {
        set: 0,
        items: 0..items.len(),
        start: items[0].tar_offset,
        end: items[items.len() - 1].tar_end(),
        piece: None,
    };
    Plan { items: all(items), runs: vec![run], ..Plan::default() }
}

fn all(items: Vec<Item>) -> Arc<Items> {
    Arc::new(Items::default().with(items).unwrap())
}

#[derive(Default)]
struct Seen {
    good: Vec<String>,
    failed: Vec<(String, String)>,
    refuse: Option<Failed>,
}

impl Handler for Seen {
    fn member(&mut self, item: &Item, _: &Member, data: &mut dyn Read) -> Result<(), Failed> {
        if let Some(refused) = self.refuse.take() {
            return Err(refused);
        }
        let mut content = Vec::new();
        data.read_to_end(&mut content).map_err(Failed::Source)?;
        let path = String::from_utf8(item.path.to_vec()).unwrap();
        assert_eq!(content, [path[1..].parse::<u8>().unwrap(); LENGTH]);
        self.good.push(path);
        Ok(())
    }

    fn failed(&mut self, item: &Item, why: &str) {
        self.failed.push((String::from_utf8(item.path.to_vec()).unwrap(), why.into()));
    }

    fn check(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Seen {
    fn failed_names(&self) -> Vec<&str> {
        self.failed.iter().map(|(path, _)| path.as_str()).collect()
    }
}

fn data(stream: &[u8]) -> Vec<Message> {
    stream.chunks(1000).map(|chunk| Message::Data(chunk.to_vec())).collect()
}

fn take(plan: &Plan, messages: Vec<Message>, mut seen: Seen) -> (Result<()>, Seen) {
    let (sender, receiver) = flow::channel();
    for message in messages {
        sender.send(message).unwrap();
    }
    drop(sender);
    (consume(plan, &receiver, &mut seen), seen)
}

fn whole(stream: &[u8]) -> Vec<Message> {
    let mut messages = vec![Message::Begin { run: 0, at: 0 }];
    messages.extend(data(stream));
    messages.push(Message::End { run: 0, missing: None });
    messages
}

#[test]
fn wanted_members_are_picked_out_of_a_run() {
    let (stream, offsets) = archive(6);
    let (result, seen) = take(&plan(&offsets, &[0, 3, 5]), whole(&stream), Seen::default());
    result.unwrap();
    assert_eq!((seen.good, seen.failed), (vec!["f0".to_string(), "f3".into(), "f5".into()], vec![]));
}

#[test]
fn what_is_lost_is_named_and_the_rest_goes_on() {
    let (stream, offsets) = archive(6);
    let mut messages = vec![Message::Begin { run: 0, at: 0 }];
    // f1 breaks off, f2 is never seen, f3 goes on
    messages.extend(data(&stream[..offsets[1] as usize + 600]));
    messages.push(Message::Lost("medium error at block 7".into()));
    messages.push(Message::Begin { run: 0, at: offsets[3] });
    messages.extend(data(&stream[offsets[3] as usize..]));
    messages.push(Message::End { run: 0, missing: None });
    let (result, seen) = take(&plan(&offsets, &[0, 1, 2, 3, 4, 5]), messages, Seen::default());
    result.unwrap();
    assert_eq!(seen.good, ["f0", "f3", "f4", "f5"]);
    assert_eq!(seen.failed_names(), ["f1", "f2"]);
    assert!(seen.failed.iter().all(|(_, why)| why.contains("medium error at block 7")), "{:?}", seen.failed);
}

#[test]
fn a_damaged_header_costs_its_member_and_no_other() {
    let (mut stream, offsets) = archive(5);
    stream[offsets[2] as usize + 10] ^= 0xff;
    let (result, seen) = take(&plan(&offsets, &[0, 1, 2, 3, 4]), whole(&stream), Seen::default());
    result.unwrap();
    assert_eq!((seen.good.len(), seen.failed_names()), (4, vec!["f2"]));
}

#[test]
fn another_member_in_its_place_is_no_substitute() {
    let (stream, offsets) = archive(3);
    let mut plan = plan(&offsets, &[0, 1, 2]);
    let mut items: Vec<Item> = plan.items.iter().map(|item| Item::clone(&item.unwrap())).collect();
    items[1].path = b"other".as_slice().into();
    items[2].tar_offset += 512;
    plan.items = all(items);
    let (result, seen) = take(&plan, whole(&stream), Seen::default());
    result.unwrap();
    assert_eq!((seen.good.len(), seen.failed_names()), (1, vec!["other", "f2"]));
    assert!(seen.failed[0].1.contains("the tape holds f1"), "{:?}", seen.failed);
}

#[test]
fn nothing_is_forgotten_when_the_drive_hangs_up() {
    let (stream, offsets) = archive(3);
    let plan = plan(&offsets, &[0, 1, 2]);
    let mut messages = whole(&stream[..offsets[1] as usize + 512]);
    messages.pop();
    let (result, seen) = take(&plan, messages, Seen::default());
    result.unwrap();
    assert_eq!((seen.good.len(), seen.failed_names()), (1, vec!["f1", "f2"]));
    let (_, seen) = take(&plan, vec![], Seen::default());
    assert_eq!(seen.failed_names(), ["f0", "f1", "f2"]);
    let end = Message::End { run: 0, missing: Some("the tape is gone".into()) };
    let (_, seen) = take(&plan, vec![end], Seen::default());
    assert!(seen.failed.iter().all(|(_, why)| why == "the tape is gone") && seen.failed.len() == 3);
}

#[test]
fn a_refused_member_is_passed_over_and_a_full_destination_ends_it() {
    let (stream, offsets) = archive(3);
    let plan = plan(&offsets, &[0, 1, 2]);
    let refuse = Seen { refuse: Some(Failed::Member("refused".into())), ..Seen::default() };
    let (result, seen) = take(&plan, whole(&stream), refuse);
    result.unwrap();
    assert_eq!((seen.good.len(), seen.failed_names()), (2, vec!["f0"]));
    let refuse = Seen { refuse: Some(Failed::Destination("full".into())), ..Seen::default() };
    let (result, seen) = take(&plan, whole(&stream), refuse);
    assert_eq!(result.unwrap_err().code, "destination_failed");
    assert_eq!(seen.failed_names(), ["f0"]);
}

#[test]
fn a_run_that_was_not_planned_is_an_error() {
    let (_, offsets) = archive(1);
    let (result, _) = take(&plan(&offsets, &[0]), vec![Message::Begin { run: 7, at: 0 }], Seen::default());
    assert_eq!(result.unwrap_err().code, "internal");
}
