//! Reading tar: member by member, from a stream, whatever it holds.
//!
//! Understands ustar, pax (also global records, sparse 0.0, 0.1 and 1.0, volume records), GNU (long names, base-256,
//! old sparse headers, volumes) and v7. What a stream claims is checked before it is believed, and nothing is allocated
//! on its word alone beyond fixed caps.

use super::fields::{clean, device, id, kind_of, merge, name, old_volume, size_field, text, verify};
use super::pax::{MAX_RECORDS, Records};
use super::sparse::{MAX_EXTENTS, MapParser, in_order};
use super::{BLOCK, VolumeStart, number, padding};
use crate::{DataExtent, FormatError, Member, MemberKind, Result, path_text};
use std::io::Read;

/// Longest name in a GNU long-name block.
const MAX_LONG_NAME: u64 = 1 << 20;

/// Where the current member is in the stream that is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemberPlace {
    /// Offset of its first header record.
    pub header_offset: u64,
    /// Offset of its data (for a sparse file: behind the map).
    pub data_offset: u64,
    /// Bytes of data there, without padding.
    pub data_size: u64,
    /// Set if the member is the rest of one that an earlier part holds the beginning of.
    pub continues: Option<VolumeStart>,
}

/// Reads a tar stream. After [`next_member`](Reader::next_member) the reader itself yields that member's data: for a
/// sparse file the runs of data one after the other, without the map.
pub struct Reader<R: Read> {
    inner: R,
    offset: u64,
    remaining: u64,
    padding: usize,
    place: MemberPlace,
    path: Vec<u8>,
    globals: Records,
    ended: bool,
}

impl<R: Read> Reader<R> {
    /// Begins at the start of a stream, or at any member.
    pub fn new(inner: R) -> Reader<R> {
        Reader {
            inner,
            offset: 0,
            remaining: 0,
            padding: 0,
            place: MemberPlace::default(),
            path: Vec::new(),
            globals: Records::default(),
            ended: false,
        }
    }

    /// Where the current member is.
    pub fn place(&self) -> &MemberPlace {
        &self.place
    }

    /// Bytes of the current member's data that were not read yet.
    pub fn remaining(&self) -> u64 {
        self.remaining
    }

    /// The comment of the last global header: on our tapes set, part and format.
    pub fn comment(&self) -> Option<&[u8]> {
        self.globals.comment.as_deref()
    }

    /// The stream, wherever it is now.
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// The same, lent. What is read from it is missing from the archive.
    pub(crate) fn inner_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The same, to be looked at.
    pub(crate) fn inner(&self) -> &R {
        &self.inner
    }

    /// Passes what is left of the current member and reads the header of the next. `None` at the end: two zero blocks,
    /// or the end of the stream between members, where a part ends.
    ///
    /// # Errors
    /// [`FormatError::Tar`] if there is no valid header, [`FormatError::Truncated`] if the stream ends within a member.
    pub fn next_member(&mut self) -> Result<Option<Member>> {
        self.pass()?;
        if self.ended {
            return Ok(None);
        }
        let mut local = Records::default();
        let mut long_name = None;
        let mut long_link = None;
        let mut volume = None;
        self.place = MemberPlace { header_offset: self.offset, ..MemberPlace::default() };
        let mut zeros = 0;
        loop {
            let at = self.offset;
            let Some(block) = self.block()? else {
                if at != self.place.header_offset && zeros == 0 {
                    return Err(FormatError::Truncated { what: "header of a member".into(), missing: BLOCK as u64 });
                }
                self.ended = true;
                return Ok(None);
            };
            if block.iter().all(|&b| b == 0) {
                zeros += 1;
                if zeros == 2 {
                    self.ended = true;
                    return Ok(None);
                }
                continue;
            }
            if zeros == 1 {
                // A lone zero block: GNU tar warns and goes on, and so the member begins here.
                zeros = 0;
                self.place.header_offset = at;
            }
            verify(&block, at)?;
            let size = size_field(&block, at)?;
            match block[156] {
                b'x' | b'X' => {
                    let data = self.records(size, at)?;
                    local.parse(&data).map_err(|reason| FormatError::tar(at, reason))?;
                }
                b'g' => {
                    let data = self.records(size, at)?;
                    self.globals.parse(&data).map_err(|reason| FormatError::tar(at, reason))?;
                    volume = std::mem::take(&mut self.globals.volume).start().or(volume);
                    self.place.header_offset = self.offset;
                }
                b'L' => long_name = Some(self.long_name(size, at)?),
                b'K' => long_link = Some(self.long_name(size, at)?),
                b'V' | b'N' => {
                    self.skip(size)?;
                    self.skip(padding(size) as u64)?;
                    self.place.header_offset = self.offset;
                }
                _ => {
                    let mut records = self.globals.clone();
                    records.comment = None;
                    merge(&mut records, local);
                    records.path = records.path.or(long_name);
                    records.link = records.link.or(long_link);
                    return self.member(&block, at, size, records, volume).map(Some);
                }
            }
        }
    }

