//! The state that the editor's parts share: the text, its comparison, the actions it is tried on, and everything
//! derived from them. Only the first three are written to; the rest is derived.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::decision::Decision;
use engine::diagnostic::Diagnostic;
use engine::policy::PolicySet;
use gloo::timers::callback::Timeout;
use leptos::prelude::*;

use crate::components::RuleMark;
use crate::simulation::samples::Sample;
use crate::simulation::{Compiled, Origin, Outlook, Row, Summary, amounts_in, outlooks, reached};

/// Above this many bytes a text is compiled when the typing pauses and not at each key.
const LARGE_TEXT: usize = 100_000;
/// The length of a pause in typing.
const PAUSE_MS: u32 = 250;

/// A recorded action that can be tried, with the bytes it came as.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The row.
    pub row: Row,
    /// The canonical action.
    pub canonical: String,
}

/// Why recorded decisions cannot be tried again, each with the records: stream and place.
pub type Left = BTreeMap<String, Vec<String>>;

/// The outlook of every row, and how long it took to compute.
#[derive(Debug, Clone, Default)]
pub struct Results {
    /// The rows: samples first, then recorded actions, newest first.
    pub rows: Arc<Vec<Row>>,
    /// The decision on each.
    pub outlooks: Arc<Vec<Outlook>>,
    /// The changes of the recorded ones.
    pub summary: Summary,
    /// The rules of the edited file and what reaches them.
    pub marks: Arc<Vec<RuleMark>>,
    /// From the text to all of it, in milliseconds.
    pub took_ms: f64,
}

/// How many samples there are, and how they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SamplesCount {
    /// All of them.
    pub all: usize,
    /// Those that do not get the expected answer.
    pub failing: usize,
    /// Those that nothing was written in yet.
    pub blank: usize,
}

/// The state of the editor.
#[derive(Clone, Copy)]
pub struct Workbench {
    /// The name of the edited file.
    pub name: StoredValue<String>,
    /// The text as it is edited.
    pub text: RwSignal<String>,
    /// All files in force, the edited one included.
    pub in_force: RwSignal<Vec<(String, String)>>,
    /// The samples as they are edited.
    pub samples: RwSignal<Vec<Sample>>,
    /// The recorded actions.
    pub recorded: RwSignal<Vec<Recorded>>,
    /// Recorded decisions that cannot be tried.
    pub left: RwSignal<Left>,
    /// The findings about the current text.
    pub diagnostics: Memo<Arc<Vec<Diagnostic>>>,
    /// Whether the text could be activated.
    pub valid: Memo<bool>,
    /// The decision on every row. While the text has errors it is that of the last text without.
    pub results: Memo<Results>,
    /// Lines to light up.
    pub lit: RwSignal<Option<(u32, u32)>>,
    /// The row whose explanation is shown.
    pub chosen: RwSignal<Option<Origin>>,
    /// A place to go to.
    pub place: RwSignal<Option<(usize, usize)>>,
}

impl Workbench {
    /// An editor of the file `name`.
    pub fn new(name: String) -> Self {
        let name = StoredValue::new(name);
        let text = RwSignal::new(String::new());
        let in_force = RwSignal::new(Vec::new());
        let samples = RwSignal::new(Vec::<Sample>::new());
        let recorded = RwSignal::new(Vec::<Recorded>::new());

        let settled = settled(text);
        let compiled = always(move || {
            let started = now_ms();
            let compiled = name.with_value(|name| {
                settled.with(|text| in_force.with(|others| Compiled::of(name, text, others)))
            });
            Arc::new((compiled, now_ms() - started))
        });
        let before = always(move || {
            let files = in_force.get();
            let (set, _) = PolicySet::load(files.iter().map(|(name, text)| (name.as_str(), text.as_bytes())));
            Arc::new(set)
        });
        let rows = always(move || {
            let samples = samples
                .with(|samples| samples.iter().filter_map(|sample| sample.row().ok()).collect::<Vec<_>>());
            let recorded =
                recorded.with(|recorded| recorded.iter().map(|one| one.row.clone()).collect::<Vec<_>>());
            Arc::new([samples, recorded].concat())
        });
        let decided_before: Memo<Arc<Vec<Decision>>> = always(move || {
            let (rows, before) = (rows.get(), before.get());
            Arc::new(rows.iter().map(|row| row.under(before.as_ref().as_ref())).collect())
        });
        let results = Memo::new_with_compare(
            move |last: Option<&Results>| {
                let started = now_ms();
                let compiled = compiled.get();
                let (compiled, compiling_ms) = (&compiled.0, compiled.1);
                let (rows, before) = (rows.get(), decided_before.get());
                let Some(set) = compiled.set.as_ref().filter(|_| compiled.is_valid()) else {
                    // The results of the last text without errors stay.
                    let fits = last.filter(|last| Arc::ptr_eq(&last.rows, &rows));
                    return fits.cloned().unwrap_or_default();
                };
                let outlooks = outlooks(&rows, &before, set);
                let amounts = settled.with_untracked(|text| amounts_in(text, &rows));
                let summary = Summary::of(&rows, &outlooks, &amounts);
                let marks = name.with_value(|name| marks(name, compiled, &rows));
                Results {
                    rows,
                    outlooks: Arc::new(outlooks),
                    summary,
                    marks: Arc::new(marks),
                    took_ms: now_ms() - started + compiling_ms,
                }
            },
            |_, _| true,
        );
        Workbench {
            name,
            text,
            in_force,
            samples,
            recorded,
            left: RwSignal::new(Left::new()),
            diagnostics: Memo::new(move |_| {
                Arc::new(compiled.with(|compiled| compiled.0.diagnostics.clone()))
            }),
            valid: Memo::new(move |_| compiled.with(|compiled| compiled.0.is_valid())),
            results,
            lit: RwSignal::new(None),
            chosen: RwSignal::new(None),
            place: RwSignal::new(None),
        }
    }

