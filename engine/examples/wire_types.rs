//! Prints the types of everything that the engine reads and prints as TypeScript: `cargo xtask codegen` keeps them in
//! `pkg/src/generated/wire.ts`.
//!
//! They are the Rust types as serde writes them; nothing is added here.

#![expect(clippy::disallowed_macros, reason = "a program whose only work is to print")]

use engine::abi::{Loaded, LoadedFile};
use engine::decision::{Decision, Effect, Outcome, ReasonCode, RuleRef, ShadowOpinion};
use engine::diagnostic::{Code, Diagnostic, Severity};
use engine::explain::{ConditionTrace, Explanation, PolicyTrace, RiskTrace, RuleTrace};
use engine::hash::{EngineHash, FileHash, PolicyHash, ProvenanceId, RawHash, RecordHash, RequestHash};
use engine::json::{JsonError, JsonErrorCode};
use engine::lifecycle::Status;
use engine::policy::Mode;
use engine::quorum::{ApprovalRequirement, Quorum};
use engine::record::RecordKind;
use engine::risk::{RiskLevel, RiskScore};
use engine::span::Span;
use engine::state::{Approval, Approver, State, Verdict};
use engine::truth::Truth;
use ts_rs::{Config, TS};

fn main() {
    println!("// Made from the Rust types by `cargo xtask codegen`; do not edit.");
    // No number on the wire is larger than JavaScript can hold: the canonical form sees to it.
    let config = Config::new().with_large_int("number");
    macro_rules! export {
        ($($name:ty),* $(,)?) => {
            $(
                println!();
                print!("{}", <$name>::docs().unwrap_or_default());
                println!("export {}", <$name>::decl(&config));
            )*
        };
    }
    export!(
        Approval,
        ApprovalRequirement,
        Approver,
        Code,
        ConditionTrace,
        Decision,
        Diagnostic,
        Effect,
        EngineHash,
        Explanation,
        FileHash,
        JsonError,
        JsonErrorCode,
        Loaded,
        LoadedFile,
        Mode,
        Outcome,
        PolicyHash,
        PolicyTrace,
        ProvenanceId,
        Quorum,
        RawHash,
        ReasonCode,
        RecordHash,
        RecordKind,
        RequestHash,
        RiskLevel,
        RiskScore,
        RiskTrace,
        RuleRef,
        RuleTrace,
        Severity,
        ShadowOpinion,
        Span,
        State,
        Status,
        Truth,
        Verdict,
    );
}
