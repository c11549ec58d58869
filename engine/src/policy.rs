//! Policies: files of rules, compiled once and then only asked.
//!
//! [`PolicySet::load`] is the only way in. It gives every finding about every file, and a set only when none of
//! them is an error.

pub mod condition;
mod cost;
mod expense;
pub mod glob;
pub mod net;
pub mod operator;
pub mod path;
pub mod tool;
pub mod window;
pub mod yaml;

mod compile;
mod gaps;
mod keywords;
mod lints;
mod matcher;
mod names;
mod reader;
#[cfg(any(test, feature = "schema"))]
pub mod schema;
mod source;
mod tools;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::canonical::Canonical;
use crate::decision::{Effect, RuleRef};
use crate::diagnostic::{self, Diagnostic, Severity};
use crate::hash::{FileHash, PolicyHash};
use crate::meter::Meter;
use crate::order;
use crate::provenance::Provenance;
use crate::quorum::Quorum;
use crate::risk::{RiskLevel, RiskScore, Thresholds};
use crate::span::{LineIndex, Span};
use crate::value::{Object, Value};
use condition::{Match, Scope};
use glob::Glob;
use tool::ToolDecl;

pub use source::PolicySource;

/// The most rules of a file, risk rules not counted.
pub const MAX_RULES: usize = 10_000;
/// How deep `any`, `all` and `not` may nest.
pub const MAX_CONDITION_DEPTH: usize = 16;

/// All policy files that are in force together.
#[derive(Debug)]
pub struct PolicySet {
    policies: Vec<Policy>,
    policy_hash: PolicyHash,
    provenance: Provenance,
    reads_time: bool,
}

/// One policy file.
#[derive(Debug)]
pub struct Policy {
    /// The file's name.
    pub file: String,
    /// The SHA-256 of its bytes.
    pub hash: FileHash,
    /// What it is called; the file's stem unless it says otherwise.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The agents it speaks of; empty means all.
    pub agents: Vec<Glob>,
    /// Whether its opinion counts.
    pub mode: Mode,
    /// The tools it declares.
    pub tools: BTreeMap<String, ToolDecl>,
    /// Its rules, in order.
    pub rules: Vec<Rule>,
    /// Its risk rules, in order.
    pub risk_rules: Vec<RiskRule>,
    /// From which levels on risk acts.
    pub thresholds: Thresholds,
    reads_time: bool,
}

/// Whether a policy's opinion counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It does.
    Enforce,
    /// It is recorded beside the answer.
    Shadow,
}

impl Mode {
    /// The word in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Enforce => "enforce",
            Mode::Shadow => "shadow",
        }
    }
}

/// A rule: when it applies, and what then.
#[derive(Debug)]
pub struct Rule {
    /// Its id; `rule-1`, `rule-2`, … unless it has one.
    pub id: String,
    /// The line on which it starts.
    pub line: u32,
    /// Its first key.
    pub span: Span,
    /// When it applies.
    pub matcher: Match,
    /// What then.
    pub effect: Effect,
    /// Who must approve; only for `require_approval`.
    pub quorum: Quorum,
    /// How long approving may take.
    pub expires_ms: Option<u64>,
    /// What it is for.
    pub description: Option<String>,
    /// What the caller is told.
    pub reason: Option<String>,
    /// The risk that it implies.
    pub risk: Option<RiskLevel>,
}

impl Rule {
    /// Where it stands.
    pub fn reference(&self, policy: &Policy) -> RuleRef {
        RuleRef { id: self.id.clone(), line: self.line, policy: policy.file.clone() }
    }
}

/// A risk rule: when it counts, and how much.
#[derive(Debug)]
pub struct RiskRule {
    /// Its name.
    pub name: String,
    /// The line on which it starts.
    pub line: u32,
    /// Its first key.
    pub span: Span,
    /// When it counts.
    pub when: Match,
    /// How much.
    pub score: RiskScore,
}

