//! The configuration as each crate wants it, judged by each crate: a fault names its section.

mod servers;

use std::path::PathBuf;

use affinity::{Layout, Wishes};
use domain::{LedgerBounds, Micros, Rules};
use storage::embedded::cold::ColdSettings;
use storage::embedded::disk::DurabilityPath;
use storage::embedded::{Expiry, Retention};
use storage_cluster::links::Servers;

use crate::cli::BadUsage;
use crate::config::{self, Config, StoreMode};

pub use servers::servers;

/// What the parts of a server are made with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The embedded store.
    pub store: storage::embedded::Config,
    /// The servers of the cluster store, where that is the one that serves.
    pub cluster: Option<Servers>,
    /// Where the cluster store writes its events; nowhere by default.
    pub events_file: Option<PathBuf>,
    /// Each gateway's bounds.
    pub gateway: handlers::Bounds,
    /// Each gateway's limits of pace.
    pub rates: handlers::Rates,
    /// Each reactor.
    pub reactor: reactor::Bounds,
    /// What is wished of the threads.
    pub wishes: Wishes,
    /// Whose callbacks are believed.
    pub keys: handlers::Keys,
}

impl Settings {
    /// Takes a configuration apart. An error names the section and says what to change.
    pub fn of(config: &Config) -> Result<Settings, BadUsage> {
        let settings = Settings {
            store: store(config),
            cluster: match config.store.mode {
                StoreMode::Embedded => None,
                StoreMode::Cluster => Some(servers(&config.store_cluster)?),
            },
            events_file: Some(&config.store_cluster.events_file)
                .filter(|file| !file.as_os_str().is_empty())
                .cloned(),
            gateway: gateway(config),
            rates: rates(&config.rates),
            reactor: sockets(&config.connections),
            wishes: wishes(config),
            keys: keys(&config.payments)?,
        };
        let fault = |section: &str, why: &str| Err(BadUsage(format!("[{section}] {why}")));
        if let Err(why) = settings.store.check() {
            let why = why.to_string();
            let of_journal = why.starts_with("retain_") || why.starts_with("on_expiry");
            let section = match why.starts_with("disk_") {
                true => "store",
                false if of_journal => "journal",
                false => "journal] or [requests",
            };
            return fault(section, &why);
        }
        let deletes = config.journal.on_expiry == config::OnExpiry::Delete;
        if deletes && !config.journal.archive_dir.as_os_str().is_empty() {
            return fault("journal", "archive_dir is named, and on_expiry = \"delete\" would never fill it");
        }
        if let Some(why) = settings.store.ledger.fault() {
            return fault("bounds", why);
        }
        if let Some(why) = settings.gateway.fault() {
            return fault(if why.starts_with("hello_seconds") { "connections" } else { "requests" }, why);
        }
        if let Some(why) = settings.reactor.fault() {
            return fault("connections", why);
        }
        if settings.reactor.connection_in_bytes <= protocol::bounds::FRAME_BYTES_MAX {
            return fault("connections", "connection_in_bytes: must be more than the longest frame, 1048576");
        }
        if settings.reactor.connection_out_bytes < 4 * settings.gateway.connection_answer_bytes as usize {
            return fault(
                "connections",
                "connection_out_bytes: must be at least 4 times requests.connection_answer_bytes",
            );
        }
        Ok(settings)
    }
}

