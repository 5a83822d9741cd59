//! A data folder and the archive that its older segments went to, read as one folder: for whoever wants all facts.

use std::io::{self, ErrorKind};

use super::disk::{Held, ReadDisk};
use super::journal::segment::{Name, parse_name};

/// The files of a data folder, and of the archive the segments before them.
///
/// Segments leave in the order of their numbers. So what the archive has of the same numbers, or of later ones, is left
/// out: it is the same, about to be removed here; or of another life of the store, which was restored from a backup.
#[derive(Clone, Debug)]
pub struct Joined<D, A> {
    data: D,
    archive: Option<A>,
}

impl<D: ReadDisk, A: ReadDisk> Joined<D, A> {
    /// Both of them, or a data folder alone.
    pub fn new(data: D, archive: Option<A>) -> Joined<D, A> {
        Joined { data, archive }
    }

    /// The archive, for a segment that is not in the data folder.
    fn elsewhere(&self, name: &str, why: &io::Error) -> Option<&A> {
        let left = why.kind() == ErrorKind::NotFound && matches!(parse_name(name), Name::Segment(_));
        self.archive.as_ref().filter(|_| left)
    }
}

impl<D: ReadDisk, A: ReadDisk> ReadDisk for Joined<D, A> {
    fn place(&self) -> String {
        self.data.place()
    }

    fn list(&self) -> io::Result<Vec<String>> {
        // First here: what goes meanwhile is in both then, and not in none.
        let mut names = self.data.list()?;
        let Some(archive) = &self.archive else { return Ok(names) };
        let Some(oldest) = names.iter().filter_map(|name| number(name)).min() else { return Ok(names) };
        let older = archive.list()?.into_iter().filter(|name| number(name).is_some_and(|it| it < oldest));
        names.extend(older);
        Ok(names)
    }

    fn file_bytes(&self, name: &str) -> io::Result<u64> {
        self.data.file_bytes(name).or_else(|why| match self.elsewhere(name, &why) {
            Some(archive) => archive.file_bytes(name),
            None => Err(why),
        })
    }

    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.data.read_at(name, offset, into).or_else(|why| match self.elsewhere(name, &why) {
            Some(archive) => archive.read_at(name, offset, into),
            None => Err(why),
        })
    }

    fn hold(&self, name: &str) -> io::Result<Option<Held>> {
        // Nobody takes segments from an archive, and where there is one, those that go are found there.
        match self.archive {
            Some(_) => Ok(Some(Held::default())),
            None => self.data.hold(name),
        }
    }
}

fn number(name: &str) -> Option<u64> {
    match parse_name(name) {
        Name::Segment(number) => Some(number),
        Name::Spare | Name::Checkpoint(_) | Name::Making | Name::Cold | Name::Other => None,
    }
}