    /// The edited file as it is in force.
    pub fn base(self) -> Option<String> {
        self.in_force.with(|files| self.base_in(files))
    }

    /// The same, without following it.
    pub fn base_untracked(self) -> Option<String> {
        self.in_force.with_untracked(|files| self.base_in(files))
    }

    fn base_in(self, files: &[(String, String)]) -> Option<String> {
        self.name
            .with_value(|name| files.iter().find(|(other, _)| other == name).map(|(_, text)| text.clone()))
    }

    /// Lights up the rule that starts on `line`, and goes there.
    pub fn show_rule(self, line: u32) {
        let last = self.text.with_untracked(|text| crate::simulation::last_line(text, line));
        self.lit.set(Some((line, last)));
    }

    /// Explains the decision on a row, and highlights its rule if it is in this file.
    pub fn choose(self, origin: &Origin) {
        self.chosen.set(Some(origin.clone()));
        let after = self.outlook(origin).map(|(_, outlook)| outlook.after);
        match after.and_then(|after| after.rule) {
            Some(rule) if self.name.with_value(|name| *name == rule.policy) => self.show_rule(rule.line),
            _ => self.lit.set(None),
        }
    }

    /// A row and its decision.
    pub fn outlook(self, origin: &Origin) -> Option<(Row, Outlook)> {
        self.results.with(|results| {
            let index = results.rows.iter().position(|row| row.origin == *origin)?;
            Some((results.rows.get(index)?.clone(), results.outlooks.get(index)?.clone()))
        })
    }

    /// How the samples stand.
    pub fn samples_count(self) -> SamplesCount {
        let numbers = self.samples.with(|samples| {
            samples.iter().map(|sample| (sample.number, sample.is_blank())).collect::<Vec<_>>()
        });
        let fails = |number: u64| {
            self.outlook(&Origin::Sample(number)).is_none_or(|(_, outlook)| !outlook.differences.is_empty())
        };
        SamplesCount {
            all: numbers.len(),
            failing: numbers.iter().filter(|(number, blank)| !blank && fails(*number)).count(),
            blank: numbers.iter().filter(|(_, blank)| *blank).count(),
        }
    }

    /// A number that no sample has.
    pub fn next_number(self) -> u64 {
        self.samples.with_untracked(|samples| {
            samples.iter().map(|sample| sample.number).max().map_or(0, |most| most + 1)
        })
    }
}

/// A derived value that is worth keeping, but not worth comparing.
fn always<T: Send + Sync + 'static>(compute: impl Fn() -> T + Send + Sync + 'static) -> Memo<T> {
    Memo::new_with_compare(move |_| compute(), |_, _| true)
}

/// The text, except that a large one waits for a pause in the typing.
fn settled(text: RwSignal<String>) -> Memo<String> {
    let paused = RwSignal::new(String::new());
    let waiting = StoredValue::new_local(None::<Timeout>);
    Effect::new(move |_| {
        let large = text.with(|text| (text.len() > LARGE_TEXT).then(|| text.clone()));
        waiting.set_value(large.map(|text| Timeout::new(PAUSE_MS, move || _ = paused.try_set(text))));
    });
    Memo::new(move |_| if text.with(String::len) > LARGE_TEXT { paused.get() } else { text.get() })
}

fn marks(name: &str, compiled: &Compiled, rows: &[Row]) -> Vec<RuleMark> {
    let reached = reached(rows, name, compiled);
    let rules = compiled.rules(name).into_iter();
    rules
        .map(|(id, line)| {
            let reached = match reached.get(&id) {
                Some((true, true)) => "both",
                Some((true, false)) => "samples",
                Some((false, true)) => "recorded",
                _ => "none",
            };
            RuleMark { line, id, reached }
        })
        .collect()
}

fn now_ms() -> f64 {
    web_sys::window().and_then(|window| window.performance()).map_or(0.0, |performance| performance.now())
}
