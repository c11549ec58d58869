//! The engine: natively, as the wasm module, and the floor of reading and hashing the same bytes.

use std::hint::black_box;
use std::time::Instant;

use engine::decide::decide_bytes;
use engine::hash::Digest;
use engine::json;
use engine::policy::PolicySet;
use engine::policy::PolicySource;
use engine::state::State;
use runtime::Module;
use serde_json::{Value, json as to_json};

use crate::quantile;

/// Twenty rules; the last of them matches.
fn policy() -> String {
    let mut text = String::from("rules:\n");
    for number in 1..20 {
        text += &format!(
            "  - id: rule-{number}\n    match: {{ tool: process_refund, amount_gt: {}, currency_eq: CUR{number} }}\n    \
             deny: true\n",
            number * 1000
        );
    }
    text += "  - id: last\n    match: { tool: process_refund, amount_lte: 1000, customer.tier_in: [gold, silver] }\n    \
             allow: true\n";
    text + "risk:\n  rules:\n    - { name: large, when: { tool: process_refund, amount_gt: 500 }, risk_level: medium }\n"
}

/// An action of about 300 bytes.
pub(crate) fn action(number: usize) -> String {
    format!(
        "{{\"agent_id\":\"support-agent-prod\",\"tool\":\"process_refund\",\"operation\":\"create\",\"params\":{{\
         \"amount\":{}.5,\"currency\":\"EUR\",\"customer\":{{\"id\":\"c-{number:08}\",\"tier\":\"gold\"}},\
         \"memo\":\"order 4711 arrived broken, photos attached\",\"order\":\"o-2026-11-{number:06}\"}},\
         \"context\":{{\"session\":\"s-{number:012}\",\"channel\":\"chat\"}}}}",
        number % 900
    )
}

pub(crate) fn run(quick: bool) -> Result<Value, String> {
    let text = policy();
    let set = PolicySet::load([("bench.yaml", text.as_bytes())]).0.ok_or("the policy has errors")?;
    let cache = conformance::repository().join("target/engine-cache");
    let module = Module::embedded(Some(&cache)).map_err(|error| error.to_string())?;
    let mut instance = module.instance().map_err(|error| error.to_string())?;
    let files = [PolicySource { name: "bench.yaml".into(), content: text.clone().into_bytes() }];
    let loaded = instance.load(&files).map_err(|error| error.to_string())?;
    let handle = loaded.handle.ok_or("the policy has errors")?;

    let actions: Vec<String> = (0..64).map(action).collect();
    let bytes = actions.first().map_or(0, String::len);
    let (rounds, calls) = if quick { (9, 2_000) } else { (31, 10_000) };
    let (mut floor, mut native, mut wasm, mut ratios) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let per_call = |started: Instant, calls: usize| started.elapsed().as_secs_f64() * 1e6 / calls as f64;
    for _ in 0..rounds {
        let turn = || actions.iter().cycle().take(calls);
        let started = Instant::now();
        for action in turn() {
            _ = black_box(json::parse(black_box(action.as_bytes()), json::MAX_BYTES));
            black_box(Digest::of(action.as_bytes()));
        }
        floor.push(per_call(started, calls));

        let started = Instant::now();
        for action in turn() {
            _ = black_box(decide_bytes(&set, black_box(action.as_bytes()), &State::default()).canonical());
        }
        let one = per_call(started, calls);
        native.push(one);

        let started = Instant::now();
        for action in turn() {
            _ = black_box(instance.decide_raw(handle, black_box(action.as_bytes()), b""));
        }
        let other = per_call(started, calls);
        wasm.push(other);
        ratios.push(other / one);
    }

    // Memory: all policies loaded, then many decisions.
    let many = if quick { 50_000 } else { 1_000_000 };
    let before = instance.memory_bytes();
    for number in 0..many {
        let action = action(number);
        _ = instance.decide_raw(handle, action.as_bytes(), b"").map_err(|error| error.to_string())?;
    }
    let after = instance.memory_bytes();

    let (floor, native, wasm, ratio) = (
        quantile(&mut floor, 0.5),
        quantile(&mut native, 0.5),
        quantile(&mut wasm, 0.5),
        quantile(&mut ratios, 0.5),
    );
    println!("one decision: {} rules, {} bytes of action, median of {rounds} rounds", 20, bytes);
    println!("  {:<44} {floor:>8.2} µs", "floor: read the JSON and hash the bytes");
    println!(
        "  {:<44} {native:>8.2} µs   {:>5.2} × floor",
        "native: canonicalize, hash, decide, print",
        native / floor
    );
    println!("  {:<44} {wasm:>8.2} µs   {ratio:>5.2} × native", "engine.wasm in wasmtime: the same");
    println!("  linear memory of one instance: {before} bytes, after {many} decisions {after} bytes");
    Ok(to_json!({
        "action_bytes": bytes, "rules": 20, "rounds": rounds,
        "floor_us": floor, "native_us": native, "wasm_us": wasm, "wasm_to_native": ratio,
        "memory_bytes_before": before, "memory_bytes_after": after, "decisions": many,
    }))
}
