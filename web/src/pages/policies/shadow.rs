//! Files in shadow mode: the effect that each would have had on the newest decisions.

use engine::decision::Outcome;
use engine::hash::{FileHash, PolicyHash};
use engine::policy::Mode;
use leptos::prelude::*;

use super::files::editor_of;
use super::history::versions;
use super::opinions::{self, Behind, Difference, Judged, Opinions};
use crate::components::Column::{Number, Text};
use crate::components::{Link, Matrix, OutcomeBadge, Resource, Table};
use crate::format::{count, counted, name, row_time};
use crate::server;
use crate::url::{self, encoded};
use api::{PolicyList, PolicyVersion};

/// How many decisions may be looked at.
const AMOUNTS: [&str; 3] = ["100", "500", "1000"];
const AMOUNT: &str = "500";
/// How many differences are shown at first, and how many more each time.
const PAGE: usize = 20;
/// Enough of the history to know under which text of a file a decision was made.
const VERSIONS: usize = 500;

/// The decisions, and the policies they were made under.
#[derive(Debug, Clone)]
struct Recorded {
    decisions: Vec<Judged>,
    history: Vec<PolicyVersion>,
}

impl Recorded {
    /// Whether `file` had this hash among the policies of `policy_hash`.
    fn had(&self, policy_hash: PolicyHash, file: &str, hash: FileHash) -> bool {
        let set = self.history.iter().find(|version| version.policy_hash == policy_hash);
        set.is_some_and(|set| set.files.iter().any(|other| other.name == file && other.hash == hash))
    }
}

/// All files in shadow mode.
#[component]
pub fn Shadow(
    /// The policies in force.
    set: Resource<PolicyList>,
) -> impl IntoView {
    let files = Memo::new(move |_| {
        set.with(|set| {
            let summaries =
                set?.details.as_ref().map(|details| details.summaries.as_slice()).unwrap_or_default();
            let shadow = summaries.iter().filter(|file| file.mode == Mode::Shadow);
            Some(shadow.map(|file| (file.file.clone(), file.hash)).collect::<Vec<_>>())
        })
    });
    move || {
        let files = files.get()?;
        Some(view! {
            <section class="card" aria-labelledby="shadow">
                <h2 id="shadow">"Shadow files"</h2>
                {if files.is_empty() {
                    view! {
                        <p class="muted">
                            "No file is in shadow mode. With " <code>"mode: shadow"</code>
                            " a policy is tried on live traffic: its opinion is recorded with each decision and changes nothing."
                        </p>
                    }
                        .into_any()
                } else {
                    view! { <Judgements files /> }.into_any()
                }}
            </section>
        })
    }
}

#[component]
fn Judgements(files: Vec<(String, FileHash)>) -> impl IntoView {
    let (amount, set_amount) = url::query("decisions");
    let amount = Memo::new(move |_| {
        let wanted = amount.get();
        AMOUNTS.into_iter().find(|amount| Some(*amount) == wanted.as_deref()).unwrap_or(AMOUNT)
    });
    let earlier = RwSignal::new(false);
    let recorded = Resource::<Recorded>::new();
    let load = move |amount: &'static str| {
        recorded.load(async move {
            let history = versions(VERSIONS).await?;
            let answer = server::get_text(&format!("/v1/decisions?limit={amount}")).await?;
            Ok(Recorded { decisions: opinions::judged(&answer)?, history })
        });
    };
    Effect::new(move |_| load(amount.get()));
    view! {
        <p>
            "The opinion of each file on the newest decisions, compared with the outcome. An enforced file can only tighten: where it is stricter, the outcome would have changed; where it is looser, only if no other file had an opinion."
        </p>
        <div class="row">
            <label for="shadow-amount">"Newest"</label>
            <select
                id="shadow-amount"
                on:change=move |event| {
                    let chosen = event_target_value(&event);
                    set_amount.set((chosen != AMOUNT).then_some(chosen));
                }
            >
                {AMOUNTS
                    .into_iter()
                    .map(|one| view! { <option value=one selected=move || amount.get() == one>{one} " decisions"</option> })
                    .collect_view()}
            </select>
            <label class="check">
                <input
                    type="checkbox"
                    prop:checked=move || earlier.get()
                    on:change=move |event| earlier.set(event_target_checked(&event))
                />
                "Also those under earlier texts of the file"
            </label>
            <button type="button" class="quiet" on:click=move |_| load(amount.get_untracked())>"Load again"</button>
        </div>
        {recorded
            .view(move |recorded| {
                files
                    .iter()
                    .map(|(file, hash)| {
                        let earlier = earlier.get();
                        let counts = |judged: &&Judged| earlier || recorded.had(judged.policy_hash, file, *hash);
                        let opinions = opinions::of_file(file, recorded.decisions.iter().filter(counts));
                        view! { <FileOpinions file=file.clone() opinions /> }
                    })
                    .collect_view()
            })}
    }
}