    fn member(
        &mut self,
        block: &[u8; BLOCK],
        at: u64,
        size: u64,
        records: Records,
        volume: Option<VolumeStart>,
    ) -> Result<Member> {
        let gnu = &block[257..265] == b"ustar  \0";
        let posix = &block[257..263] == b"ustar\0";
        let mut path = records.sparse.name.clone().or(records.path).unwrap_or_else(|| {
            let name = text(&block[..100]);
            let prefix = if posix { text(&block[345..500]) } else { &[] };
            if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
        });
        let kind = kind_of(block[156], &path);
        clean(&mut path);
        if path.is_empty() || path.contains(&0) {
            return Err(FormatError::tar(at, "a member has no usable name"));
        }
        let mut link = records.link.or_else(|| match text(&block[157..257]) {
            [] => None,
            link => Some(link.to_vec()),
        });
        // A hard link names a member, as members are named here; a symbolic one is whatever it is.
        if let (MemberKind::Hardlink, Some(target)) = (&kind, &mut link) {
            clean(target);
        }
        // Links, devices, directories and pipes have no data, whatever size they claim; 'D' is GNU tar's list of names.
        let data = if kind == MemberKind::File || block[156] == b'D' { records.size.unwrap_or(size) } else { 0 };
        self.path.clone_from(&path);
        self.remaining = data;
        self.padding = padding(data);
        self.place.continues = volume;

        let named = posix || gnu;
        let header_mtime = number::read(&block[136..148]).unwrap_or(0);
        let mut member = Member {
            path,
            size: if kind == MemberKind::File { data } else { 0 },
            mode: (number::read(&block[100..108]).unwrap_or(0) & 0o7777) as u32,
            uid: id(records.uid.or_else(|| number::read(&block[108..116]))),
            gid: id(records.gid.or_else(|| number::read(&block[116..124]))),
            user: name(records.user, if named { text(&block[265..297]) } else { &[] }),
            group: name(records.group, if named { text(&block[297..329]) } else { &[] }),
            mtime_ns: records.mtime_ns.unwrap_or_else(|| header_mtime.saturating_mul(1_000_000_000)),
            link: if matches!(kind, MemberKind::Symlink | MemberKind::Hardlink) { link } else { None },
            device: device(block, &kind, records.device),
            xattrs: records.xattrs,
            sparse: None,
            kind,
        };
        if matches!(member.kind, MemberKind::Symlink | MemberKind::Hardlink) && member.link.is_none() {
            return Err(FormatError::tar(at, "a link has no target"));
        }
        match block[156] {
            b'S' => self.old_sparse(block, at, &mut member)?,
            b'M' if self.place.continues.is_none() => self.place.continues = old_volume(block, &member),
            _ if records.sparse.is_sparse() => {
                member.size = records.sparse.size.unwrap_or(0);
                let extents = if records.sparse.map_in_data() { self.map_in_data(at)? } else { records.sparse.extents };
                self.set_extents(extents, at, &mut member)?;
            }
            _ => {}
        }
        self.place.data_offset = self.offset;
        self.place.data_size = self.remaining;
        Ok(member)
    }

    fn set_extents(&self, mut extents: Vec<DataExtent>, at: u64, member: &mut Member) -> Result<()> {
        extents.retain(|extent| extent.length > 0);
        let total = extents.iter().try_fold(0u64, |sum, extent| sum.checked_add(extent.length));
        if !in_order(&extents, member.size) || total != Some(self.remaining) {
            return Err(FormatError::tar(at, "the map of a sparse file does not fit its data"));
        }
        member.sparse = Some(extents);
        Ok(())
    }

    /// GNU sparse 1.0: takes the map off the beginning of the data.
    fn map_in_data(&mut self, at: u64) -> Result<Vec<DataExtent>> {
        let mut parser = MapParser::default();
        loop {
            if self.remaining < BLOCK as u64 {
                return Err(FormatError::tar(at, "the map of a sparse file is longer than its data"));
            }
            let block = self.block()?.ok_or_else(|| self.truncated())?;
            self.remaining -= BLOCK as u64;
            if parser.block(&block).map_err(|reason| FormatError::tar(at, reason))? {
                return Ok(parser.finish());
            }
        }
    }

