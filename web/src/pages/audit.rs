//! The chains of records: where they end, whether they are whole, and how to take them along.
//!
//! Everything is checked here, in the browser, from the records alone. The server only hands them over.

pub mod check;
pub mod export;
pub mod not_fetched;
pub mod receipts;
pub mod runs;
pub mod source;
pub mod stream;

use engine::record::Head;
use leptos::prelude::*;

use crate::components::{Empty, Resource};
use crate::live::Live;
use crate::session::Sessions;
use export::{ExportView, Exports};
use receipts::{Found, Wanted};
use runs::Runs;
use stream::StreamView;

/// `/ui/audit`
#[component]
pub fn Audit() -> impl IntoView {
    let sessions = Sessions::here();
    let heads = Resource::<Vec<Head>>::new();
    let load = move || heads.load(source::heads());
    load();
    Live::here().on_change(load);
    let runs = Runs::new(sessions);
    let exports = Exports::new(sessions);
    // The list is rendered again only when a stream appears or disappears; changes within a stream update in place.
    let names = Memo::new(move |_| {
        heads
            .with(|heads| heads.map(|heads| heads.iter().map(|head| head.stream.clone()).collect::<Vec<_>>()))
    });
    let has_none = move || names.with(|names| names.as_ref().is_none_or(Vec::is_empty));
    let all = move || heads.get_untracked().unwrap_or_default();
    let streams = move || {
        let Some(names) = names.get() else { return ().into_any() };
        if names.is_empty() {
            return view! {
                <Empty title="No records yet">
                    <p>"The first record is written when a policy takes effect or an action is decided."</p>
                </Empty>
            }
            .into_any();
        }
        let one = move |name: String| {
            let head = Memo::new(move |_| {
                let found = heads.with(|heads| heads?.iter().find(|head| head.stream == name).cloned());
                found.unwrap_or_else(|| Head::genesis(name.clone()))
            });
            view! { <StreamView head runs exports /> }
        };
        view! { <ul class="streams">{names.into_iter().map(one).collect_view()}</ul> }.into_any()
    };
    view! {
        <div class="head">
            <h1>"Audit"</h1>
            <button
                type="button"
                disabled=has_none
                on:click=move |_| all().into_iter().for_each(|head| runs.start(head))
            >
                "Verify all"
            </button>
            <button
                type="button"
                class="quiet"
                disabled=move || has_none() || exports.is_running()
                on:click=move |_| exports.start(all())
            >
                "Export all"
            </button>
        </div>
        <p class="help">
            "Each record holds the SHA-256 of the one before it and of itself. Verifying fetches the records and computes every hash in this page."
        </p>
        <ExportView exports />
        <section class="streams-section" aria-labelledby="streams">
            <h2 id="streams">"Streams"</h2>
            {heads.view(|_| ())}
            {streams}
        </section>
        <div class="columns">
            <Receipts heads runs />
            <Limits />
        </div>
    }
}

/// Receipts that the user kept, compared with the verified records.
#[component]
fn Receipts(heads: Resource<Vec<Head>>, runs: Runs) -> impl IntoView {
    let text = RwSignal::new(String::new());
    let parsed = Memo::new(move |_| text.with(|text| receipts::parse(text)));
    let look = move |wanted: &Wanted| {
        heads.with(|heads| {
            let server = heads.and_then(|heads| heads.iter().find(|head| head.stream == wanted.stream));
            runs.with(|states| receipts::look(wanted, server, states.get(&wanted.stream)))
        })
    };
    let found = Memo::new(move |_| {
        parsed.with(|parsed| match parsed {
            Ok(wanted) => wanted.iter().map(|wanted| (wanted.clone(), look(wanted))).collect::<Vec<_>>(),
            Err(_) => Vec::new(),
        })
    });
    let unverified =
        Memo::new(move |_| found.with(|found| found.iter().any(|(_, found)| *found == Found::Unverified)));
    let verify = move |_| {
        let wanted = found.with_untracked(|found| {
            found.iter().map(|(wanted, _)| wanted.stream.clone()).collect::<Vec<_>>()
        });
        let heads = heads.get_untracked().unwrap_or_default();
        heads.into_iter().filter(|head| wanted.contains(&head.stream)).for_each(|head| runs.start(head));
    };
    view! {
        <section class="card" aria-labelledby="receipts">
            <h2 id="receipts">"Check receipts"</h2>
            <label for="receipt-text">"Receipts: JSON, or a line for each with stream, seq and record hash"</label>
            <textarea
                id="receipt-text"
                rows="4"
                spellcheck="false"
                aria-describedby="receipt-found"
                prop:value=move || text.get()
                on:input=move |event| text.set(event_target_value(&event))
            ></textarea>
            <div id="receipt-found" role="status">
                {move || {
                    parsed
                        .with(|parsed| parsed.as_ref().err().cloned())
                        .map(|error| view! { <p class="notice error">"✕ " {error}</p> })
                }}
                <ul class="plain">
                    {move || found.get().into_iter().map(|(wanted, found)| one(&wanted, found)).collect_view()}
                </ul>
            </div>
            <Show when=move || unverified.get()>
                <button type="button" on:click=verify>"Verify the streams of these receipts"</button>
            </Show>
        </section>
    }
}

fn one(wanted: &Wanted, found: Found) -> impl IntoView + use<> {
    let Wanted { stream, seq, record_hash } = wanted;
    let (class, sign, says) = match found {
        Found::Same => ("notice ok", "✓", "this record was verified".to_owned()),
        Found::Other(hash) => ("notice error", "✕", format!("another record is there: its hash is {hash}")),
        Found::Beyond { size } => (
            "notice error",
            "✕",
            format!(
                "the stream has only {size} records by the server's head: its tail was cut off, or the receipt is of another server"
            ),
        ),
        Found::NoStream => (
            "notice error",
            "✕",
            "the server has no such stream: it was removed, or the receipt is of another server".to_owned(),
        ),
        Found::Untrusted { broken_at } => (
            "notice error",
            "✕",
            format!("the chain breaks at record {broken_at}, so this record cannot be trusted"),
        ),
        Found::Unverified => ("notice", "…", "not verified yet".to_owned()),
    };
    let (title, hash) = (format!("{stream} {seq}: "), record_hash.to_string());
    view! {
        <li class=class>
            {sign}
            " "
            <bdi>{title}</bdi>
            {says}
            <br />
            <code class="muted">{hash}</code>
        </li>
    }
}

/// The guarantees of a chain, and its limits.
#[component]
fn Limits() -> impl IntoView {
    view! {
        <section class="card" aria-labelledby="limits">
            <h2 id="limits">"What verifying shows, and what it cannot"</h2>
            <p>
                "A whole chain shows that no record in it was changed, removed from the middle, put in or moved since the later ones were made."
            </p>
            <p>
                "It cannot show that the tail was cut off together with the head, or that somebody who holds the database made the whole chain anew: what is left is a whole chain too. Only something kept elsewhere shows that: a receipt, which every answer to an action carries, or an earlier export."
            </p>
            <p>
                "This page comes from the same server as the records. To depend on neither, export them and verify the file on another machine, with receipts that were kept there:"
            </p>
            <pre class="json" tabindex="0" role="group" aria-label="command">
                "faramesh audit verify --file faramesh-records.jsonl --receipt receipts.json"
            </pre>
        </section>
    }
}
