//! The records of an action, each checked here: its hash is computed anew from its bytes.
//!
//! The audit page checks that a record is in an unbroken chain; this checks that a record matches its own hash, and that
//! it is the one that a receipt names.

use engine::chain::Verifier;
use engine::hash::{RecordHash, RequestHash};
use engine::record::Head;
use leptos::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::components::{Hash, Json};
use crate::format::{time, visible, words};
use api::{ActionRecords, Receipt};

/// The members of every record that are shown in addition to its JSON.
#[derive(Debug, Clone, Deserialize)]
struct Told {
    stream: String,
    seq: u64,
    kind: String,
    at: String,
    prev_hash: String,
    record_hash: String,
    #[serde(default)]
    principal: Option<String>,
    #[serde(default)]
    action: Option<Box<RawValue>>,
    #[serde(default)]
    decision: Option<Decided>,
}

#[derive(Debug, Clone, Deserialize)]
struct Decided {
    #[serde(default)]
    request_hash: Option<String>,
}

/// Whether a record is what its hash says.
///
/// # Errors
/// The fault in it, as a sentence.
pub fn check(record: &str) -> Result<(), String> {
    let told: Told =
        serde_json::from_str(record).map_err(|error| format!("the record cannot be read: {error}"))?;
    let record_hash: RecordHash =
        told.prev_hash.parse().map_err(|_| "the record has no valid `prev_hash`".to_owned())?;
    // Its position is taken from the record itself, so only the record itself is checked.
    let before = Head { stream: told.stream, size: told.seq, record_hash };
    Verifier::behind(before).next(record.as_bytes()).map_err(|found| found.message)?;
    let request_hash = told.decision.and_then(|decision| decision.request_hash);
    if let (Some(action), Some(request_hash)) = (told.action, request_hash)
        && RequestHash::of(action.get().as_bytes()).to_hex() != request_hash
    {
        return Err("the action in the record is not what its `request_hash` says".to_owned());
    }
    Ok(())
}

/// The records, oldest first, and the receipt of the last.
#[component]
pub fn Records(
    /// The records.
    events: ActionRecords,
    /// What the server says is the last one.
    receipt: Receipt,
) -> impl IntoView {
    let checked: Vec<_> = events.events.iter().map(|record| check(record.get())).collect();
    let wrong = checked.iter().filter(|checked| checked.is_err()).count();
    let total = checked.len();
    let summary = if wrong == 0 {
        view! {
            <p class="notice ok">
                {match total {
                    1 => "✓ the record was hashed here and matches its hash".to_owned(),
                    _ => format!("✓ all {total} records were hashed here and match their hashes"),
                }}
            </p>
        }
        .into_any()
    } else {
        view! {
            <p class="notice error" role="alert">
                {format!("✕ {wrong} of {total} records do not match their hashes")}
            </p>
        }
        .into_any()
    };
    let list =
        events.events.into_iter().zip(checked).map(|(record, checked)| one(&record, checked, &receipt));
    view! {
        {summary}
        <ol class="records">{list.collect_view()}</ol>
    }
}

fn one(record: &RawValue, checked: Result<(), String>, receipt: &Receipt) -> AnyView {
    let verdict = match checked {
        Ok(()) => view! { <span class="badge ok">"✓ Hash verified"</span> }.into_any(),
        Err(why) => {
            view! { <span class="badge error">"✕ Not verified"</span> " " <span>{why}</span> }.into_any()
        }
    };
    let json = record.get().to_owned();
    let Ok(told) = serde_json::from_str::<Told>(record.get()) else {
        return view! { <li>{verdict} <Json text=json label="record" /></li> }.into_any();
    };
    let is_receipt = told.record_hash == receipt.record_hash.to_hex()
        && told.seq == receipt.seq
        && told.stream == receipt.stream;
    // The server has checked nothing of what a local stream says of people.
    let claimed = told.stream.starts_with("local-").then(|| {
        let stream = visible(&told.stream);
        view! { ", claimed by " <bdi>{stream}</bdi> }
    });
    view! {
        <li>
            <p class="row">
                <strong>{words(&told.kind)}</strong>
                <time class="number" datetime=told.at.clone() title=told.at.clone()>{time(&told.at)}</time>
                {told.principal.map(|who| view! { <span class="muted">"by " <bdi>{visible(&who)}</bdi>{claimed}</span> })}
                {verdict}
                {is_receipt.then(|| view! { <span class="badge info">"Named by the receipt"</span> })}
            </p>
            <dl class="facts">
                <dt>"Stream and place"</dt>
                <dd><code>{told.stream} ":" {told.seq}</code></dd>
                <dt>"Record hash"</dt>
                <dd><Hash value=told.record_hash /></dd>
                <dt>"Previous hash"</dt>
                <dd><Hash value=told.prev_hash /></dd>
            </dl>
            <details>
                <summary>"The whole record"</summary>
                <Json text=json label="record" />
            </details>
        </li>
    }
    .into_any()
}
