//! One pass of an action through the engine, and what a record says of it.
//!
//! An engine that does not answer is an answer too: `HALT`, `engine_failure`. This and the end of a permission that
//! lapses are the only decisions that are made outside the engine, and they open nothing.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use engine::canonical::Canonical;
use engine::decided::Decided;
use engine::decision::{Decision, Outcome, ReasonCode, RuleRef};
use engine::hash::{EngineHash, PolicyHash};
use engine::quorum::ApprovalRequirement;
use engine::record::Ruling;
use engine::risk::{RiskLevel, RiskScore};
use engine::state::State;
use runtime::{Module, Pool, RuntimeError, Verdict};
use serde::Deserialize;
use serde_json::value::RawValue;
use store::{ActionRow, DecisionRow};

use crate::policies::InForce;

use super::GateError;

/// The engine's answer for an action.
#[derive(Debug)]
pub struct Pass {
    /// The action; none when it could not be read.
    pub proposed: Option<Proposed>,
    /// The acted-on parts of the decision; the whole of it is in `row`.
    pub essentials: Essentials,
    /// The decision and the consulted state, in the engine's own bytes.
    pub row: DecisionRow,
    /// The fault of an unreadable action.
    pub error: Option<Box<RawValue>>,
    /// How long the engine took.
    pub duration: Duration,
    policy_version: String,
    engine_hash: EngineHash,
}

/// The parts of a decision that the gate acts on.
#[derive(Debug, Deserialize)]
pub struct Essentials {
    /// The outcome.
    pub outcome: Outcome,
    /// The required approvals, if it is held.
    #[serde(default)]
    pub approval: Option<ApprovalRequirement>,
    /// The risk score.
    pub risk_score: RiskScore,
    /// The rule that decided, if one did.
    pub rule: Option<RuleRef>,
    reason_code: ReasonCode,
    risk_level: RiskLevel,
}

/// An action that was read.
#[derive(Debug)]
pub struct Proposed {
    /// The agent that proposes it.
    pub agent_id: String,
    /// The tool's name.
    pub tool: String,
    /// The operation of the tool.
    pub operation: String,
    /// The canonical action.
    pub json: Box<RawValue>,
}

/// The parts of a canonical action that are looked for.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    agent_id: Cow<'a, str>,
    #[serde(borrow)]
    tool: Cow<'a, str>,
    #[serde(borrow)]
    operation: Cow<'a, str>,
}

impl Pass {
    /// Asks the engine about the bytes of an action as they came.
    pub fn over(set: &InForce, module: &Module, action: &[u8], state: &State) -> Self {
        Pass::through(set, module, action, state, Pool::decide)
    }

    /// Asks the engine about an action that is recorded in its canonical form.
    pub fn over_recorded(set: &InForce, module: &Module, action: &RawValue, state: &State) -> Self {
        Pass::through(set, module, action.get().as_bytes(), state, Pool::decide_recorded)
    }