    /// The old GNU form: four runs in the header, more in blocks behind it.
    fn old_sparse(&mut self, block: &[u8; BLOCK], at: u64, member: &mut Member) -> Result<()> {
        let bad = || FormatError::tar(at, "the map of a sparse file is damaged");
        let size = number::read(&block[483..495]).and_then(|size| u64::try_from(size).ok()).ok_or_else(bad)?;
        let mut extents = Vec::new();
        let mut add = |entries: &[u8]| -> Result<()> {
            for entry in entries.chunks_exact(24) {
                let (offset, length) = entry.split_at(12);
                if offset[0] == 0 {
                    break;
                }
                let value = |field| number::read(field).and_then(|n| u64::try_from(n).ok()).ok_or_else(bad);
                if extents.len() > MAX_EXTENTS {
                    return Err(bad());
                }
                extents.push(DataExtent { offset: value(offset)?, length: value(length)? });
            }
            Ok(())
        };
        add(&block[386..482])?;
        let mut more = block[482] != 0;
        while more {
            let next = self.block()?.ok_or_else(bad)?;
            add(&next[..504])?;
            more = next[504] != 0;
        }
        member.size = size;
        self.set_extents(extents, at, member)
    }

    /// Reads a sparse member's data as runs at their offsets in the file; an ordinary one as a single run. `sink` gets
    /// offset and bytes; what it never gets is a hole.
    ///
    /// # Errors
    /// Those of reading, and of `sink`.
    pub fn read_extents(&mut self, member: &Member, sink: &mut dyn FnMut(u64, &[u8]) -> Result<()>) -> Result<()> {
        let whole = [DataExtent { offset: 0, length: self.remaining }];
        let mut buffer = vec![0; 1 << 18];
        for extent in member.sparse.as_deref().unwrap_or(&whole) {
            let mut done = 0;
            while done < extent.length {
                let room = usize::try_from(extent.length - done).map_or(buffer.len(), |left| left.min(buffer.len()));
                let length = self.read(&mut buffer[..room]).map_err(FormatError::from_io)?;
                if length == 0 {
                    return Err(self.truncated());
                }
                sink(extent.offset + done, &buffer[..length])?;
                done += length as u64;
            }
        }
        Ok(())
    }

    /// Passes what is left of the current member's data and its padding.
    fn pass(&mut self) -> Result<()> {
        let rest = std::mem::take(&mut self.remaining);
        self.skip(rest).inspect_err(|_| self.ended = true)?;
        let padding = std::mem::take(&mut self.padding) as u64;
        self.skip(padding).inspect_err(|_| self.ended = true)
    }

    fn skip(&mut self, length: u64) -> Result<()> {
        let passed =
            std::io::copy(&mut self.inner.by_ref().take(length), &mut std::io::sink()).map_err(FormatError::from_io)?;
        self.offset += passed;
        if passed < length {
            return Err(FormatError::Truncated { what: self.describe(), missing: length - passed });
        }
        Ok(())
    }

    fn describe(&self) -> String {
        format!("file {:?}", path_text::to_text(&self.path))
    }

    fn truncated(&self) -> FormatError {
        FormatError::Truncated { what: self.describe(), missing: self.remaining }
    }

    /// One block; `None` at the end of the stream.
    fn block(&mut self) -> Result<Option<[u8; BLOCK]>> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            match self.inner.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => {
                    return Err(FormatError::Truncated { what: "tar stream".into(), missing: (BLOCK - filled) as u64 });
                }
                Ok(length) => filled += length,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(FormatError::from_io(error)),
            }
        }
        self.offset += BLOCK as u64;
        Ok(Some(block))
    }

    fn records(&mut self, size: u64, at: u64) -> Result<Vec<u8>> {
        self.small(size, MAX_RECORDS, at, "its pax records are too long")
    }

    fn long_name(&mut self, size: u64, at: u64) -> Result<Vec<u8>> {
        let mut name = self.small(size, MAX_LONG_NAME, at, "its long name is too long")?;
        let end = name.iter().position(|&b| b == 0).unwrap_or(name.len());
        name.truncate(end);
        Ok(name)
    }

    fn small(&mut self, size: u64, cap: u64, at: u64, reason: &str) -> Result<Vec<u8>> {
        if size > cap {
            return Err(FormatError::tar(at, reason));
        }
        let mut data = Vec::new();
        self.inner.by_ref().take(size).read_to_end(&mut data).map_err(FormatError::from_io)?;
        self.offset += data.len() as u64;
        if (data.len() as u64) < size {
            return Err(FormatError::Truncated {
                what: "header of a member".into(),
                missing: size - data.len() as u64,
            });
        }
        self.skip(padding(size) as u64)?;
        Ok(data)
    }
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let length = usize::try_from(self.remaining).map_or(out.len(), |left| left.min(out.len()));
        let Some(target) = out.get_mut(..length).filter(|target| !target.is_empty()) else { return Ok(0) };
        let length = self.inner.read(target)?;
        if length == 0 {
            return Err(self.truncated().into_io());
        }
        self.offset += length as u64;
        self.remaining -= length as u64;
        Ok(length)
    }
}
