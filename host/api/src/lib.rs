//! The wire of Faramesh: every request, answer, query, event and problem of the HTTP API, each as one type.
//!
//! The server, the command line and the dashboard share these types, so that a field is spelled once.
//! With the feature `schema` they also describe themselves, and `openapi` makes the OpenAPI document of them; the
//! types of the JavaScript and Python packages are made from that document.
//!
//! There is no I/O here and nothing is decided: a type says how something reads, and not when it is sent.

mod actions;
mod bundle;
mod decisions;
mod events;
mod health;
mod identity;
mod keys;
#[cfg(feature = "schema")]
pub mod openapi;
mod policies;
mod problem;
mod records;
mod schema;
mod session;
mod stats;

pub use actions::{
    Action, ActionPage, ActionQuery, ActionRecords, Answerable, Answered, ApprovalRequest, Difference,
    DryRun, Empty, Explained, NewAction, PersonsAnswer, Receipt, Replay, ReplayedPass, ResultReport,
    Standing, Via, WaitQuery, WhyNot, WithdrawRequest,
};
pub use bundle::{Envelope, Jwk, JwkSet, Signature};
pub use decisions::{DecisionQuery, RecentDecision, RecentDecisions};
pub use events::{Event, EventQuery};
pub use health::{Health, HealthStatus, PartStatus, PolicyStatus, Ready, ReadyStatus};
pub use identity::{Identity, IdentityQuery};
pub use keys::{Key, KeyList, NewKey, Role};
pub use policies::{
    ChangedPolicy, CheckRequest, CheckedPolicies, DeletedTests, FileChange, HistoryQuery, NamedHash,
    NamedText, OutcomeCounts, PendingEdit, PolicyDetails, PolicyHistory, PolicyList, PolicyTests, PolicyText,
    PolicyTexts, PolicyVersion, Recorded, SimulateRequest, Simulated, Simulation, SimulationCounts, Trouble,
    TroubleDetails,
};
pub use problem::{Problem, ProblemCode};
pub use records::{
    Audit, CheckedStream, Finding, HeadQuery, NewRecords, Record, RecordPage, RecordQuery, StreamHeads,
    TakenIn,
};
pub use session::{Login, Permission, ServerInfo, Session, SessionLink};
pub use stats::{
    AgentCounts, ApprovalStats, HaltCount, LevelCount, Outcomes, ScoreCount, Stats, StatsQuery, TimeBucket,
    ToolCounts, WaitCount,
};
