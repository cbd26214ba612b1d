//! Finds the wanted members in what comes from the tape, and tells of each what became of it.
//!
//! Whatever is lost on the way, every item of the plan is either handed on or reported as failed.

use super::extract::Failed;
use super::flow::{Message, Next, Receiving, Stream};
use super::items::ItemRef;
use super::plan::{Item, Piece, Plan, Run};
use crate::{Error, ErrorKind, Result};
use std::collections::HashSet;
use std::io::Read;
use tape_format::Member;
use tape_format::path_text::to_text;
use tape_format::tar::Reader;

/// Who takes the members.
pub trait Handler {
    /// Takes one; `data` yields its runs of data. An error of kind `Destination` ends everything.
    fn member(&mut self, item: &Item, member: &Member, data: &mut dyn Read) -> Result<(), Failed>;

    /// Makes an item another name of a file that was handed on before: for tapes of version 1, whose catalog does not know
    /// hard links. `false` if that cannot be done, and the content has to be read.
    fn link(&mut self, item: &Item, target: &Item) -> Result<bool, Failed> {
        let _ = (item, target);
        Ok(false)
    }

    /// Takes what a tape has of a file that is cut. Its other pieces come in any order, if they are [wanted](Piece::whole);
    /// none does once one has failed.
    fn piece(&mut self, piece: &Piece, data: &mut dyn Read) -> Result<(), Failed> {
        let _ = (piece, data);
        Err(Failed::Member("only a piece of it is on the tapes that are read".into()))
    }

    /// An item could not be had, in part or at all, or was refused by [`Handler::member`] or [`Handler::piece`].
    fn failed(&mut self, item: &Item, why: &str);

    /// Asked between members: an error ends everything.
    fn check(&mut self) -> Result<()>;
}

/// Takes everything that is sent for a plan. Ends when the sender is gone, and then reports what never came.
pub fn consume(plan: &Plan, receiver: &Receiving, handler: &mut dyn Handler) -> Result<()> {
    let done = plan.runs.iter().map(|run| run.items.start).collect();
    let mut consumer = Consumer { plan, handler, done, pieces: vec![false; plan.pieces.len()], torn: HashSet::new() };
    let mut next = receive(receiver);
    loop {
        next = match next {
            Next::Message(Message::Begin { run, at }) => consumer.begin(receiver, run, at)?,
            Next::Message(Message::End { run, missing }) => {
                let why = missing.unwrap_or_else(|| "it is not on the tape where the catalog says".into());
                consumer.end(run, &why)?;
                receive(receiver)
            }
            // what is lost is reported when it is known where it goes on
            Next::Message(Message::Lost(why)) => consumer.lost(receiver, why)?,
            Next::Message(Message::Data(_)) => receive(receiver),
            Next::HungUp => break,
        };
    }
    consumer.handler.check()?;
    for run in 0..plan.runs.len() {
        consumer.end(run, "its tape was not read")?;
    }
    Ok(())
}

fn receive(receiver: &Receiving) -> Next {
    receiver.recv().map_or(Next::HungUp, Next::Message)
}

struct Consumer<'p> {
    plan: &'p Plan,
    handler: &'p mut dyn Handler,
    /// Of each run the first item that nothing is known of.
    done: Vec<usize>,
    /// The pieces that something is known of.
    pieces: Vec<bool>,
    /// Numbers of the items of which a piece has failed.
    torn: HashSet<usize>,
}

