//! Taking records along: a file with a record a line, which `faramesh audit verify --file` reads anywhere.

use engine::record::Head;
use gloo::timers::callback::Timeout;
use js_sys::Array;
use leptos::prelude::*;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{Blob, BlobPropertyBag, HtmlAnchorElement, Url};

use super::not_fetched::NotFetched;
use super::source::Source;
use crate::components::CopyButton;
use crate::format::{count, counted};
use crate::server::Failure;
use crate::session::Sessions;

/// How long the browser may take to begin with a download.
const KEPT_MS: u32 = 60_000;

/// The current or last export.
#[derive(Debug, Clone, PartialEq)]
enum State {
    Idle,
    Running { done: u64, total: u64 },
    Done { file: String, records: u64 },
    Failed(Failure),
}

/// The exports of this page, one at a time.
#[derive(Clone, Copy)]
pub struct Exports {
    state: RwSignal<State>,
    turn: StoredValue<u64>,
    sessions: Sessions,
}

impl Exports {
    /// None yet.
    pub fn new(sessions: Sessions) -> Self {
        Exports { state: RwSignal::new(State::Idle), turn: StoredValue::new(0), sessions }
    }

    /// Whether one is on its way.
    pub fn is_running(self) -> bool {
        self.state.with(|state| matches!(state, State::Running { .. }))
    }

    /// Exports all records of these streams into one file.
    pub fn start(self, heads: Vec<Head>) {
        let Some(turn) = self.next_turn() else { return };
        let total = heads.iter().map(|head| head.size).sum();
        self.state.set(State::Running { done: 0, total });
        leptos::task::spawn_local(async move {
            let state = match self.fetch(&heads, total, turn).await {
                Ok(Some(parts)) => {
                    let file = file_name(&heads);
                    match download(&parts, &file) {
                        Ok(()) => State::Done { file, records: total },
                        Err(_) => State::Failed(Failure::here(
                            "no_download",
                            "the browser does not offer this as a file",
                        )),
                    }
                }
                Ok(None) => return,
                Err(failure) => {
                    self.sessions.notice(&failure);
                    State::Failed(failure)
                }
            };
            if self.is_current(turn) {
                self.state.set(state);
            }
        });
    }

    fn stop(self) {
        self.next_turn();
        self.state.set(State::Idle);
    }

    fn next_turn(self) -> Option<u64> {
        self.turn.try_update_value(|turn| {
            *turn += 1;
            *turn
        })
    }

    fn is_current(self, turn: u64) -> bool {
        self.turn.try_get_value() == Some(turn)
    }

    /// The parts of the file: the browser keeps them, and may do so outside of memory. Nothing when it was stopped.
    async fn fetch(self, heads: &[Head], total: u64, turn: u64) -> Result<Option<Array>, Failure> {
        let parts = Array::new();
        let mut done = 0_u64;
        for head in heads {
            let mut source = Source { stream: head.stream.clone(), from: 0, until: head.size };
            loop {
                let bodies = source.next().await?;
                if !self.is_current(turn) {
                    return Ok(None);
                }
                if bodies.is_empty() {
                    break;
                }
                done = done.saturating_add(bodies.len() as u64);
                if let Ok(part) = blob(&Array::of1(&JsValue::from_str(&lines(&bodies)))) {
                    parts.push(&part);
                }
                self.state.set(State::Running { done, total });
            }
        }
        if done == total {
            return Ok(Some(parts));
        }
        let detail = format!(
            "the server gave {done} of {total} records, so there is no whole export; verify says more"
        );
        Err(Failure::here("records_missing", detail))
    }
}

/// The export, its progress, and advice on the file.
#[component]
pub fn ExportView(
    /// The exports of this page.
    exports: Exports,
) -> impl IntoView {
    let is_running = Memo::new(move |_| exports.is_running());
    let progress = move || {
        exports.state.with(|state| match state {
            State::Running { done, total } => (*done, *total),
            _ => (0, 0),
        })
    };
    move || {
        if is_running.get() {
            return view! {
                <div class="row">
                    <progress
                        aria-label="records exported"
                        max=move || progress().1.to_string()
                        prop:value=move || progress().0 as f64
                    ></progress>
                    <span class="number">{move || count(progress().0)} " of " {move || counted(progress().1, "record")}</span>
                    <button type="button" class="quiet small" on:click=move |_| exports.stop()>"Cancel"</button>
                </div>
            }
            .into_any();
        }
        match exports.state.get() {
            State::Idle | State::Running { .. } => ().into_any(),
            State::Failed(failure) => {
                view! { <NotFetched failure again="export again when it answers" /> }.into_any()
            }
            State::Done { file, records } => {
                let command = format!("faramesh audit verify --file {file}");
                view! {
                    <div class="notice ok" role="status">
                        <p>"✓ " {counted(records, "record")} " exported to " <code>{file}</code></p>
                        <p>"Verify the file offline, wherever " <code>"faramesh"</code> " is:"</p>
                        <p class="row">
                            <code>{command.clone()}</code>
                            <CopyButton text=command label="Copy" />
                        </p>
                    </div>
                }
                .into_any()
            }
        }
    }
}

/// Records as lines.
pub fn lines(bodies: &[String]) -> String {
    let mut text = String::with_capacity(bodies.iter().map(|body| body.len() + 1).sum());
    for body in bodies {
        text.push_str(body);
        text.push('\n');
    }
    text
}

/// A name for the file, of characters that mean nothing to a shell or a file system.
pub fn file_name(heads: &[Head]) -> String {
    let plain = |char: char| if char.is_ascii_alphanumeric() || "._-".contains(char) { char } else { '_' };
    match heads {
        [only] => format!("faramesh-{}.jsonl", only.stream.chars().map(plain).collect::<String>()),
        _ => "faramesh-records.jsonl".to_owned(),
    }
}

fn blob(parts: &Array) -> Result<Blob, JsValue> {
    let options = BlobPropertyBag::new();
    options.set_type("application/jsonl");
    Blob::new_with_blob_sequence_and_options(parts, &options)
}

fn download(parts: &Array, file: &str) -> Result<(), JsValue> {
    let url = Url::create_object_url_with_blob(&blob(parts)?)?;
    let link: HtmlAnchorElement = document().create_element("a")?.unchecked_into();
    link.set_href(&url);
    link.set_download(file);
    link.click();
    Timeout::new(KEPT_MS, move || _ = Url::revoke_object_url(&url)).forget();
    Ok(())
}
