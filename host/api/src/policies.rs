//! Policy files: the set in force, its history, and trying other sets.

use std::collections::BTreeMap;

use engine::abi::LoadedFile;
use engine::decision::{Decision, Outcome};
use engine::diagnostic::Diagnostic;
use engine::hash::{FileHash, PolicyHash};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[cfg(feature = "schema")]
use crate::NewAction;
use crate::Receipt;

/// The policy files in force.
///
/// `summaries`, `diagnostics`, `trouble` and `pending` are only for callers that see everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PolicyList {
    /// The hash of the set.
    pub policy_hash: PolicyHash,
    /// The number of the set.
    pub policy_version: String,
    /// The names and hashes of the files.
    pub files: Vec<NamedHash>,
    /// The rest, for callers that see everything.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub details: Option<PolicyDetails>,
}

/// A file by its name and hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NamedHash {
    /// The name of the file.
    pub name: String,
    /// The hash of its bytes.
    pub hash: FileHash,
}

/// The parts of a [`PolicyList`] for callers that see everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PolicyDetails {
    /// What each file says of itself.
    pub summaries: Vec<LoadedFile>,
    /// The findings about the files in force.
    pub diagnostics: Vec<Diagnostic>,
    /// Why the policy folder's content is not in force; null when it is.
    pub trouble: Option<Trouble>,
    /// A change of the policy folder that is not finished; null when there is none.
    pub pending: Option<PendingEdit>,
}

/// Why the content of the policy folder is not in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Trouble {
    /// The sentence.
    pub reason: String,
    /// The rest, for callers that see everything.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub details: Option<TroubleDetails>,
}

/// The parts of a [`Trouble`] for callers that see everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TroubleDetails {
    /// The hash of the set that was refused; null where the folder cannot be read.
    pub policy_hash: Option<PolicyHash>,
    /// The findings about that set.
    pub diagnostics: Vec<Diagnostic>,
}

/// A change of the policy folder that is not finished, so the set before it stays in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PendingEdit {
    /// The sentence.
    pub reason: String,
    /// The files that differ from those in force; only for callers that see everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    pub files: Option<Vec<String>>,
}

/// A policy file in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PolicyText {
    /// Its name.
    pub name: String,
    /// The hash of its bytes.
    pub hash: FileHash,
    /// Its text.
    pub text: String,
    /// The hash of the set.
    pub policy_hash: PolicyHash,
    /// The number of the set.
    pub policy_version: String,
}

/// A policy file that was written or deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangedPolicy {
    /// Its name.
    pub name: String,
    /// The hash of its bytes; null when it was deleted.
    pub hash: Option<FileHash>,
    /// The hash of the set that is in force now.
    pub policy_hash: PolicyHash,
    /// The number of that set.
    pub policy_version: String,
    /// The findings about that set.
    pub diagnostics: Vec<Diagnostic>,
}

/// The tests of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PolicyTests {
    /// The name of the file.
    pub name: String,
    /// The policy that was asked for.
    pub policy: String,
    /// The text of the file.
    pub text: String,
    /// The hash of its bytes.
    pub hash: FileHash,
}

/// The tests of a policy, after they were deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeletedTests {
    /// The name of the file.
    pub name: String,
    /// The policy that was asked for.
    pub policy: String,
    /// Always null: there is no file any more.
    #[serde(default)]
    pub hash: Option<()>,
}

/// Policy files to check: either `files`, or `text` with a `name`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CheckRequest {
    /// The texts of the files, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<BTreeMap<String, String>>,
    /// The name of the one file; `policy.yaml` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The text of the one file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// The findings about policy files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CheckedPolicies {
    /// Whether the files could be activated together.
    pub valid: bool,
    /// The hash of the set.
    pub policy_hash: PolicyHash,
    /// What each file says of itself; empty when one of them has an error.
    pub files: Vec<LoadedFile>,
    /// All findings.
    pub diagnostics: Vec<Diagnostic>,
}

/// Actions to decide under other policies.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SimulateRequest {
    /// The texts of the candidate set's files, by name; the set in force when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policies: Option<BTreeMap<String, String>>,
    /// The actions. One that cannot be read gets the `HALT` that it would get.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<NewAction>"))]
    pub actions: Vec<Box<RawValue>>,
    /// Recorded actions to add.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Recorded>,
}

/// Which recorded actions to simulate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// The newest, at most this many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 500), extend("default" = 500)))]
    pub limit: Option<u32>,
}

/// The decisions that actions would get. The server sends the engine's own bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Simulation"))]
pub struct Simulation<D = Decision> {
    /// The candidate set.
    pub policy_hash: PolicyHash,
    /// The set in force.
    pub in_force_policy_hash: PolicyHash,
    /// One for each action, in order.
    pub results: Vec<Simulated<D>>,
    /// How many actions get each outcome.
    pub counts: SimulationCounts,
    /// How many actions change from one outcome, in force, to another, such as `EXECUTE->HALT`.
    pub transitions: BTreeMap<String, u64>,
}

/// How many actions get each outcome; an outcome that none gets is left out.
pub type OutcomeCounts = BTreeMap<Outcome, u64>;

/// How many actions get each outcome, under both sets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SimulationCounts {
    /// Under the candidate set.
    #[cfg_attr(feature = "schema", schemars(extend("propertyNames" = { "$ref": "#/components/schemas/Outcome" })))]
    pub candidate: OutcomeCounts,
    /// Under the set in force.
    #[cfg_attr(feature = "schema", schemars(extend("propertyNames" = { "$ref": "#/components/schemas/Outcome" })))]
    pub in_force: OutcomeCounts,
}

/// The decisions that one action would get.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Simulated"))]
pub struct Simulated<D = Decision> {
    /// Its id; null for an action that is not recorded.
    pub id: Option<String>,
    /// Whether the outcomes differ.
    pub changed: bool,
    /// Under the candidate set.
    pub candidate: D,
    /// Under the set in force.
    pub in_force: D,
}

/// How much of the history to give.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HistoryQuery {
    /// At most this many.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 500), extend("default" = 50)))]
    pub limit: Option<u32>,
}

/// The policy sets that were activated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PolicyHistory {
    /// Newest first.
    pub history: Vec<PolicyVersion>,
}

/// A policy set that was activated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PolicyVersion {
    /// Its number.
    pub policy_version: String,
    /// The hash of the set.
    pub policy_hash: PolicyHash,
    /// When.
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub at: String,
    /// Who activated it; `system` when it was found in the folder, null where the record does not say.
    pub principal: Option<String>,
    /// How it differs from the version before it.
    pub change: FileChange,
    /// Its files.
    pub files: Vec<NamedHash>,
    /// The record of the activation.
    pub receipt: Receipt,
}

/// The names of the files in which a policy set differs from the one before it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FileChange {
    /// New files.
    pub added: Vec<String>,
    /// Files with another text.
    pub changed: Vec<String>,
    /// Files that are gone.
    pub removed: Vec<String>,
}

/// The files of a policy set that was in force once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PolicyTexts {
    /// The hash of the set.
    pub policy_hash: PolicyHash,
    /// Its files.
    pub files: Vec<NamedText>,
}

/// A file with its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NamedText {
    /// Its name.
    pub name: String,
    /// The hash of its bytes.
    pub hash: FileHash,
    /// Its text.
    pub text: String,
}
