//! Three truth values and how they combine: Kleene's strong logic (S. C. Kleene, 1938).

use std::ops::Not;

use serde::{Deserialize, Serialize};

/// Whether a condition holds. The order is that of Kleene's logic: `and` is the least, `or` the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Truth {
    /// It does not hold.
    False,
    /// It looks at something that it cannot compare.
    Undetermined,
    /// It holds.
    True,
}

impl Truth {
    /// True when both are; false when one is.
    #[must_use]
    pub fn and(self, other: Truth) -> Truth {
        self.min(other)
    }

    /// True when one is; false when both are.
    #[must_use]
    pub fn or(self, other: Truth) -> Truth {
        self.max(other)
    }

    /// The truth of something that can be told.
    pub fn known(holds: bool) -> Truth {
        if holds { Truth::True } else { Truth::False }
    }
}

impl Not for Truth {
    type Output = Truth;

    fn not(self) -> Truth {
        match self {
            Truth::False => Truth::True,
            Truth::Undetermined => Truth::Undetermined,
            Truth::True => Truth::False,
        }
    }
}
