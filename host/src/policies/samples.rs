//! Whether actions that are known would be permitted more by another policy set: the newest recorded ones, and those
//! in the files of tests.
//!
//! It is a second check after [`engine::tighten`], which compares the files: a set that seems to only tighten, but
//! permits a known action, is not activated at once.

use engine::canonical::Canonical;
use engine::decision::Outcome;
use engine::state::State;
use engine::suite;
use serde::Deserialize;
use serde_json::value::RawValue;

use engine::policy::PolicySource;
use runtime::{Pool, RuntimeError};
use store::DecisionRecord;

/// The most recorded actions that are tried.
pub(super) const MAX_RECORDED: u32 = 100;
/// The most bytes of their records.
pub(super) const MAX_BYTES: usize = 2 * 1024 * 1024;
/// The most actions of files of tests that are tried.
const MAX_TESTS: usize = 500;

/// Known actions, as bytes of JSON.
#[derive(Debug, Default)]
pub(super) struct Samples(Vec<Vec<u8>>);

#[derive(Deserialize)]
struct Recorded<'r> {
    #[serde(borrow)]
    action: Option<&'r RawValue>,
}

#[derive(Deserialize)]
struct Decided {
    outcome: Outcome,
}

impl Samples {
    pub(super) fn of(recorded: &[DecisionRecord], tests: &[PolicySource]) -> Self {
        let action = |body: &str| {
            let recorded: Recorded<'_> = serde_json::from_str(body).ok()?;
            Some(recorded.action?.get().as_bytes().to_vec())
        };
        let recorded = recorded.iter().filter_map(|decision| action(&decision.record.body));
        let read =
            |file: &PolicySource| suite::read(&file.name, std::str::from_utf8(&file.content).ok()?).ok();
        let tests = tests.iter().filter_map(read).flat_map(|suite| suite.tests);
        let tests = tests.take(MAX_TESTS).map(|test| Canonical::as_bytes(&test.action).to_vec());
        Samples(recorded.chain(tests).collect())
    }

    /// Whether `after` permits one of them more than `before` does.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub(super) fn loosened(&self, before: &Pool, after: &Pool, now_ms: i64) -> Result<bool, RuntimeError> {
        let state = State { now: Some(now_ms), approval: None };
        let state = serde_json::to_string(&state).unwrap_or_default();
        let outcome = |pool: &Pool, action: &[u8]| {
            let verdict = pool.decide(action, state.as_bytes())?;
            let decided = serde_json::from_str::<Decided>(verdict.decision.get());
            decided.map(|decided| decided.outcome).map_err(|error| RuntimeError::Garbled(error.into()))
        };
        for action in &self.0 {
            if outcome(after, action)? < outcome(before, action)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
