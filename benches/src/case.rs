//! What is measured: the rows of the project's table of numbers to reach.

use serde::Serialize;

/// A row: a load on Tidegate, and where there is a like for it, on Redis.
#[derive(Debug, Serialize)]
pub struct Case {
    /// Short, for `--only`.
    pub name: &'static str,
    /// What is counted.
    pub figure: Figure,
    /// Connections of the generator.
    pub connections: u32,
    /// Requests in flight on each, at most.
    pub pipeline: u32,
    /// Skus on sale.
    pub skus: u32,
    /// Requests a second on schedule; nothing for a closed loop.
    pub rate: Option<u32>,
    /// Who listens to events meanwhile.
    pub audience: Audience,
    /// What must be reached, in the unit of the figure; nothing where no bar was set.
    pub at_least: Option<f64>,
    /// What is hoped for.
    pub goal: f64,
}

/// Subscribers to events while a row is measured. The row stands beside the same one without them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Audience {
    /// How many.
    pub subscribers: u32,
    /// Each wants the events of a sku of its own, of which nothing is sold meanwhile; else all want all.
    pub own_sku: bool,
}

/// Nobody listens.
pub const NOBODY: Audience = Audience { subscribers: 0, own_sku: false };

/// What a row counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Durable orders a second; more is better.
    OrdersPerSecond,
    /// Sold-out answers a second; more is better.
    AnswersPerSecond,
    /// 99th percentile of latency from the scheduled time, µs; less is better.
    LatencyP99Us,
    /// Answers a second over whole lives of orders; more is better.
    RequestsPerSecond,
    /// Memory that the server grew by, bytes an order; less is better.
    BytesAnOrder,
    /// From the start of a server that was killed to its ready line, seconds; less is better.
    SecondsToReady,
    /// How many times the usual p99 of creates the p99 is while a burst of holds expires; less is better.
    TimesUsualP99,
    /// Throughput when very many orders were made, in that of the first million; more is better.
    TimesFirstMillion,
}

/// A load on Redis.
#[derive(Debug)]
pub struct RedisLoad {
    pub connections: u32,
    pub pipeline: u32,
    pub skus: u32,
    /// Whether the shelves are empty from the start.
    pub sold_out: bool,
}

/// Every row.
pub const CASES: &[Case] = &[
    Case { name: "durable", skus: 1_000, ..orders(64, 16, Some(600_000.0), 1_500_000.0) },
    Case { name: "durable-hot", ..orders(64, 16, Some(600_000.0), 1_500_000.0) },
    Case {
        name: "soldout",
        figure: Figure::AnswersPerSecond,
        ..orders(64, 16, Some(1_200_000.0), 2_000_000.0)
    },
    Case { name: "one-in-flight", skus: 1_000, ..orders(64, 1, Some(75_000.0), 120_000.0) },
    // The table has no figure for one client alone; the bare prototype's is the goal.
    Case { name: "alone", ..orders(1, 1, None, 4_500.0) },
    Case {
        name: "open-loop",
        figure: Figure::LatencyP99Us,
        skus: 1_000,
        rate: Some(50_000),
        ..orders(64, 16, Some(1_500.0), 600.0)
    },
    // Their bar is the ratio to the same row without subscribers: at least 0.85.
    Case {
        name: "heard-by-100",
        skus: 1_000,
        audience: Audience { subscribers: 100, own_sku: false },
        ..orders(64, 16, Some(600_000.0), 1_500_000.0)
    },
    Case {
        name: "filtered-by-100",
        skus: 1_000,
        audience: Audience { subscribers: 100, own_sku: true },
        ..orders(64, 16, Some(600_000.0), 1_500_000.0)
    },
    Case {
        name: "lifecycle",
        figure: Figure::RequestsPerSecond,
        skus: 1_000,
        ..orders(64, 16, Some(200_000.0), 400_000.0)
    },
    Case { name: "memory", ..memory(250.0, 150.0) },
    Case { name: "memory-paid", ..memory(300.0, 250.0) },
    Case { name: "recovery", figure: Figure::SecondsToReady, skus: 1_000, ..orders(64, 16, Some(10.0), 2.0) },
    Case {
        name: "recovery-resting",
        figure: Figure::SecondsToReady,
        skus: 1_000,
        ..orders(64, 16, Some(10.0), 2.0)
    },
    Case {
        name: "expiry",
        figure: Figure::TimesUsualP99,
        skus: 1_000,
        rate: Some(50_000),
        ..orders(64, 16, Some(2.0), 1.2)
    },
    // Few connections: on schedule nearly every order is a packet of its own, and with 64 of them the generator took
    // as much of the machine as everything that this row is about.
    Case { name: "growth", figure: Figure::TimesFirstMillion, skus: 1_000, ..orders(16, 64, Some(0.9), 1.0) },
];

const fn memory(at_most: f64, goal: f64) -> Case {
    Case { figure: Figure::BytesAnOrder, skus: 1_000, ..orders(64, 16, Some(at_most), goal) }
}

const fn orders(connections: u32, pipeline: u32, at_least: Option<f64>, goal: f64) -> Case {
    let figure = Figure::OrdersPerSecond;
    Case { name: "", figure, connections, pipeline, skus: 1, rate: None, audience: NOBODY, at_least, goal }
}

impl Case {
    /// The scenario of the load generator.
    pub fn scenario(&self) -> &'static str {
        match self.figure {
            Figure::OrdersPerSecond
            | Figure::LatencyP99Us
            | Figure::BytesAnOrder
            | Figure::SecondsToReady
            | Figure::TimesUsualP99
            | Figure::TimesFirstMillion => "steady",
            Figure::AnswersPerSecond => "soldout",
            Figure::RequestsPerSecond => "lifecycle",
        }
    }

    /// The same load for Redis. Its benchmark knows neither schedule nor subscribers, so rows with those have none; nor
    /// has what is no load of creates.
    pub fn redis(&self) -> Option<RedisLoad> {
        let sold_out = match self.figure {
            Figure::OrdersPerSecond => false,
            Figure::AnswersPerSecond => true,
            Figure::LatencyP99Us
            | Figure::RequestsPerSecond
            | Figure::BytesAnOrder
            | Figure::SecondsToReady
            | Figure::TimesUsualP99
            | Figure::TimesFirstMillion => return None,
        };
        let Case { connections, pipeline, skus, .. } = *self;
        let alike = self.rate.is_none() && self.audience == NOBODY;
        alike.then_some(RedisLoad { connections, pipeline, skus, sold_out })
    }

    /// Whether a second run is worth its time: what an order takes in memory is the same each time, and growth is one
    /// long run.
    pub fn is_run_again(&self) -> bool {
        !matches!(self.figure, Figure::BytesAnOrder | Figure::TimesFirstMillion)
    }

    /// Whether a figure is as good as `bar`.
    pub fn reaches(&self, figure: f64, bar: f64) -> bool {
        match self.figure {
            Figure::OrdersPerSecond
            | Figure::AnswersPerSecond
            | Figure::RequestsPerSecond
            | Figure::TimesFirstMillion => figure >= bar,
            Figure::LatencyP99Us | Figure::BytesAnOrder | Figure::SecondsToReady | Figure::TimesUsualP99 => {
                figure <= bar
            }
        }
    }
}
