//! The exchange with the server: the data that the editor loads, and the changes that it saves.

use api::{PolicyList, PolicyTests, PolicyTexts, RecentDecision, RecentDecisions};
use engine::hash::FileHash;
use leptos::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::draft::Draft;
use super::workbench::{Left, Recorded, Workbench};
use crate::components::Toasts;
use crate::format::parse_time;
use crate::live::Live;
use crate::server::{self, Failure};
use crate::simulation::Row;
use crate::simulation::samples;
use crate::url::encoded;

/// How many recorded decisions policies are tried on.
const RECORDED: u32 = 500;

#[derive(Deserialize)]
struct Record {
    action_id: Option<String>,
    action: Option<Box<RawValue>>,
    at: String,
    record_hash: String,
}

/// The fetched data, and the parts of it that are still being edited.
#[derive(Clone, Copy)]
pub struct Loading {
    bench: Workbench,
    toasts: Toasts,
    there: RwSignal<bool>,
    failure: RwSignal<Option<Failure>>,
    /// The digest of the edited file as it was fetched; none for a file that does not exist.
    pub hash: RwSignal<Option<FileHash>>,
    /// The text with that digest, where it is known: what both sides of a conflict began with.
    pub begun_with: RwSignal<Option<String>>,
    /// The same of the file of samples.
    pub samples_hash: RwSignal<Option<FileHash>>,
    /// The text of the file of samples as it was fetched.
    pub samples_text: RwSignal<Option<String>>,
    /// Why the samples cannot be shown as a table.
    pub samples_problem: RwSignal<Option<String>>,
    /// The policies that the file of samples names.
    pub samples_policies: RwSignal<Option<Vec<String>>>,
    /// Goes up with every wish to save.
    pub wishes: RwSignal<u64>,
    /// The file as somebody else has saved it meanwhile: text and digest.
    pub theirs: RwSignal<Option<(Option<String>, Option<FileHash>)>>,
}

impl Loading {
    /// Fetches everything, and follows what changes.
    pub fn begin(bench: Workbench) -> Self {
        let loading = Loading {
            bench,
            toasts: Toasts::here(),
            there: RwSignal::new(false),
            failure: RwSignal::new(None),
            hash: RwSignal::new(None),
            begun_with: RwSignal::new(None),
            samples_hash: RwSignal::new(None),
            samples_text: RwSignal::new(None),
            samples_problem: RwSignal::new(None),
            samples_policies: RwSignal::new(None),
            wishes: RwSignal::new(0),
            theirs: RwSignal::new(None),
        };
        leptos::task::spawn_local(async move {
            loading.note(loading.fetch_all().await);
        });
        let live = Live::here();
        let changed = StoredValue::new(false);
        live.on_event(move |event| {
            if event.kind == "policy" {
                changed.set_value(true);
            }
        });
        live.on_change(move || {
            leptos::task::spawn_local(async move {
                if changed.try_update_value(std::mem::take) == Some(true) {
                    loading.note(loading.follow().await);
                }
                loading.note(loading.fetch_decisions().await);
            });
        });
        loading
    }

    /// Whether there is something to edit.
    pub fn is_there(self) -> bool {
        self.there.get()
    }

    /// Why something could not be fetched.
    pub fn failure(self) -> Option<Failure> {
        self.failure.get()
    }

    /// The user pressed the keys for saving.
    pub fn ask_to_save(self) {
        self.wishes.update(|wishes| *wishes += 1);
    }

    fn note(self, answer: Result<(), Failure>) {
        _ = self.failure.try_set(answer.err());
    }

    async fn fetch_all(self) -> Result<(), Failure> {
        let (text, hash) = self.fetch_policies().await?;
        self.fetch_samples().await?;
        match self.bench.name.try_with_value(|name| Draft::take(name)).flatten() {
            None => {
                _ = self.hash.try_set(hash);
                _ = self.begun_with.try_set(text.clone());
                let begun = text.or_else(|| self.bench.name.try_with_value(|name| template(name)));
                _ = self.bench.text.try_set(begun.unwrap_or_default());
            }
            Some(draft) => {
                // Somebody else may have saved the file since it was begun.
                if draft.hash == hash {
                    _ = self.begun_with.try_set(text);
                } else {
                    _ = self.theirs.try_set(Some((text, hash)));
                }
                _ = self.hash.try_set(draft.hash);
                _ = self.bench.text.try_set(draft.text);
                if let Some(Ok((samples, _))) = draft.samples.map(|text| samples::read("samples", &text)) {
                    _ = self.bench.samples.try_set(samples);
                }
                self.toasts.say("Your unsaved changes are back");
            }
        }
        _ = self.there.try_set(true);
        self.fetch_decisions().await
    }

    /// Fetches the files in force, and gives the edited one: text and digest.
    async fn fetch_policies(self) -> Result<(Option<String>, Option<FileHash>), Failure> {
        let PolicyList { policy_hash, files, .. } = server::get("/v1/policies").await?;
        let sources = match files.is_empty() {
            true => Vec::new(),
            false => server::get::<PolicyTexts>(&format!("/v1/policies/by-hash/{policy_hash}")).await?.files,
        };
        let Some(name) = self.bench.name.try_get_value() else { return Ok((None, None)) };
        let text = sources.iter().find(|source| source.name == name).map(|source| source.text.clone());
        let hash = files.into_iter().find(|file| file.name == name).map(|file| file.hash);
        let in_force: Vec<_> = sources.into_iter().map(|source| (source.name, source.text)).collect();
        if self.bench.in_force.try_get_untracked().is_some_and(|now| now != in_force) {
            _ = self.bench.in_force.try_set(in_force);
        }
        Ok((text, hash))
    }

