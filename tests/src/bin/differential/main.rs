//! Writes random actions with the answers of the engine as it is linked in, for hosts that are not written in Rust.
//!
//! `--count N --seed S`; the same two give the same file, `target/differential.jsonl`. A line is either a folder of
//! policies, `{policies: [{name, base64}], policy_hash}`, under which the lines after it are decided, or
//! `{action_base64, state_base64, expected}` with `expected` as in `target/corpus.json`. It judges no answer.

#[path = "../../../../engine/tests/it/generate.rs"]
#[expect(dead_code, reason = "the properties of the engine use all of it")]
#[allow(clippy::unwrap_used, reason = "what is generated is of its own making")]
mod generate;
mod hostile;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use conformance::{member, native, repository};
use engine::decide::decide_bytes;
use engine::decision::Outcome;
use engine::policy::{PolicySet, yaml};
use engine::state::State;
use engine::value::Value;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::json;

/// This many actions are decided under one folder of policies.
const ACTIONS_OF_A_SET: usize = 25;

type Failure = Box<dyn std::error::Error>;
type Files = Vec<(String, Vec<u8>)>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match numbers(&arguments).and_then(|(count, seed)| run(count, seed)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("differential: {error}");
            ExitCode::FAILURE
        }
    }
}

fn numbers(arguments: &[String]) -> Result<(usize, u64), Failure> {
    let (mut count, mut seed) = (2_000, 1);
    for pair in arguments.chunks(2) {
        match pair {
            [name, value] if name == "--count" => count = value.parse()?,
            [name, value] if name == "--seed" => seed = value.parse()?,
            other => return Err(format!("`{}` is not `--count N` or `--seed S`", other.join(" ")).into()),
        }
    }
    Ok((count, seed))
}

fn run(count: usize, seed: u64) -> Result<(), Failure> {
    let file = repository().join("target/differential.jsonl");
    let mut out = BufWriter::new(File::create(&file)?);
    let mut random = Random::new(seed);
    let starters = Starters::read()?;
    let mut outcomes = BTreeMap::new();
    let mut unreadable = 0;
    for number in 0..count.div_ceil(ACTIONS_OF_A_SET) {
        // Starter policies, with what their own tests ask, and random ones in turn.
        let (files, known) = if number % 2 == 0 { starters.some(number / 2) } else { random.policies() };
        let (set, diagnostics) =
            PolicySet::load(files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())));
        let set = set.ok_or_else(|| format!("a generated policy has errors: {diagnostics:?}"))?;
        let policy_hash = native::hash_of_policies(&files);
        writeln!(out, "{}", json!({ "policies": native::files(&files), "policy_hash": policy_hash }))?;
        for _ in 0..ACTIONS_OF_A_SET.min(count - number * ACTIONS_OF_A_SET) {
            let action = random.draw(&hostile::action(known.clone()));
            let state = random.draw(&hostile::state());
            let answer = decide_bytes(
                &set,
                &action,
                &State::parse(state.as_bytes()).map_err(|error| error.to_string())?,
            );
            _ = outcomes.entry(answer.decision.outcome).and_modify(|count| *count += 1).or_insert(1_usize);
            unreadable += usize::from(answer.error.is_some());
            let line = json!({
                "action_base64": STANDARD.encode(&action),
                "expected": native::texts(&answer),
                "state_base64": STANDARD.encode(state.as_bytes()),
            });
            writeln!(out, "{line}")?;
        }
    }
    out.flush()?;
    let [execute, abstain, halt] = [Outcome::Execute, Outcome::Abstain, Outcome::Halt]
        .map(|outcome| outcomes.get(&outcome).copied().unwrap_or(0));
    if execute.min(abstain).min(halt) * 50 < count {
        return Err(
            format!("{execute} EXECUTE, {abstain} ABSTAIN, {halt} HALT: too few of one to compare").into()
        );
    }
    println!(
        "{count} actions of seed {seed} in target/differential.jsonl: \
         {execute} EXECUTE, {abstain} ABSTAIN, {halt} HALT, {unreadable} of them no action"
    );
    Ok(())
}

/// Random values, the same for the same seed.
struct Random(TestRunner);

impl Random {
    fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        for (byte, from) in bytes.iter_mut().zip(seed.to_le_bytes()) {
            *byte = from;
        }
        let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        Random(TestRunner::new_with_rng(Config::default(), random))
    }

    #[expect(clippy::expect_used, reason = "no strategy here filters, which is all that could give nothing")]
    fn draw<T>(&mut self, strategy: &impl Strategy<Value = T>) -> T {
        strategy.new_tree(&mut self.0).expect("a value").current()
    }

    /// Random policies, and actions that they may cover.
    fn policies(&mut self) -> (Files, Vec<Value>) {
        let files = self.draw(&generate::files());
        let files = files
            .iter()
            .enumerate()
            .map(|(index, file)| (format!("f{index}.yaml"), file.yaml().into_bytes()));
        let files = files.collect();
        let actions = ["t", "u", "v"].map(|tool| {
            let members = vec![
                ("agent_id", "agent".into()),
                ("params", self.draw(&generate::params())),
                ("tool", tool.into()),
            ];
            generate::object(members)
        });
        (files, actions.to_vec())
    }
}

/// The starter policies, each with the actions of its tests.
struct Starters(Vec<(String, Vec<u8>, Vec<Value>)>);

impl Starters {
    fn read() -> Result<Self, Failure> {
        let folder = repository().join("policies");
        let mut starters = Vec::new();
        for entry in fs::read_dir(&folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let Some(policy) = name.strip_suffix(".test.yaml") else { continue };
            let text = fs::read_to_string(folder.join(&name))?;
            let document = yaml::parse(&text).map_err(|error| format!("{name}: {error:?}"))?;
            let root = document.root.map(|root| root.to_value()).ok_or_else(|| format!("{name} is empty"))?;
            let Some(Value::Array(tests)) = member(&root, "tests") else {
                return Err(format!("{name} has no `tests`").into());
            };
            let actions = tests.iter().filter_map(|test| member(test, "action").cloned()).collect();
            let policy = format!("{policy}.yaml");
            let content = fs::read(folder.join(&policy))?;
            starters.push((policy, content, actions));
        }
        starters.sort_by(|a, b| a.0.cmp(&b.0));
        if starters.is_empty() { Err("there are no starter policies".into()) } else { Ok(Starters(starters)) }
    }

    /// One of them, or all together, with the actions of one.
    fn some(&self, number: usize) -> (Files, Vec<Value>) {
        let at = number % self.0.len();
        let all = number / self.0.len() % 2 == 1;
        let of = self.0.iter().enumerate().filter(|(index, _)| all || *index == at);
        let files = of.map(|(_, (name, content, _))| (name.clone(), content.clone())).collect();
        (files, self.0.get(at).map(|(.., actions)| actions.clone()).unwrap_or_default())
    }
}
