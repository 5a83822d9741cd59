//! Files through the reactor's ring: writes, syncs, and their bounds.

#![allow(clippy::unwrap_used)] // The lint spares only functions marked as tests, not their helpers.

use std::fs::{File, OpenOptions};
use std::io;
use std::time::Duration;

use reactor::{
    Bounds, Connection, FileDone, FileQueue, FileSlot, Full, Next, Output, Reactor, Received, Service, Turn,
};

/// A service without sockets: a step each turn, until it says so.
struct Steps<F>(F);

impl<F: FnMut(&mut FileQueue) -> Next> Service for Steps<F> {
    fn opened(&mut self, _connection: Connection, _out: &mut Output) {}
    fn received(&mut self, _connection: Connection, _bytes: &[u8], _out: &mut Output) -> Received {
        Received::Close
    }
    fn closed(&mut self, _connection: Connection) {}
    fn turn(&mut self, turn: Turn<'_>) -> Next {
        self.0(turn.files)
    }
}

fn run(bounds: &Bounds, step: impl FnMut(&mut FileQueue) -> Next) {
    Reactor::new(bounds).unwrap().run(&mut Steps(step)).unwrap();
}

/// Starts operations in the first turn and returns what became of `count` of them.
fn outcomes(count: usize, start: impl FnOnce(&mut FileQueue)) -> Vec<FileDone> {
    let mut start = Some(start);
    let mut done = Vec::new();
    run(&Bounds::NO_SOCKETS, |files| {
        if let Some(start) = start.take() {
            start(files);
        }
        done.extend(std::iter::from_fn(|| files.completed()));
        if done.len() == count { Next::Stop } else { Next::Within(Duration::from_secs(5)) }
    });
    done
}

#[test]
fn what_is_written_is_there_and_its_buffer_comes_back() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut done = outcomes(3, |files| {
        let slot = files.adopt(file.reopen().unwrap()).unwrap();
        files.write(slot, 5, b"..world!".to_vec(), 2..7, 1).unwrap();
        files.write(slot, 0, b"hello".to_vec(), 0..5, 2).unwrap();
        files.sync_data(slot, 3).unwrap();
        files.release(slot);
    });
    assert_eq!(std::fs::read(file.path()).unwrap(), b"helloworld");
    done.sort_by_key(|done| done.token);
    let summary: Vec<_> =
        done.iter().map(|done| (done.token, done.result.is_ok(), done.buffer.as_deref())).collect();
    assert_eq!(summary, [(1, true, Some(&b"..world!"[..])), (2, true, Some(&b"hello"[..])), (3, true, None)]);
}

#[test]
fn megabytes_go_in_one_write() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let bytes: Vec<u8> = (0..8u32 << 20).map(|i| (i >> 8) as u8).collect();
    let done = outcomes(1, |files| {
        let slot = files.adopt(file.reopen().unwrap()).unwrap();
        files.write(slot, 0, bytes.clone(), 0..bytes.len(), 9).unwrap();
    });
    assert!(done[0].result.is_ok());
    assert!(std::fs::read(file.path()).unwrap() == bytes);
}

#[test]
fn a_full_disk_is_an_error_and_the_buffer_comes_back() {
    let done = outcomes(1, |files| {
        let slot = files.adopt(OpenOptions::new().write(true).open("/dev/full").unwrap()).unwrap();
        files.write(slot, 0, vec![1; 100], 0..100, 4).unwrap();
    });
    let error = done[0].result.as_ref().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(done[0].buffer.as_ref().map(Vec::len), Some(100));
}

#[test]
fn a_file_that_may_not_be_written_is_an_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let done = outcomes(1, |files| {
        let slot = files.adopt(File::open(file.path()).unwrap()).unwrap();
        files.write(slot, 0, vec![1; 100], 0..100, 4).unwrap();
    });
    assert!(done[0].result.is_err());
}

#[test]
fn at_a_bound_what_was_offered_comes_back() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let bounds = Bounds { files: 1, files_in_flight: 2, ..Bounds::NO_SOCKETS };
    let mut slot: Option<FileSlot> = None;
    run(&bounds, |files| {
        let Some(slot) = slot else {
            let adopted = files.adopt(file.reopen().unwrap()).unwrap();
            assert!(matches!(files.adopt(file.reopen().unwrap()), Err(Full(_))));
            files.write(adopted, 0, vec![1], 0..1, 1).unwrap();
            files.sync_data(adopted, 2).unwrap();
            assert_eq!(files.write(adopted, 0, vec![7, 8], 0..2, 3), Err(Full(vec![7, 8])));
            assert_eq!(files.sync_data(adopted, 4), Err(Full(())));
            slot = Some(adopted);
            return Next::Idle;
        };
        if files.completed().is_none() {
            return Next::Idle;
        }
        // A place is free again, and after the file's release another file has its place.
        files.write(slot, 0, vec![7, 8], 0..2, 3).unwrap();
        files.release(slot);
        Next::Stop
    });
}

#[test]
fn thousands_of_small_writes_all_land() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (mut slot, mut next, mut landed) = (None, 0u64, 0u64);
    const WRITES: u64 = 5_000;
    run(&Bounds::NO_SOCKETS, |files| {
        let slot = *slot.get_or_insert_with(|| files.adopt(file.reopen().unwrap()).unwrap());
        let mut buffers = Vec::new();
        while let Some(done) = files.completed() {
            done.result.unwrap();
            landed += 1;
            buffers.extend(done.buffer);
        }
        while next < WRITES && files.in_flight() < Bounds::NO_SOCKETS.files_in_flight {
            let mut buffer = buffers.pop().unwrap_or_default();
            buffer.clear();
            buffer.extend_from_slice(&next.to_le_bytes());
            files.write(slot, next * 8, buffer, 0..8, next).unwrap();
            next += 1;
        }
        if landed == WRITES { Next::Stop } else { Next::Idle }
    });
    let bytes = std::fs::read(file.path()).unwrap();
    let numbers: Vec<u64> =
        bytes.chunks(8).map(|chunk| u64::from_le_bytes(chunk.try_into().unwrap())).collect();
    assert_eq!(numbers, (0..WRITES).collect::<Vec<_>>());
}
