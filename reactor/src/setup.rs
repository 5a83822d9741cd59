//! Why a reactor cannot start here, and what to do about it.

use std::io;

/// A reactor cannot be made. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The kernel has no io_uring, or one without what is needed.
    #[error("this kernel lacks {missing}; Linux 6.1 or later is needed")]
    KernelTooOld {
        /// What is not there.
        missing: &'static str,
    },
    /// io_uring is switched off.
    #[error(
        "io_uring is not permitted here: set sysctl kernel.io_uring_disabled=0, or allow the io_uring calls in the \
         container's seccomp profile"
    )]
    Forbidden,
    /// The memory of the rings is not granted.
    #[error(
        "no memory for the rings: raise RLIMIT_MEMLOCK (ulimit -l; LimitMEMLOCK= for systemd) or lower bounds"
    )]
    Memory,
    /// Too many descriptors are open.
    #[error("no file descriptor left: raise RLIMIT_NOFILE (ulimit -n; LimitNOFILE= for systemd)")]
    Descriptors,
    /// The bounds contradict each other.
    #[error("{0}")]
    Bounds(&'static str),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}; choose another address or end who uses it")]
    Listen {
        /// The address asked for.
        address: std::net::SocketAddr,
        /// The kernel's reason.
        error: io::Error,
    },
    /// Anything else.
    #[error("io_uring: {0}")]
    Other(#[source] io::Error),
}

impl SetupError {
    pub(crate) fn of_ring(error: io::Error) -> SetupError {
        SetupError::of(error, "io_uring with DEFER_TASKRUN")
    }

    pub(crate) fn of_buffers(error: io::Error) -> SetupError {
        SetupError::of(error, "rings of provided buffers")
    }

    fn of(error: io::Error, missing: &'static str) -> SetupError {
        match error.raw_os_error() {
            Some(libc::ENOSYS | libc::EINVAL) => SetupError::KernelTooOld { missing },
            Some(libc::EPERM | libc::EACCES) => SetupError::Forbidden,
            Some(libc::ENOMEM) => SetupError::Memory,
            Some(libc::EMFILE | libc::ENFILE) => SetupError::Descriptors,
            _ => SetupError::Other(error),
        }
    }
}
