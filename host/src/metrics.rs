//! What Prometheus is told. No label holds anything a caller chose.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use engine::decision::{Outcome, ReasonCode};
use engine::hash::PolicyHash;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    outcome: &'static str,
    reason_code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReloadLabels {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PolicyLabels {
    policy_hash: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StreamLabels {
    stream: String,
}

/// All metrics of a server.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    decisions: Family<DecisionLabels, Counter>,
    decision_duration: Histogram,
    requests: Family<RequestLabels, Histogram, fn() -> Histogram>,
    approvals_pending: Gauge<i64>,
    reloads: Family<ReloadLabels, Counter>,
    policy: Family<PolicyLabels, Gauge<i64>>,
    chain_size: Family<StreamLabels, Gauge<u64, AtomicU64>>,
    login_failures: Counter,
    connections: Gauge<i64>,
    connections_refused: Counter,
    connections_closed: Counter,
}

/// How reading the policy folder ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// A new set was activated.
    InForce,
    /// The set has errors; the one before stays.
    Invalid,
    /// The folder cannot be read; the set before stays.
    Unreadable,
    /// The set could not be recorded or run; the one before stays.
    Failed,
}

impl Metrics {
    /// Registers everything. `engine_hash` is part of the build's info.
    pub fn new(engine_hash: &str) -> Self {
        let request_buckets =
            || Histogram::new([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 30.0]);
        let mut metrics = Metrics {
            registry: Registry::with_prefix("faramesh"),
            decisions: Family::default(),
            decision_duration: Histogram::new([
                0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.0025, 0.005,
                0.01, 0.05,
            ]),
            requests: Family::new_with_constructor(request_buckets),
            approvals_pending: Gauge::default(),
            reloads: Family::default(),
            policy: Family::default(),
            chain_size: Family::default(),
            login_failures: Counter::default(),
            connections: Gauge::default(),
            connections_refused: Counter::default(),
            connections_closed: Counter::default(),
        };
        let registry = &mut metrics.registry;
        registry.register("decisions", "Recorded decisions", metrics.decisions.clone());
        registry.register(
            "decision_duration_seconds",
            "How long the engine took to decide",
            metrics.decision_duration.clone(),
        );
        registry.register(
            "http_request_duration_seconds",
            "How long requests took",
            metrics.requests.clone(),
        );
        registry.register(
            "approvals_pending",
            "Actions that wait for a person",
            metrics.approvals_pending.clone(),
        );
        registry.register("policy_reloads", "Readings of the policy folder", metrics.reloads.clone());
        registry.register("policy_info", "The policy set in force", metrics.policy.clone());
        registry.register("chain_size", "Records in a stream", metrics.chain_size.clone());
        registry.register(
            "login_failures",
            "Requests with a wrong key or link",
            metrics.login_failures.clone(),
        );
        registry.register("connections", "Open connections", metrics.connections.clone());
        registry.register(
            "connections_refused",
            "Connections that were not accepted, because the limit is reached or the system gives no more",
            metrics.connections_refused.clone(),
        );
        registry.register(
            "connections_closed_for_others",
            "Connections that waited for their client and were closed to make room for new ones",
            metrics.connections_closed.clone(),
        );
        let build = Info::new(vec![
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("engine_hash", engine_hash.to_owned()),
        ]);
        registry.register("build", "The program", build);
        metrics
    }

    /// A decision was recorded, and took so long.
    pub fn decided(&self, outcome: Outcome, reason_code: ReasonCode, duration: Duration) {
        let labels = DecisionLabels { outcome: outcome.as_str(), reason_code: reason_code.as_str() };
        self.decisions.get_or_create(&labels).inc();
        self.decision_duration.observe(duration.as_secs_f64());
    }

    /// A request was answered. `route` is the pattern, never the path as it came.
    pub fn answered(&self, method: &str, route: &str, status: u16, duration: Duration) {
        let labels = RequestLabels { method: method.to_owned(), route: route.to_owned(), status };
        self.requests.get_or_create(&labels).observe(duration.as_secs_f64());
    }

    /// The policy folder was read.
    pub fn reloaded(&self, reload: Reload) {
        let result = match reload {
            Reload::InForce => "in_force",
            Reload::Invalid => "invalid",
            Reload::Unreadable => "unreadable",
            Reload::Failed => "failed",
        };
        self.reloads.get_or_create(&ReloadLabels { result }).inc();
    }

    /// A policy set was activated.
    pub fn in_force(&self, policy_hash: PolicyHash) {
        self.policy.clear();
        self.policy.get_or_create(&PolicyLabels { policy_hash: policy_hash.to_hex() }).set(1);
    }

    /// A request had a wrong key.
    pub fn login_failed(&self) {
        self.login_failures.inc();
    }

    /// So many connections are open now.
    pub fn connections(&self, open: usize) {
        self.connections.set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    /// A connection was not accepted.
    pub fn connection_refused(&self) {
        self.connections_refused.inc();
    }

    /// A connection was closed to make room for a new one.
    pub fn connection_made_room(&self) {
        self.connections_closed.inc();
    }

    /// The metrics as text. The counts of the store are passed in, since only the store knows them.
    ///
    /// # Errors
    /// When the text cannot be written.
    pub fn text(&self, pending: u64, streams: &[engine::record::Head]) -> Result<String, std::fmt::Error> {
        self.approvals_pending.set(i64::try_from(pending).unwrap_or(i64::MAX));
        for head in streams {
            let labels = StreamLabels { stream: head.stream.clone() };
            self.chain_size.get_or_create(&labels).set(head.size);
        }
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