impl<'p> Consumer<'p> {
    fn run(&self, run: usize) -> Result<&'p Run> {
        self.plan.runs.get(run).ok_or_else(|| Error::internal("the drive sent a run that was not planned"))
    }

    /// The next wanted item of a run.
    fn wanted(&self, run: usize) -> Result<Option<ItemRef>> {
        match (self.done.get(run), self.plan.runs.get(run)) {
            (Some(index), Some(planned)) if *index < planned.items.end => self.plan.items.get(*index),
            _ => Ok(None),
        }
    }

    fn pass(&mut self, run: usize) {
        if let Some(done) = self.done.get_mut(run) {
            *done += 1;
        }
    }

    /// Reports the items of a run that begin before an offset and did not come.
    fn fail_rest(&mut self, run: usize, before: u64, why: &str) -> Result<()> {
        while let Some(item) = self.wanted(run)?.filter(|item| item.tar_offset < before) {
            self.handler.failed(&item, why);
            self.pass(run);
        }
        Ok(())
    }

    /// Reports what did not come of a run.
    fn end(&mut self, run: usize, why: &str) -> Result<()> {
        self.fail_rest(run, u64::MAX, why)?;
        if let Some(piece) = self.plan.runs.get(run).and_then(|run| run.piece) {
            self.take_piece(piece, |handler, piece| {
                handler.failed(&piece.item, why);
                false
            });
        }
        Ok(())
    }

    /// Lets the handler have a piece, if it was not told of it before, nor that the file cannot be had. `tell` says whether the
    /// piece is good.
    fn take_piece(&mut self, index: usize, tell: impl FnOnce(&mut dyn Handler, &Piece) -> bool) {
        if let Some(known) = self.pieces.get_mut(index).filter(|known| !**known)
            && let Some(piece) = self.plan.pieces.get(index)
        {
            *known = true;
            let torn = piece.whole.is_some_and(|number| self.torn.contains(&number));
            if !torn && !tell(self.handler, piece) {
                self.torn.extend(piece.whole);
            }
        }
    }

    /// A run that is a piece.
    fn piece(&mut self, stream: &mut Stream<'_>, index: usize) -> Result<()> {
        let mut taken = Ok(());
        self.take_piece(index, |handler, piece| {
            taken = match stream.offset() == piece.tar.start {
                true => handler.piece(piece, stream),
                false => Err(Failed::Member("its beginning could not be read from the tape".into())),
            };
            match &taken {
                Ok(()) => {}
                Err(Failed::Member(why) | Failed::Destination(why)) => handler.failed(&piece.item, why),
                Err(Failed::Source(error)) => {
                    handler.failed(&piece.item, &format!("it could not be read from the tape: {error}"));
                }
            }
            taken.is_ok()
        });
        self.handler.check()?;
        match taken {
            Err(Failed::Destination(why)) => Err(Error::new(ErrorKind::Unprocessable, "destination_failed", why)),
            _ => Ok(()),
        }
    }

    fn lost(&mut self, receiver: &Receiving, why: String) -> Result<Next> {
        let mut next = receive(receiver);
        while matches!(next, Next::Message(Message::Data(_))) {
            next = receive(receiver);
        }
        match &mut next {
            Next::Message(Message::Begin { run, at }) => self.fail_rest(*run, *at, &why)?,
            Next::Message(Message::End { missing, .. }) => *missing = Some(missing.take().unwrap_or(why)),
            _ => {}
        }
        Ok(next)
    }

    fn begin(&mut self, receiver: &Receiving, run: usize, at: u64) -> Result<Next> {
        let piece = self.run(run)?.piece;
        self.fail_rest(run, at, "it could not be read from the tape")?;
        let mut stream = Stream::new(receiver, at);
        if let Some(index) = piece {
            self.piece(&mut stream, index)?;
            return Ok(stream.finish());
        }
        while self.wanted(run)?.is_some() {
            let why = match self.members(&mut stream, run)? {
                Some(why) => why,
                None => break,
            };
            if stream.ended().is_some() {
                break;
            }
            // damaged, but it goes on: the catalog knows where the next member begins
            self.fail_rest(run, stream.offset(), &why)?;
            match self.wanted(run)?.map(|item| item.tar_offset) {
                Some(offset) if stream.skip_to(offset) => {}
                _ => break,
            }
        }
        self.handler.check()?;
        Ok(stream.finish())
    }

    /// Takes members until the stream ends or breaks; why it broke.
    fn members(&mut self, stream: &mut Stream<'_>, run: usize) -> Result<Option<String>> {
        let base = stream.offset();
        let mut reader = Reader::new(stream);
        while self.wanted(run)?.is_some() {
            self.handler.check()?;
            let member = match reader.next_member() {
                Ok(Some(member)) => member,
                Ok(None) => return Ok(None),
                Err(error) => return Ok(Some(format!("it could not be read from the tape: {error}"))),
            };
            let offset = base + reader.place().header_offset;
            self.fail_rest(run, offset, "it is not on the tape where the catalog says")?;
            let Some(item) = self.wanted(run)?.filter(|item| item.tar_offset == offset) else { continue };
            self.pass(run);
            if member.path != item.member_path() {
                let found = to_text(&member.path);
                self.handler.failed(&item, &format!("the tape holds {found} where the catalog says it is"));
                continue;
            }
            match self.handler.member(&item, &member, &mut reader) {
                Ok(()) => {}
                Err(Failed::Member(why)) => self.handler.failed(&item, &why),
                Err(Failed::Destination(why)) => {
                    self.handler.failed(&item, &why);
                    return Err(Error::new(ErrorKind::Unprocessable, "destination_failed", why));
                }
                Err(Failed::Source(error)) => {
                    self.handler.check()?;
                    let why = format!("it could not be read from the tape: {error}");
                    self.handler.failed(&item, &why);
                    return Ok(Some(why));
                }
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