fn store(config: &Config) -> storage::embedded::Config {
    let config::Store {
        request_window_hours,
        request_ahead_seconds,
        opening_grace_seconds,
        accept_clock,
        disk_budget_bytes,
        disk_warn_percent,
        disk_stop_percent,
        rest_after_seconds,
        cold_cache_bytes,
        cold_write_buffer_bytes,
        ..
    } = config.store;
    let config::Journal {
        segment_bytes,
        segments_ahead,
        group_bytes,
        durability,
        checkpoint_bytes,
        checkpoint_lag_bytes_max,
        on_expiry,
        retain_bytes,
        retain_seconds,
        ref archive_dir,
        seal_after_us,
    } = config.journal;
    let requests = &config.requests;
    storage::embedded::Config {
        ledger: ledger(&config.bounds),
        rules: Rules {
            request_window: Micros::from_seconds(request_window_hours.saturating_mul(3_600)),
            request_ahead: Micros::from_seconds(request_ahead_seconds),
            payment_extension: Micros::from_seconds(config.payments.hold_extension_seconds),
            completion: Micros::from_seconds(config.shipping.completion_seconds),
        },
        segment_bytes,
        segments_ahead,
        group_bytes,
        durability: match durability {
            config::Durability::Auto => storage::embedded::Durability::Auto,
            config::Durability::Dsync => storage::embedded::Durability::Always(DurabilityPath::Dsync),
            config::Durability::Fsync => storage::embedded::Durability::Always(DurabilityPath::Fsync),
        },
        rest_after_seconds,
        cold: ColdSettings { cache_bytes: cold_cache_bytes, write_buffer_bytes: cold_write_buffer_bytes },
        checkpoint_bytes,
        checkpoint_lag_bytes_max,
        retention: Retention {
            bytes: retain_bytes,
            seconds: retain_seconds,
            expiry: match on_expiry {
                config::OnExpiry::Keep => Expiry::Keep,
                config::OnExpiry::Archive => Expiry::Archive(archive_dir.clone()),
                config::OnExpiry::Delete => Expiry::Delete,
            },
        },
        background: storage::embedded::Background { step_back: reactor::step_back },
        disk: storage::embedded::DiskBudget {
            bytes: disk_budget_bytes,
            warn_percent: disk_warn_percent,
            stop_percent: disk_stop_percent,
        },
        seal_after_us,
        opening_grace_seconds,
        accept_clock,
        batches: requests.store_batches,
        batches_reserved: requests.store_batches_reserved,
        batch_intents: requests.store_batch_intents,
        answer_vectors: requests.answer_vectors,
        answers_waiting_max: requests.answers_waiting,
        retry_after_ms: requests.retry_after_ms,
    }
}

fn ledger(bounds: &config::Bounds) -> LedgerBounds {
    let config::Bounds {
        orders,
        lines,
        client_bytes,
        history_rows,
        request_ids,
        changes,
        payments,
        shipments,
        sent_lines,
        cases,
        user_counts,
        skus,
        shelves,
        sales,
        sale_skus,
        holds,
        user_limits,
        dead_letters,
        hold_lines,
        coupons,
        coupon_skus,
        coupon_users,
        coupon_orders,
    } = *bounds;
    LedgerBounds {
        orders_max: orders,
        lines_max: lines,
        client_bytes_max: client_bytes,
        history_rows_max: history_rows,
        request_ids_max: request_ids,
        changes_max: changes,
        payments_max: payments,
        shipments_max: shipments,
        sent_lines_max: sent_lines,
        cases_max: cases,
        user_counts_max: user_counts,
        skus_max: skus,
        shelves_max: shelves,
        sales_max: sales,
        sale_skus_max: sale_skus,
        holds_max: holds,
        limits_max: user_limits,
        dead_letters_max: dead_letters,
        hold_lines_max: hold_lines,
        coupons_max: coupons,
        coupon_skus_max: coupon_skus,
        coupon_users_max: coupon_users,
        coupon_orders_max: coupon_orders,
    }
}

fn keys(payments: &config::Payments) -> Result<handlers::Keys, BadUsage> {
    let config::Payments { gateways, callback_window_seconds, hold_extension_seconds } = payments;
    if !(1..=86_400).contains(callback_window_seconds) {
        return Err(BadUsage("[payments] callback_window_seconds: must be 1 to 86400".into()));
    }
    if *hold_extension_seconds > domain::intent::HOLD_SECONDS_MAX {
        return Err(BadUsage("[payments] hold_extension_seconds: must be at most 2592000".into()));
    }
    let mut keys = Vec::with_capacity(gateways.len());
    for gateway in gateways {
        keys.push((gateway.id, gateway.key()?));
    }
    handlers::Keys::new(&keys, Micros::from_seconds(*callback_window_seconds))
        .map_err(|why| BadUsage(format!("[payments] {why}")))
}

fn gateway(config: &Config) -> handlers::Bounds {
    let requests = &config.requests;
    handlers::Bounds {
        connections: u32::try_from(config.connections.connections).unwrap_or(u32::MAX),
        in_flight: requests.in_flight,
        in_flight_reserved: requests.in_flight_reserved,
        connection_in_flight: requests.connection_in_flight,
        connection_batches: requests.connection_batches,
        connection_answer_bytes: requests.connection_answer_bytes,
        batches: requests.batches,
        subscriptions: requests.subscriptions,
        event_bytes_per_s: requests.event_bytes_per_s,
        refusal_events_per_s: requests.refusal_events_per_s,
        rate_users: config.rates.users,
        audit_orders: requests.audit_orders,
        retry_after_ms: requests.retry_after_ms,
        hello_seconds: config.connections.hello_seconds,
    }
}

fn rates(rates: &config::Rates) -> handlers::Rates {
    // `users` is a bound, and among those.
    let config::Rates { user_per_s, user_burst, users: _, connection_per_s, connection_burst } = *rates;
    handlers::Rates { user_per_s, user_burst, connection_per_s, connection_burst }
}

