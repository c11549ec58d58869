//! The JSON Schema of the policy language against the compiler: the schema accepts everything that the compiler accepts,
//! every key of the schema is read, and both refuse any fault that a schema can express.
//!
//! The schema is not asked about facts that only the compiler knows (whether a regex compiles, which ids are taken).

mod places;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use conformance::{cases, repository};
use engine::canonical::Canonical;
use engine::diagnostic::Severity;
use engine::policy::{PolicySet, yaml};
use jsonschema::Validator;
use serde_json::{Value, json};

use places::{PLACES, PROBES};

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let path = repository().join("policies/policy.schema.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
});

static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| jsonschema::draft202012::new(&SCHEMA).unwrap());

/// The codes of the errors in one policy file; none when it is sound.
fn errors(bytes: &[u8]) -> Vec<String> {
    let (set, diagnostics) = PolicySet::load([("policy.yaml", bytes)]);
    let errors = diagnostics.iter().filter(|one| one.severity == Severity::Error);
    let codes: Vec<String> = errors.map(|one| code(&one.code)).collect();
    assert_eq!(set.is_some(), codes.is_empty());
    codes
}

fn code(code: &engine::diagnostic::Code) -> String {
    serde_json::to_value(code).unwrap().as_str().unwrap().to_owned()
}

fn takes(policy: &Value) -> (bool, bool) {
    (errors(policy.to_string().as_bytes()).is_empty(), VALIDATOR.is_valid(policy))
}

/// An editor's view of a file; none if it is not YAML of the form that a policy may have.
fn seen(bytes: &[u8]) -> Option<Value> {
    let root = yaml::parse(std::str::from_utf8(bytes).ok()?).ok()?.root?;
    Some(serde_json::from_str(Canonical::of(&root.to_value()).as_str()).unwrap())
}

/// Every policy of the corpus, of the page on the language, of the samples and the examples, with where it is from.
fn policies() -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for folder in ["decide", "diagnostics"] {
        for case in cases(folder) {
            let files = case.policies().into_iter();
            all.extend(files.map(|(file, bytes)| (format!("{folder}/{}: {file}", case.name), bytes)));
        }
    }
    for file in ["host/cli/src/init/starter.yaml", "examples/worker/src/policy.yaml"] {
        all.push((file.to_owned(), fs::read(repository().join(file)).unwrap()));
    }
    let samples = super::docs::samples().into_iter();
    all.extend(samples.map(|(name, text)| (format!("policies/{name}"), text.into_bytes())));
    let page = super::docs::document("POLICY.md");
    let blocks = super::docs::blocks(&page).into_iter().filter(|block| block.kind.starts_with("policy"));
    all.extend(blocks.map(|block| (format!("POLICY.md:{}", block.line), block.text.into_bytes())));
    all
}

