//! Reads tables of contents back, and counts what they list.

use crate::Result;
use crate::actors::drive::{DriveTask, Unit};
use crate::executions::{Context, Lease, tape_reading};
use crate::restore::plan::{Plan, Visit};
use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;
use tape_drive::TapeDrive;
use tape_format::crypt::{Key, Keys};
use tape_format::part::{PartLayout, read_toc};
use tape_format::toc::{TocHead, TocSink, Totals};
use tape_format::{MemberKind, MemberRecord};

/// What the tables of contents list, by the numbers of their parts, or why they cannot be read.
pub type Tables = HashMap<u32, Result<Totals, String>>;

/// Reads the tables of contents of the parts that were read on this tape.
pub fn read(context: &Context, lease: &Lease, plan: &Plan, visit: &Visit, tables: &Mutex<Tables>) -> Result<()> {
    let mut wanted = BTreeSet::new();
    for segment in &visit.segments {
        if let Some(run) = plan.runs.get(segment.run) {
            wanted.insert((run.set, segment.part));
        }
    }
    for (set, part) in wanted {
        let Some(set) = plan.sets.get(set) else { continue };
        let Some(part) = set.parts.get(part) else { continue };
        let key = if part.layout.encrypted { Some(tape_reading::key(context, set.key_id)?) } else { None };
        let found = context.perform(lease, ReadTable { layout: part.layout.as_ref().clone(), key })?;
        tables.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).insert(part.layout.part_number, found);
    }
    Ok(())
}

/// Reads one table of contents and counts what it lists.
struct ReadTable {
    layout: PartLayout,
    key: Option<Key>,
}

impl DriveTask for ReadTable {
    type Output = Result<Totals, String>;
    const NAME: &'static str = "read the table of contents";

    fn run(self, drive: &mut dyn TapeDrive, _: &Unit) -> Result<Self::Output> {
        let keys: &dyn Keys = match &self.key {
            Some(key) => key,
            None => &(),
        };
        let mut counting = Counting::default();
        Ok(match read_toc(drive, self.layout.toc_block, keys, &mut counting) {
            Ok((head, _)) => counting.agrees_with(&head, &self.layout),
            Err(error) => Err(error.to_string()),
        })
    }
}

#[derive(Default)]
struct Counting {
    listed: Totals,
}

impl Counting {
    fn agrees_with(self, head: &TocHead, layout: &PartLayout) -> Result<Totals, String> {
        if (head.set.uuid, head.part.number) != (layout.set_uuid, layout.part_number) {
            return Err(format!("it belongs to part {} of set {}", head.part.number, head.set.uuid));
        }
        if head.part.totals != self.listed {
            return Err(format!(
                "it says that it lists {} members, but lists {}",
                head.part.totals.members, self.listed.members
            ));
        }
        Ok(self.listed)
    }
}

impl TocSink for Counting {
    fn head(&mut self, _: &TocHead) -> tape_format::Result<()> {
        Ok(())
    }

    fn member(&mut self, record: MemberRecord) -> tape_format::Result<()> {
        let file = record.kind == MemberKind::File;
        self.listed =
            self.listed + Totals { members: 1, files: u64::from(file), bytes: if file { record.size } else { 0 } };
        Ok(())
    }

    fn deleted(&mut self, _: Vec<u8>) -> tape_format::Result<()> {
        Ok(())
    }
}
