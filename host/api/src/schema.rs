//! How parts read that have no Rust type of their own here: values that a caller chooses, and the engine's own bytes.

/// A JSON object with any members.
#[cfg(feature = "schema")]
pub(crate) enum AnyObject {}

/// A record, or the text of one that is no JSON any more.
#[cfg(feature = "schema")]
pub(crate) enum RecordOrText {}

#[cfg(feature = "schema")]
mod described {
    use std::borrow::Cow;

    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

    use super::{AnyObject, RecordOrText};
    use crate::Record;

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

    impl JsonSchema for RecordOrText {
        fn inline_schema() -> bool {
            true
        }

        fn schema_name() -> Cow<'static, str> {
            "RecordOrText".into()
        }

        fn json_schema(generator: &mut SchemaGenerator) -> Schema {
            let record = generator.subschema_for::<Record>();
            json_schema!({
                "anyOf": [record, { "type": "string" }],
                "description": "Byte for byte as it is stored; as text where someone changed it into what is not JSON.",
            })
        }
    }
}
