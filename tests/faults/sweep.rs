//! Everything that can go wrong while a set is written over three tapes, one by one, for each way to change tapes: the server
//! killed at every breakpoint that it passes, every command of drives and changers failing, and the rest by chance. And the server
//! killed at every breakpoint of other work.

use crate::breakpoints::Breakpoint;
use crate::house::{Hands, Kind, Variant};
use crate::kill::{self, Loss};
use crate::seed::Seed;
use crate::work::Work;
use crate::{capacity, damage, device, hanging, hostile_requests, io_errors, rehearsal, robot};

/// What goes wrong.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The server is killed.
    Killed(Breakpoint),
    /// The same, and the drives' buffers are lost.
    PowerCut(Breakpoint),
    /// The command with this number of each drive fails.
    Command(u64),
    /// The command with this number of the changer fails, or is not done as it was said.
    Move(u64),
    /// Several commands of drives and changer fail.
    Commands,
    /// Cartridges are not what their bar codes say, or the library says what is not so.
    Robot,
    /// Tapes are so many steps long.
    Capacity(u64),
    /// Tapes are damaged, of one kind.
    Damage(u64),
    /// A disk breaks for a while.
    Disk,
    /// The source does not answer.
    Silence,
    /// Nobody means well.
    Requests,
    /// The server is killed at other work.
    Work(Work, Breakpoint, Loss),
}

impl Fault {
    /// For counting.
    pub fn kind(&self) -> &'static str {
        match self {
            Fault::Killed(_) => "killed",
            Fault::PowerCut(_) => "power_cut",
            Fault::Command(_) => "drive_command",
            Fault::Move(_) => "changer_command",
            Fault::Commands => "several_commands",
            Fault::Robot => "robot",
            Fault::Capacity(_) => "capacity",
            Fault::Damage(_) => "damage",
            Fault::Disk => "disk",
            Fault::Silence => "silence",
            Fault::Requests => "requests",
            Fault::Work(Work::Labels, ..) => "killed_labelling",
            Fault::Work(Work::Copy, ..) => "killed_copying",
            Fault::Work(Work::Reuse, ..) => "killed_at_reuse",
            Fault::Work(Work::Checkpoints, ..) => "killed_at_checkpoints",
        }
    }
}

/// A fault, and who changes the tapes.
#[derive(Debug, Clone)]
pub struct Item {
    pub variant: Variant,
    pub fault: Fault,
}

/// So many by chance for each variant.
const BY_CHANCE: u64 = 24;

impl Item {
    /// Who changes tapes, for counting.
    pub fn hands(&self) -> String {
        match self.fault {
            Fault::Damage(_) | Fault::Requests | Fault::Silence => "Nobody".into(),
            _ => format!("{:?}", self.variant.hands),
        }
    }

    /// Lets it go wrong, and looks at everything that must hold. `round`: how often the sweep has been through; conditions of
    /// commands change with it. Whether the fault happened.
    pub fn run(&self, round: u64, seed: &mut Seed) -> bool {
        let Item { variant, fault } = self;
        match fault {
            Fault::Killed(at) => return kill::at(*variant, at, Loss::Process),
            Fault::PowerCut(at) => return kill::at(*variant, at, Loss::Power),
            Fault::Command(number) => return device::one(*variant, *number, round),
            Fault::Move(number) => return robot::at(*variant, *number, round),
            Fault::Commands => return device::several(*variant, seed),
            Fault::Robot => robot::any(*variant, seed),
            Fault::Capacity(step) => capacity::at(*variant, *step, seed),
            Fault::Damage(kind) => damage::round(*kind, seed),
            Fault::Disk => return io_errors::any(*variant, seed),
            Fault::Silence => hanging::any(seed),
            Fault::Requests => hostile_requests::round(seed),
            Fault::Work(work, at, loss) => return work.killed(at, *loss),
        }
        true
    }
}

/// Everything for one variant, a list for each kind of fault.
pub fn of(variant: Variant) -> Vec<Vec<Fault>> {
    let rehearsal = rehearsal::of(variant);
    let killed = |(index, at): (usize, Breakpoint)| match index % 3 {
        2 => Fault::PowerCut(at),
        _ => Fault::Killed(at),
    };
    // far from each other first
    let strewn = |count: u64| (0..count).map(move |index| 1 + index * 61 % count.max(1));
    let count = |count: u64| if count.is_multiple_of(61) { count + 1 } else { count };
    let mut all = vec![
        rehearsal.breakpoints().into_iter().enumerate().map(killed).collect(),
        strewn(count(rehearsal.commands)).map(Fault::Command).collect(),
        strewn(count(capacity::STEPS)).map(Fault::Capacity).collect(),
        (0..BY_CHANCE).map(|_| Fault::Commands).collect(),
    ];
    if variant.hands != Hands::Operator {
        all.push(strewn(count(rehearsal.moves)).map(Fault::Move).collect());
        all.push((0..BY_CHANCE).map(|_| Fault::Robot).collect());
    }
    all
}

