//! The number of actions that wait for a person, on every page of the dashboard: in the title, in the navigation, and
//! in a notification if the user asked for that. The queue itself belongs to its page.

use engine::decision::Outcome;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_location, use_navigate};
use serde::Deserialize;

use crate::components::Resource;
use crate::format::{count, name};
use crate::live::{Event, Live};
use crate::notify::Notifications;
use crate::server;
use crate::url::{base, encoded};
use api::ActionPage;

/// How many actions wait.
#[derive(Clone, Copy)]
pub struct Pending(Resource<u64>);

/// The part of a decision's record about the held action.
#[derive(Debug, Deserialize)]
struct DecisionRecord {
    action: Option<Proposed>,
    decision: Decided,
}

#[derive(Debug, Deserialize)]
struct Proposed {
    agent_id: String,
    tool: String,
}

#[derive(Debug, Deserialize)]
struct Decided {
    outcome: Outcome,
}

impl Pending {
    /// Counts them from now on, for all components below, and keeps the title.
    pub fn provide() -> Self {
        let pending = Pending(Resource::new());
        provide_context(pending);
        pending.count_them();
        let live = Live::here();
        live.on_change_of(changes_queue, move || pending.count_them());
        pending.notify(live);
        pending.keep_title();
        pending
    }

    /// How many wait.
    ///
    /// # Panics
    /// Outside of the frame.
    pub fn here() -> Self {
        expect_context()
    }

    /// How many wait, when that is known.
    pub fn count(self) -> Option<u64> {
        self.0.get()
    }

    fn count_them(self) {
        self.0.load(async {
            let page: ActionPage = server::get("/v1/actions?status=pending_approval&limit=1").await?;
            Ok(page.total)
        });
    }

    fn notify(self, live: Live) {
        let notifications = Notifications::provide();
        let navigate = use_navigate();
        live.on_event(move |event| {
            let Some(text) = held(event) else { return };
            let others = self.0.get_untracked().unwrap_or_default();
            let title = match others {
                0 => "1 action waits for approval".to_owned(),
                others => format!("{} actions wait for approval", count(others + 1)),
            };
            let path = event.action_id.as_deref().map(|id| format!("/approvals?id={}", encoded(id)));
            let navigate = navigate.clone();
            notifications.show(&title, &text, move || {
                navigate(path.as_deref().unwrap_or("/approvals"), NavigateOptions::default());
            });
        });
    }

    fn keep_title(self) {
        let location = use_location();
        let base = base();
        Effect::new(move |_| {
            let path = location.pathname.get();
            let path = path.strip_prefix(base.as_str()).unwrap_or(&path);
            document().set_title(&title(path, self.count().unwrap_or_default()));
        });
        on_cleanup(|| document().set_title("Faramesh"));
    }
}

/// Whether this may change which actions wait.
pub fn changes_queue(event: &Event) -> bool {
    match event.kind {
        "approval" | "expiry" | "withdrawal" => true,
        "decision" => outcome(&event.record) == Some(Outcome::Abstain),
        _ => false,
    }
}

/// The title of the page at a path of the dashboard: `(3) Approvals · Faramesh`.
pub fn title(path: &str, waiting: u64) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let page = match parts.first() {
        None => "Overview".to_owned(),
        Some(name) => {
            let mut letters = name.chars();
            let first = letters.next().map(|letter| letter.to_ascii_uppercase());
            first.into_iter().chain(letters).collect()
        }
    };
    let what = match parts.get(1) {
        Some(name) => format!(
            "{} · {page}",
            js_sys::decode_uri_component(name).map_or((*name).to_owned(), String::from)
        ),
        None => page,
    };
    match waiting {
        0 => format!("{what} · Faramesh"),
        waiting => format!("({}) {what} · Faramesh", count(waiting)),
    }
}

fn outcome(record: &str) -> Option<Outcome> {
    serde_json::from_str::<DecisionRecord>(record).ok().map(|record| record.decision.outcome)
}

/// The text of a notification about an action that was just held.
fn held(event: &Event) -> Option<String> {
    if event.kind != "decision" {
        return None;
    }
    let record: DecisionRecord = serde_json::from_str(&event.record).ok()?;
    let proposed = record.action.filter(|_| record.decision.outcome == Outcome::Abstain)?;
    Some(format!("{} of {}", name(&proposed.tool), name(&proposed.agent_id)))
}