impl Policy {
    /// What the conditions of one of its rules need to know of it.
    pub fn scope(&self, action: &Action, allows: bool) -> Scope<'_> {
        Scope { allows, names_tool: false, tool: self.tools.get(action.tool()) }
    }

    /// Whether it speaks of the agent.
    pub fn speaks_of(&self, agent_id: &str, meter: &Meter) -> bool {
        meter.spend(self.agents.iter().fold(1, |sum, glob| sum.saturating_add(glob.steps(agent_id))));
        self.agents.is_empty() || self.agents.iter().any(|glob| glob.matches(agent_id))
    }
}

/// Whether a file of this name in a policy folder is a policy: `*.yaml` or `*.yml`, but not a test and not hidden.
pub fn is_policy_file(name: &str) -> bool {
    let stem = name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml"));
    stem.is_some_and(|stem| !stem.is_empty() && !stem.ends_with(".test")) && !name.starts_with('.')
}

impl PolicySet {
    /// Reads and checks files, given as name and bytes, in any order.
    ///
    /// The set is there only when no finding is an error.
    pub fn load<'f>(files: impl IntoIterator<Item = (&'f str, &'f [u8])>) -> (Option<Self>, Vec<Diagnostic>) {
        let mut sorted: Vec<(&str, &[u8])> = files.into_iter().collect();
        order::sort_by(&mut sorted, |one, other| one.0.cmp(other.0));
        let mut diagnostics = Vec::new();
        for ((name, _), (next, _)) in sorted.iter().zip(sorted.iter().skip(1)) {
            if name == next {
                let finding = diagnostic::duplicate_key(Span::default(), name, 1);
                diagnostics.push(finding.located(name, &LineIndex::new("")));
            }
        }
        let hashes = sorted.iter().map(|(name, bytes)| ((*name).to_owned(), FileHash::of(bytes)));
        let hashes: Vec<(String, FileHash)> = hashes.collect();
        let mut policies = Vec::new();
        for ((name, bytes), (_, hash)) in sorted.iter().zip(&hashes) {
            let (policy, findings) = compile::file(name, bytes, *hash);
            diagnostics.extend(findings);
            policies.extend(policy);
        }
        if diagnostics.iter().any(|finding| finding.severity == Severity::Error) {
            return (None, diagnostics);
        }
        let gaps = gaps::contradictions(&policies).into_iter().chain(gaps::find(&policies));
        for (index, finding) in gaps.chain(lints::find(&policies)).chain(expense::find(&policies)) {
            if let Some((name, bytes)) = sorted.get(index) {
                let text = std::str::from_utf8(bytes).unwrap_or_default();
                diagnostics.push(finding.located(name, &LineIndex::new(text)));
            }
        }
        let reads_time = policies.iter().any(|policy| policy.reads_time);
        (Some(PolicySet::of(policies, policy_hash(&hashes), reads_time)), diagnostics)
    }

    /// The set without files: it halts everything.
    pub fn empty() -> Self {
        PolicySet::of(Vec::new(), policy_hash(&[]), false)
    }

    fn of(policies: Vec<Policy>, policy_hash: PolicyHash, reads_time: bool) -> Self {
        PolicySet { policies, policy_hash, provenance: Provenance::under(policy_hash), reads_time }
    }

    /// The policies in the order of their files' names.
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// The hash over all files.
    pub fn policy_hash(&self) -> PolicyHash {
        self.policy_hash
    }

    /// What a decision under these policies is traced by.
    pub(crate) fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// Whether any policy looks at the time.
    pub fn reads_time(&self) -> bool {
        self.reads_time
    }
}

/// The SHA-256 of the canonical `{ "<file name>": "<SHA-256 of the file's bytes>", … }`.
///
/// Of two files with one name the set is refused, so which of them counts here does not matter.
pub fn policy_hash(files: &[(String, FileHash)]) -> PolicyHash {
    let members = files.iter().map(|(name, hash)| (name.clone(), Value::String(hash.to_hex())));
    let object = Object::from_members(members.collect()).unwrap_or_default();
    PolicyHash::of(Canonical::of(&Value::Object(object)).as_bytes())
}
