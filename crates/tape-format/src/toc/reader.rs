//! Reading a table of contents, member by member, whoever wrote it.

use super::entry::Entry;
use super::records::{SEALED_HEAD, SealedHead};
use super::{PartInfo, SetInfo, Summary, TapeInfo, TocHead, Totals, json};
use crate::crypt::{Key, Keys, OpenReader, toc_context};
use crate::part::MAX_FRAMES;
use crate::{FormatError, MemberRecord, Result, path_text};
use serde::de::DeserializeOwned;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::cell::Cell;
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::rc::Rc;

/// Most bytes of one entry: a path escaped to its longest, and a link as long.
pub(crate) const MAX_ENTRY: u64 = 1 << 20;
/// Most earlier sets in one table.
const MAX_EARLIER: usize = 1 << 20;

/// Takes what a table of contents holds, in the order it is there. If reading fails in the end, what was taken before must
/// not be used: the checksum comes last.
pub trait TocSink {
    /// Everything but the members; comes first.
    ///
    /// # Errors
    /// Whatever shall end the reading.
    fn head(&mut self, head: &TocHead) -> Result<()>;

    /// One member.
    ///
    /// # Errors
    /// Whatever shall end the reading.
    fn member(&mut self, record: MemberRecord) -> Result<()>;

    /// One path that is gone since the parent set.
    ///
    /// # Errors
    /// Whatever shall end the reading.
    fn deleted(&mut self, path: Vec<u8>) -> Result<()>;
}

/// What kind of table of contents a tape file is, by its first block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TocKind {
    /// JSON.
    Plain,
    /// JSON in zstd.
    Compressed,
    /// Encrypted; the head is readable.
    Sealed(SealedHead),
}

impl TocKind {
    /// Looks at the first block of a tape file; `None` if it is no table of contents of this version.
    pub fn of(block: &[u8]) -> Option<TocKind> {
        if let Some(head) = SealedHead::decode(block) {
            return Some(TocKind::Sealed(head));
        }
        if block.starts_with(json::START) {
            return Some(TocKind::Plain);
        }
        if block.starts_with(&ZSTD_MAGIC) {
            let mut start = [0; json::START.len()];
            let mut decoder = zstd::stream::read::Decoder::with_buffer(block).ok()?;
            decoder.window_log_max(MAX_WINDOW_LOG).ok()?;
            decoder.read_exact(&mut start).ok()?;
            return (start == json::START).then_some(TocKind::Compressed);
        }
        None
    }
}

pub(crate) const ZSTD_MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();
/// What zstd writes at the levels used here needs no more; a hostile frame gets no more.
pub(crate) const MAX_WINDOW_LOG: u32 = 27;

/// Reads a table of contents from its first record on. `keys` is asked if it is encrypted.
///
/// # Errors
/// [`FormatError::Toc`] if it is damaged or of another version, [`FormatError::KeyNeeded`] if `keys` does not have its
/// key, [`FormatError::NotAuthentic`] if the key does not open it, and those of `sink` and of `source`.
pub fn read(source: impl Read, keys: &dyn Keys, sink: &mut dyn TocSink) -> Result<TocHead> {
    let mut source = BufReader::with_capacity(super::RECORD, source);
    let mut start = Vec::with_capacity(SEALED_HEAD);
    source.by_ref().take(SEALED_HEAD as u64).read_to_end(&mut start).map_err(FormatError::from_io)?;
    let Some(sealed) = SealedHead::decode(&start) else {
        return read_open(start.as_slice().chain(source), sink);
    };
    let fingerprint = &sealed.key_fingerprint;
    let key: Key = keys.find(fingerprint).ok_or_else(|| FormatError::KeyNeeded { fingerprint: fingerprint.clone() })?;
    let context = toc_context(&sealed.set, sealed.part);
    let head = read_open(BufReader::new(OpenReader::new(&key, &context, source.take(sealed.sealed_bytes))?), sink)?;
    if (head.set.uuid, head.part.number) != (sealed.set, sealed.part) {
        return Err(FormatError::Toc("it is of another part than its readable head says".into()));
    }
    Ok(head)
}

