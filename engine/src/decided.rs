//! A decided action: the decision with the parts that a record needs as well.

use crate::canonical::{Canonical, NotJson};
use crate::decision::Decision;
use crate::json::JsonError;
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
