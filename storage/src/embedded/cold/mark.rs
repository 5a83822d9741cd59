//! The file `mark`: whose cold store it is, in which format, and how far the last sync went.
//!
//! A tree alone cannot tell that it is an older copy of itself. The mark is written behind all trees, so at an opening
//! they are at least as far as it says, or something is lost.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use super::store::{ColdError, Standing};
use super::upkeep::io_error;
use crate::embedded::journal::Identity;
use crate::embedded::journal::layout::{u16_at, u32_at, u64_at, u128_at};

/// Version of the layout of the mark and of all trees. A reader refuses a newer one.
const FORMAT_VERSION: u16 = 1;
const MAGIC: [u8; 8] = *b"TGCOLDMK";
const MARK_BYTES: usize = 64;
const CHECKSUM_AT: usize = 60;

const NAME: &str = "mark";
/// What an opening may find and nobody reads.
const NAME_IN_MAKING: &str = "mark.making";

/// What the last sync left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub store: u128,
    pub standing: Standing,
    /// The trees' own number of the last change to an order's newest version.
    pub last_change: u64,
}

impl Mark {
    /// Reads the mark of a folder. A folder that has none is a new one, which must be empty.
    pub(super) fn read(folder: &Path, identity: Identity) -> Result<Option<Mark>, ColdError> {
        let path = folder.join(NAME);
        let place = path.display().to_string();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return nothing_there(folder, place),
            Err(error) => return Err(io_error(place, &error)),
        };
        let damaged = |why: &str| Err(ColdError::Damaged { place: place.clone(), why: why.into() });
        let Ok(bytes) = <&[u8; MARK_BYTES]>::try_from(&bytes[..]) else {
            return damaged("it is not as long as it was written");
        };
        if bytes[..8] != MAGIC || u32_at(bytes, CHECKSUM_AT) != crc32c::crc32c(&bytes[..CHECKSUM_AT]) {
            return damaged("its checksum does not match");
        }
        match u16_at(bytes, 8) {
            FORMAT_VERSION => (),
            0 => return damaged("it says no version"),
            version => return Err(ColdError::Newer { place, version }),
        }
        if u128_at(bytes, 16) != identity.store {
            return Err(ColdError::Foreign { place });
        }
        Ok(Some(Mark {
            store: identity.store,
            standing: Standing { through: u64_at(bytes, 32), batches: u64_at(bytes, 40) },
            last_change: u64_at(bytes, 48),
        }))
    }

    /// Writes it, durably, in the place of the one before.
    pub(super) fn write(&self, folder: &Path) -> Result<(), ColdError> {
        let (making, path) = (folder.join(NAME_IN_MAKING), folder.join(NAME));
        let write = || {
            let mut file = File::create(&making)?;
            file.write_all(&self.encode())?;
            file.sync_all()?;
            fs::rename(&making, &path)?;
            File::open(folder)?.sync_all()
        };
        write().map_err(|error| io_error(path.display().to_string(), &error))
    }

    fn encode(&self) -> [u8; MARK_BYTES] {
        let Mark { store, standing: Standing { through, batches }, last_change } = *self;
        let mut bytes = [0; MARK_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[16..32].copy_from_slice(&store.to_le_bytes());
        bytes[32..40].copy_from_slice(&through.to_le_bytes());
        bytes[40..48].copy_from_slice(&batches.to_le_bytes());
        bytes[48..56].copy_from_slice(&last_change.to_le_bytes());
        let checksum = crc32c::crc32c(&bytes[..CHECKSUM_AT]);
        bytes[CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }
}

fn nothing_there(folder: &Path, place: String) -> Result<Option<Mark>, ColdError> {
    let names = fs::read_dir(folder).map_err(|error| io_error(folder.display().to_string(), &error))?;
    for name in names {
        let name = name.map_err(|error| io_error(folder.display().to_string(), &error))?.file_name();
        if name != NAME_IN_MAKING {
            let why = format!("it is missing, but {} is there", name.to_string_lossy());
            return Err(ColdError::Damaged { place, why });
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: Identity = Identity { store: 0x0102_0304, salt: 5, ledger_seed: 6 };
    const MARK: Mark =
        Mark { store: IDENTITY.store, standing: Standing { through: 7, batches: 8 }, last_change: 9 };

    #[test]
    fn a_mark_says_what_was_written_and_any_flipped_bit_shows() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Mark::read(folder.path(), IDENTITY), Ok(None));
        MARK.write(folder.path()).unwrap();
        assert_eq!(Mark::read(folder.path(), IDENTITY), Ok(Some(MARK)));
        let good = fs::read(folder.path().join(NAME)).unwrap();
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            fs::write(folder.path().join(NAME), bad).unwrap();
            let read = Mark::read(folder.path(), IDENTITY);
            assert!(matches!(read, Err(ColdError::Damaged { .. })), "bit {bit}: {read:?}");
        }
    }

    #[test]
    fn a_newer_format_another_store_and_a_lost_mark_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = MARK.encode();
        bytes[8] = 2;
        let checksum = crc32c::crc32c(&bytes[..CHECKSUM_AT]);
        bytes[CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
        fs::write(folder.path().join(NAME), bytes).unwrap();
        let read = Mark::read(folder.path(), IDENTITY);
        assert!(matches!(read, Err(ColdError::Newer { version: 2, .. })), "{read:?}");

        Mark { store: 1, ..MARK }.write(folder.path()).unwrap();
        let read = Mark::read(folder.path(), IDENTITY);
        assert!(matches!(read, Err(ColdError::Foreign { .. })), "{read:?}");

        fs::remove_file(folder.path().join(NAME)).unwrap();
        fs::create_dir(folder.path().join("orders")).unwrap();
        let read = Mark::read(folder.path(), IDENTITY);
        assert!(matches!(read, Err(ColdError::Damaged { .. })), "{read:?}");
    }
}