    fn through(
        set: &InForce,
        module: &Module,
        action: &[u8],
        state: &State,
        decide: impl FnOnce(&Pool, &[u8], &[u8]) -> Result<Verdict, RuntimeError>,
    ) -> Self {
        let json = state_json(state);
        let started = Instant::now();
        let answer = decide(&set.pool, action, json.as_bytes());
        let duration = started.elapsed();
        let read = match answer {
            Ok(verdict) => read(verdict).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let (proposed, essentials, row, error) = read.unwrap_or_else(|error| {
            tracing::error!(error, "the engine did not answer, so the action halts");
            failure(set.policy_hash(), action, state.clone())
        });
        let policy_version = set.policy_version.clone();
        let engine_hash = module.hash();
        Pass { proposed, essentials, row, error, duration, policy_version, engine_hash }
    }

    /// The decision that ends a permission: it is the host's and not the engine's, and opens nothing.
    ///
    /// # Errors
    /// When the decision that permitted the action cannot be read.
    pub fn lapsed(
        set: &InForce,
        module: &Module,
        row: &ActionRow,
        reason_code: ReasonCode,
        reason: String,
    ) -> Result<Self, GateError> {
        let damaged = |error: serde_json::Error| {
            GateError::Failed(format!("a stored decision cannot be read: {error}"))
        };
        let permitted: Decision = serde_json::from_str(row.decision.json.get()).map_err(damaged)?;
        let state = State::parse(row.decision.state.get().as_bytes())
            .map_err(|error| GateError::Failed(format!("a stored state cannot be read: {error}")))?;
        let decision = permitted.lapsed(set.policy_hash(), &state, reason_code, reason);
        let (essentials, row) = decided_by_the_host(decision, row.decision.state.clone());
        Ok(Pass {
            proposed: None,
            essentials,
            row,
            error: None,
            duration: Duration::ZERO,
            policy_version: set.policy_version.clone(),
            engine_hash: module.hash(),
        })
    }

    /// The reason of the decision, for people.
    pub fn reason(&self) -> String {
        #[derive(Deserialize)]
        struct Said {
            reason: String,
        }
        serde_json::from_str::<Said>(self.row.json.get()).map(|said| said.reason).unwrap_or_default()
    }

    /// How long the engine took, in microseconds.
    pub fn duration_us(&self) -> u64 {
        u64::try_from(self.duration.as_micros()).unwrap_or(u64::MAX)
    }

    /// The decision as records have it.
    pub fn ruling(&self) -> Ruling {
        Ruling {
            decision: Canonical::printed_by_the_engine(self.row.json.get()),
            duration_us: self.duration_us(),
            engine_hash: self.engine_hash,
            policy_version: Some(self.policy_version.clone()),
            state: Canonical::printed_by_the_engine(self.row.state.get()),
        }
    }

    /// The canonical action, if it could be read.
    pub fn action(&self) -> Option<Canonical> {
        self.proposed.as_ref().map(|proposed| Canonical::printed_by_the_engine(proposed.json.get()))
    }

    /// The version of the policy set that decided.
    pub fn policy_version(&self) -> &str {
        &self.policy_version
    }
}

/// The state as the engine reads it.
pub fn state_json(state: &State) -> String {
    match state {
        // Nearly every pass; no serializer is needed for a number.
        State { now: Some(now), approval: None } => format!(r#"{{"now":{now}}}"#),
        // A state has no map and no number that JSON cannot hold.
        state => serde_json::to_string(state).unwrap_or_default(),
    }
}

pub(super) type Parts = (Option<Proposed>, Essentials, DecisionRow, Option<Box<RawValue>>);

/// The parts of an answer of the engine.
///
/// # Errors
/// If it is not an answer.
pub(super) fn read(verdict: Verdict) -> Result<Parts, serde_json::Error> {
    let essentials: Essentials = serde_json::from_str(verdict.decision.get())?;
    let proposed = match verdict.action {
        None => None,
        Some(json) => Some(proposed(json)?),
    };
    let row = DecisionRow {
        json: verdict.decision,
        outcome: essentials.outcome,
        reason_code: essentials.reason_code,
        risk_level: essentials.risk_level,
        state: verdict.state,
    };
    Ok((proposed, essentials, row, verdict.error))
}

fn proposed(json: Box<RawValue>) -> Result<Proposed, serde_json::Error> {
    let named: Named<'_> = serde_json::from_str(json.get())?;
    let (agent_id, tool) = (named.agent_id.into_owned(), named.tool.into_owned());
    let operation = named.operation.into_owned();
    Ok(Proposed { agent_id, tool, operation, json })
}

/// The parts of [`Decided::engine_failure`], the decision without an answer from the engine.
pub(super) fn failure(policy_hash: PolicyHash, bytes: &[u8], state: State) -> Parts {
    let Decided { action, decision, state, .. } = Decided::engine_failure(policy_hash, bytes, state);
    let proposed = action.and_then(|action| proposed(raw(action.into_string())).ok());
    let (essentials, row) = decided_by_the_host(decision, raw(state.canonical().into_string()));
    (proposed, essentials, row, None)
}

/// A decision that is not the engine's, with the state that it rests on.
fn decided_by_the_host(decision: Decision, state: Box<RawValue>) -> (Essentials, DecisionRow) {
    let row = DecisionRow {
        json: raw(Canonical::serialize(&decision).map(Canonical::into_string).unwrap_or_default()),
        outcome: decision.outcome,
        reason_code: decision.reason_code,
        risk_level: decision.risk_level,
        state,
    };
    let Decision { outcome, approval, reason_code, risk_level, risk_score, rule, .. } = decision;
    (Essentials { outcome, approval, reason_code, risk_level, risk_score, rule }, row)
}

/// JSON text as JSON; `null` for other text.
pub fn raw(text: String) -> Box<RawValue> {
    RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    use engine::hash::{ProvenanceId, RawHash};

    use super::*;

    #[test]
    fn an_engine_that_does_not_answer_halts() {
        let policy_hash = PolicyHash::of(b"{}");
        let bytes = br#"{"tool":"t","agent_id":"a","params":{"amount":4.5e1}}"#;
        let (proposed, essentials, row, _) =
            failure(policy_hash, bytes, State { now: Some(1), approval: None });
        assert_eq!((essentials.outcome, essentials.reason_code), (Outcome::Halt, ReasonCode::EngineFailure));
        let decision: Decision = serde_json::from_str(row.json.get()).unwrap();
        assert_eq!((decision.outcome, decision.reason_code), (Outcome::Halt, ReasonCode::EngineFailure));
        assert_eq!((row.outcome, row.reason_code), (Outcome::Halt, ReasonCode::EngineFailure));
        let proposed = proposed.unwrap();
        let canonical =
            r#"{"agent_id":"a","context":{},"operation":"call","params":{"amount":45},"tool":"t"}"#;
        assert_eq!(proposed.json.get(), canonical);
        let request_hash = engine::hash::RequestHash::of(canonical.as_bytes());
        assert_eq!(decision.request_hash, Some(request_hash));
        let provenance = format!(
            r#"{{"policy_hash":"{policy_hash}","request_hash":"{request_hash}","runtime_version":"{}","state":{{"now":1}}}}"#,
            engine::RUNTIME_VERSION
        );
        assert_eq!(decision.provenance_id, ProvenanceId::of(provenance.as_bytes()));
    }

    #[test]
    fn an_unreadable_action_halts_too_when_the_engine_does_not_answer() {
        let (proposed, _, row, _) = failure(PolicyHash::of(b"{}"), b"{", State::default());
        assert!(proposed.is_none());
        let decision: Decision = serde_json::from_str(row.json.get()).unwrap();
        assert_eq!((decision.outcome, decision.reason_code), (Outcome::Halt, ReasonCode::EngineFailure));
        assert_eq!((decision.request_hash, decision.raw_hash), (None, Some(RawHash::of(b"{"))));
    }
}
