//! Actions as an adversary, a confused model or another language's JSON printer would write them.
//!
//! They start from actions that the policies cover, so that some still run; further steps change parameters, their
//! spelling, and sometimes the bytes.

use engine::canonical::Canonical;
use engine::value::Value;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// The bytes of an action like one of `known`, with hostile parts.
pub(crate) fn action(known: Vec<Value>) -> impl Strategy<Value = Vec<u8>> {
    let changes = prop_oneof![
        2 => Just(Vec::new()),
        3 => prop::collection::vec((any::<Index>(), json(), 0..6_u8), 1..3),
    ];
    let spelling = (any::<bool>(), 0..40_u8, any::<Index>(), any::<u8>());
    (select(known), changes, spelling).prop_map(|(known, changes, (spaced, damage, at, byte))| {
        let mut text = written(&known, &changes, spaced).into_bytes();
        let at = at.index(text.len());
        match damage {
            0 => text.truncate(at),
            1 => text.iter_mut().skip(at).take(1).for_each(|damaged| *damaged = byte),
            _ => {}
        }
        text
    })
}

/// A state: none, the time, or an answer from people.
pub(crate) fn state() -> impl Strategy<Value = String> {
    let now = prop_oneof![-(1_i64 << 53)..(1_i64 << 53), 1_600_000_000_000..2_000_000_000_000_i64];
    let approval = (select(vec!["granted", "rejected", "expired"]), prop::option::of(readable_text()), readable_text()).prop_map(
        |(verdict, reason, principal)| {
            let reason = reason.unwrap_or_else(|| "null".to_owned());
            format!(
                r#""approval":{{"verdict":"{verdict}","reason":{reason},"approvers":[{{"principal":{principal},"roles":["finance"]}}]}}"#
            )
        },
    );
    prop_oneof![
        3 => Just(String::new()),
        2 => now.clone().prop_map(|now| format!(r#"{{"now":{now}}}"#)),
        1 => (now, approval).prop_map(|(now, approval)| format!(r#"{{"now":{now},{approval}}}"#)),
    ]
}

/// The action as JSON with its members as they come, where each change replaces a parameter or says something more.
fn written(known: &Value, changes: &[(Index, String, u8)], spaced: bool) -> String {
    let members = |value: Option<&Value>| -> Vec<(String, String)> {
        let object = value.and_then(Value::as_object);
        let each = object.into_iter().flat_map(|object| object.iter());
        each.map(|(key, value)| (key.to_owned(), Canonical::of(value).into_string())).collect()
    };
    let mut action = members(Some(known));
    let mut params = members(known.as_object().and_then(|object| object.get("params")));
    for (which, value, kind) in changes {
        match kind {
            // Where there is nothing to replace or to leave out, there is something to add.
            0..=2 if !params.is_empty() => {
                let at = which.index(params.len());
                params.iter_mut().skip(at).take(1).for_each(|(_, replaced)| replaced.clone_from(value));
            }
            3 if !params.is_empty() => _ = params.remove(which.index(params.len())),
            4 => action.push(("context".to_owned(), format!(r#"{{"session":{value}}}"#))),
            5 => params.insert(0, ("amount".to_owned(), value.clone())),
            _ => params.push(("z\u{e9}\u{1f600}".to_owned(), value.clone())),
        }
    }
    let (comma, colon) = if spaced { (" ,\n\t", " : ") } else { (",", ":") };
    let object = |members: &[(String, String)]| {
        let each: Vec<String> = members
            .iter()
            .map(|(key, value)| format!("{}{colon}{value}", Canonical::of(&key.as_str().into())))
            .collect();
        format!("{{{}}}", each.join(comma))
    };
    let params = object(&params);
    for (_, value) in action.iter_mut().filter(|(key, _)| key == "params") {
        value.clone_from(&params);
    }
    action.reverse();
    object(&action)
}

/// A JSON value in any spelling; some of it is not JSON after all.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        1 => select(vec!["null", "true", "false", "\"\"", "\"45\"", "[]", "{}", "\"NaN\"", "\"\u{ff11}\u{ff10}\""]).prop_map(str::to_owned),
        3 => number(),
        3 => text(),
    ];
    let nested = leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            // Keys are random as well, and now and then the same twice.
            prop::collection::vec((prop_oneof![text(), Just("\"k\"".to_owned())], inner.clone()), 0..4)
                .prop_map(|members| {
                    let each: Vec<String> =
                        members.iter().map(|(key, value)| format!("{key}:{value}")).collect();
                    format!("{{{}}}", each.join(","))
                }),
        ]
    });
    prop_oneof![
        40 => nested,
        // About the depth where the engine stops reading.
        1 => (55..70_usize, number()).prop_map(|(depth, inner)| format!("{}{inner}{}", "[".repeat(depth), "]".repeat(depth))),
        1 => (55..70_usize, text()).prop_map(|(depth, inner)| format!("{}{inner}{}", "{\"k\":".repeat(depth), "}".repeat(depth))),
    ]
}

/// A number: of every size and spelling, and some that JSON or the engine does not have.
fn number() -> impl Strategy<Value = String> {
    let odd = select(vec![
        "-0",
        "-0.0",
        "0.0",
        "1e2",
        "1E+2",
        "100.000",
        "5e-324",
        "2e-324",
        "1.7976931348623157e308",
        "9007199254740991",
        "1e21",
        "0.1",
        "0.30000000000000004",
        "1e-7",
        "333333333.33333329",
    ]);
    let refused = select(vec![
        "1e309",
        "9007199254740992",
        "9007199254740993",
        "-9007199254740993",
        "123456789012345678901",
        "01",
        "+1",
        "1.",
        ".5",
        "0x10",
        "NaN",
        "-Infinity",
        "1e",
    ]);
    prop_oneof![
        6 => odd.prop_map(str::to_owned),
        1 => refused.prop_map(str::to_owned),
        8 => any::<u64>().prop_map(|bits| {
            let number = f64::from_bits(bits);
            if number.is_finite() { format!("{number:e}") } else { "null".to_owned() }
        }),
        8 => (-50_000..200_000_i32).prop_map(|cents| format!("{}", f64::from(cents) / 100.0)),
        5 => any::<i64>().prop_map(|number| (number >> 12).to_string()),
    ]
}

/// A text as JSON; some are written with lone surrogates, which are not text.
fn text() -> impl Strategy<Value = String> {
    let halves = prop::collection::vec(any::<u16>(), 0..6).prop_map(|units| {
        let each: String = units.iter().map(|unit| format!("\\u{unit:04X}")).collect();
        format!("\"{each}\"")
    });
    prop_oneof![40 => readable_text(), 1 => halves]
}

/// A text of any characters as JSON, written plainly or escaped.
fn readable_text() -> impl Strategy<Value = String> {
    let plain = prop::collection::vec(character(), 0..12).prop_map(|characters| {
        let text: String = characters.into_iter().collect();
        Canonical::of(&text.as_str().into()).into_string()
    });
    let escaped = prop::collection::vec(character(), 0..6).prop_map(|characters| {
        let text: String = characters.into_iter().collect();
        let each: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        format!("\"{each}\\/\\b\"")
    });
    prop_oneof![2 => plain, 1 => escaped]
}

fn character() -> impl Strategy<Value = char> {
    prop_oneof![
        4 => prop::char::range(' ', '~'),
        2 => any::<char>(),
        1 => select(vec!['\0', '\u{7f}', '\u{2028}', '\u{2029}', '\u{feff}', '\u{202e}', 'e', '\u{301}', '\u{e9}', '\u{1f468}', '\u{200d}', '\u{10ffff}', '\u{fffd}']),
    ]
}
