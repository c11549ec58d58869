//! Looking ahead: the decisions of actions under other policies, compared with those in force.
//!
//! Nothing is recorded and nothing changes.

use std::collections::BTreeMap;

use engine::decision::Outcome;
use engine::hash::PolicyHash;
use engine::policy::PolicySource;
use engine::state::State;
use runtime::Pool;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Gate;
use super::pass::state_json;
use super::replay::blocking;
use crate::policies::{PolicyError, compile};

/// The most actions of one simulation, so that it ends soon.
pub const MAX_ACTIONS: usize = 1000;

/// An action to try.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Its id, where it is recorded.
    pub id: Option<String>,
    /// The action, as it is.
    pub action: Box<RawValue>,
    /// The time at which it is tried.
    pub at_ms: i64,
}

/// The decisions of the actions.
#[derive(Debug, Serialize)]
pub struct Simulation {
    /// The set that was tried.
    pub policy_hash: PolicyHash,
    /// The set in force.
    pub in_force_policy_hash: PolicyHash,
    /// One for each action, in order.
    pub results: Vec<Simulated>,
    /// How many actions get each outcome.
    pub counts: Counts,
    /// How many actions go from which outcome in force to which other one: `EXECUTE->HALT`.
    pub transitions: BTreeMap<String, u64>,
}

/// How many actions get each outcome.
#[derive(Debug, Default, Serialize)]
pub struct Counts {
    /// Under the set that was tried.
    pub candidate: BTreeMap<&'static str, u64>,
    /// Under the set in force.
    pub in_force: BTreeMap<&'static str, u64>,
}

/// The decision of one action.
#[derive(Debug, Serialize)]
pub struct Simulated {
    /// Its id, where it is recorded.
    pub id: Option<String>,
    /// Whether the outcome differs.
    pub changed: bool,
    /// The decision under the set that was tried.
    pub candidate: Box<RawValue>,
    /// The decision under the set in force.
    pub in_force: Box<RawValue>,
}

#[derive(Deserialize)]
struct Decided {
    outcome: Outcome,
}

impl Gate {
    /// Decides every sample under `candidate` (or, without one, the set in force) and under the set in force.
    ///
    /// # Errors
    /// When the candidate has errors, or the engine does not answer.
    pub async fn simulate(
        &self,
        candidate: Option<Vec<PolicySource>>,
        samples: Vec<Sample>,
    ) -> Result<Simulation, PolicyError> {
        let in_force = self.policies.in_force();
        let candidate = match candidate {
            None => None,
            Some(sources) => match compile(self.policies.module(), &sources).await? {
                (Some(pool), loaded) => Some((pool, loaded.policy_hash)),
                (None, loaded) => return Err(PolicyError::Invalid(Box::new(loaded))),
            },
        };
        let simulated = blocking(move || {
            let in_force_policy_hash = in_force.policy_hash();
            let (pool, policy_hash) = match &candidate {
                Some((pool, policy_hash)) => (pool, *policy_hash),
                None => (&in_force.pool, in_force_policy_hash),
            };
            let mut simulation = Simulation {
                policy_hash,
                in_force_policy_hash,
                results: Vec::with_capacity(samples.len()),
                counts: Counts::default(),
                transitions: BTreeMap::new(),
            };
            for sample in samples {
                let candidate = decide(pool, &sample)?;
                let in_force = decide(&in_force.pool, &sample)?;
                simulation.add(sample.id, candidate, in_force);
            }
            Ok(simulation)
        });
        simulated.await.map_err(|error| PolicyError::Engine(error.to_string()))
    }
}

impl Simulation {
    fn add(&mut self, id: Option<String>, candidate: Box<RawValue>, in_force: Box<RawValue>) {
        let outcome = |decision: &RawValue| {
            // An unreadable one counts as the strictest.
            serde_json::from_str::<Decided>(decision.get()).map_or(Outcome::Halt, |decided| decided.outcome)
        };
        let (to, from) = (outcome(&candidate), outcome(&in_force));
        *self.counts.candidate.entry(to.as_str()).or_default() += 1;
        *self.counts.in_force.entry(from.as_str()).or_default() += 1;
        let changed = to != from;
        if changed {
            *self.transitions.entry(format!("{}->{}", from.as_str(), to.as_str())).or_default() += 1;
        }
        self.results.push(Simulated { id, changed, candidate, in_force });
    }
}

fn decide(pool: &Pool, sample: &Sample) -> Result<Box<RawValue>, runtime::RuntimeError> {
    let state = state_json(&State { now: Some(sample.at_ms), approval: None });
    let (action, state) = (sample.action.get().as_bytes(), state.as_bytes());
    let verdict = match sample.id {
        Some(_) => pool.decide_recorded(action, state),
        None => pool.decide(action, state),
    };
    Ok(verdict?.decision)
}
