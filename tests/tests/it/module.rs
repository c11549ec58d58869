//! The engine's module itself: its imports, and that no input crashes it or its host.

use std::collections::BTreeSet;

use conformance::native::canonical;
use engine::decide::decide_bytes;
use engine::json::MAX_BYTES;
use engine::policy::PolicySource;
use engine::policy::{MAX_CONDITION_DEPTH, MAX_RULES, PolicySet, yaml};
use engine::state::State;
use runtime::{ENGINE_WASM, Instance, Pool, RuntimeError};
use serde_json::json;

use crate::process::{Server, place};
use crate::wasmtime::MODULE;

/// The exports of `engine::abi`.
const CALLS: [&str; 9] = [
    "abi_version (function)",
    "buffer (function)",
    "canonicalize (function)",
    "decide (function)",
    "explain (function)",
    "load (function)",
    "memory (memory)",
    "seal (function)",
    "unload (function)",
];

/// The exports that wasm-bindgen adds for JavaScript: the calls of `engine::js`, and those for its own glue.
const FOR_JAVASCRIPT: [&str; 15] = [
    "__abort_handler (global)",
    "__instance_terminated (global)",
    "__wbg_engine_free (function)",
    "__wbindgen_free (function)",
    "__wbindgen_malloc (function)",
    "__wbindgen_realloc (function)",
    "__wbindgen_start (function)",
    "engine_canonicalize (function)",
    "engine_decide (function)",
    "engine_decide_bytes (function)",
    "engine_explain (function)",
    "engine_load (function)",
    "engine_new (function)",
    "engine_seal (function)",
    "engine_unload (function)",
];

const SMALL: &str = "rules:\n  - { id: small, match: { tool: t, n_lte: 5 }, allow: true }\n";

fn file(content: &str) -> Vec<PolicySource> {
    vec![PolicySource { name: "p.yaml".to_owned(), content: content.as_bytes().to_vec() }]
}

fn action(params: &str) -> Vec<u8> {
    format!(r#"{{"agent_id":"agent-1","tool":"t","params":{params}}}"#).into_bytes()
}

/// The answer of the linked-in engine, as the module should print it.
fn native(content: &str, action: &[u8]) -> String {
    let (set, diagnostics) = PolicySet::load([("p.yaml", content.as_bytes())]);
    let set = set.unwrap_or_else(|| panic!("{diagnostics:?}"));
    decide_bytes(&set, action, &State::default()).canonical().unwrap().into_string()
}

fn loaded(instance: &mut Instance, content: &str) -> u32 {
    let loaded = instance.load(&file(content)).unwrap();
    loaded.handle.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}

#[track_caller]
fn decides_as_native(content: &str, action: &[u8]) -> String {
    let mut instance = MODULE.instance().unwrap();
    let handle = loaded(&mut instance, content);
    let expected = native(content, action);
    assert_eq!(String::from_utf8_lossy(instance.decide_raw(handle, action, b"").unwrap()), expected);
    expected
}

#[track_caller]
fn finds_as_native(content: &str) -> Vec<String> {
    let (set, expected) = PolicySet::load([("p.yaml", content.as_bytes())]);
    let given = MODULE.instance().unwrap().load(&file(content)).unwrap();
    assert_eq!(canonical(&given.diagnostics), canonical(&expected));
    assert_eq!(given.handle.is_some(), set.is_some());
    expected.iter().map(|one| canonical(&one.code)).collect()
}

/// The bytes of each section of this kind. WebAssembly core specification, §5.5.
fn sections(module: &[u8], wanted: u8) -> Vec<&[u8]> {
    assert_eq!(module[..8], *b"\0asm\x01\0\0\0");
    let mut rest = &module[8..];
    let mut found = Vec::new();
    while let [kind, behind @ ..] = rest {
        let mut behind = behind;
        let (section, next) = split(&mut behind);
        if *kind == wanted {
            found.push(section);
        }
        rest = next;
    }
    found
}

fn split<'b>(bytes: &mut &'b [u8]) -> (&'b [u8], &'b [u8]) {
    let length = number(bytes);
    bytes.split_at(length)
}

/// An unsigned number in LEB128.
fn number(bytes: &mut &[u8]) -> usize {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        value |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return value;
        }
    }
}

#[test]
fn the_module_imports_nothing_and_exports_what_is_documented() {
    const IMPORTS: u8 = 2;
    const EXPORTED: u8 = 7;
    let imports: usize =
        sections(ENGINE_WASM, IMPORTS).into_iter().map(|mut section| number(&mut section)).sum();
    assert_eq!(imports, 0);
    let [mut section] = sections(ENGINE_WASM, EXPORTED).try_into().unwrap();
    let count = number(&mut section);
    let mut exports = BTreeSet::new();
    for _ in 0..count {
        let (name, rest) = split(&mut section);
        section = &rest[1..];
        let kind = ["function", "table", "memory", "global"][usize::from(rest[0])];
        number(&mut section);
        exports.insert(format!("{} ({kind})", std::str::from_utf8(name).unwrap()));
    }
    let documented = CALLS.into_iter().chain(FOR_JAVASCRIPT).map(str::to_owned);
    assert_eq!(exports, documented.collect());
}

