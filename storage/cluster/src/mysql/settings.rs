//! What a server has to be set to, so that what it says is committed stays so. Looked at on every new connection: a
//! server that was restarted with other settings, or another one behind the same name, is noticed before it is trusted.

use super::fault::{Fault, FaultKind};

/// How long a transaction waits for a lock, in seconds: shorter than any statement may take, so that the server's answer
/// comes before our time-out.
pub const LOCK_WAIT_SECONDS_MAX: u64 = 2;
/// The longest text that is sent at once; a server's `max_allowed_packet` may not be below.
pub const STATEMENT_BYTES_MAX: usize = 8 << 20;

/// What each new connection sets for itself. A node that stands still in the middle of a transaction, or is cut off from
/// its server, would keep the locks of its fences for hours, and nobody could open their shelves: after ten seconds of
/// silence the server ends the connection. One that merely waited to be used is found out when it is.
pub(super) const SESSION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
     SET SESSION innodb_lock_wait_timeout = 2, wait_timeout = 10, \
     sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', \
     autocommit = 1, time_zone = '+00:00'";

/// What each new connection then looks at. MariaDB and MySQL have different names for the isolation; one that a server
/// has not is left out of its answer.
pub(super) const ASKED: &str = "SHOW SESSION VARIABLES WHERE Variable_name IN ('tx_isolation', \
     'transaction_isolation', 'innodb_lock_wait_timeout', 'sync_binlog', 'innodb_flush_log_at_trx_commit', \
     'max_allowed_packet', 'read_only', 'super_read_only')";

/// Judges the answer to [`ASKED`].
///
/// # Errors
/// The first setting that breaks a promise, with what it has to be.
pub(super) fn judge(variables: &[(String, String)]) -> Result<(), Fault> {
    let value = |name: &str| variables.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str());
    if ["read_only", "super_read_only"].into_iter().any(|name| matches!(value(name), Some("ON" | "1"))) {
        return Err(Fault::new(FaultKind::ReadOnly, "the server is read-only"));
    }
    let isolation = value("tx_isolation").or(value("transaction_isolation"));
    is("transaction_isolation", isolation, "READ-COMMITTED")?;
    is("sync_binlog", value("sync_binlog"), "1")?;
    is("innodb_flush_log_at_trx_commit", value("innodb_flush_log_at_trx_commit"), "1")?;
    between("innodb_lock_wait_timeout", value("innodb_lock_wait_timeout"), 1, LOCK_WAIT_SECONDS_MAX)?;
    between("max_allowed_packet", value("max_allowed_packet"), STATEMENT_BYTES_MAX as u64, u64::MAX)
}

fn is(name: &str, value: Option<&str>, wanted: &str) -> Result<(), Fault> {
    if value == Some(wanted) {
        return Ok(());
    }
    Err(wrong(name, value, wanted))
}

fn between(name: &str, value: Option<&str>, least: u64, most: u64) -> Result<(), Fault> {
    match value.and_then(|value| value.parse::<u64>().ok()) {
        Some(number) if (least..=most).contains(&number) => Ok(()),
        _ if most == u64::MAX => Err(wrong(name, value, &format!("{least} or more"))),
        _ => Err(wrong(name, value, &format!("{least} to {most}"))),
    }
}

fn wrong(name: &str, value: Option<&str>, wanted: &str) -> Fault {
    let value = value.unwrap_or("unknown");
    Fault::new(FaultKind::Setting, format!("{name} is {value} and has to be {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 6] = [
        ("tx_isolation", "READ-COMMITTED"),
        ("sync_binlog", "1"),
        ("innodb_flush_log_at_trx_commit", "1"),
        ("innodb_lock_wait_timeout", "2"),
        ("max_allowed_packet", "16777216"),
        ("read_only", "OFF"),
    ];

    /// The good answer with one setting changed, or without it.
    fn check(name: &str, value: Option<&str>, said: &str) {
        let changed =
            GOOD.iter().filter(|(of, _)| *of != name).copied().chain(value.map(|value| (name, value)));
        let variables: Vec<_> = changed.map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let judged = judge(&variables).map_err(|fault| fault.said);
        assert_eq!(judged.err().as_deref().unwrap_or(""), said, "{name} {value:?}");
    }

    #[test]
    fn each_setting_that_breaks_a_promise_is_named() {
        check("read_only", Some("OFF"), "");
        check("transaction_isolation", Some("READ-COMMITTED"), "");
        check("sync_binlog", Some("0"), "sync_binlog is 0 and has to be 1");
        check("sync_binlog", None, "sync_binlog is unknown and has to be 1");
        check(
            "innodb_flush_log_at_trx_commit",
            Some("2"),
            "innodb_flush_log_at_trx_commit is 2 and has to be 1",
        );
        check(
            "tx_isolation",
            Some("REPEATABLE-READ"),
            "transaction_isolation is REPEATABLE-READ and has to be READ-COMMITTED",
        );
        check("innodb_lock_wait_timeout", Some("50"), "innodb_lock_wait_timeout is 50 and has to be 1 to 2");
        check("max_allowed_packet", Some("1024"), "max_allowed_packet is 1024 and has to be 8388608 or more");
        check("read_only", Some("ON"), "the server is read-only");
        check("super_read_only", Some("1"), "the server is read-only");
    }
}
