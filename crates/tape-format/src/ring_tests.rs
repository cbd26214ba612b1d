use super::*;
use crate::{MemberKind, MemberRecord};
use std::thread;

const MIB: usize = 1 << 20;

fn ring(bytes: usize, start_percent: u8, pause_percent: u8) -> Ring {
    Ring::new(RingOptions {
        bytes,
        start_percent,
        pause_percent,
        cancel: Arc::new(AtomicBool::new(false)),
        tar_start: 0,
    })
}

fn frame(mut data: Vec<u8>, length: usize, mark: u64) -> Frame {
    data.clear();
    data.resize(length, mark as u8);
    Frame { data, tar_length: length as u64, ..Frame::default() }
}

fn record(tar_offset: u64) -> MemberRecord {
    MemberRecord {
        path: b"x".to_vec(),
        kind: MemberKind::File,
        size: 0,
        mode: 0,
        uid: 0,
        gid: 0,
        user: String::new(),
        group: String::new(),
        mtime_ns: 0,
        ctime_ns: 0,
        inode: 0,
        link: None,
        sha256: None,
        tar_offset,
        tar_length: 512,
    }
}

/// Makers that race, with frames of very different sizes, against a reader: order and memory hold.
#[test]
fn frames_come_in_order_and_within_the_memory() {
    let ring = ring(64 * MIB, 90, 10);
    let feed = Arc::new(Mutex::new(0u64));
    let makers: Vec<_> = (0..4)
        .map(|_| {
            let (ring, feed) = (ring.clone(), feed.clone());
            thread::spawn(move || {
                loop {
                    let mut next = feed.lock().unwrap();
                    if *next == 300 {
                        return;
                    }
                    let mut ticket = ring.ticket().unwrap();
                    assert_eq!(ticket.number(), *next);
                    *next += 1;
                    drop(next);
                    let number = ticket.number();
                    let length = if number % 3 == 0 { MAX_FRAME } else { 512 * (1 + number as usize % 5000) };
                    if number % 7 == 0 {
                        thread::sleep(Duration::from_millis(2));
                    }
                    let data = ticket.take_buffer();
                    ticket.deliver([frame(data, length, number)]);
                }
            })
        })
        .collect();
    let mut reader = ring.reader();
    let closer = {
        let ring = ring.clone();
        thread::spawn(move || {
            makers.into_iter().for_each(|maker| maker.join().unwrap());
            ring.finish();
        })
    };
    let mut number = 0u64;
    let mut offset = 0;
    while let Some(frame) = reader.next_frame().unwrap() {
        assert_eq!(frame.data[0], number as u8);
        assert_eq!(frame.tar_offset, offset);
        offset += frame.tar_length;
        let state = ring.lock();
        assert!(state.charged <= 64 * MIB + MAX_FRAME, "{}", state.charged);
        let really: usize = state.free.iter().map(|buffer| state.touched[&address(buffer)]).sum();
        assert!(really <= state.charged);
        drop(state);
        reader.recycle(frame);
        number += 1;
    }
    closer.join().unwrap();
    assert_eq!(number, 300);
    assert!(ring.is_drained());
    assert_eq!(ring.stats().drawn_tar_bytes, offset);
}

#[test]
fn offsets_become_absolute_when_drawn() {
    let ring = ring(32 * MIB, 0, 0);
    for number in 0..3u64 {
        let mut ticket = ring.ticket().unwrap();
        let mut frame = frame(ticket.take_buffer(), 1024, number);
        frame.members = vec![record(if number == 2 { 0u64.wrapping_sub(1536) } else { 512 })];
        ticket.deliver([frame]);
    }
    ring.ticket().unwrap().deliver([]);
    let mut two = ring.ticket().unwrap();
    let first = frame(two.take_buffer(), 512, 8);
    two.deliver([first, frame(Vec::new(), 512, 9)]);
    ring.finish();
    let mut reader = ring.reader();
    let mut offsets = Vec::new();
    let mut members = Vec::new();
    while let Some(frame) = reader.next_frame().unwrap() {
        offsets.push(frame.tar_offset);
        members.extend(frame.members.iter().map(|member| member.tar_offset));
        reader.recycle(frame);
    }
    assert_eq!(offsets, [0, 1024, 2048, 3072, 3584]);
    assert_eq!(members, [512, 1536, 512]);
}