    /// The path of the samples, while the file is being edited.
    pub fn samples_path(self) -> Option<String> {
        let name = self.bench.name.try_with_value(|name| encoded(name))?;
        Some(format!("/v1/policies/{name}/tests"))
    }

    async fn fetch_samples(self) -> Result<(), Failure> {
        let Some(path) = self.samples_path() else { return Ok(()) };
        match server::get::<PolicyTests>(&path).await {
            Ok(file) => self.take_samples(Some((file.text, file.hash))),
            // There are none yet, of a policy that may not be there either.
            Err(failure) if failure.status == 404 => self.take_samples(None),
            Err(failure) => return Err(failure),
        }
        Ok(())
    }

    /// Shows these samples: the text of their file, and its digest.
    pub fn take_samples(self, file: Option<(String, FileHash)>) {
        let (text, hash) = file.unzip();
        let (list, problem) = match &text {
            None => ((Vec::new(), None), None),
            Some(text) => match samples::read("samples", text) {
                Ok(read) => (read, None),
                Err(finding) => {
                    ((Vec::new(), None), Some(format!("line {}: {}", finding.line, finding.message)))
                }
            },
        };
        _ = self.samples_hash.try_set(hash);
        _ = self.samples_text.try_set(text);
        _ = self.samples_problem.try_set(problem);
        _ = self.samples_policies.try_set(list.1);
        _ = self.bench.samples.try_set(list.0);
    }

    async fn fetch_decisions(self) -> Result<(), Failure> {
        let RecentDecisions { decisions } = server::get(&format!("/v1/decisions?limit={RECORDED}")).await?;
        let (mut rows, mut left) = (Vec::new(), Left::new());
        for decision in decisions {
            match row(&decision) {
                Ok(row) => rows.push(row),
                Err(why) => left.entry(why).or_default().push(place(&decision)),
            }
        }
        _ = self.bench.left.try_set(left);
        // An editor is not computed anew for decisions that it has.
        let same = self.bench.recorded.try_with_untracked(|now| {
            now.len() == rows.len()
                && now
                    .iter()
                    .zip(&rows)
                    .all(|(a, b)| a.row.origin == b.row.origin && a.row.status == b.row.status)
        });
        if same == Some(false) {
            _ = self.bench.recorded.try_set(rows);
        }
        Ok(())
    }

    /// The policies in force have changed: an untouched text follows, for any other there is a note.
    async fn follow(self) -> Result<(), Failure> {
        let base = self.bench.base_untracked().unwrap_or_default();
        let untouched = self.bench.text.try_with_untracked(|text| *text == base) == Some(true);
        let (text, hash) = self.fetch_policies().await?;
        if hash == self.hash.try_get_untracked().flatten() {
            return Ok(());
        }
        if untouched {
            _ = self.hash.try_set(hash);
            _ = self.begun_with.try_set(text.clone());
            _ = self.bench.text.try_set(text.unwrap_or_default());
        } else {
            _ = self.theirs.try_set(Some((text, hash)));
        }
        Ok(())
    }

    /// Fetches the file as it is now, after a save that came too late.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn fetch_theirs(self) -> Result<(), Failure> {
        let theirs = self.fetch_policies().await?;
        _ = self.theirs.try_set(Some(theirs));
        Ok(())
    }

    /// The saved text is in force now.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn saved(self, hash: Option<FileHash>) -> Result<(), Failure> {
        _ = self.hash.try_set(hash);
        _ = self.theirs.try_set(None);
        let (text, _) = self.fetch_policies().await?;
        _ = self.begun_with.try_set(text);
        Ok(())
    }
}

/// The text that a new policy begins with.
pub fn template(file: &str) -> String {
    let name = file.trim_end_matches(".yaml").trim_end_matches(".yml");
    format!(
        "name: {name}\nrules:\n  - id: ask-a-person\n    match: {{ tool: example_tool }}\n    require_approval: true\n"
    )
}

/// Where a record stands, as far as it can be read.
fn place(decision: &RecentDecision) -> String {
    #[derive(Deserialize)]
    struct Place {
        stream: String,
        seq: u64,
    }
    serde_json::from_str::<Place>(decision.record.get()).map_or_else(
        |_| "a record without a place".to_owned(),
        |place| format!("{}:{}", place.stream, place.seq),
    )
}

fn row(decision: &RecentDecision) -> Result<Recorded, String> {
    if !decision.replayable {
        return Err(decision.why.clone().unwrap_or_else(|| "the server gives no reason".to_owned()));
    }
    let record: Record = serde_json::from_str(decision.record.get())
        .map_err(|error| format!("the record cannot be read: {error}"))?;
    let (Some(action_id), Some(action)) = (record.action_id, record.action) else {
        return Err("the record holds no action".to_owned());
    };
    let at_ms = parse_time(&record.at).ok_or("the record has no time")?;
    let row = Row::recorded(
        record.record_hash,
        action_id,
        action.get(),
        (record.at, at_ms as i64),
        decision.status,
    )?;
    Ok(Recorded { row, canonical: action.get().to_owned() })
}
