//! Compresses frames on all processors and gives them back in order.

use crate::{Error, Result};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::collections::VecDeque;
use std::thread::Scope;
use tape_format::Frame;
use tape_format::codec::{Codec, Encoder};

/// A frame that is being compressed, and where it will come from.
type Promise = Receiver<tape_format::Result<Frame>>;

/// Threads that compress.
pub struct Pool {
    work: Sender<(Frame, Sender<tape_format::Result<Frame>>)>,
    under_way: VecDeque<Promise>,
    most: usize,
}

impl Pool {
    /// So many threads; none if nothing is to be compressed.
    pub fn start<'scope>(scope: &'scope Scope<'scope, '_>, codec: Codec, threads: usize) -> Result<Pool> {
        let threads = if codec == Codec::None { 0 } else { threads.max(1) };
        let (work, orders) = bounded::<(Frame, Sender<tape_format::Result<Frame>>)>(threads);
        for number in 0..threads {
            let orders = orders.clone();
            let mut encoder = Encoder::new(codec)?;
            std::thread::Builder::new().name(format!("compress-{number}")).spawn_scoped(scope, move || {
                for (mut frame, done) in orders {
                    let mut data = Vec::with_capacity(frame.data.len() / 2);
                    let encoded = encoder.encode(&frame.data, &mut data).map(|()| {
                        frame.data = data;
                        frame
                    });
                    // nobody waits for it if the copy has ended
                    let _ = done.send(encoded);
                }
            })?;
        }
        Ok(Pool { work, under_way: VecDeque::new(), most: threads * 2 })
    }

    /// Takes the next frame, whose data is as the stream has it; gives one back that is ready, if the pool is full.
    pub fn push(&mut self, frame: Frame) -> Result<Option<Frame>> {
        if self.most == 0 {
            return Ok(Some(frame));
        }
        let (done, promise) = bounded(1);
        self.work.send((frame, done)).map_err(|_| ended())?;
        self.under_way.push_back(promise);
        if self.under_way.len() > self.most { self.pop() } else { Ok(None) }
    }

    /// The next of those that are under way; `None`: there is none.
    pub fn pop(&mut self) -> Result<Option<Frame>> {
        match self.under_way.pop_front() {
            None => Ok(None),
            Some(promise) => Ok(Some(promise.recv().map_err(|_| ended())??)),
        }
    }
}

fn ended() -> Error {
    Error::internal("the threads that compress have ended")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tape_format::codec::Decoder;

    #[test]
    fn frames_come_back_in_order_and_compressed() {
        for codec in [Codec::None, Codec::Zstd { level: 1 }, Codec::Gzip { level: 1 }] {
            let mut back = Vec::new();
            std::thread::scope(|scope| {
                let mut pool = Pool::start(scope, codec, 3).unwrap();
                for number in 0..40u64 {
                    let data = vec![number as u8; 1000 + (number as usize * 7919) % 60_000];
                    let frame = Frame { tar_offset: number, tar_length: data.len() as u64, data, ..Frame::default() };
                    back.extend(pool.push(frame).unwrap());
                }
                while let Some(frame) = pool.pop().unwrap() {
                    back.push(frame);
                }
            });
            let mut decoder = Decoder::new(codec).unwrap();
            for (number, frame) in back.iter().enumerate() {
                let mut content = Vec::new();
                match codec {
                    Codec::None => content.clone_from(&frame.data),
                    _ => decoder.decode(&frame.data, frame.tar_length as usize, &mut content).unwrap(),
                }
                assert_eq!((frame.tar_offset, content.len() as u64), (number as u64, frame.tar_length));
                assert!(content.iter().all(|byte| *byte == number as u8));
            }
            assert_eq!(back.len(), 40);
        }
    }
}