/// Everything for all variants, mixed so that a part of it has something of each.
pub fn all() -> Vec<Item> {
    let mut lists: Vec<_> = Variant::ALL
        .into_iter()
        .flat_map(|variant| of(variant).into_iter().map(move |faults| (variant, faults.into_iter())))
        .collect();
    let other = [
        (0..BY_CHANCE).map(Fault::Damage).collect(),
        vec![Fault::Disk; BY_CHANCE as usize],
        vec![Fault::Silence; BY_CHANCE as usize],
        vec![Fault::Requests; BY_CHANCE as usize],
    ];
    lists.extend(other.map(|faults: Vec<Fault>| (Variant::two_drives(Kind::Plain), faults.into_iter())));
    for work in Work::ALL {
        let killed = |(index, at): (usize, Breakpoint)| {
            Fault::Work(work, at, if index % 3 == 2 { Loss::Power } else { Loss::Process })
        };
        let faults: Vec<Fault> = work.rehearsal().breakpoints().into_iter().enumerate().map(killed).collect();
        lists.push((work.variant(), faults.into_iter()));
    }
    let mut all = Vec::new();
    while !lists.is_empty() {
        lists.retain_mut(|(variant, faults)| {
            let next = faults.next().map(|fault| Item { variant: *variant, fault });
            next.map(|item| all.push(item)).is_some()
        });
    }
    all
}

/// A few of all.
fn some(hands: Hands) {
    let mut seed = Seed::new(&format!("{hands:?}"));
    let kind = if seed.below(2) == 0 { Kind::Plain } else { Kind::Encrypted };
    let variant = Variant { kind, hands };
    for (list, count) in of(variant).into_iter().zip([2, 2, 0, 0, 1, 0]) {
        for _ in 0..count {
            let fault = list[seed.below(list.len() as u64) as usize].clone();
            println!("{variant}: {fault:?}");
            Item { variant, fault }.run(seed.below(100), &mut seed);
        }
    }
}

#[test]
fn an_operator_answers_while_things_go_wrong() {
    some(Hands::Operator);
}

#[test]
fn a_library_changes_tapes_while_things_go_wrong() {
    some(Hands::Library);
}

#[test]
fn two_drives_take_turns_while_things_go_wrong() {
    some(Hands::TwoDrives);
}

/// The messages of the outbox, which are sent by a thread of their own.
#[test]
fn killed_while_a_message_is_sent() {
    let variant = Variant { kind: Kind::Plain, hands: Hands::Library };
    for place in ["before a message is sent", "after a message was sent"] {
        let at = Breakpoint { place: place.into(), nth: 2 };
        assert!(kill::at(variant, &at, Loss::Process), "{at} was not passed");
    }
}

/// Names of all breakpoints in the sources.
fn in_sources() -> Vec<(String, String)> {
    fn walk(folder: &std::path::Path, found: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|it| it == "rs") && !path.ends_with("tape-drive/src/breakpoint.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                if !text.contains("breakpoint::pass") {
                    continue;
                }
                for call in ["pass(\"", "pass_at(\""] {
                    for rest in text.split(call).skip(1) {
                        let name = rest.split('"').next().unwrap().to_owned();
                        found.push((name, path.display().to_string()));
                    }
                }
            }
        }
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["src", "crates/tape-drive/src", "crates/tape-format/src", "crates/tape-scsi/src"] {
        walk(&root.join(folder), &mut found);
    }
    found
}

/// A breakpoint that the sweep never passes proves nothing.
#[test]
fn the_sweep_passes_every_breakpoint_there_is() {
    let all = in_sources();
    assert!(all.len() >= 10, "this test does not find the breakpoints any more: {all:?}");
    let variant = Variant::two_drives(Kind::Plain);
    let passed = rehearsal::of(variant);
    let is_passed = |name: &str| {
        let with_detail = format!("{name}: ");
        passed.places.keys().any(|place| place == name || place.starts_with(&with_detail))
    };
    let missed: Vec<_> = all.iter().filter(|(name, _)| !is_passed(name)).collect();
    assert!(missed.is_empty(), "no run of the sweep passes these breakpoints: {missed:#?}");
    for (place, times) in &passed.places {
        println!("{times:5} {place}");
    }
}
