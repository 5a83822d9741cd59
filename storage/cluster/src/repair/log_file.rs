//! A sink that is a file: a line of JSON an event, on disk before it counts as published. A full file is renamed, so that
//! the newest events are always in the one of the configured name: `events.jsonl`, then `events.jsonl.1`, and so on.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::sink::{Sink, SinkFault};
use crate::mysql::EventRow;
use crate::shelf::ShardNo;

/// Bytes of one file, before it is renamed; a batch of events that begins below the bound is not cut.
pub const FILE_BYTES_MAX: u64 = 256 << 20;
/// Files that are kept, the newest among them; older ones are deleted.
pub const FILES_MAX: u32 = 8;

/// Where the file is, and how large it may grow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFileSettings {
    /// The newest file. Its folder is there.
    pub path: PathBuf,
    /// Bytes of one file.
    pub file_bytes_max: u64,
    /// Files that are kept, from 1.
    pub files_max: u32,
}

impl LogFileSettings {
    /// With the bounds that stand.
    pub fn new(path: impl Into<PathBuf>) -> LogFileSettings {
        LogFileSettings { path: path.into(), file_bytes_max: FILE_BYTES_MAX, files_max: FILES_MAX }
    }
}

/// The sink.
#[derive(Debug)]
pub struct LogFile {
    /// Locked where it is written: that is another thread, as a disk takes its time.
    shared: Arc<Mutex<Files>>,
}

impl LogFile {
    /// Nothing is opened before the first event comes.
    pub fn new(settings: LogFileSettings) -> LogFile {
        LogFile { shared: Arc::new(Mutex::new(Files { settings, newest: None })) }
    }
}

impl Sink for LogFile {
    async fn publish(&mut self, of: ShardNo, events: Vec<EventRow>) -> Result<(), SinkFault> {
        let shared = Arc::clone(&self.shared);
        let written = tokio::task::spawn_blocking(move || {
            let lines = lines(of, &events);
            shared.lock().unwrap_or_else(PoisonError::into_inner).write(&lines)
        });
        match written.await {
            Ok(written) => written.map_err(|fault| SinkFault(fault.to_string())),
            Err(_) => Err(SinkFault("its thread has ended".into())),
        }
    }
}

/// A line an event. An order's id is a text: it has more digits than a number of JavaScript.
fn lines(of: ShardNo, events: &[EventRow]) -> String {
    let mut text = String::new();
    for EventRow { order, at, body } in events {
        // Writing to a String cannot fail.
        let _ = write!(text, r#"{{"database":{},"order":"{}","at_us":{},"facts":""#, of.0, order.0, at.0);
        for byte in body {
            let _ = write!(text, "{byte:02x}");
        }
        text.push_str("\"}\n");
    }
    text
}

#[derive(Debug)]
struct Files {
    settings: LogFileSettings,
    newest: Option<Newest>,
}

#[derive(Debug)]
struct Newest {
    file: File,
    bytes: u64,
}

impl Files {
    /// Appends, and does not return before it is on disk.
    fn write(&mut self, lines: &str) -> io::Result<()> {
        let mut newest = match self.newest.take() {
            Some(newest) => newest,
            None => open(&self.settings.path)?,
        };
        if newest.bytes >= self.settings.file_bytes_max {
            drop(newest);
            self.rename()?;
            newest = open(&self.settings.path)?;
        }
        newest.file.write_all(lines.as_bytes())?;
        newest.file.sync_data()?;
        newest.bytes += lines.len() as u64;
        // Only here: after an error nobody knows what of the file is on disk, and it is looked at again.
        self.newest = Some(newest);
        Ok(())
    }

    /// Each file takes the name of the one before it; the oldest one goes.
    fn rename(&self) -> io::Result<()> {
        let LogFileSettings { path, files_max, .. } = &self.settings;
        let name = |age: u32| if age == 0 { path.clone() } else { aged(path, age) };
        let oldest = files_max.saturating_sub(1);
        if oldest == 0 {
            fs::remove_file(path)?;
        }
        for age in (0..oldest).rev() {
            match fs::rename(name(age), name(age + 1)) {
                Ok(()) => (),
                Err(fault) if fault.kind() == io::ErrorKind::NotFound => (),
                Err(fault) => return Err(fault),
            }
        }
        sync_folder(path)
    }
}

fn aged(path: &Path, age: u32) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{age}"));
    PathBuf::from(name)
}