#[component]
fn FileOpinions(file: String, opinions: Opinions) -> impl IntoView {
    let (href, name) = (editor_of(&file), file.clone());
    let title = view! {
        <h3 class="judgement">
            <Link to=href>{name}</Link>
        </h3>
    };
    if opinions.asked == 0 {
        return view! {
            {title}
            <p class="muted">"It has an opinion on none of these decisions: it applies to other agents, or no action was decided since its last change."</p>
        }
        .into_any();
    }
    let stricter = opinions.stricter();
    let sentence = opinions.sentence();
    let rules: Vec<_> = opinions.rules.iter().map(|behind| rule(&file, behind)).collect();
    let has_rules = !rules.is_empty();
    let differing = opinions.differing.clone();
    view! {
        {title}
        <p>
            <strong>{sentence}</strong>
            {(stricter > 0).then(|| format!("; enforced, it would have tightened {}", counted(stricter, "outcome")))}
        </p>
        <div class="columns">
            {matrix(opinions.clone())}
            {has_rules
                .then(|| view! {
                    <Table
                        label="rules behind it"
                        columns=[Text("Rule behind it"), Text("Says"), Number("Decisions"), Number("That differ")]
                    >
                        {rules}
                    </Table>
                })}
        </div>
        {(!differing.is_empty()).then(|| view! { <Differences differing /> })}
    }
    .into_any()
}

fn rule(file: &str, behind: &Behind) -> impl IntoView + use<> {
    let name = match &behind.rule {
        Some(rule) => {
            let text = format!("{} (line {})", rule.id, rule.line);
            view! { <Link to=editor_of(file)>{text}</Link> }.into_any()
        }
        None => view! { <span class="muted">"No rule: its risk section"</span> }.into_any(),
    };
    view! {
        <tr>
            <td>{name}</td>
            <td>
                <OutcomeBadge outcome=behind.outcome />
            </td>
            <td class="number end">{count(behind.count)}</td>
            <td class="number end">{count(behind.differing)}</td>
        </tr>
    }
}

fn matrix(opinions: Opinions) -> impl IntoView {
    let cell = move |real: Outcome, would: Option<Outcome>| {
        let number = opinions.matrix.get(&(real, would)).copied().unwrap_or_default();
        let (class, word) = match would {
            _ if number == 0 => ("number end muted", ""),
            Some(would) if would > real => ("number end stricter", " stricter"),
            Some(would) if would < real => ("number end looser", " looser"),
            _ => ("number end", ""),
        };
        view! { <td class=class>{count(number)} <span class="word">{word}</span></td> }.into_any()
    };
    let columns = Outcome::ALL.map(Some).into_iter().chain([None]).collect();
    view! { <Matrix label="what was decided, and what it said" corner="Decided ↓ It says →" columns cell /> }
}

#[component]
fn Differences(differing: Vec<Difference>) -> impl IntoView {
    let shown = RwSignal::new(PAGE);
    let all = differing.len();
    let differing = StoredValue::new(differing);
    let rows =
        move || differing.with_value(|all| all.iter().take(shown.get()).map(difference).collect_view());
    view! {
        <h4>"Where it differs"</h4>
        <Table
            label="where it differs"
            class="judged"
            columns=[Text("Time"), Text("Action"), Text("Agent"), Text("Decided"), Text("It says"), Text("Its rule")]
        >
            {rows}
        </Table>
        <Show when=move || shown.get() < all>
            <button type="button" class="quiet" on:click=move |_| shown.update(|shown| *shown += PAGE)>
                {move || format!("Show more of {}", count(all as u64))}
            </button>
        </Show>
    }
}

fn difference(difference: &Difference) -> impl IntoView + use<> {
    let Difference { judged, would, rule } = difference.clone();
    let Judged { id, at, agent_id, tool, outcome, .. } = judged;
    view! {
        <tr>
            <td class="number">
                <time datetime=at.clone() title=at.clone()>{row_time(&at)}</time>
            </td>
            <td>
                <Link to=format!("/actions?id={}", encoded(&id))>
                    <bdi>{name(&tool)}</bdi>
                </Link>
            </td>
            <td>
                <bdi>{name(&agent_id)}</bdi>
            </td>
            <td>
                <OutcomeBadge outcome />
            </td>
            <td>
                <OutcomeBadge outcome=would />
            </td>
            <td>{rule.map(|rule| rule.id)}</td>
        </tr>
    }
}
