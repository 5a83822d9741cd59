//! A ledger from a checkpoint.

use domain::{ImageFault, ImageSource, Ledger, LedgerBounds, PassedBound, Rules, Unreadable};

use super::layout::{BadHeader, Boundary, CheckpointHeader, FRAME_BYTES};
use crate::embedded::damage::{Damage, Place};
use crate::embedded::disk::{BLOCK_BYTES, ReadDisk};
use crate::embedded::journal::Identity;

/// Frames read at once.
const FRAMES_AT_ONCE: usize = 16;

/// Why a checkpoint is of no use.
#[derive(Debug)]
pub(crate) enum BadCheckpoint {
    /// It cannot be read without losing something.
    Damaged(Damage),
    /// It holds more than the ledger may.
    PassedBound(PassedBound),
}

/// The header of a checkpoint of this store.
pub(crate) fn header_of(
    disk: &impl ReadDisk,
    file: &str,
    identity: Identity,
) -> Result<CheckpointHeader, Damage> {
    let mut block = [0; BLOCK_BYTES];
    let read = disk.read_at(file, 0, &mut block);
    let read = read.map_err(|source| Damage::Io { file: file.into(), source })?;
    match CheckpointHeader::decode(&block) {
        Ok(header) if read == BLOCK_BYTES && header.identity == identity => Ok(header),
        Ok(header) if header.identity != identity => {
            Err(Damage::Foreign { file: file.into(), other: "the journal".into() })
        }
        Ok(_) | Err(BadHeader::Damaged | BadHeader::Older) => Err(Damage::BadHeader { file: file.into() }),
        Err(BadHeader::Newer(version)) => Err(Damage::Newer { file: file.into(), version }),
    }
}

/// Whether an older version made this one, which reads no journal behind it any more.
pub(crate) fn is_older(disk: &impl ReadDisk, file: &str) -> bool {
    let mut block = [0; BLOCK_BYTES];
    let read = disk.read_at(file, 0, &mut block);
    read.is_ok_and(|read| read == BLOCK_BYTES) && CheckpointHeader::decode(&block) == Err(BadHeader::Older)
}

/// The least bounds of a ledger for a checkpoint.
pub(crate) fn measure(disk: &impl ReadDisk, file: &str, identity: Identity) -> Result<LedgerBounds, Damage> {
    let mut frames = Frames::new(disk, file, header_of(disk, file, identity)?);
    Ledger::bounds_of_image(&mut frames).map_err(|fault| match frames.fault.take() {
        Some(damage) => damage,
        None => {
            let place = Place { file: file.into(), offset: frames.frame_offset };
            match fault {
                ImageFault::Version(version) => Damage::Newer { file: file.into(), version },
                ImageFault::Unreadable | ImageFault::Nonsense | ImageFault::PassedBound(_) => {
                    Damage::Checkpoint { place, why: fault }
                }
            }
        }
    })
}

/// The ledger of a checkpoint, and where the journal goes on behind it.
pub(crate) fn restore(
    disk: &impl ReadDisk,
    file: &str,
    identity: Identity,
    (bounds, rules): (LedgerBounds, Rules),
) -> Result<(Ledger, Boundary), BadCheckpoint> {
    let header = header_of(disk, file, identity).map_err(BadCheckpoint::Damaged)?;
    let mut frames = Frames::new(disk, file, header);
    let place = |offset| Place { file: file.into(), offset };
    let ledger =
        Ledger::from_image(bounds, rules, identity.ledger_seed, &mut frames).map_err(
            |fault| match fault {
                ImageFault::PassedBound(bound) => BadCheckpoint::PassedBound(bound),
                ImageFault::Version(version) => {
                    BadCheckpoint::Damaged(Damage::Newer { file: file.into(), version })
                }
                ImageFault::Unreadable | ImageFault::Nonsense => {
                    BadCheckpoint::Damaged(match frames.fault.take() {
                        Some(fault) => fault,
                        None => Damage::Checkpoint { place: place(frames.frame_offset), why: fault },
                    })
                }
            },
        )?;
    if !frames.is_at_end() {
        let damage = Damage::Checkpoint { place: place(frames.frame_offset), why: ImageFault::Nonsense };
        return Err(BadCheckpoint::Damaged(damage));
    }
    Ok((ledger, header.boundary))
}

