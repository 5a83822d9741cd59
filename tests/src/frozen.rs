//! A thread that hangs, while the others of its process go on. Signals stop whole processes; a debugger stops a thread.

use std::fs;

use nix::sys::ptrace::{self, Options};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

/// A stopped thread of another process. It goes on when this is dropped, by the thread that made it.
#[derive(Debug)]
pub struct Frozen {
    thread: Pid,
    /// Only the thread that stopped it may let it go on.
    _not_send: std::marker::PhantomData<*const ()>,
}

impl Frozen {
    /// Stops the first thread of a process whose name begins so. The system keeps 15 characters of a name.
    ///
    /// # Panics
    /// Where there is no such thread, or the system does not let us: a process may stop its children's threads.
    pub fn thread_of(process: u32, name: &str) -> Frozen {
        let threads = fs::read_dir(format!("/proc/{process}/task")).expect("the process is there");
        let is_it = |folder: &fs::DirEntry| {
            fs::read_to_string(folder.path().join("comm")).is_ok_and(|its| its.starts_with(name))
        };
        let found = threads.flatten().find(is_it).unwrap_or_else(|| panic!("no thread is called {name}"));
        let thread = found.file_name().to_string_lossy().parse().expect("the folder's name is a number");
        let thread = Pid::from_raw(thread);
        ptrace::seize(thread, Options::empty()).expect("the thread of a child may be seized");
        ptrace::interrupt(thread).expect("it was seized");
        waitpid(thread, Some(WaitPidFlag::__WALL)).expect("it stops");
        Frozen { thread, _not_send: std::marker::PhantomData }
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        if ptrace::detach(self.thread, None).is_err() {
            // It has ended with its process, which is kept until we have heard of it.
            let _ = waitpid(self.thread, Some(WaitPidFlag::__WALL));
        }
    }
}

/// Hears of frozen threads of a child that have ended: as long as nobody has, the child itself does not end.
pub(crate) fn let_ended_ones_go(child: u32) {
    let Ok(threads) = fs::read_dir(format!("/proc/{child}/task")) else { return };
    let ids = threads.flatten().filter_map(|thread| thread.file_name().to_str()?.parse().ok());
    for thread in ids.filter(|&thread: &i32| thread as u32 != child) {
        // An error where it is none of ours.
        let _ = waitpid(Pid::from_raw(thread), Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG));
    }
}
