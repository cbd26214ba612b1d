//! Files that come in pieces, from several tapes in any order: each piece goes to its place in a file with a temporary name,
//! which gets its own when all of it is there and right.
//!
//! Between two pieces nothing is kept open, and no lock is held: there may be many such files, and hours between their tapes.

use super::{Extractor, Failed, Placed};
use crate::restore::existing;
use crate::restore::metadata::Metadata;
use crate::restore::pieces::{self, Compared};
use crate::restore::plan::Piece;
use crate::restore::safe::{Missing, SafeError, SafePath};
use crate::restore::temporary::Unfinished;
use crate::restore::write;
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::fs::FileExt;
use tape_format::Member;

/// A file of which pieces are there.
#[derive(Debug)]
pub(super) struct Assembly {
    /// Its temporary name, in the directory of its own.
    name: Vec<u8>,
    /// What has that name: device and inode.
    identity: (u64, u64),
    /// The header, once the first piece has come.
    member: Option<Member>,
    /// Bytes of the set's tar stream that have come of it.
    come: u64,
    /// Each piece led from the intermediate hash before it to the one behind it.
    proven: bool,
}

impl Extractor {
    /// Puts a piece of a file in its place, which is the file's own path. What became of the file, once all of it is there.
    ///
    /// # Errors
    /// Then nothing of the file is left, and its other pieces must not come.
    pub fn piece(&mut self, piece: &Piece, data: &mut dyn Read) -> Result<Option<Placed>, Failed> {
        let path = &piece.item.path;
        if self.kept.contains(path)? {
            return Ok(None);
        }
        let placed = self.take(piece, data);
        match &placed {
            Ok(Some(Placed::Skipped(_))) => self.kept.insert(path.to_vec(), Vec::new())?,
            Ok(Some(_)) => {
                self.failed.remove(&**path);
            }
            Ok(None) => {}
            Err(_) => {
                self.abandon(path);
                self.failed.insert(path.to_vec());
            }
        }
        placed
    }

    /// Removes what there is of a file whose other pieces do not come.
    pub fn abandon(&mut self, path: &[u8]) {
        if let Some(assembly) = self.assemblies.remove(path)
            && let Ok(safe) = SafePath::parse(path)
            && let Ok((parent, _)) = self.destination.parent(&safe, Missing::Refuse)
        {
            drop(Unfinished::kept(parent, assembly.name));
        }
    }

    /// Removes what there is of all files of which pieces are missing.
    pub(super) fn abandon_all(&mut self) {
        for path in self.assemblies.keys().cloned().collect::<Vec<_>>() {
            self.abandon(&path);
        }
    }

    fn take(&mut self, piece: &Piece, data: &mut dyn Read) -> Result<Option<Placed>, Failed> {
        let item = &piece.item;
        let safe = SafePath::parse(&item.path)?;
        if !self.assemblies.contains_key(&*item.path) {
            self.make_parents(&safe)?;
            if let Some(why) = self.kept_by_policy(&safe, item.mtime_ns)? {
                return Ok(Some(Placed::Skipped(why)));
            }
            let (parent, _) = self.destination.parent(&safe, Missing::Refuse)?;
            let (temporary, file) = Unfinished::file(parent)?;
            let identity = identity(file.as_fd())?;
            let assembly = Assembly { name: temporary.keep(), identity, member: None, come: 0, proven: true };
            self.assemblies.insert(item.path.to_vec(), assembly);
        }
        let Some(assembly) = self.assemblies.get_mut(&*item.path) else { return Ok(None) };
        let (parent, name) = self.destination.parent(&safe, Missing::Refuse)?;
        let mut file = assembly.open(parent)?;
        let found = pieces::read(piece, data, &mut self.buffer, &self.stop, &mut |offset, bytes| {
            Ok(file.write_all_at(bytes, offset).map_err(write::failed("write it"))?)
        })?;
        assembly.proven &= found.compared == Compared::Same;
        if let Some(member) = found.header {
            if member.sparse.is_some() {
                return Err(Failed::Member("on tape it has holes, which the catalog does not say".into()));
            }
            // most headers on tape have whole seconds only
            assembly.member = Some(Member { mtime_ns: item.mtime_ns, ..member });
        }
        assembly.come = assembly.come.saturating_add(piece.tar.end.saturating_sub(piece.tar.start));
        if assembly.come < item.tar_length {
            return Ok(None);
        }
        let Some(assembly) = self.assemblies.remove(&*item.path) else { return Ok(None) };
        let temporary = Unfinished::kept(parent, assembly.name);
        // an intermediate value may be wrong where the content is right: the whole file decides
        if !assembly.proven {
            file.rewind().map_err(write::failed("read it back"))?;
            let (size, sha256) = write::read_back(&file, &mut self.buffer, &self.stop)?;
            if size != item.size || Some(sha256) != item.sha256 {
                return Err(pieces::damaged());
            }
        }
        let metadata = assembly.member.as_ref().map(Metadata::from);
        let metadata = metadata.ok_or_else(|| Failed::Member("its beginning is on none of the tapes".into()))?;
        let complaints = self.applier.apply(file.as_fd(), &metadata);
        let mut replaced = false;
        let published = existing::publish(parent, temporary.name(), name, self.policy, &mut replaced)?;
        temporary.end(&published);
        Ok(Some(self.published(&item.path, published, replaced, complaints, item.size)))
    }
}

impl Assembly {
    /// Opens it, if it still is what was made.
    fn open(&self, parent: BorrowedFd<'_>) -> Result<File, Failed> {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(parent, self.name.as_slice(), flags, Mode::empty())
            .map_err(SafeError::system("open what there is of it"))?;
        match identity(file.as_fd())? == self.identity {
            true => Ok(File::from(file)),
            false => Err(Failed::Member("somebody replaced what there was of it at the destination".into())),
        }
    }
}

fn identity(file: BorrowedFd<'_>) -> Result<(u64, u64), SafeError> {
    let stat = rustix::fs::fstat(file).map_err(SafeError::system("look at what there is of it"))?;
    Ok((stat.st_dev, stat.st_ino))
}

/// What remains of files whose other pieces did not come is removed.
impl Drop for Extractor {
    fn drop(&mut self) {
        self.abandon_all();
    }
}
