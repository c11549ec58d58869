//! Decides every decision of a wrapper again on arrival, from the policies, the action and the state that its record
//! names. A record that differs is kept and marked; it never counts as a permission.

use std::collections::BTreeMap;

use engine::canonical::Canonical;
use engine::decision::{Outcome, ReasonCode, RuleRef};
use engine::hash::{EngineHash, PolicyHash};
use engine::policy::PolicySource;
use engine::principal::SYSTEM;
use engine::record::{Draft, RecordKind};
use engine::risk::{RiskLevel, RiskScore};
use engine::value::Value;
use runtime::{Module, RuntimeError};
use serde::Deserialize;
use serde_json::value::RawValue;
use store::intake::{Contradiction, Decided, NewRecord, What};
use store::{DecisionRow, Receipt, StoreError};

use crate::gate::pass::{Essentials, failure, read};
use crate::gate::replay::blocking;
use crate::gate::{Gate, GateError};

impl Gate {
    /// Decides every decision again from the policies, the action and the state that its record names, in the engine
    /// that it names or, if that was never here, in the server's own. If the result differs, the record carries this
    /// server's decision.
    pub(super) async fn decide_again(
        &self,
        stream: &str,
        mut records: Vec<NewRecord>,
        now_ms: i64,
    ) -> Result<Vec<NewRecord>, GateError> {
        let mut sets: BTreeMap<(PolicyHash, EngineHash), Vec<usize>> = BTreeMap::new();
        for (index, record) in records.iter().enumerate() {
            if let What::Decision(decided) = &record.what
                && decided.action.is_some()
            {
                sets.entry((decided.policy_hash, decided.engine_hash)).or_default().push(index);
            }
        }
        // One after the other for all callers: a caller can cause much of this work.
        let _turn = self.deciding_again.lock().await;
        for ((policy_hash, engine_hash), indexes) in sets {
            let sources = match self.store.policy_set(policy_hash).await {
                Ok(sources) => sources,
                // The store refuses these records.
                Err(StoreError::NotFound) => continue,
                Err(error) => return Err(error.into()),
            };
            let ours = self.policies.module().clone();
            let kept = match engine_hash == ours.hash() {
                true => None,
                false => match self.store.engine_module(engine_hash).await {
                    Ok(wasm) => Some(wasm),
                    Err(StoreError::NotFound) => None,
                    Err(error) => return Err(error.into()),
                },
            };
            let exact = kept.is_some() || engine_hash == ours.hash();
            let asked: Vec<_> = indexes.iter().filter_map(|index| asked(records.get(*index)?)).collect();
            let again = blocking(move || {
                let module = kept.map(|wasm| ours.other(&wasm)).transpose()?.unwrap_or(ours);
                again(&module, &sources, &asked, policy_hash)
            })
            .await?;
            for (index, (verdict, engine_hash)) in indexes.into_iter().zip(again) {
                let Some(record) = records.get_mut(index) else { continue };
                if let What::Decision(decided) = &mut record.what
                    && !agrees(&decided.decision, &verdict.row, exact)
                {
                    let receipt = Receipt {
                        stream: stream.to_owned(),
                        seq: record.seq,
                        record_hash: record.record_hash,
                    };
                    let mut draft = contradiction(decided, &verdict, &receipt, engine_hash);
                    (draft.at_ms, draft.action_id) = (now_ms, record.action_id.clone());
                    decided.contradiction = Some(Box::new(Contradiction {
                        decision: verdict.row,
                        risk_score: verdict.essentials.risk_score,
                        rule: verdict.essentials.rule,
                        draft,
                    }));
                }
            }
        }
        Ok(records)
    }
}

/// The inputs of the second decision: a canonical action, and the state that was consulted.
type Asked = (Box<RawValue>, Box<RawValue>);

fn asked(record: &NewRecord) -> Option<Asked> {
    let What::Decision(decided) = &record.what else { return None };
    Some((decided.action.as_ref()?.json.clone(), decided.decision.state.clone()))
}