#[test]
fn the_reader_waits_for_the_start_mark_and_pauses_at_the_low_one() {
    let ring = ring(80 * MIB, 50, 20);
    let deliver = |count: usize| {
        for _ in 0..count {
            let mut ticket = ring.ticket().unwrap();
            let data = ticket.take_buffer();
            ticket.deliver([frame(data, MAX_FRAME, 0)]);
        }
    };
    let (drawn, seen) = std::sync::mpsc::channel();
    let mut reader = ring.reader();
    let thread = thread::spawn(move || {
        while let Some(frame) = reader.next_frame().unwrap() {
            reader.recycle(frame);
            drawn.send(()).unwrap();
        }
    });
    let quiet = Duration::from_millis(150);
    let soon = Duration::from_secs(20);
    deliver(4);
    assert!(seen.recv_timeout(quiet).is_err(), "4 of 10 is below the start mark");
    deliver(1);
    for _ in 0..4 {
        seen.recv_timeout(soon).unwrap();
    }
    assert!(seen.recv_timeout(quiet).is_err(), "1 of 10 is below the pause mark");
    assert_eq!(ring.stats().pauses, 1);
    deliver(4);
    for _ in 0..4 {
        seen.recv_timeout(soon).unwrap();
    }
    assert!(seen.recv_timeout(quiet).is_err());
    ring.finish();
    seen.recv_timeout(soon).unwrap();
    thread.join().unwrap();
    let stats = ring.stats();
    assert_eq!(stats.pauses, 2);
    assert!(stats.starved >= quiet, "{:?}", stats.starved);
}

#[test]
fn a_full_ring_flows_even_below_the_start_mark() {
    let ring = ring(32 * MIB, 100, 0);
    let maker = {
        let ring = ring.clone();
        thread::spawn(move || {
            for number in 0..20 {
                let mut ticket = ring.ticket().unwrap();
                let data = ticket.take_buffer();
                // 6 MiB in whole huge pages: five fit, a sixth ticket does not, and the mark at 32 MiB is never reached
                ticket.deliver([frame(data, 5 * MIB, number)]);
            }
            ring.finish();
        })
    };
    let mut reader = ring.reader();
    let mut count = 0;
    while let Some(frame) = reader.next_frame().unwrap() {
        reader.recycle(frame);
        count += 1;
    }
    maker.join().unwrap();
    assert_eq!(count, 20);
    assert!(ring.stats().waited_for_room > Duration::ZERO);
}

#[test]
fn frames_that_are_never_given_back_do_not_lock_the_ring() {
    let ring = ring(32 * MIB, 90, 10);
    let maker = {
        let ring = ring.clone();
        thread::spawn(move || {
            for number in 0..12 {
                let mut ticket = ring.ticket().unwrap();
                let data = ticket.take_buffer();
                ticket.deliver([frame(data, MAX_FRAME, number)]);
            }
            ring.finish();
        })
    };
    let mut reader = ring.reader();
    let mut kept = Vec::new();
    while let Some(frame) = reader.next_frame().unwrap() {
        kept.push(frame);
    }
    maker.join().unwrap();
    assert_eq!(kept.len(), 12);
}

#[test]
fn failures_reach_both_sides() {
    let ring = ring(32 * MIB, 0, 0);
    ring.fail("the baseline is gone");
    ring.fail("a second reason");
    assert!(ring.ticket().is_none());
    let error = ring.reader().next_frame().unwrap_err().to_string();
    assert_eq!(error, "the baseline is gone");
    assert!(!ring.is_drained());
}

#[test]
fn a_lost_ticket_fails_the_set() {
    let ring = ring(32 * MIB, 0, 0);
    drop(ring.ticket());
    assert!(ring.reader().next_frame().is_err());
}

#[test]
fn cancelling_wakes_everybody() {
    let cancel = Arc::new(AtomicBool::new(false));
    let ring = Ring::new(RingOptions::new(32 * MIB, cancel.clone()));
    let mut reader = ring.reader();
    let reading = thread::spawn(move || reader.next_frame().map(|_| ()).unwrap_err().to_string());
    let waiting = {
        let ring = ring.clone();
        thread::spawn(move || {
            let held: Vec<_> = std::iter::from_fn(|| ring.ticket()).collect();
            let count = held.len();
            held.into_iter().for_each(|ticket| ticket.deliver([]));
            count
        })
    };
    thread::sleep(Duration::from_millis(100));
    cancel.store(true, Ordering::Relaxed);
    assert_eq!(waiting.join().unwrap(), 4);
    assert!(reading.join().unwrap().contains("cancelled"));
}

#[test]
fn a_ring_that_was_given_up_stops_both_sides() {
    let ring = ring(32 * MIB, 0, 0);
    let held = ring.ticket().unwrap();
    let mut reader = ring.reader();
    let reading = thread::spawn(move || reader.next_frame().map(|_| ()).unwrap_err().to_string());
    ring.abandon();
    assert!(ring.ticket().is_none());
    assert!(reading.join().unwrap().contains("given up"));
    drop(held);
}