#[test]
fn nesting_to_the_bound_and_far_beyond_it_is_answered() {
    // The action and its `params` are two of the 64 levels.
    let nested = |depth: usize| action(&format!(r#"{{"a":{}{}}}"#, "[".repeat(depth), "]".repeat(depth)));
    assert!(!decides_as_native(SMALL, &nested(62)).contains("invalid_action"));
    for depth in [63, 10_000, 400_000] {
        assert!(decides_as_native(SMALL, &nested(depth)).contains("invalid_action"), "{depth}");
    }

    let matches = |depth: usize, word: &str| {
        let (open, close) = match word {
            "not" => ("{ not: ", " }"),
            "any" => ("{ any: [", "] }"),
            _ => ("{ all: [", "] }"),
        };
        let inner = format!("{}{{ n_eq: 1 }}{}", open.repeat(depth), close.repeat(depth));
        format!("rules:\n  - match: {inner}\n    deny: true\n")
    };
    for word in ["any", "all", "not"] {
        let deepest = matches(MAX_CONDITION_DEPTH, word);
        assert_eq!(finds_as_native(&deepest), [""; 0], "{word}");
        decides_as_native(&deepest, &action(r#"{"n":1}"#));
        for depth in [MAX_CONDITION_DEPTH + 1, 10_000] {
            assert_eq!(finds_as_native(&matches(depth, word)), [r#""too_deep""#], "{word} {depth}");
        }
    }

    // A mapping, a list, a mapping, a mapping and as many lists as are left.
    let lists = |depth: usize| {
        let value = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        format!("rules:\n  - match: {{ tool: t, a_eq: {value} }}\n    deny: true\n")
    };
    let bound = (1..yaml::MAX_DEPTH).rev().find(|depth| finds_as_native(&lists(*depth)).is_empty()).unwrap();
    assert!(bound >= yaml::MAX_DEPTH - 5, "{bound}");
    decides_as_native(&lists(bound), &action(r#"{"a":[[]]}"#));
    for depth in [bound + 1, 10_000, 500_000] {
        assert_eq!(finds_as_native(&lists(depth)), [r#""too_deep""#], "{depth}");
    }
}

#[test]
fn the_largest_action_and_the_most_rules_are_decided() {
    let rules: String =
        (0..MAX_RULES).map(|n| format!("  - {{ match: {{ tool: t, n_eq: {n} }}, deny: true }}\n")).collect();
    let policy = format!("rules:\n{rules}");
    let last = format!(r#"{{"n":{}}}"#, MAX_RULES - 1);
    assert!(decides_as_native(&policy, &action(&last)).contains(&format!("rule-{MAX_RULES}")));

    let frame = action(r#"{"n":1,"s":""}"#).len();
    for unit in ["x", "\\n", "\u{e9}", "\\u0001"] {
        let text = unit.repeat((MAX_BYTES - frame) / unit.len());
        let fill = "y".repeat(MAX_BYTES - frame - text.len());
        let largest = action(&format!(r#"{{"n":1,"s":"{text}{fill}"}}"#));
        assert_eq!(largest.len(), MAX_BYTES);
        assert!(decides_as_native(SMALL, &largest).contains("EXECUTE"), "{unit}");
        let mut larger = largest;
        larger.push(b' ');
        assert!(decides_as_native(SMALL, &larger).contains("invalid_action"), "{unit}");
    }
    for unit in ["0,", "{},", "[],", "1e308,", r#"{"a":0},"#] {
        let list = unit.repeat((MAX_BYTES - frame - 100) / unit.len());
        let many = action(&format!(r#"{{"n":1,"l":[{}]}}"#, list.trim_end_matches(',')));
        assert!(decides_as_native(SMALL, &many).contains("EXECUTE"), "{unit}");
    }
}

/// Rules that look for something everywhere, and an action with a lot of everywhere: legal, and dear.
fn dear() -> (String, Vec<u8>) {
    let rules: String = (0..9_000)
        .map(|n| format!("  - {{ match: {{ tool: t, pattern: '[xz]{n}$' }}, deny: true }}\n"))
        .collect();
    let allow = "  - { match: { tool: t }, allow: true }\n";
    (format!("rules:\n{rules}{allow}"), action(&format!(r#"{{"s":"{}"}}"#, "x".repeat(1_000_000))))
}

#[track_caller]
fn stopped<T>(answer: Result<T, RuntimeError>, why: &str) {
    match answer {
        Err(RuntimeError::Trapped(cause)) => assert!(cause.to_string().contains(why), "{cause}"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was answered"),
    }
}

#[test]
fn a_decision_that_takes_too_much_work_halts_alike_and_the_next_one_is_decided() {
    let (policy, action) = dear();
    let (pool, _) = Pool::new(&MODULE, &file(&policy)).unwrap();
    let pool = pool.unwrap();
    let small = br#"{"agent_id":"agent-1","tool":"t"}"#;
    let halted = native(&policy, &action);
    assert!(halted.contains("engine_limit"), "{halted}");
    for _ in 0..2 {
        let verdict = pool.decide(&action, b"").unwrap();
        assert!(halted.contains(verdict.decision.get()), "{}", verdict.decision);
        let verdict = pool.decide(small, b"").unwrap();
        assert!(native(&policy, small).contains(verdict.decision.get()), "{}", verdict.decision);
    }
}

#[test]
fn a_server_halts_what_takes_too_much_work() {
    let (policy, action) = dear();
    let folder = place(&[("p.yaml", &policy)]);
    let server = Server::start(folder.path());
    let answer = server.post("/v1/actions", &action).ok();
    assert_eq!((&answer["outcome"], &answer["reason_code"]), (&json!("HALT"), &json!("engine_limit")));
    assert_eq!(answer["status"], "denied");
    let small = server.post("/v1/actions", br#"{"agent_id":"agent-1","tool":"t"}"#).ok();
    assert_eq!((&small["outcome"], &small["reason_code"]), (&json!("EXECUTE"), &json!("policy_allow")));
}

#[test]
fn a_call_that_takes_too_much_memory_is_an_error_and_the_next_one_is_answered() {
    // An explanation shows the values that a condition saw, as far as there is room for all.
    let rules: String =
        (0..1000).map(|n| format!("  - {{ match: {{ tool: t, s_eq: 'x{n}' }}, deny: true }}\n")).collect();
    let policy = format!("rules:\n{rules}");
    let (pool, _) = Pool::new(&MODULE, &file(&policy)).unwrap();
    let pool = pool.unwrap();
    let large = action(&format!(r#"{{"s":"{}"}}"#, "x".repeat(1_000_000)));
    for _ in 0..2 {
        let explained = pool.explain(&large, b"").unwrap();
        assert!(explained.get().contains(r#""incomplete":true"#));
        assert!(explained.get().len() < 20 << 20, "{}", explained.get().len());
        let verdict = pool.decide(&large, b"").unwrap();
        assert!(native(&policy, &large).contains(verdict.decision.get()), "{}", verdict.decision);
    }

    let rules: String = (0..MAX_RULES)
        .map(|n| format!("  - {{ match: {{ tool: t, a_eq: {n}, b_eq: {n}, c_eq: {n} }}, deny: true }}\n"))
        .collect();
    let content = format!("rules:\n{rules}").into_bytes();
    let many: Vec<_> =
        (0..20).map(|n| PolicySource { name: format!("p{n}.yaml"), content: content.clone() }).collect();
    stopped(Pool::new(&MODULE, &many), "memory");
    assert!(Pool::new(&MODULE, &file(SMALL)).unwrap().0.is_some());
}

/// An action whose size depends on `n`: mostly small, now and then up to half a mebibyte.
fn mixed(n: usize) -> Vec<u8> {
    let bytes = match n % 100 {
        0 => 500_000,
        50 => 70_000,
        rest if rest % 10 == 5 => 5_000,
        rest => rest,
    };
    action(&format!(r#"{{"n":{},"s":"{}"}}"#, n % 10, "x".repeat(bytes)))
}

#[test]
fn memory_does_not_grow_with_the_number_of_decisions_or_of_policies() {
    let mut instance = MODULE.instance().unwrap();
    let handle = loaded(&mut instance, SMALL);
    let decide = |from: usize, to: usize, instance: &mut Instance| {
        for n in from..to {
            instance.decide_raw(handle, &mixed(n), br#"{"now":1795348800000}"#).unwrap();
        }
        instance.memory_bytes()
    };
    let after_a_thousand = decide(0, 1_000, &mut instance);
    assert_eq!(decide(1_000, 20_000, &mut instance), after_a_thousand);

    let swap = |times: usize, instance: &mut Instance| {
        for n in 0..times {
            let policy = SMALL.replace("small", &format!("rule-{}", n % 7));
            let handle = loaded(instance, &policy);
            assert!(instance.unload(handle).unwrap());
        }
        instance.memory_bytes()
    };
    let after_a_hundred = swap(100, &mut instance);
    assert_eq!(swap(3_000, &mut instance), after_a_hundred);
}

#[test]
fn many_threads_get_the_bytes_that_one_gets() {
    let (pool, _) = Pool::new(&MODULE, &file(SMALL)).unwrap();
    let pool = pool.unwrap();
    let asked: Vec<_> = (0..200).map(|n| (mixed(n), native(SMALL, &mixed(n)))).collect();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (pool, asked) = (&pool, &asked);
            scope.spawn(move || {
                for n in 0..asked.len() {
                    let (action, expected) = &asked[(n * 7 + thread * 31) % asked.len()];
                    let verdict = pool.decide(action, b"").unwrap();
                    let found = format!(
                        r#"{{"action":{},"decision":{},"state":{}}}"#,
                        verdict.action.unwrap(),
                        verdict.decision,
                        verdict.state
                    );
                    assert_eq!(&found, expected);
                }
            });
        }
    });
}