fn read_open(mut source: impl BufRead, sink: &mut dyn TocSink) -> Result<TocHead> {
    if source.fill_buf().map_err(FormatError::from_io)?.starts_with(&ZSTD_MAGIC) {
        let mut decoder = zstd::stream::read::Decoder::with_buffer(source)?;
        decoder.window_log_max(MAX_WINDOW_LOG)?;
        parse(BufReader::with_capacity(super::RECORD, decoder), sink)
    } else {
        parse(source, sink)
    }
}

fn parse(source: impl Read, sink: &mut dyn TocSink) -> Result<TocHead> {
    let budget = Rc::new(Cell::new(MAX_ENTRY));
    let failure = Cell::new(None);
    let mut limited = Limited::new(source, budget.clone(), &failure);
    let document = Document { sink, budget: &budget, failure: &failure };
    let result = serde_json::Deserializer::from_reader(&mut limited).deserialize_map(document);
    // The checksum of what is compressed comes behind it.
    let rest = std::io::copy(&mut limited.source, &mut std::io::sink());
    match (failure.take(), result, rest) {
        (Some(error), _, _) => Err(error),
        (None, Err(error), _) => Err(FormatError::Toc(format!("it is damaged ({error})"))),
        (None, Ok(_), Err(error)) => Err(damaged(error)),
        (None, Ok(head), Ok(_)) => Ok(head),
    }
}

/// What an error of the source means: ours as it is, one of the decompressor as damage.
fn damaged(error: std::io::Error) -> FormatError {
    match FormatError::from_io(error) {
        FormatError::Io(error) => FormatError::Toc(format!("it is damaged ({error})")),
        ours => ours,
    }
}

/// Reads no more than the budget, which is filled again with every entry: so no entry can be longer than it.
pub(crate) struct Limited<'a, R> {
    source: R,
    budget: Rc<Cell<u64>>,
    failure: &'a Cell<Option<FormatError>>,
}

impl<'a, R> Limited<'a, R> {
    pub(crate) fn new(source: R, budget: Rc<Cell<u64>>, failure: &'a Cell<Option<FormatError>>) -> Limited<'a, R> {
        Limited { source, budget, failure }
    }
}

impl<R: Read> Read for Limited<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.budget.get() == 0 {
            return Err(std::io::Error::other(FormatError::Toc("an entry is too long".into())));
        }
        let room = usize::try_from(self.budget.get()).map_or(out.len(), |budget| budget.min(out.len()));
        match self.source.read(out.get_mut(..room).unwrap_or_default()) {
            Ok(length) => {
                self.budget.set(self.budget.get() - length as u64);
                Ok(length)
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let kind = error.kind();
                // serde_json would keep only its text.
                self.failure.set(Some(damaged(error)));
                Err(kind.into())
            }
        }
    }
}

struct Document<'a> {
    sink: &'a mut dyn TocSink,
    budget: &'a Cell<u64>,
    failure: &'a Cell<Option<FormatError>>,
}

/// The head as far as it was read.
#[derive(Default)]
struct Partial {
    version: Option<u32>,
    tape: Option<TapeInfo>,
    set: Option<SetInfo>,
    end: Option<i64>,
    key_fingerprint: Option<String>,
    totals: Option<Totals>,
    part: Option<PartInfo>,
    frames: Vec<(u64, u64)>,
    earlier: Vec<Summary>,
}