/// This server's decision.
struct Ours {
    essentials: Essentials,
    row: DecisionRow,
}

/// Decides each of `asked`. Where the engine does not answer, that halts, as it does for an action of the server's own.
fn again(
    module: &Module,
    sources: &[PolicySource],
    asked: &[Asked],
    policy_hash: PolicyHash,
) -> Result<Vec<(Ours, EngineHash)>, RuntimeError> {
    let mut loaded = None;
    let mut found = Vec::with_capacity(asked.len());
    for (action, state) in asked {
        let (mut instance, handle) = match loaded.take() {
            Some(loaded) => loaded,
            None => {
                let mut instance = module.instance()?;
                let handle = instance.load(sources)?.handle;
                (instance, handle)
            }
        };
        let answer = handle
            .map(|handle| instance.decide_recorded(handle, action.get().as_bytes(), state.get().as_bytes()));
        let verdict = match answer {
            Some(Ok(verdict)) => {
                loaded = Some((instance, handle));
                read(verdict).ok().map(|(_, essentials, row, _)| Ours { essentials, row })
            }
            // An instance that stopped is never used again.
            Some(Err(_)) | None => None,
        };
        let verdict = verdict.unwrap_or_else(|| {
            let (_, essentials, row, _) = failure(policy_hash, action.get().as_bytes(), state.get());
            Ours { essentials, row }
        });
        found.push((verdict, module.hash()));
    }
    Ok(found)
}

/// Whether both decide the same. An engine that is not here may print a reason in other words, and its version. Where
/// the wrapper's engine or its disk failed, it halted without a decision; that permits nothing and cannot be made
/// again.
fn agrees(theirs: &DecisionRow, ours: &DecisionRow, exact: bool) -> bool {
    #[derive(Deserialize, PartialEq)]
    struct Essence {
        outcome: Outcome,
        reason_code: ReasonCode,
        risk_level: RiskLevel,
        risk_score: RiskScore,
        rule: Option<RuleRef>,
    }
    let halted_by_its_host =
        matches!(theirs.reason_code, ReasonCode::EngineFailure | ReasonCode::StoreFailure);
    if theirs.outcome == Outcome::Halt && halted_by_its_host {
        return true;
    }
    if exact {
        return theirs.json.get() == ours.json.get() && theirs.state.get() == ours.state.get();
    }
    let essence = |row: &DecisionRow| serde_json::from_str::<Essence>(row.json.get()).ok();
    essence(theirs).is_some() && essence(theirs) == essence(ours)
}

/// This server's record of its own decision.
fn contradiction(
    decided: &Decided,
    ours: &Ours,
    Receipt { stream, seq, record_hash }: &Receipt,
    engine_hash: EngineHash,
) -> Draft {
    let number = |number: u64| {
        #[expect(
            clippy::cast_precision_loss,
            reason = "no stream has 2^53 records, and no pass takes so long"
        )]
        Canonical::of(&Value::Number(number as f64))
    };
    let printed = |raw: &RawValue| Canonical::printed_by_the_engine(raw.get());
    let action =
        decided.action.as_ref().map_or_else(|| Canonical::of(&Value::Null), |named| printed(&named.json));
    let contradicts = Canonical::object(&[
        ("record_hash", &Canonical::text(&record_hash.to_hex())),
        ("seq", &number(*seq)),
        ("stream", &Canonical::text(stream)),
    ]);
    let fields = vec![
        ("action", action),
        ("contradicts", contradicts),
        ("decision", printed(&ours.row.json)),
        ("duration_us", number(0)),
        ("engine_hash", Canonical::text(&engine_hash.to_hex())),
        ("principal", Canonical::text(SYSTEM)),
        ("state", printed(&ours.row.state)),
    ];
    Draft { kind: RecordKind::Decision, at_ms: 0, action_id: None, fields }
}