fn sockets(connections: &config::Connections) -> reactor::Bounds {
    let config::Connections {
        connections,
        connection_in_bytes,
        connection_out_bytes,
        in_bytes,
        out_bytes,
        recv_buffers,
        recv_buffer_bytes,
        inlet_sockets,
        spin_us,
        closing_ms,
        hello_seconds: _, // The gateway's.
    } = *connections;
    reactor::Bounds {
        connections,
        connection_in_bytes,
        connection_out_bytes,
        in_bytes,
        out_bytes,
        recv_buffers,
        recv_buffer_bytes,
        inlet_sockets,
        spin_us,
        closing_ms,
        ..reactor::Bounds::DEFAULT
    }
}

fn wishes(config: &Config) -> Wishes {
    let config::Threads { layout, reactors, cpus, leave_generator_cpu } = &config.threads;
    let workers = config.store_cluster.workers;
    let (layout, workers) = match (config.store.mode, layout) {
        // Nobody decides here, whatever is wished of the engine.
        (StoreMode::Cluster, _) => (Some(Layout::Workers), (workers > 0).then_some(workers)),
        (StoreMode::Embedded, config::Layout::Auto) => (None, None),
        (StoreMode::Embedded, config::Layout::Fused) => (Some(Layout::Fused), None),
        (StoreMode::Embedded, config::Layout::Split) => (Some(Layout::Split), None),
    };
    Wishes {
        layout,
        reactors: (*reactors > 0).then_some(*reactors),
        workers,
        cpus: cpus.clone(),
        generator: *leave_generator_cpu,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_each_crate() {
        let settings = Settings::of(&Config::default()).unwrap();
        assert_eq!(settings.gateway, handlers::Bounds::DEFAULT);
        let store = storage::embedded::Config {
            retry_after_ms: 20,
            background: settings.store.background,
            ..storage::embedded::Config::default()
        };
        assert_eq!(format!("{:?}", settings.store), format!("{store:?}"));
        let reactor = reactor::Bounds {
            connection_in_bytes: settings.reactor.connection_in_bytes,
            connection_out_bytes: settings.reactor.connection_out_bytes,
            ..reactor::Bounds::DEFAULT
        };
        assert_eq!(settings.reactor, reactor);
    }

    #[test]
    fn a_fault_names_its_section_and_key() {
        type Change = fn(&mut Config);
        let faults: [(Change, &str); 12] = [
            (
                |config| config.journal.retain_bytes = 1 << 30,
                "[journal] retain_bytes and retain_seconds need",
            ),
            (
                |config| config.journal.on_expiry = config::OnExpiry::Delete,
                "[journal] on_expiry needs retain_",
            ),
            (
                |config| {
                    config.journal.on_expiry = config::OnExpiry::Archive;
                    config.journal.retain_seconds = 3_600;
                },
                "[journal] on_expiry = \"archive\" needs archive_dir",
            ),
            (
                |config| {
                    config.journal.on_expiry = config::OnExpiry::Delete;
                    config.journal.retain_seconds = 3_600;
                    config.journal.checkpoint_bytes = 0;
                },
                "[journal] on_expiry needs checkpoint_bytes",
            ),
            (
                |config| {
                    config.journal.on_expiry = config::OnExpiry::Delete;
                    config.journal.retain_bytes = 1 << 30;
                    config.journal.archive_dir = "archive".into();
                },
                "[journal] archive_dir is named, and on_expiry = \"delete\"",
            ),
            (
                |config| config.journal.group_bytes = 5_000,
                "[journal] or [requests] segment_bytes and group_bytes",
            ),
            (|config| config.connections.hello_seconds = 0, "[connections] hello_seconds: must be 1 to 3600"),
            (|config| config.connections.hello_seconds = 3_601, "[connections] hello_seconds: must be 1 to"),
            (|config| config.requests.in_flight_reserved = 70_000, "[requests] in_flight: must be more"),
            (|config| config.connections.recv_buffers = 1_000, "[connections] recv_buffers: must be a power"),
            (|config| config.connections.connection_in_bytes = 1 << 20, "[connections] connection_in_bytes"),
            (
                |config| config.requests.connection_answer_bytes = 2 << 20,
                "[connections] connection_out_bytes",
            ),
        ];
        for (change, told) in faults {
            let mut config = Config::default();
            change(&mut config);
            let fault = Settings::of(&config).unwrap_err().to_string();
            assert!(fault.starts_with(told), "{fault}");
        }
    }
}
