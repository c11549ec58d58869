//! The words of the language: which keys each mapping of a policy file has, and which words a value may be.
//!
//! Reader and schema share these tables, so that no key is in one of them and not in the other. What the keys mean
//! is in the modules that read them. Operators, types and days have their tables where they are defined.

use super::Mode;
use crate::decision::Effect;
use crate::risk::RiskLevel;

/// The keys of a file.
pub(super) const POLICY: [&str; 8] =
    ["version", "name", "description", "agents", "mode", "tools", "rules", "risk"];

/// The keys of the declaration of a tool.
pub(super) const TOOL: [&str; 3] = ["description", "params", "additional"];

/// The keys of the declaration of a parameter.
pub(super) const PARAM: [&str; 10] =
    ["type", "required", "enum", "min", "max", "min_length", "max_length", "pattern", "items", "description"];

/// The keys of a rule.
pub(super) const RULE: [&str; 8] =
    ["id", "match", "allow", "require_approval", "deny", "description", "reason", "risk"];

/// The effects, of which a rule has exactly one.
pub(super) const EFFECTS: [Effect; 3] = [Effect::Allow, Effect::RequireApproval, Effect::Deny];

/// The keys of `require_approval`.
pub(super) const APPROVAL: [&str; 3] = ["approvers", "roles", "expires"];

/// The keys of a match that are not conditions on a parameter.
pub(super) const MATCH: [&str; 16] = [
    "tool",
    "operation",
    "op",
    "agent_id",
    "params",
    "context",
    "method",
    "branch",
    "field",
    "value",
    "contains",
    "pattern",
    "time",
    "any",
    "all",
    "not",
];

/// The keys of `time`.
pub(super) const TIME: [&str; 4] = ["days", "from", "to", "utc_offset"];

/// The keys of `time` that make a window; an offset alone makes none.
pub(super) const TIME_PARTS: [&str; 3] = ["days", "from", "to"];

/// The keys of `risk`.
pub(super) const RISK: [&str; 3] = ["rules", "require_approval_at", "deny_at"];

/// The keys of a risk rule.
pub(super) const RISK_RULE: [&str; 5] = ["name", "when", "risk_level", "score", "description"];

/// The words of `mode`.
pub(super) const MODES: [(&str, Mode); 2] = [("enforce", Mode::Enforce), ("shadow", Mode::Shadow)];

/// The words of a risk level.
pub(super) const LEVELS: [(&str, RiskLevel); 4] = [
    ("low", RiskLevel::Low),
    ("medium", RiskLevel::Medium),
    ("high", RiskLevel::High),
    ("critical", RiskLevel::Critical),
];

/// The words of a threshold of risk.
pub(super) const THRESHOLDS: [(&str, Option<RiskLevel>); 5] = [
    ("low", Some(RiskLevel::Low)),
    ("medium", Some(RiskLevel::Medium)),
    ("high", Some(RiskLevel::High)),
    ("critical", Some(RiskLevel::Critical)),
    ("never", None),
];

/// The most people that a rule may ask for.
pub(super) const MAX_APPROVERS: u32 = 100;

/// The greatest score of a risk rule.
pub(super) const MAX_SCORE: u32 = 100;
