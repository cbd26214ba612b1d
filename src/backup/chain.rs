//! The hash of a large file as a chain that one worker at a time carries on, chunk by chunk.
//!
//! Workers read (and compress) chunks in any order; who finds the hash in nobody's hands takes it, and hashes every chunk that
//! was left behind in order. So the hash, the slowest part of a large file, never waits for a certain worker.

use super::hash::ContentHash;
use super::stats::lock;
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex};
use std::time::Duration;
use tape_format::ring::Ticket;

/// A chunk in memory.
pub struct Chunk {
    /// Its number in the file.
    pub number: u64,
    /// Where its frame is delivered.
    pub ticket: Ticket,
    /// Its part of the tar data.
    pub raw: Vec<u8>,
    /// The same compressed, in a set that is.
    pub compressed: Option<Vec<u8>>,
}

/// The hash and the chunks that wait for it.
pub struct HashChain<C = Chunk> {
    state: Mutex<State<C>>,
    moved: Condvar,
}

struct State<C> {
    /// Number of the chunk that is hashed next.
    next: u64,
    /// The hash, unless somebody holds it.
    hash: Option<ContentHash>,
    /// Chunks that were left before their turn.
    waiting: BTreeMap<u64, C>,
}

impl<C> State<C> {
    fn can_go_on(&self) -> bool {
        self.hash.is_some() && self.waiting.contains_key(&self.next)
    }

    fn take(&mut self) -> Option<(ContentHash, C)> {
        let chunk = self.hash.is_some().then(|| self.waiting.remove(&self.next)).flatten()?;
        Some((self.hash.take()?, chunk))
    }
}

impl<C> HashChain<C> {
    /// The chain before chunk 0.
    pub fn new(hash: ContentHash) -> HashChain<C> {
        let state = State { next: 0, hash: Some(hash), waiting: BTreeMap::new() };
        HashChain { state: Mutex::new(state), moved: Condvar::new() }
    }

    /// The hash, if chunk `number` is the next and nobody holds it.
    pub fn try_turn(&self, number: u64) -> Option<ContentHash> {
        let mut state = lock(&self.state);
        if state.next == number { state.hash.take() } else { None }
    }

    /// Leaves chunk `number` to whoever holds the hash; gives the hash and the next chunk if nobody does. While `most` chunks
    /// wait already and somebody is at work on them, it waits for that, until `stopped`.
    pub fn leave(&self, number: u64, chunk: C, most: usize, stopped: impl Fn() -> bool) -> Option<(ContentHash, C)> {
        let mut state = lock(&self.state);
        while state.waiting.len() >= most && state.next != number && !state.can_go_on() && !stopped() {
            let waited = self.moved.wait_timeout(state, Duration::from_millis(50));
            state = waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
        state.waiting.insert(number, chunk);
        state.take()
    }

    /// Chunk `number` is hashed: lets the hash go.
    pub fn release(&self, number: u64, hash: ContentHash) {
        let mut state = lock(&self.state);
        state.next = number + 1;
        state.hash = Some(hash);
        drop(state);
        self.moved.notify_all();
    }

    /// The hash and the next chunk, if that waits and nobody holds the hash.
    pub fn take(&self) -> Option<(ContentHash, C)> {
        lock(&self.state).take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> HashChain<u64> {
        HashChain::new(ContentHash::default())
    }

    #[test]
    fn chunks_left_in_any_order_are_given_out_in_theirs() {
        let chain = chain();
        assert!(chain.leave(2, 2, 9, || false).is_none());
        assert!(chain.leave(1, 1, 9, || false).is_none());
        assert!(chain.take().is_none(), "chunk 0 is not there yet");
        let (mut hash, mut number) = chain.leave(0, 0, 9, || false).expect("nobody holds the hash");
        for expected in 0..3 {
            assert_eq!(number, expected);
            assert!(chain.take().is_none(), "the hash is held");
            chain.release(number, hash);
            let Some(next) = chain.take() else { break };
            (hash, number) = next;
        }
        assert_eq!(number, 2);
        assert!(chain.try_turn(2).is_none());
        assert!(chain.try_turn(3).is_some());
    }

    #[test]
    fn who_would_leave_too_many_waits_for_the_next_one() {
        let chain = chain();
        assert!(chain.leave(1, 1, 1, || false).is_none());
        std::thread::scope(|scope| {
            let later = scope.spawn(|| chain.leave(2, 2, 1, || false).map(|(_, number)| number));
            std::thread::sleep(Duration::from_millis(60));
            assert!(!later.is_finished(), "one waits already");
            // the next is never held up
            let (hash, number) = chain.leave(0, 0, 1, || false).expect("nobody holds the hash");
            assert_eq!(number, 0);
            chain.release(0, hash);
            let (hash, number) = chain.take().expect("chunk 1 waits");
            chain.release(number, hash);
            assert_eq!(later.join().ok().flatten(), Some(2));
        });
    }

    #[test]
    fn chunks_that_nobody_works_on_are_taken_by_whoever_comes() {
        let chain = chain();
        let hash = chain.try_turn(0).expect("the first");
        assert!(chain.leave(1, 1, 1, || false).is_none());
        chain.release(0, hash);
        assert_eq!(chain.leave(2, 2, 1, || false).map(|(_, number)| number), Some(1));
    }

    #[test]
    fn a_stop_ends_the_waiting() {
        let chain = chain();
        assert!(chain.leave(1, 1, 1, || false).is_none());
        assert!(chain.leave(3, 3, 1, || true).is_none());
    }
}
