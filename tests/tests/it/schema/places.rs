//! The positions of each key of the language, values to try there, and small changes to whole policies.
//!
//! It knows no keys but those that a place cannot be without; the keys that are tried come from the schema.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

/// A mapping of the language in the smallest policy that has it.
pub(super) struct Place {
    /// Its definition in the schema.
    pub(super) name: &'static str,
    /// Keys that accompany the one that is tried.
    beside: fn(key: &str) -> Value,
    /// The policy around the mapping.
    around: fn(mapping: Value) -> Value,
}

impl Place {
    /// The policy with this key there.
    pub(super) fn with(&self, key: &str, value: Value) -> Value {
        let mut mapping = (self.beside)(key);
        mapping[key] = value;
        (self.around)(mapping)
    }
}

pub(super) const PLACES: [Place; 10] = [
    Place { name: "policy", beside: nothing, around: |policy| policy },
    Place { name: "tool", beside: nothing, around: |tool| json!({ "tools": { "t": tool } }) },
    Place {
        name: "parameter",
        beside: nothing,
        around: |parameter| json!({ "tools": { "t": { "params": { "p": parameter } } } }),
    },
    Place {
        name: "rule",
        beside: |key| match key {
            "allow" | "require_approval" | "deny" => json!({ "match": { "tool": "t" } }),
            _ => json!({ "match": { "tool": "t" }, "allow": true }),
        },
        around: |rule| json!({ "rules": [rule] }),
    },
    Place {
        name: "approval",
        beside: nothing,
        around: |approval| json!({ "rules": [{ "match": { "tool": "t" }, "require_approval": approval }] }),
    },
    Place { name: "risk", beside: nothing, around: |risk| json!({ "risk": risk }) },
    Place {
        name: "risk_rule",
        beside: |key| match key {
            "score" | "risk_level" => json!({ "name": "r", "when": { "tool": "t" } }),
            _ => json!({ "name": "r", "when": { "tool": "t" }, "score": 5 }),
        },
        around: |rule| json!({ "risk": { "rules": [rule] } }),
    },
    Place {
        name: "match",
        beside: |key| match key {
            "field" => json!({ "value": 1 }),
            "value" => json!({ "field": "p" }),
            _ => json!({}),
        },
        around: |matcher| json!({ "rules": [{ "match": matcher, "deny": true }] }),
    },
    Place {
        name: "time",
        beside: |key| match key {
            "utc_offset" => json!({ "days": ["mon"] }),
            _ => json!({}),
        },
        around: |time| json!({ "rules": [{ "match": { "time": time }, "deny": true }] }),
    },
    Place {
        name: "operators",
        beside: nothing,
        around: |operators| json!({ "rules": [{ "match": { "params": { "p": operators } }, "deny": true }] }),
    },
];

fn nothing(_: &str) -> Value {
    json!({})
}

/// Values of every kind, and of every form that some key wants.
pub(super) static PROBES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let scalars = json!([
        null,
        true,
        false,
        0,
        1,
        2,
        -1,
        1.5,
        100,
        101,
        4294967295_u32,
        4294967296_u64,
        "",
        "x",
        "*",
        "a.b",
        "a..b",
        "GET",
        "enforce",
        "shadow",
        "low",
        "critical",
        "never",
        "string",
        "null",
        "mon",
        "09:00",
        "23:59",
        "24:00",
        "24:01",
        "9:00",
        "+02:00",
        "-14:00",
        "+14:01",
        "Z",
        "UTC",
        "30m",
        "0m",
        "007d",
        "30",
        "1w",
        "10.0.0.0/8",
        "10.0.0.0/33",
        "example.com",
        "("
    ]);
    let lists = json!([
        [], ["x"], [1], [null], ["x", 1], ["mon"], ["mon", "x"], ["string", null], ["10.0.0.0/8", "::1"], [["x"]],
        [{ "tool": "t" }], [{ "tool": [] }], [{}], [{ "match": { "tool": "t" }, "deny": true }],
        [{ "match": { "tool": "t" }, "deny": false }], [{ "match": { "tool": "t" }, "deny": true, "allow": true }],
        [{ "name": "r", "when": { "tool": "t" }, "score": 5 }], [{ "name": "r", "when": { "tool": "t" } }]
    ]);
    let mappings = json!([
        {}, { "x": 1 }, { "x": null }, { "x": {} }, { "x": { "gt": 1 } }, { "x": { "gt": "1" } }, { "x": { "y": 1 } },
        { "x..y": 1 }, { "tool": "t" }, { "tool": 1 }, { "x_eq": [] }, { "x_gt": [] }, { "tool": "t", "op": "x" },
        { "op": "x", "operation": "y" }, { "field": "x" }, { "field": "x", "value": null }, { "value": 1 },
        { "type": "string" }, { "type": "text" }, { "min": 1 }, { "params": {} }, { "params": { "p": {} } },
        { "approvers": 2 }, { "approvers": 0 }, { "days": "mon" }, { "from": "09:00" }, { "utc_offset": "Z" },
        { "rules": [] }, { "deny_at": "never" }, { "gt": 1 }, { "gt": 1, "lte": 5 }, { "exists": true }
    ]);
    [scalars, lists, mappings].iter().flat_map(|values| values.as_array().unwrap().clone()).collect()
});

/// Values that replace another one.
static STAND_INS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    vec![
        json!(null),
        json!(true),
        json!(0),
        json!("x"),
        json!([]),
        json!(["x"]),
        json!({}),
        json!({ "x": 1 }),
    ]
});

/// The policy with one value replaced, one entry left out, or one key written otherwise, at every place in it.
pub(super) fn changes(value: &Value) -> Vec<Value> {
    let mut all = STAND_INS.clone();
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let with = |new: Option<Value>| {
                    let mut items = items.clone();
                    items.splice(index..=index, new);
                    Value::Array(items)
                };
                all.push(with(None));
                all.extend(changes(item).into_iter().map(|new| with(Some(new))));
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                let rest: Map<_, _> = members
                    .iter()
                    .filter(|(other, _)| *other != key)
                    .map(|(k, v)| (k.clone(), v.clone()))
                    .collect();
                let with = |key: &str, new: Value| {
                    let mut members = rest.clone();
                    members.insert(key.to_owned(), new);
                    Value::Object(members)
                };
                all.push(Value::Object(rest.clone()));
                all.extend(
                    [format!("{key}x"), format!("{key}_gt"), String::new()]
                        .map(|key| with(&key, member.clone())),
                );
                all.extend(changes(member).into_iter().map(|new| with(key, new)));
            }
        }
        _ => {}
    }
    all
}
