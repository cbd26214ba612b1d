//! From the visits of a plan to what a drive is told to read, with what was lost on earlier tapes in mind.

use super::flow::{Message, Sending};
use super::plan::{Plan, PlannedSet, Segment, Visit};
use super::reader::{SegmentJob, VisitReport};
use crate::{Error, Result};
use std::collections::HashSet;
use tape_format::crypt::Key;

/// Prepares visits one after the other.
pub struct Feed<'p> {
    plan: &'p Plan,
    sender: Sending,
    /// Runs that lost their thread and go on with a new beginning.
    broken: HashSet<usize>,
}

impl<'p> Feed<'p> {
    /// For a plan whose members go to `sender`.
    pub fn new(plan: &'p Plan, sender: Sending) -> Feed<'p> {
        Feed { plan, sender, broken: HashSet::new() }
    }

    /// Where what is read is to be sent.
    pub fn sender(&self) -> &Sending {
        &self.sender
    }

    /// Takes note of how a visit went.
    pub fn visited(&mut self, report: &VisitReport) {
        self.broken.extend(report.broken);
    }

    /// Tells that what was wanted from a tape does not come; `false` if nobody listens.
    pub fn give_up(&mut self, visit: &Visit, why: &str) -> bool {
        for segment in &visit.segments {
            if segment.last {
                let end = Message::End { run: segment.run, missing: Some(why.into()) };
                if self.sender.send(end).is_err() {
                    return false;
                }
            } else {
                self.broken.insert(segment.run);
                if self.sender.send(Message::Lost(why.into())).is_err() {
                    return false;
                }
            }
        }
        true
    }

    /// How the segments of a visit are read. `key` is asked for those that are encrypted, with the set and the number of
    /// the segment's part in it.
    ///
    /// # Errors
    /// Those of `key`, and a plan that contradicts itself.
    pub fn jobs(
        &mut self,
        visit: &Visit,
        key: &mut dyn FnMut(&PlannedSet, usize) -> Result<Key>,
    ) -> Result<Vec<SegmentJob>> {
        let mut jobs = Vec::with_capacity(visit.segments.len());
        for segment in &visit.segments {
            jobs.extend(self.job(segment, key)?);
        }
        Ok(jobs)
    }

    /// How a segment is read; nothing if there is no place to begin at.
    fn job(
        &mut self,
        segment: &Segment,
        key: &mut dyn FnMut(&PlannedSet, usize) -> Result<Key>,
    ) -> Result<Option<SegmentJob>> {
        let unplanned = || Error::internal("a segment of no run was planned");
        let run = self.plan.runs.get(segment.run).ok_or_else(unplanned)?;
        let set = self.plan.sets.get(run.set).ok_or_else(unplanned)?;
        let part = set.parts.get(segment.part).ok_or_else(unplanned)?;
        let members = self.plan.members_of(segment);
        let mut start = segment.start;
        let mut continues = segment.start > run.start;
        if self.broken.remove(&segment.run) {
            // not in the middle of a member whose beginning is lost
            continues = false;
            let items = &self.plan.items;
            let first = items.partition_point(run.items.clone(), |item| item.tar_offset < segment.start)?;
            let first = if first < run.items.end { items.get(first)? } else { None };
            match first.map(|item| item.tar_offset).filter(|at| *at < segment.end) {
                Some(first) => start = first,
                None if segment.last => {
                    let missing = Some("its beginning could not be read from another tape".into());
                    let _ = self.sender.send(Message::End { run: segment.run, missing });
                    return Ok(None);
                }
                None => {
                    self.broken.insert(segment.run);
                    return Ok(None);
                }
            }
        }
        Ok(Some(SegmentJob {
            run: segment.run,
            layout: part.layout.clone(),
            key: if part.layout.encrypted { Some(key(set, segment.part)?) } else { None },
            start,
            end: segment.end,
            continues,
            last: segment.last,
            members,
        }))
    }
}