impl Partial {
    fn complete(&mut self) -> Option<TocHead> {
        Some(TocHead {
            tape: self.tape.take()?,
            set: self.set.take()?,
            end: self.end.take()?,
            key_fingerprint: self.key_fingerprint.take()?,
            totals: self.totals.take()?,
            part: self.part.take()?,
            frames: std::mem::take(&mut self.frames),
            earlier: std::mem::take(&mut self.earlier),
        })
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = TocHead;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a table of contents")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<TocHead, M::Error> {
        let Document { sink, budget, failure } = self;
        let mut partial = Partial::default();
        let mut head = None;
        let fail = |error: FormatError| {
            let text = error.to_string();
            failure.set(Some(error));
            M::Error::custom(text)
        };
        while let Some(key) = map.next_key::<String>()? {
            budget.set(MAX_ENTRY);
            match key.as_str() {
                "magic" => {
                    if map.next_value::<String>()? != json::MAGIC {
                        return Err(M::Error::custom("its magic is another"));
                    }
                }
                "version" => {
                    let version = map.next_value()?;
                    if version != json::VERSION {
                        return Err(M::Error::custom(format!("it is of version {version}")));
                    }
                    partial.version = Some(version);
                }
                "tape" => partial.tape = Some(map.next_value()?),
                "set" => partial.set = Some(map.next_value()?),
                "end" => partial.end = Some(map.next_value()?),
                "key_fingerprint" => partial.key_fingerprint = Some(map.next_value()?),
                "totals" => partial.totals = Some(map.next_value()?),
                "part" => partial.part = Some(map.next_value()?),
                "frames" => {
                    let frames = &mut partial.frames;
                    let take = |pair: (u64, u64)| {
                        if frames.len() >= MAX_FRAMES {
                            return Err(FormatError::Toc("it has too many frames".into()));
                        }
                        frames.push(pair);
                        Ok(())
                    };
                    map.next_value_seed(Entries::new(budget, failure, take))?;
                }
                "earlier" => {
                    let earlier = &mut partial.earlier;
                    let take = |summary: Summary| {
                        if earlier.len() >= MAX_EARLIER {
                            return Err(FormatError::Toc("it has too many earlier sets".into()));
                        }
                        earlier.push(summary);
                        Ok(())
                    };
                    map.next_value_seed(Entries::new(budget, failure, take))?;
                }
                "files" => {
                    let complete = partial.version.and_then(|_| partial.complete());
                    let complete = complete.ok_or_else(|| M::Error::custom("its head is not complete"))?;
                    sink.head(&complete).map_err(fail)?;
                    head = Some(complete);
                    let take = |entry: Entry| sink.member(entry.record()?);
                    map.next_value_seed(Entries::new(budget, failure, take))?;
                }
                "deleted" => {
                    let take = |path: String| sink.deleted(path_text::from_text(&path).into_owned());
                    map.next_value_seed(Entries::new(budget, failure, take))?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            budget.set(MAX_ENTRY);
        }
        head.ok_or_else(|| M::Error::custom("it has no files"))
    }
}

/// A list whose entries are passed on one by one.
struct Entries<'a, T, F> {
    budget: &'a Cell<u64>,
    failure: &'a Cell<Option<FormatError>>,
    take: F,
    entry: std::marker::PhantomData<T>,
}

impl<'a, T, F: FnMut(T) -> Result<()>> Entries<'a, T, F> {
    fn new(budget: &'a Cell<u64>, failure: &'a Cell<Option<FormatError>>, take: F) -> Self {
        Entries { budget, failure, take, entry: std::marker::PhantomData }
    }
}

impl<'de, T: DeserializeOwned, F: FnMut(T) -> Result<()>> DeserializeSeed<'de> for Entries<'_, T, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: DeserializeOwned, F: FnMut(T) -> Result<()>> Visitor<'de> for Entries<'_, T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        while let Some(entry) = list.next_element::<T>()? {
            self.budget.set(MAX_ENTRY);
            if let Err(error) = (self.take)(entry) {
                let text = error.to_string();
                self.failure.set(Some(error));
                return Err(A::Error::custom(text));
            }
        }
        Ok(())
    }
}
