//! A decided action: the decision with the parts that a record needs as well.

use crate::action::Action;
use crate::canonical::{Canonical, NotJson};
use crate::decision::Decision;
use crate::hash::{PolicyHash, RawHash};
use crate::json::{self, JsonError};
use crate::state::State;
use crate::value::Value;

/// An action with its decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// The canonical action; none when it could not be read.
    pub action: Option<Canonical>,
    /// The decision.
    pub decision: Decision,
    /// Why the action could not be read.
    pub error: Option<JsonError>,
    /// The part of the state that was consulted.
    pub state: State,
}

impl Decided {
    /// The action in `bytes` when the engine module gave no answer: `HALT`, `engine_failure`. It keeps the readable
    /// parts of the action.
    pub fn engine_failure(policy_hash: PolicyHash, bytes: &[u8], state: State) -> Self {
        let action = Action::parse(bytes, json::MAX_BYTES);
        let hash = action.as_ref().map(Action::request_hash).map_err(|_| RawHash::of(bytes));
        let decision = Decision::engine_failure(policy_hash, hash, &state);
        Decided { action: action.ok().map(|action| action.canonical().clone()), decision, error: None, state }
    }

    /// `{"action":…|null,"decision":{…},"error"?:{…},"state":{…}}`
    ///
    /// # Errors
    /// Never for what [`mod@crate::decide`] returns: all its parts have a JSON form.
    pub fn canonical(&self) -> Result<Canonical, NotJson> {
        let null = Canonical::of(&Value::Null);
        let decision = Canonical::serialize(&self.decision)?;
        let error = self.error.as_ref().map(Canonical::serialize).transpose()?;
        let state = self.state.canonical();
        let mut parts = vec![
            ("action", self.action.as_ref().unwrap_or(&null)),
            ("decision", &decision),
            ("state", &state),
        ];
        parts.extend(error.as_ref().map(|error| ("error", error)));
        Ok(Canonical::object(&parts))
    }
}
