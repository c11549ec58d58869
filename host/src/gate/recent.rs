//! The newest decisions as they are recorded, and which of them can be made again.
//!
//! To try another policy on them, a caller has to know which ones it cannot be tried on, and why. Nothing decides here.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use engine::decision::ReasonCode;
use engine::hash::{EngineHash, PolicyHash};
use serde::Deserialize;
use serde_json::value::RawValue;
use store::{DecisionRecord, StoreError};

use super::{Gate, GateError};

/// The most bytes of the records of one list, the last one left aside: an action may have a megabyte.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// A recorded decision.
#[derive(Debug)]
pub struct Recent {
    /// Its record, and the status of its action.
    pub decision: DecisionRecord,
    /// Why it cannot be made again; none when it can.
    pub why: Option<String>,
}

/// The members that a record needs for its decision to be repeated.
#[derive(Deserialize)]
struct Recorded<'a> {
    #[serde(borrow)]
    action: Option<&'a RawValue>,
    decision: Decided,
    #[serde(borrow)]
    state: Option<&'a RawValue>,
    engine_hash: Option<EngineHash>,
}

#[derive(Deserialize)]
struct Decided {
    policy_hash: PolicyHash,
    reason_code: ReasonCode,
}

/// The stored policy sets and engines, looked up once.
#[derive(Default)]
struct Kept {
    policies: HashMap<PolicyHash, bool>,
    engines: HashMap<EngineHash, bool>,
}

impl Gate {
    /// The newest decisions of all streams, newest first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn recent(&self, limit: u32) -> Result<Vec<Recent>, GateError> {
        let decisions = self.store.decisions(limit, MOST_BYTES).await?;
        let mut kept = Kept::default();
        kept.engines.insert(self.policies.module().hash(), true);
        let mut recent = Vec::with_capacity(decisions.len());
        for decision in decisions {
            let why = self.why_not_again(&decision.record.body, &mut kept).await?;
            recent.push(Recent { decision, why });
        }
        Ok(recent)
    }

    async fn why_not_again(&self, body: &str, kept: &mut Kept) -> Result<Option<String>, GateError> {
        let Ok(recorded) = serde_json::from_str::<Recorded<'_>>(body) else {
            return Ok(Some("the record cannot be read".to_owned()));
        };
        if let Some(why) = without_the_engine(recorded.decision.reason_code) {
            return Ok(Some(why.to_owned()));
        }
        if recorded.action.is_none() {
            return Ok(Some(
                "the action could not be read, and only the hash of its bytes is kept".to_owned(),
            ));
        }
        let (Some(_), Some(engine_hash)) = (recorded.state, recorded.engine_hash) else {
            return Ok(Some("the record does not say what the decision was made with".to_owned()));
        };
        let policy_hash = recorded.decision.policy_hash;
        let known_policies = match kept.policies.entry(policy_hash) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => *new.insert(known(self.store.policy_set(policy_hash).await)?),
        };
        if !known_policies {
            return Ok(Some(format!("the policy set that decided, `{policy_hash}`, is not kept here")));
        }
        let known_engine = match kept.engines.entry(engine_hash) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => *new.insert(known(self.store.engine_module(engine_hash).await)?),
        };
        if !known_engine {
            return Ok(Some(format!("the engine that decided, `{engine_hash}`, is not kept here")));
        }
        Ok(None)
    }
}

fn known<T>(found: Result<T, StoreError>) -> Result<bool, StoreError> {
    match found {
        Ok(_) => Ok(true),
        Err(StoreError::NotFound) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Why a decision with this reason is not the engine's; none if it is.
fn without_the_engine(code: ReasonCode) -> Option<&'static str> {
    match code {
        ReasonCode::EngineFailure => Some("the engine did not answer, so its host halted the action"),
        ReasonCode::StoreFailure => Some("the decision could not be recorded, so its host halted the action"),
        ReasonCode::PolicyAllow
        | ReasonCode::PolicyRequireApproval
        | ReasonCode::PolicyDeny
        | ReasonCode::DefaultDeny
        | ReasonCode::RiskRequireApproval
        | ReasonCode::RiskDeny
        | ReasonCode::UndeterminedDeny
        | ReasonCode::UndeterminedRequireApproval
        | ReasonCode::InvalidAction
        | ReasonCode::InvalidParams
        | ReasonCode::LimitExceeded
        | ReasonCode::NoPolicy
        | ReasonCode::AgentHalted
        | ReasonCode::EngineLimit
        | ReasonCode::ApprovalGranted
        | ReasonCode::ApprovalRejected
        | ReasonCode::ApprovalExpired => None,
        ReasonCode::PermitExpired | ReasonCode::PolicyChanged => {
            Some("it was permitted and did not start, so its host halted the action")
        }
    }
}
