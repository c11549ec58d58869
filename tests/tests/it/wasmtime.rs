//! The corpus through the engine's module: the same bytes as from the engine that is linked in.

use std::path::PathBuf;
use std::sync::LazyLock;

use conformance::Case;
use conformance::native::{self, canonical};
use conformance::tally::{Tally, Tried, differs};
use engine::policy::PolicySource;
use runtime::{Instance, Module};

/// Where the compiled module is kept: compiling it takes longer than most tests.
pub(crate) fn cache_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("engine-cache")
}

/// The module, compiled at most once for this process and all that it starts.
pub(crate) static MODULE: LazyLock<Module> = LazyLock::new(|| Module::embedded(Some(&cache_dir())).unwrap());

pub(crate) static TALLY: LazyLock<Tally> = LazyLock::new(|| {
    let mut instance = MODULE.instance().unwrap();
    Tally::of("wasmtime", move |folder, case| {
        Tried::Compared(match folder {
            "decide" => decision(&mut instance, case),
            "canonical" => canonical_form(&mut instance, case),
            _ => diagnostics(&mut instance, case),
        })
    })
});

/// The policies of a case as a host reads them.
pub(crate) fn sources(case: &Case) -> Vec<PolicySource> {
    let files = case.policies().into_iter();
    files.map(|(name, content)| PolicySource { name, content }).collect()
}

fn decision(instance: &mut Instance, case: &Case) -> Vec<String> {
    let answer = native::answer(case);
    let loaded = instance.load(&sources(case)).unwrap();
    let handle = loaded.handle.unwrap_or_else(|| panic!("{}: {:?}", case.name, loaded.diagnostics));
    let verdict = instance.decide(handle, &case.action(), &case.state()).unwrap();
    let whole = instance.decide_raw(handle, &case.action(), &case.state()).unwrap();
    let whole = String::from_utf8(whole.to_vec()).unwrap();
    assert!(instance.unload(handle).unwrap());
    let none = || "none".to_owned();
    let (action, error) = (verdict.action.as_deref(), verdict.error.as_deref());
    let read = |raw: Option<&serde_json::value::RawValue>| raw.map_or_else(none, |raw| raw.get().to_owned());
    [
        differs("decision", &canonical(&answer.decision), verdict.decision.get()),
        differs("action", &answer.action.as_ref().map_or_else(none, canonical_text), &read(action)),
        differs("state", answer.state.canonical().as_str(), verdict.state.get()),
        differs("error", &answer.error.as_ref().map_or_else(none, canonical), &read(error)),
        differs("the whole answer", answer.canonical().unwrap().as_str(), &whole),
        differs("policy_hash", &answer.decision.policy_hash.to_hex(), &loaded.policy_hash.to_hex()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn canonical_text(text: &engine::canonical::Canonical) -> String {
    text.as_str().to_owned()
}

fn canonical_form(instance: &mut Instance, case: &Case) -> Vec<String> {
    let (canonical, request_hash) = native::canonicalized(case);
    let answer = instance.canonicalize(&case.action()).unwrap();
    let found = [
        differs("canonical", &canonical, answer.canonical.get()),
        differs("request_hash", &request_hash, &answer.request_hash.to_hex()),
    ];
    found.into_iter().flatten().collect()
}

fn diagnostics(instance: &mut Instance, case: &Case) -> Vec<String> {
    let (set, given) = native::load(case);
    let loaded = instance.load(&sources(case)).unwrap();
    let mut found: Vec<_> = [
        differs("diagnostics", &canonical(&given), &canonical(&loaded.diagnostics)),
        differs("policy_hash", &native::hash_of_policies(&case.policies()), &loaded.policy_hash.to_hex()),
    ]
    .into_iter()
    .flatten()
    .collect();
    if set.is_some() != loaded.handle.is_some() {
        found.push("there is a handle where there is no set, or the other way round".to_owned());
    }
    if let Some(handle) = loaded.handle {
        assert!(instance.unload(handle).unwrap());
    }
    found
}

corpus_tests!(TALLY);
