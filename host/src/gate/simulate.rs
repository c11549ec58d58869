//! Looking ahead: the decisions of actions under other policies, compared with those in force.
//!
//! Nothing is recorded and nothing changes.

use api::{Simulated, Simulation, SimulationCounts};
use engine::decision::Outcome;
use engine::policy::PolicySource;
use engine::simulate::Comparison;
use engine::state::State;
use runtime::Pool;
use serde::Deserialize;
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
    ) -> Result<Simulation<Box<RawValue>>, PolicyError> {
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
            let mut results = Vec::with_capacity(samples.len());
            let mut compared = Comparison::default();
            for sample in samples {
                let candidate = decide(pool, &sample)?;
                let in_force = decide(&in_force.pool, &sample)?;
                let (from, to) = (outcome(&in_force), outcome(&candidate));
                compared.add(from, to);
                results.push(Simulated { id: sample.id, changed: from != to, candidate, in_force });
            }
            let counts = SimulationCounts { candidate: compared.candidate(), in_force: compared.in_force() };
            let transitions = compared.transitions();
            Ok(Simulation { policy_hash, in_force_policy_hash, results, counts, transitions })
        });
        simulated.await.map_err(|error| PolicyError::Engine(error.to_string()))
    }
}

/// The outcome of a decision; an unreadable one counts as the strictest.
fn outcome(decision: &RawValue) -> Outcome {
    serde_json::from_str::<Decided>(decision.get()).map_or(Outcome::Halt, |decided| decided.outcome)
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
