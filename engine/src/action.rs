//! The action: what an agent proposes to do.
//!
//! [`Action::parse`] is the only way in, so an [`Action`] that exists has its five fields, in bounds. What it may
//! do is not decided here.

use crate::canonical::{self, Canonical};
use crate::hash::RequestHash;
use crate::json::{self, JsonError};
use crate::value::{Object, Value};

/// The most bytes of `agent_id`, `tool` and `operation`.
pub const MAX_NAME_BYTES: usize = 256;

/// The most bytes of an action's canonical form. A number of 4 bytes, `1e20`, becomes 21.
const MAX_CANONICAL_BYTES: usize = 8 * json::MAX_BYTES;

/// A tool call that an agent proposes.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    agent_id: String,
    tool: String,
    operation: String,
    params: Value,
    context: Value,
    canonical: Canonical,
}

impl Action {
    /// Reads an action from JSON of at most `max_bytes` bytes.
    ///
    /// # Errors
    /// What is wrong with the bytes, or [`json::JsonErrorCode::Shape`] where they are JSON but no action.
    ///
    /// ```
    /// use engine::{action::Action, json::MAX_BYTES};
    /// let text = br#"{"agent_id":"a","tool":"t","operation":"o","params":{"amount":45.0,"id":7}}"#;
    /// let action = Action::parse(text, MAX_BYTES)?;
    /// assert_eq!(
    ///     action.request_hash().to_string(),
    ///     "93c9488b420d43b69d245f2dcce59b9bfcdf5704fe82dc083d0fdd8f2a76b400"
    /// );
    /// # Ok::<(), engine::json::JsonError>(())
    /// ```
    pub fn parse(bytes: &[u8], max_bytes: usize) -> Result<Self, JsonError> {
        Action::from_value(json::parse(bytes, max_bytes)?)
    }

    /// Reads an action back from its canonical form, as it stands in a record.
    ///
    /// # Errors
    /// As for [`Action::parse`], and when the bytes are not the canonical form of an action.
    pub fn parse_canonical(bytes: &[u8]) -> Result<Self, JsonError> {
        let action = Action::from_value(canonical::parse(bytes, MAX_CANONICAL_BYTES)?)?;
        if action.canonical.as_bytes() == bytes {
            Ok(action)
        } else {
            Err(JsonError::shape("the bytes are not the canonical form of an action"))
        }
    }

    fn from_value(value: Value) -> Result<Self, JsonError> {
        let Value::Object(object) = value else {
            return Err(JsonError::shape("an action is a JSON object"));
        };
        let (mut agent_id, mut tool, mut operation, mut params, mut context) = Default::default();
        let mut unknown = None;
        // What is wrong is told in the order below, whatever the order of the members.
        for (key, value) in object.into_members() {
            let field = match key.as_str() {
                "agent_id" => &mut agent_id,
                "tool" => &mut tool,
                "operation" => &mut operation,
                "params" => &mut params,
                "context" => &mut context,
                _ => {
                    unknown.get_or_insert(key);
                    continue;
                }
            };
            *field = Some(value);
        }
        let agent_id =
            name(agent_id, "agent_id", 1)?.ok_or_else(|| JsonError::shape("`agent_id` is missing"))?;
        let tool = name(tool, "tool", 1)?.ok_or_else(|| JsonError::shape("`tool` is missing"))?;
        let operation = name(operation, "operation", 0)?.unwrap_or_else(|| "call".to_owned());
        let (params, context) = (members(params, "params")?, members(context, "context")?);
        if let Some(key) = unknown {
            return Err(JsonError::shape(format!("`{}` is not a field of an action", key.escape_debug())));
        }
        let mut object = canonical::ObjectWriter::new();
        object.text("agent_id", &agent_id);
        object.value("context", &context);
        object.text("operation", &operation);
        object.value("params", &params);
        object.text("tool", &tool);
        let canonical = object.end();
        Ok(Action { agent_id, tool, operation, params, context, canonical })
    }

    /// Who proposes it.
    pub fn agent_id(&self) -> &str {
        &self.agent_id
    }

    /// The tool's name.
    pub fn tool(&self) -> &str {
        &self.tool
    }

    /// The operation of the tool, `call` when none was given.
    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// The arguments; always an object.
    pub fn params(&self) -> &Value {
        &self.params
    }

    /// What the caller wants recorded and matched beside the arguments; always an object.
    pub fn context(&self) -> &Value {
        &self.context
    }

    /// The canonical form: all five fields, RFC 8785.
    pub fn canonical(&self) -> &Canonical {
        &self.canonical
    }

    /// The SHA-256 of the canonical form.
    pub fn request_hash(&self) -> RequestHash {
        RequestHash::of(self.canonical.as_bytes())
    }
}

fn name(value: Option<Value>, key: &str, least: usize) -> Result<Option<String>, JsonError> {
    match value {
        None => Ok(None),
        Some(Value::String(text)) if (least..=MAX_NAME_BYTES).contains(&text.len()) => Ok(Some(text)),
        Some(Value::String(text)) => Err(JsonError::shape(format!(
            "`{key}` has {} bytes, it must have {least} to {MAX_NAME_BYTES}",
            text.len()
        ))),
        Some(other) => {
            Err(JsonError::shape(format!("`{key}` is {}, it must be a string", other.kind().described())))
        }
    }
}

fn members(value: Option<Value>, key: &str) -> Result<Value, JsonError> {
    match value {
        None => Ok(Value::Object(Object::default())),
        Some(value @ Value::Object(_)) => Ok(value),
        Some(other) => {
            Err(JsonError::shape(format!("`{key}` is {}, it must be an object", other.kind().described())))
        }
    }
}
