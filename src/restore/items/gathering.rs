//! Members on their way into a list.

use super::{IN_MEMORY, Items, PAGE, Page, record, temporary};
use crate::Result;
use crate::restore::plan::Item;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Takes members one after the other. Those that come in order need no memory.
#[derive(Debug, Default)]
pub struct Gathering {
    items: Items,
    page: Vec<Item>,
    written: u64,
    last: (usize, u64),
    unsorted: bool,
}

impl Gathering {
    /// One more member.
    ///
    /// # Errors
    /// If the temporary file cannot be written.
    pub fn push(&mut self, item: Item) -> Result<()> {
        self.unsorted |= item.place() < self.last;
        self.last = item.place();
        self.items.sums.add(&item);
        self.page.push(item);
        if self.page.len() == PAGE { self.end_page() } else { Ok(()) }
    }

    /// All of them, in order. Members that did not come in order are sorted in memory.
    pub fn finish(mut self) -> Result<Items> {
        if !self.page.is_empty() {
            self.end_page()?;
        }
        if !self.unsorted {
            return Ok(self.items);
        }
        let mut all =
            self.items.iter().map(|item| item.map(|item| Item::clone(&item))).collect::<Result<Vec<Item>>>()?;
        all.sort_by_key(Item::place);
        drop(self.items);
        let mut sorted = Gathering::default();
        all.into_iter().try_for_each(|item| sorted.push(item))?;
        sorted.finish()
    }

    fn end_page(&mut self) -> Result<()> {
        if self.items.pages.len() < IN_MEMORY {
            self.items.pages.push(Page::InMemory(std::mem::take(&mut self.page).into()));
            return Ok(());
        }
        let bytes = record::write(&self.page);
        let file: &File = match &mut self.items.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile().map_err(temporary)?),
        };
        file.write_all_at(&bytes, self.written).map_err(temporary)?;
        self.items.pages.push(Page::InFile { at: self.written, length: bytes.len() });
        self.written += bytes.len() as u64;
        self.page.clear();
        Ok(())
    }
}
