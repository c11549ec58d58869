//! Risk: a score from 0 to 100, the level it falls into, and the level from which an action is held or denied.
//!
//! Risk is the second, independent control: it makes an outcome stricter and never looser.

use serde::{Deserialize, Serialize};

/// A score from 0 to 100. Adding stops at 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
#[cfg_attr(feature = "types", schemars(extend("maximum" = 100)), ts(type = "number"))]
#[serde(try_from = "u8")]
pub struct RiskScore(u8);

impl RiskScore {
    /// No risk.
    pub const ZERO: RiskScore = RiskScore(0);

    /// A score, if it is at most 100.
    pub fn new(score: u8) -> Option<Self> {
        (score <= 100).then_some(RiskScore(score))
    }

    /// The number.
    pub fn get(self) -> u8 {
        self.0
    }

    /// The sum, at most 100.
    #[must_use]
    pub fn plus(self, other: RiskScore) -> RiskScore {
        RiskScore(self.0.saturating_add(other.0).min(100))
    }

    /// The level: `low` below 40, `medium` below 70, `high` below 90, else `critical`.
    pub fn level(self) -> RiskLevel {
        match self.0 {
            0..40 => RiskLevel::Low,
            40..70 => RiskLevel::Medium,
            70..90 => RiskLevel::High,
            _ => RiskLevel::Critical,
        }
    }
}

impl TryFrom<u8> for RiskScore {
    type Error = &'static str;
    fn try_from(score: u8) -> Result<Self, Self::Error> {
        RiskScore::new(score).ok_or("a risk score is at most 100")
    }
}

/// How risky, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum RiskLevel {
    /// A score below 40.
    Low,
    /// A score from 40 to 69.
    Medium,
    /// A score from 70 to 89.
    High,
    /// A score of 90 or more.
    Critical,
}

impl RiskLevel {
    /// All levels, from the lowest.
    pub const ALL: [RiskLevel; 4] = [RiskLevel::Low, RiskLevel::Medium, RiskLevel::High, RiskLevel::Critical];

    /// The score that the level stands for where a policy names it.
    pub fn score(self) -> RiskScore {
        match self {
            RiskLevel::Low => RiskScore(10),
            RiskLevel::Medium => RiskScore(40),
            RiskLevel::High => RiskScore(70),
            RiskLevel::Critical => RiskScore(90),
        }
    }

    /// The word in policies and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            RiskLevel::Low => "low",
            RiskLevel::Medium => "medium",
            RiskLevel::High => "high",
            RiskLevel::Critical => "critical",
        }
    }
}

/// From which level on risk acts. `None` is `never`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// From this level on an action is held.
    pub require_approval_at: Option<RiskLevel>,
    /// From this level on an action is denied.
    pub deny_at: Option<RiskLevel>,
}

impl Thresholds {
    /// What holds where a policy says nothing: held from `high`, denied from `critical`.
    pub const STANDARD: Thresholds =
        Thresholds { require_approval_at: Some(RiskLevel::High), deny_at: Some(RiskLevel::Critical) };

    /// What holds when no policy has a say.
    pub const NEVER: Thresholds = Thresholds { require_approval_at: None, deny_at: None };

    /// The stricter of both, each for itself.
    #[must_use]
    pub fn stricter(self, other: Thresholds) -> Thresholds {
        let lower = |a: Option<RiskLevel>, b: Option<RiskLevel>| match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (one, None) | (None, one) => one,
        };
        Thresholds {
            require_approval_at: lower(self.require_approval_at, other.require_approval_at),
            deny_at: lower(self.deny_at, other.deny_at),
        }
    }
}