#[test]
fn the_schema_is_one() {
    jsonschema::draft202012::meta::validate(&SCHEMA).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn every_valid_policy_is_valid_by_the_schema() {
    let (mut valid, mut wrong) = (0, Vec::new());
    for (place, bytes) in policies() {
        if !errors(&bytes).is_empty() {
            continue;
        }
        valid += 1;
        let policy = seen(&bytes).unwrap_or_else(|| panic!("{place} cannot be read"));
        let found = VALIDATOR.iter_errors(&policy).map(|error| format!("{}: {error}", error.instance_path()));
        wrong.extend(found.map(|error| format!("{place}: {error}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(valid >= 450, "only {valid} valid policies were found");
}

/// Faults that a schema can express, so this schema must report them, whatever other faults there are.
const STRUCTURAL: [&str; 11] = [
    "conflicting_effects",
    "empty_match",
    "invalid_duration",
    "invalid_value",
    "missing_effect",
    "missing_key",
    "missing_value",
    "too_many_rules",
    "unknown_key",
    "unsupported",
    "wrong_type",
];

/// Faults beyond a schema: two numbers compared, a valid domain, and a key without a value where null would be
/// accepted.
const ONLY_THE_COMPILER: [&str; 9] = [
    "diagnostics/declared-min-over-max: p.yaml",
    "diagnostics/domain-number: p.yaml",
    "diagnostics/domain-octal: p.yaml",
    "diagnostics/domain-port: p.yaml",
    "diagnostics/domain-star: p.yaml",
    "diagnostics/domain-url: p.yaml",
    "diagnostics/email-domain-address: p.yaml",
    "diagnostics/email-domain-mailbox: p.yaml",
    "diagnostics/missing-value-eq: p.yaml",
];

#[test]
fn what_a_schema_can_say_is_refused_by_it() {
    let (mut shown, mut missed) = (BTreeSet::new(), Vec::new());
    for (place, bytes) in policies() {
        let codes = errors(&bytes);
        let Some(policy) = seen(&bytes) else { continue };
        let structural: Vec<String> =
            codes.into_iter().filter(|code| STRUCTURAL.contains(&code.as_str())).collect();
        if !structural.is_empty() && VALIDATOR.is_valid(&policy) {
            missed.push(place);
        }
        shown.extend(structural);
    }
    assert_eq!(missed, ONLY_THE_COMPILER);
    assert_eq!(shown, STRUCTURAL.map(str::to_owned).into(), "each is shown by some policy");
}

#[test]
fn every_key_of_the_schema_is_read_by_the_compiler() {
    let mut keys = 0;
    let mut places = BTreeSet::new();
    for (name, schema) in mappings() {
        let Some(place) = PLACES.iter().find(|place| place.name == name) else {
            panic!("the mapping `{name}` of the schema is not tried")
        };
        places.insert(name.clone());
        for key in schema["properties"].as_object().unwrap().keys() {
            keys += 1;
            let (mut taken, mut refused) = (0, 0);
            for probe in PROBES.iter() {
                let policy = place.with(key, probe.clone());
                let (compiler, schema) = takes(&policy);
                assert!(schema || !compiler, "{name}.{key}: the schema alone refuses {policy}");
                taken += u32::from(compiler);
                refused += u32::from(!compiler);
            }
            assert!(taken > 0, "{name}.{key}: no probe is taken, so nothing shows that the key is known");
            // A key that accepts any value refuses none.
            let any = matches!(
                (name.as_str(), key.as_str()),
                ("operators", "eq" | "ne" | "not_eq" | "not_ne") | ("match", "value")
            );
            assert!(
                refused > 0 || any,
                "{name}.{key}: no probe is refused, so nothing shows that it is read"
            );
        }
        let (compiler, schema) = takes(&place.with("no_such_key", json!(1)));
        assert!(!compiler && !schema, "{name}: an unknown key is refused");
    }
    assert_eq!(places.len(), PLACES.len(), "every place is one of the schema");
    assert!(keys >= 70, "only {keys} keys");
}

/// The mappings of the schema with keys of their own, by the name of their definition.
fn mappings() -> Vec<(String, Value)> {
    let definitions = SCHEMA["$defs"].as_object().unwrap();
    let with_keys = definitions.iter().filter(|(_, schema)| schema.get("properties").is_some());
    let mut all: Vec<_> = with_keys.map(|(name, schema)| (name.clone(), schema.clone())).collect();
    all.push(("policy".to_owned(), SCHEMA.clone()));
    all
}

#[test]
fn keys_with_operators_are_the_same_to_both() {
    let operators: Vec<String> =
        SCHEMA["$defs"]["operators"]["properties"].as_object().unwrap().keys().cloned().collect();
    let names = ["amount", "customer.tier", "items[].price", "a.b.[].c", "len", "starts", "_", "é"];
    let broken = [".", "a.", "a..b", "[]", "a[0]", "a[]b", "[].a", "a]"];
    let place = PLACES.iter().find(|place| place.name == "match").unwrap();
    for operator in &operators {
        for name in names.iter().chain(&broken) {
            let key = format!("{name}_{operator}");
            let mut taken = 0;
            for probe in PROBES.iter() {
                let policy = place.with(&key, probe.clone());
                let (compiler, schema) = takes(&policy);
                assert!(schema || !compiler, "{key}: the schema alone refuses {policy}");
                // The compiler knows more about strings: which is a network, and which is a regex.
                let plain = operator.strip_prefix("not_").unwrap_or(operator);
                let text = matches!(plain, "cidr" | "domain" | "email_domain" | "matches");
                assert!(compiler || !schema || text, "{key}: the schema alone takes {policy}");
                taken += u32::from(compiler);
            }
            assert_eq!(taken > 0, names.contains(name), "{key}");
        }
        // Only the compiler knows which parameters a tool declares, and so which names end in a suffix that was meant for
        // the operator.
        for name in ["not", "x_is", "x_not_is"] {
            let key = format!("{name}_{operator}");
            for probe in PROBES.iter() {
                assert!(!takes(&place.with(&key, probe.clone())).0, "{key}");
            }
        }
    }
    for key in
        ["amount", "amount_lts", "gt", "_gt", "amountgt", "amount_gt_", "amount_GT", "eq_", "email_domain"]
    {
        for probe in PROBES.iter() {
            assert_eq!(takes(&place.with(key, probe.clone())), (false, false), "{key}");
        }
    }
}

#[test]
fn paths_are_the_same_to_both() {
    let place = PLACES.iter().find(|place| place.name == "match").unwrap();
    let paths =
        ["a", "a.b", "a[]", "a[][]", "a.[]", "a.[].b", "", ".", "a..b", "[]", "a[0]", "a[", "a.[]b", "a.b]"];
    let mut taken = 0;
    for path in paths {
        let policies = [
            place.with("field", json!(path)),
            place.with("params", json!({ path: 1 })),
            place.with("context", json!({ path: { "gt": 1 } })),
        ];
        for policy in policies {
            let (compiler, schema) = takes(&policy);
            assert_eq!(compiler, schema, "{policy}");
            taken += u32::from(compiler);
        }
    }
    assert_eq!(taken, 6 * 3);
}

#[test]
fn one_change_to_a_policy_never_divides_them() {
    let (mut tried, mut refused_by_both) = (0, 0);
    let page = policies().into_iter().filter(|(place, _)| place.starts_with("POLICY.md"));
    for (place, bytes) in page {
        let Some(policy) = seen(&bytes) else { continue };
        for changed in places::changes(&policy) {
            let (compiler, schema) = takes(&changed);
            assert!(schema || !compiler, "{place}: the schema alone refuses {changed}");
            tried += 1;
            refused_by_both += u32::from(!schema);
        }
    }
    assert!(tried > 3000 && refused_by_both > 1000, "{tried} tried, {refused_by_both} refused by both");
}

#[test]
fn the_samples_name_the_schema_beside_them() {
    for (name, text) in super::docs::samples() {
        let first = text.lines().next().unwrap();
        let file = first
            .strip_prefix("# yaml-language-server: $schema=")
            .unwrap_or_else(|| panic!("{name}: {first}"));
        assert!(repository().join("policies").join(Path::new(file)).is_file(), "{name}: {file}");
    }
}

/// Everything that a reader may point at has a title and a text.
#[test]
fn every_key_says_what_it_means() {
    let resolved = |schema: &Value| {
        let target = schema["$ref"].as_str().and_then(|to| SCHEMA.pointer(to.strip_prefix('#')?));
        let has = |key: &str| schema.get(key).or_else(|| target?.get(key)).is_some_and(Value::is_string);
        has("title") && has("description")
    };
    for (name, schema) in mappings() {
        assert!(resolved(&schema), "{name}");
        for (key, property) in schema["properties"].as_object().unwrap() {
            assert!(resolved(property), "{name}.{key}: {property}");
        }
    }
}
