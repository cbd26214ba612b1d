//! Takes members from the tape and puts them at the destination.

use super::destination_error;
use super::report::Report;
use crate::Result;
use crate::executions::Context;
use crate::restore::extract::{Extractor, Failed, Placed};
use crate::restore::members::Handler;
use crate::restore::plan::{Item, Piece, Plan};
use std::io::Read;
use std::sync::atomic::Ordering;
use tape_format::path_text::to_text;
use tape_format::{Member, MemberKind};

/// A restore at work.
pub struct Restoring<'a> {
    pub context: &'a Context,
    pub extractor: Extractor,
    pub report: &'a mut Report,
    /// What could not be read, and why: perhaps a copy can.
    pub unread: Vec<(Box<[u8]>, String)>,
}

impl Handler for Restoring<'_> {
    fn member(&mut self, item: &Item, member: &Member, data: &mut dyn Read) -> Result<(), Failed> {
        self.context.progress.set_path(to_text(&item.path).into_owned());
        if member.kind != item.kind {
            return Err(Failed::Member(format!(
                "on tape it is a {}, but the catalog says {}",
                member.kind.as_str(),
                item.kind.as_str()
            )));
        }
        // Most headers on tape have whole seconds only, and the policy `newer` compares to the nanosecond.
        let member = &Member { mtime_ns: item.mtime_ns, ..member.clone() };
        let mut counted = Counted { data, context: self.context };
        let placed = self.extractor.extract(&item.path, member, item.expected().as_ref(), &mut counted)?;
        self.placed(&item.path, placed);
        Ok(())
    }

    fn piece(&mut self, piece: &Piece, data: &mut dyn Read) -> Result<(), Failed> {
        self.context.progress.set_path(to_text(&piece.item.path).into_owned());
        let mut counted = Counted { data, context: self.context };
        if let Some(placed) = self.extractor.piece(piece, &mut counted)? {
            self.placed(&piece.item.path, placed);
        }
        Ok(())
    }

    fn link(&mut self, item: &Item, target: &Item) -> Result<bool, Failed> {
        if !self.extractor.has_restored(&target.path)? {
            return Ok(false);
        }
        let placed = self.extractor.hard_link(&item.path, &target.path, item.expected().as_ref())?;
        self.placed(&item.path, placed);
        Ok(true)
    }

    fn failed(&mut self, item: &Item, why: &str) {
        self.extractor.abandon(&item.path);
        self.unread.push((item.path.clone(), why.into()));
    }

    fn check(&mut self) -> Result<()> {
        self.context.check()
    }
}

impl Restoring<'_> {
    /// What could not be read from anywhere.
    pub fn give_up(&mut self, path: &[u8], why: &str) {
        self.extractor.give_up(path);
        self.lost(&to_text(path), why);
    }

    /// Something that was asked for is not there.
    pub fn lost(&mut self, path: &str, why: &str) {
        self.context.warn(Some(path), why);
        self.report.failed(path, why);
    }

    fn placed(&mut self, path: &[u8], placed: Placed) {
        match placed {
            Placed::Restored { bytes } => {
                self.report.files += 1;
                self.report.bytes += bytes;
                self.context.progress.files.fetch_add(1, Ordering::Relaxed);
            }
            Placed::Directory => self.report.folders += 1,
            Placed::Skipped(why) => {
                self.report.skipped += 1;
                self.context.progress.files.fetch_add(1, Ordering::Relaxed);
                if self.report.skipped <= super::NAMED as u64 {
                    self.context.log(&format!("{}: {why}", to_text(path)));
                }
            }
        }
        self.tell_notes();
    }

    fn tell_notes(&mut self) {
        for note in self.extractor.take_notes() {
            self.context.warn(Some(&to_text(&note.path)), &note.message);
        }
    }

    /// Makes the hard links, now that the files are there.
    pub fn links(&mut self, plan: &Plan) -> Result<()> {
        for link in &plan.links {
            self.context.check()?;
            match self.extractor.hard_link(&link.path, &link.target, link.expected.as_ref()) {
                Ok(placed) => self.placed(&link.path, placed),
                Err(failed @ Failed::Destination(_)) => return Err(destination_error(failed)),
                Err(Failed::Member(why)) => self.lost(&to_text(&link.path), &why),
                Err(Failed::Source(error)) => self.lost(&to_text(&link.path), &error.to_string()),
            }
        }
        Ok(())
    }

    /// Gives directories their metadata.
    pub fn finish(&mut self) {
        self.extractor.finish();
        self.tell_notes();
    }

    /// Reads everything that was restored back from the destination.
    pub fn verify(&mut self, plan: &Plan) -> Result<()> {
        self.context.phase("verifying", "Reading the restored files back from the destination.")?;
        let before = self.report.error_count;
        for item in plan.items.iter() {
            self.context.check()?;
            let item = item?;
            let Some(expected) = item.expected().filter(|_| item.kind == MemberKind::File) else { continue };
            if !self.extractor.has_restored(&item.path).map_err(destination_error)? {
                continue;
            }
            let path = to_text(&item.path);
            self.context.progress.set_path(path.to_string());
            match self.extractor.read_back(&item.path) {
                Ok((size, sha256)) if size == expected.size && sha256 == expected.sha256 => {}
                Ok(_) => {
                    self.lost(&path, "read back from the destination it is not what was restored: check that disk")
                }
                Err(error) => {
                    self.context.check()?;
                    let error = destination_error(error);
                    self.lost(&path, &format!("it could not be read back from the destination: {error}"));
                }
            }
        }
        self.report.verified = self.report.error_count == before;
        Ok(())
    }
}

/// Shows how far a large file is.
struct Counted<'a> {
    data: &'a mut dyn Read,
    context: &'a Context,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.data.read(buffer)?;
        self.context.progress.bytes.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}
