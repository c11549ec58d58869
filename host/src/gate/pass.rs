//! One pass of an action through the engine, and what a record says of it.
//!
//! An engine that does not answer is an answer too: `HALT`, `engine_failure`. This and the end of a permission that
//! lapses are the only decisions that are made outside the engine, and they open nothing.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use engine::action::Action;
use engine::canonical::Canonical;
use engine::decision::{Decision, Outcome, ReasonCode, RuleRef};
use engine::hash::{PolicyHash, ProvenanceId, RawHash, RequestHash};
use engine::json::MAX_BYTES;
use engine::principal::Principal;
use engine::quorum::ApprovalRequirement;
use engine::risk::{RiskLevel, RiskScore};
use engine::state::State;
use engine::value::Value;
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
    engine_hash: Canonical,
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
        let state = state_json(state);
        let started = Instant::now();
        let answer = decide(&set.pool, action, state.as_bytes());
        let duration = started.elapsed();
        let read = match answer {
            Ok(verdict) => read(verdict).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let (proposed, essentials, row, error) = read.unwrap_or_else(|error| {
            tracing::error!(error, "the engine did not answer, so the action halts");
            failure(set.policy_hash(), action, &state)
        });
        let policy_version = set.policy_version.clone();
        let engine_hash = text(&module.hash().to_hex());
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
        let (outcome, policy_hash) = (Outcome::Halt, set.policy_hash());
        let state = Canonical::printed_by_the_engine(row.decision.state.get());
        let decision = Decision {
            approval: None,
            decision: outcome.effect(),
            outcome,
            policy_hash,
            provenance_id: provenance_id(policy_hash, permitted.request_hash, &state),
            reason,
            reason_code,
            runtime_version: engine::RUNTIME_VERSION.to_owned(),
            shadow: Vec::new(),
            ..permitted
        };
        let row = DecisionRow {
            json: raw(Canonical::serialize(&decision).map(Canonical::into_string).unwrap_or_default()),
            outcome: decision.outcome,
            reason_code: decision.reason_code,
            risk_level: decision.risk_level,
            state: row.decision.state.clone(),
        };
        let Decision { outcome, approval, reason_code, risk_level, risk_score, rule, .. } = decision;
        Ok(Pass {
            proposed: None,
            essentials: Essentials { outcome, approval, reason_code, risk_level, risk_score, rule },
            row,
            error: None,
            duration: Duration::ZERO,
            policy_version: set.policy_version.clone(),
            engine_hash: text(&module.hash().to_hex()),
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

    /// The members of every record of a decision.
    pub fn fields(&self, principal: &Principal) -> Vec<(&'static str, Canonical)> {
        #[expect(clippy::cast_precision_loss, reason = "no pass takes 2^53 microseconds")]
        let duration_us = Canonical::of(&Value::Number(self.duration_us() as f64));
        let mut fields = vec![
            ("decision", Canonical::printed_by_the_engine(self.row.json.get())),
            ("duration_us", duration_us),
            ("engine_hash", self.engine_hash.clone()),
            ("policy_version", text(&self.policy_version)),
            ("state", Canonical::printed_by_the_engine(self.row.state.get())),
        ];
        fields.extend(principal.fields());
        fields
    }

    /// The canonical action, or null.
    pub fn action_field(&self) -> Canonical {
        self.proposed.as_ref().map_or_else(
            || Canonical::of(&Value::Null),
            |proposed| Canonical::printed_by_the_engine(proposed.json.get()),
        )
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
        Some(json) => {
            let named: Named<'_> = serde_json::from_str(json.get())?;
            let (agent_id, tool) = (named.agent_id.into_owned(), named.tool.into_owned());
            let operation = named.operation.into_owned();
            Some(Proposed { agent_id, tool, operation, json })
        }
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

/// The decision for an action without an answer from the engine. It keeps the readable parts of the action.
pub(super) fn failure(policy_hash: PolicyHash, bytes: &[u8], state: &str) -> Parts {
    let action = Action::parse(bytes, MAX_BYTES).ok();
    let request_hash = action.as_ref().map(Action::request_hash);
    let state_value = engine::json::parse(state.as_bytes(), MAX_BYTES)
        .unwrap_or_else(|_| Value::Object(Default::default()));
    let state = Canonical::of(&state_value);
    let outcome = Outcome::Halt;
    let decision = Decision {
        approval: None,
        decision: outcome.effect(),
        key_params: Vec::new(),
        outcome,
        policy_hash,
        provenance_id: provenance_id(policy_hash, request_hash, &state),
        raw_hash: action.is_none().then(|| RawHash::of(bytes)),
        reason: "the engine did not answer".to_owned(),
        reason_code: ReasonCode::EngineFailure,
        request_hash,
        risk_level: RiskLevel::Low,
        risk_rules: Vec::new(),
        risk_score: RiskScore::ZERO,
        rule: None,
        runtime_version: engine::RUNTIME_VERSION.to_owned(),
        shadow: Vec::new(),
    };
    let row = DecisionRow {
        json: raw(Canonical::serialize(&decision).map(Canonical::into_string).unwrap_or_default()),
        outcome: decision.outcome,
        reason_code: decision.reason_code,
        risk_level: decision.risk_level,
        state: raw(state.into_string()),
    };
    let proposed = action.map(|action| Proposed {
        agent_id: action.agent_id().to_owned(),
        tool: action.tool().to_owned(),
        operation: action.operation().to_owned(),
        json: raw(action.canonical().as_str().to_owned()),
    });
    let Decision { outcome, approval, reason_code, risk_level, risk_score, rule, .. } = decision;
    let essentials = Essentials { outcome, approval, reason_code, risk_level, risk_score, rule };
    (proposed, essentials, row, None)
}

fn provenance_id(
    policy_hash: PolicyHash,
    request_hash: Option<RequestHash>,
    state: &Canonical,
) -> ProvenanceId {
    let provenance = Canonical::object(&[
        ("policy_hash", &text(&policy_hash.to_hex())),
        (
            "request_hash",
            &request_hash.map_or_else(|| Canonical::of(&Value::Null), |hash| text(&hash.to_hex())),
        ),
        ("runtime_version", &text(engine::RUNTIME_VERSION)),
        ("state", state),
    ]);
    ProvenanceId::of(provenance.as_bytes())
}

/// JSON text as JSON; `null` for other text.
pub fn raw(text: String) -> Box<RawValue> {
    RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

fn text(text: &str) -> Canonical {
    Canonical::text(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_does_not_answer_halts() {
        let policy_hash = PolicyHash::of(b"{}");
        let bytes = br#"{"tool":"t","agent_id":"a","params":{"amount":4.5e1}}"#;
        let (proposed, essentials, row, _) = failure(policy_hash, bytes, r#"{"now":1}"#);
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
        let (proposed, _, row, _) = failure(PolicyHash::of(b"{}"), b"{", "");
        assert!(proposed.is_none());
        let decision: Decision = serde_json::from_str(row.json.get()).unwrap();
        assert_eq!((decision.outcome, decision.reason_code), (Outcome::Halt, ReasonCode::EngineFailure));
        assert_eq!((decision.request_hash, decision.raw_hash), (None, Some(RawHash::of(b"{"))));
    }
}
