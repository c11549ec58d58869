//! An action starts and ends, or nobody says how it ended. Nothing is decided again here.

use engine::canonical::Canonical;
use engine::hash::Digest;
use engine::json::{self, MAX_BYTES};
use engine::lifecycle::{Event, Status};
use engine::record::{Draft, RecordKind};
use engine::value::Value;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Answer, Gate, GateError, Once};
use crate::principal::{Actor, Principal, Role};
use crate::store::{ActionRow, Change, StoreError};

/// How an action ended, as its caller says.
#[derive(Debug, Clone)]
pub struct Report {
    /// Whether it ended well.
    pub success: bool,
    /// What went wrong.
    pub error: Option<String>,
    /// What the tool gave back: any strict JSON.
    pub result: Option<Box<RawValue>>,
}

impl Gate {
    /// Starts an action that may run. Of many who ask, one is told yes.
    ///
    /// # Errors
    /// [`GateError::WrongStatus`] when it may not start, or not any more.
    pub async fn start(&self, caller: &Actor, id: &str, once: Option<Once>) -> Result<Answer, GateError> {
        if let Some(answered) = self.answered(once.as_ref()).await? {
            return Ok(answered);
        }
        let row = self.own(caller, id).await?;
        let mut fields = vec![("request_hash", request_hash(&row))];
        fields.extend(caller.principal.fields());
        let change = self.change(&row, Event::Start, RecordKind::Start, fields)?;
        self.advance(change, once).await
    }

    /// Records how an action ended.
    ///
    /// # Errors
    /// [`GateError::WrongStatus`] when it is not executing.
    pub async fn report(
        &self,
        caller: &Actor,
        id: &str,
        report: Report,
        once: Option<Once>,
    ) -> Result<Answer, GateError> {
        if let Some(answered) = self.answered(once.as_ref()).await? {
            return Ok(answered);
        }
        let result = report.result.as_deref().map(canonical).transpose()?;
        let row = self.own(caller, id).await?;
        let event = Event::Result { success: report.success };
        let fields = result_fields(&row, &caller.principal, event, report.error.as_deref(), result.as_ref());
        let mut change = self.change(&row, event, RecordKind::Result, fields)?;
        change.error = report.error;
        change.result = result.map(|result| super::pass::raw(result.into_string()));
        self.advance(change, once).await
    }

    /// Ends what is overdue: held actions that nobody answered for, and started ones without a result.
    pub async fn sweep(&self) {
        let now_ms = self.clock.now_ms();
        let overdue = match self.store.overdue(now_ms, now_ms.saturating_sub(self.result_ttl_ms)).await {
            Ok(overdue) => overdue,
            Err(error) => {
                tracing::error!(%error, "overdue actions cannot be read");
                return;
            }
        };
        for row in overdue {
            let id = row.id.clone();
            let ended = match row.status {
                Status::PendingApproval => self.expire(row).await.map(|_| ()),
                _ => self.lose(row).await,
            };
            match ended {
                Ok(()) => tracing::info!(action_id = id, "an overdue action was ended"),
                Err(error) => tracing::error!(action_id = id, %error, "an overdue action could not be ended"),
            }
        }
    }

    async fn lose(&self, row: ActionRow) -> Result<(), GateError> {
        let fields = result_fields(&row, &Principal::System, Event::Lost, None, None);
        let change = self.change(&row, Event::Lost, RecordKind::Result, fields)?;
        match self.store.advance(change, None).await {
            // A result that came at the last moment counts.
            Ok(_) | Err(StoreError::Conflict(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// An action that the caller proposed.
    async fn own(&self, caller: &Actor, id: &str) -> Result<ActionRow, GateError> {
        let row = self.visible(caller, id).await?;
        let own = caller.role == Role::Admin || caller.principal.is_sender(&row.principal);
        if !own {
            return Err(StoreError::NotFound.into());
        }
        if row.is_local() { Err(GateError::LocalAction(Box::new(row))) } else { Ok(row) }
    }

    fn change(
        &self,
        row: &ActionRow,
        event: Event,
        kind: RecordKind,
        fields: Vec<(&'static str, Canonical)>,
    ) -> Result<Change, GateError> {
        let status = row.status.after(event).ok_or_else(|| GateError::WrongStatus(Box::new(row.clone())))?;
        let at_ms = self.clock.now_ms();
        Ok(Change {
            id: row.id.clone(),
            version: row.version,
            status,
            decision: None,
            policy_version: None,
            approval: None,
            start_by_ms: None,
            error: None,
            result: None,
            draft: Draft { kind, at_ms, action_id: Some(row.id.clone()), fields },
        })
    }

    async fn advance(&self, change: Change, once: Option<Once>) -> Result<Answer, GateError> {
        match self.store.advance(change, once.as_ref().map(Once::idempotency)).await {
            Ok(written) => Ok(written.into()),
            Err(StoreError::Conflict(now)) => Err(GateError::WrongStatus(now)),
            Err(error) => Err(error.into()),
        }
    }
}

fn result_fields(
    row: &ActionRow,
    principal: &Principal,
    event: Event,
    error: Option<&str>,
    result: Option<&Canonical>,
) -> Vec<(&'static str, Canonical)> {
    let null = || Canonical::of(&Value::Null);
    let success = match event {
        Event::Result { success } => Canonical::of(&Value::Bool(success)),
        Event::Resolve(_) | Event::Start | Event::Lapse | Event::Withdraw | Event::Lost => null(),
    };
    let result_hash = result.map(|result| text(&Digest::of(result.as_bytes()).to_hex()));
    let mut fields = vec![
        ("error", error.map_or_else(null, text)),
        ("request_hash", request_hash(row)),
        ("result", result.cloned().unwrap_or_else(null)),
        ("result_hash", result_hash.unwrap_or_else(null)),
        ("status", row.status.after(event).map_or_else(null, |status| text(status.as_str()))),
        ("success", success),
    ];
    fields.extend(principal.fields());
    fields
}

/// The `request_hash` of the action, as its decision says.
pub(super) fn request_hash(row: &ActionRow) -> Canonical {
    #[derive(Deserialize)]
    struct Hashed {
        request_hash: Option<String>,
    }
    let hashed = serde_json::from_str::<Hashed>(row.decision.json.get()).ok();
    let hash = hashed.and_then(|hashed| hashed.request_hash);
    hash.as_deref().map_or_else(|| Canonical::of(&Value::Null), text)
}

fn canonical(result: &RawValue) -> Result<Canonical, GateError> {
    let value = json::parse(result.get().as_bytes(), MAX_BYTES).map_err(GateError::UnreadableResult)?;
    Ok(Canonical::of(&value))
}

fn text(text: &str) -> Canonical {
    Canonical::of(&Value::from(text))
}
