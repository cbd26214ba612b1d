//! The members of a plan. There may be ten million of them: beyond the first they are in a temporary file without a name,
//! and memory does not grow with them.

mod gathering;
mod record;
#[cfg(test)]
mod tests;

use super::plan::Item;
use crate::{Error, Result};
use std::collections::VecDeque;
use std::fs::File;
use std::ops::{Deref, Range};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};
use tape_format::MemberKind;

pub use gathering::Gathering;

/// Items that are written and read as one.
const PAGE: usize = 512;

/// Pages that stay in memory: most restores need no file.
const IN_MEMORY: usize = 64;

/// Pages of the file that are kept for a while. Two threads read, each from the front to the back.
const CACHED: usize = 8;

/// Members in the order of their sets and places; [`Gathering`] makes it.
#[derive(Debug, Default)]
pub struct Items {
    pages: Vec<Page>,
    file: Option<File>,
    cached: Mutex<VecDeque<(usize, Arc<[Item]>)>>,
    sums: Sums,
}

#[derive(Debug)]
enum Page {
    InMemory(Arc<[Item]>),
    InFile { at: u64, length: usize },
}

/// What members add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    /// Members of every kind.
    pub members: usize,
    /// Regular files.
    pub files: u64,
    /// Directories.
    pub directories: u64,
    /// Content bytes.
    pub bytes: u64,
}

impl Sums {
    /// One more.
    pub fn add(&mut self, item: &Item) {
        self.members += 1;
        self.files += u64::from(item.kind == MemberKind::File);
        self.directories += u64::from(item.kind == MemberKind::Directory);
        self.bytes = self.bytes.saturating_add(item.size);
    }
}

/// One member.
#[derive(Debug, Clone)]
pub struct ItemRef {
    page: Arc<[Item]>,
    at: usize,
}

impl Deref for ItemRef {
    type Target = Item;

    fn deref(&self) -> &Item {
        &self.page[self.at]
    }
}

impl Items {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.sums.members
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What they add up to.
    pub fn sums(&self) -> Sums {
        self.sums
    }

    /// The one with this number; none behind the last.
    ///
    /// # Errors
    /// If the temporary file cannot be read. So for all that look at members.
    pub fn get(&self, index: usize) -> Result<Option<ItemRef>> {
        if index >= self.len() {
            return Ok(None);
        }
        let (page, at) = (self.page(index / PAGE)?, index % PAGE);
        Ok((at < page.len()).then_some(ItemRef { page, at }))
    }

    /// Those of a range.
    pub fn range(&self, range: Range<usize>) -> impl Iterator<Item = Result<ItemRef>> {
        let mut held: Option<(usize, Arc<[Item]>)> = None;
        (range.start..range.end.min(self.len())).map(move |index| {
            let (number, at) = (index / PAGE, index % PAGE);
            let page = match &held {
                Some((of, page)) if *of == number => page.clone(),
                _ => held.insert((number, self.page(number)?)).1.clone(),
            };
            if at < page.len() { Ok(ItemRef { page, at }) } else { Err(damaged()) }
        })
    }

    /// All.
    pub fn iter(&self) -> impl Iterator<Item = Result<ItemRef>> {
        self.range(0..self.len())
    }

    /// The first of a range for which `before` is not true. It must be true for those in front of it, and for no other.
    pub fn partition_point(&self, range: Range<usize>, before: impl Fn(&Item) -> bool) -> Result<usize> {
        let (mut low, mut high) = (range.start, range.end.min(self.len()).max(range.start));
        while low < high {
            let middle = low + (high - low) / 2;
            match self.get(middle)? {
                Some(item) if before(&item) => low = middle + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }

    /// The same without those that are not to be kept.
    pub fn filtered(&self, mut keep: impl FnMut(&Item) -> bool) -> Result<Items> {
        let mut kept = Gathering::default();
        for item in self.iter() {
            let item = item?;
            if keep(&item) {
                kept.push(Item::clone(&item))?;
            }
        }
        kept.finish()
    }

    /// The same with some more.
    pub fn with(self, mut more: Vec<Item>) -> Result<Items> {
        if more.is_empty() {
            return Ok(self);
        }
        more.sort_by_key(Item::place);
        let mut all = Gathering::default();
        let mut more = more.into_iter().peekable();
        for item in self.iter() {
            let item = item?;
            while let Some(first) = more.next_if(|first| first.place() < item.place()) {
                all.push(first)?;
            }
            all.push(Item::clone(&item))?;
        }
        more.try_for_each(|item| all.push(item))?;
        all.finish()
    }

    fn page(&self, number: usize) -> Result<Arc<[Item]>> {
        let (at, length) = match self.pages.get(number).ok_or_else(damaged)? {
            Page::InMemory(page) => return Ok(page.clone()),
            Page::InFile { at, length } => (*at, *length),
        };
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, page)) = cached.iter().find(|(of, _)| *of == number) {
            return Ok(page.clone());
        }
        let mut bytes = vec![0; length];
        self.file.as_ref().ok_or_else(damaged)?.read_exact_at(&mut bytes, at).map_err(temporary)?;
        let page: Arc<[Item]> = record::read(&bytes).ok_or_else(damaged)?.into();
        if cached.len() >= CACHED {
            cached.pop_front();
        }
        cached.push_back((number, page.clone()));
        Ok(page)
    }
}

/// The temporary file is not as it was written.
fn damaged() -> Error {
    Error::internal("the temporary file with the list of what is to be read is damaged")
}

fn temporary(error: std::io::Error) -> Error {
    Error::from(error).context("the temporary file with the list of what is to be read (see TMPDIR)")
}
