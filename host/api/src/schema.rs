//! How parts read that have no Rust type of their own here: values that a caller chooses, and the engine's own bytes.

/// A JSON object with any members.
#[cfg(feature = "schema")]
pub(crate) enum AnyObject {}

#[cfg(feature = "schema")]
mod described {
    use std::borrow::Cow;

    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

    use super::AnyObject;

    impl JsonSchema for AnyObject {
        fn inline_schema() -> bool {
            true
        }

        fn schema_name() -> Cow<'static, str> {
            "AnyObject".into()
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({ "type": "object" })
        }
    }
}