/// Reads a checkpoint to its end without making a ledger of it: where it stands, and what is wrong with it.
pub(crate) fn look_over(
    disk: &impl ReadDisk,
    file: &str,
    identity: Option<Identity>,
) -> (Option<Boundary>, Option<Damage>) {
    let Some(identity) = identity else {
        return (None, Some(Damage::BadHeader { file: file.into() }));
    };
    let header = match header_of(disk, file, identity) {
        Ok(header) => header,
        Err(damage) => return (None, Some(damage)),
    };
    let mut frames = Frames::new(disk, file, header);
    while !frames.last {
        if frames.next_frame().is_err() {
            let place = Place { file: file.into(), offset: frames.frame_offset };
            let damage = Damage::Checkpoint { place, why: ImageFault::Unreadable };
            return (Some(header.boundary), Some(frames.fault.take().unwrap_or(damage)));
        }
    }
    (Some(header.boundary), None)
}

/// The bytes in the frames of a checkpoint, one behind the other.
#[derive(Debug)]
struct Frames<'d, D> {
    disk: &'d D,
    file: &'d str,
    header: CheckpointHeader,
    window: Vec<u8>,
    /// Bytes of the window that the file has.
    read: usize,
    /// Where the window begins in the file.
    window_offset: u64,
    /// The open frame: where it begins in the file, and which bytes of the window are still to be given out.
    frame_offset: u64,
    left: std::ops::Range<usize>,
    frames: u64,
    last: bool,
    fault: Option<Damage>,
}

impl<'d, D: ReadDisk> Frames<'d, D> {
    fn new(disk: &'d D, file: &'d str, header: CheckpointHeader) -> Frames<'d, D> {
        Frames {
            disk,
            file,
            header,
            window: Vec::new(),
            read: 0,
            window_offset: BLOCK_BYTES as u64,
            frame_offset: 0,
            left: 0..0,
            frames: 0,
            last: false,
            fault: None,
        }
    }

    fn is_at_end(&self) -> bool {
        self.last && self.left.is_empty()
    }

    /// Opens the next frame; there is one.
    fn next_frame(&mut self) -> Result<(), Unreadable> {
        let offset = BLOCK_BYTES as u64 + self.frames * FRAME_BYTES as u64;
        self.frame_offset = offset;
        if self.frames.is_multiple_of(FRAMES_AT_ONCE as u64) {
            self.window.resize(FRAMES_AT_ONCE * FRAME_BYTES, 0);
            self.window_offset = offset;
            match self.disk.read_at(self.file, offset, &mut self.window) {
                Ok(read) => self.read = read,
                Err(source) => {
                    self.fault = Some(Damage::Io { file: self.file.into(), source });
                    return Err(Unreadable);
                }
            }
        }
        let from = (offset - self.window_offset) as usize;
        let frame = self.window[..self.read].get_mut(from..).ok_or(Unreadable)?;
        let most = frame.len().min(FRAME_BYTES);
        let (bytes, last) = self.header.open(self.frames, &mut frame[..most]).ok_or(Unreadable)?;
        let from = from + super::layout::FRAME_HEADER_BYTES;
        self.left = from..from + bytes.len();
        self.last = last;
        self.frames += 1;
        Ok(())
    }
}

impl<D: ReadDisk> ImageSource for Frames<'_, D> {
    fn fill(&mut self, mut into: &mut [u8]) -> Result<(), Unreadable> {
        while !into.is_empty() {
            if self.left.is_empty() {
                if self.last {
                    return Err(Unreadable);
                }
                self.next_frame()?;
                continue;
            }
            let bytes = into.len().min(self.left.len());
            let (now, later) = into.split_at_mut(bytes);
            now.copy_from_slice(&self.window[self.left.start..self.left.start + bytes]);
            self.left.start += bytes;
            into = later;
        }
        Ok(())
    }
}
