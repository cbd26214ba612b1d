//! Heads of tables of contents, kept beside what is done with the rest.

use super::taking::ENOUGH;
use crate::catalog::from_toc::FromToc;
use tape_format::toc::{TocHead, TocSink};
use tape_format::{FormatError, MemberRecord};

/// Keeps the head.
#[derive(Default)]
pub struct HeadOnly {
    /// As it was read, without the places of its frames.
    pub head: Option<TocHead>,
}

impl TocSink for HeadOnly {
    fn head(&mut self, head: &TocHead) -> tape_format::Result<()> {
        // where its frames are is not needed, and may be long
        let frames = Vec::new();
        self.head = Some(TocHead { frames, ..head.clone() });
        Ok(())
    }

    fn member(&mut self, _: MemberRecord) -> tape_format::Result<()> {
        Err(FormatError::Source(ENOUGH.into()))
    }

    fn deleted(&mut self, _: Vec<u8>) -> tape_format::Result<()> {
        Ok(())
    }
}

/// Tells one sink of the head, and another of everything.
pub struct Both<'s, 'r> {
    /// Hears of the head.
    pub first: &'s mut HeadOnly,
    /// Hears of everything.
    pub rest: &'s mut FromToc<'r>,
}

impl TocSink for Both<'_, '_> {
    fn head(&mut self, head: &TocHead) -> tape_format::Result<()> {
        self.first.head(head)?;
        self.rest.head(head)
    }

    fn member(&mut self, record: MemberRecord) -> tape_format::Result<()> {
        self.rest.member(record)
    }

    fn deleted(&mut self, path: Vec<u8>) -> tape_format::Result<()> {
        self.rest.deleted(path)
    }
}