/// Opens at the end, behind the last whole line: a line that was cut by a crash was never published, and comes again.
fn open(path: &Path) -> io::Result<Newest> {
    let is_new = !path.try_exists()?;
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    if is_new {
        sync_folder(path)?;
    }
    let bytes = end_of_lines(&mut file)?;
    file.set_len(bytes)?;
    file.seek(SeekFrom::Start(bytes))?;
    Ok(Newest { file, bytes })
}

fn end_of_lines(file: &mut File) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    let mut piece = vec![0; 64 << 10];
    while end > 0 {
        let begin = end.saturating_sub(piece.len() as u64);
        let piece = &mut piece[..usize::try_from(end - begin).unwrap_or(0)];
        file.seek(SeekFrom::Start(begin))?;
        file.read_exact(piece)?;
        if let Some(at) = piece.iter().rposition(|byte| *byte == b'\n') {
            return Ok(begin + at as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

/// A name that was made or changed is on disk only when its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{MicrosUtc, OrderId};

    const OF: ShardNo = ShardNo(1);

    fn event(order: u64) -> EventRow {
        EventRow { order: OrderId(order), at: MicrosUtc(-5), body: vec![0, 0xab] }
    }

    fn line(order: u64) -> String {
        format!("{{\"database\":1,\"order\":\"{order}\",\"at_us\":-5,\"facts\":\"00ab\"}}\n")
    }

    fn files(bytes: u64, files: u32) -> (tempfile::TempDir, LogFileSettings) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        (folder, LogFileSettings { path, file_bytes_max: bytes, files_max: files })
    }

    #[tokio::test]
    async fn each_event_is_a_line_behind_those_before() {
        let (_folder, settings) = files(FILE_BYTES_MAX, FILES_MAX);
        let mut sink = LogFile::new(settings.clone());
        sink.publish(OF, vec![event(1), event(u64::MAX)]).await.unwrap();
        sink.publish(OF, vec![event(2)]).await.unwrap();
        LogFile::new(settings.clone()).publish(OF, vec![event(3)]).await.unwrap();
        let lines = [line(1), line(u64::MAX), line(2), line(3)].concat();
        assert_eq!(fs::read_to_string(settings.path).unwrap(), lines);
    }

    #[tokio::test]
    async fn a_line_that_was_cut_goes_before_the_next_one_comes() {
        for kept in [String::new(), line(1), line(1) + &line(2)] {
            for cut in [0, 1, 10, 100_000] {
                let (_folder, settings) = files(FILE_BYTES_MAX, FILES_MAX);
                fs::write(&settings.path, format!("{kept}{}", "x".repeat(cut))).unwrap();
                LogFile::new(settings.clone()).publish(OF, vec![event(3)]).await.unwrap();
                assert_eq!(fs::read_to_string(settings.path).unwrap(), kept.clone() + &line(3));
            }
        }
    }

    #[tokio::test]
    async fn full_files_are_renamed_and_the_oldest_one_goes() {
        let (folder, settings) = files(1, 3);
        let mut sink = LogFile::new(settings.clone());
        for order in 1..=5 {
            sink.publish(OF, vec![event(order)]).await.unwrap();
        }
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("events.jsonl"), line(5));
        assert_eq!(read("events.jsonl.1"), line(4));
        assert_eq!(read("events.jsonl.2"), line(3));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_an_error_and_no_event_is_lost_to_it() {
        let (folder, mut settings) = files(FILE_BYTES_MAX, FILES_MAX);
        settings.path = folder.path().join("later").join("events.jsonl");
        let mut sink = LogFile::new(settings.clone());
        sink.publish(OF, vec![event(1)]).await.unwrap_err();
        fs::create_dir(folder.path().join("later")).unwrap();
        sink.publish(OF, vec![event(1)]).await.unwrap();
        assert_eq!(fs::read_to_string(settings.path).unwrap(), line(1));
    }
}
