//! Why an action got its decision: each file, each rule that was looked at, each condition with its truth value, the
//! value that it saw, and why.

use engine::canonical::Canonical;
use engine::decision::RuleRef;
use engine::order::sort_by;
use engine::policy::Mode;
use engine::truth::Truth;
use engine::value::Value;
use leptos::prelude::*;

use super::{Isolated, Link, TruthBadge};
use crate::format::{clip, visible, words};
use crate::url;
use engine::explain::{ConditionTrace, Explanation, PolicyTrace, RiskTrace, RuleTrace};

/// How much of a value is shown in a condition.
const SHOWN_CHARS: usize = 200;

/// The path of the page where a rule is written.
pub fn rule_path(policy: &str, rule: Option<&str>) -> String {
    let path = format!("/policies/{}", url::encoded(policy));
    match rule {
        Some(rule) => format!("{path}?rule={}", url::encoded(rule)),
        None => path,
    }
}

/// A rule by its name, as a link to it.
#[component]
pub fn RuleLink(
    /// The rule.
    rule: RuleRef,
) -> impl IntoView {
    let RuleRef { id, line, policy } = rule;
    view! {
        <Link to=rule_path(&policy, Some(&id))>
            <bdi>{id}</bdi>
        </Link>
        " "
        <span class="muted">"line " {line} " of " <bdi>{policy}</bdi></span>
    }
}

/// The explanation of a decision.
#[component]
pub fn ExplanationView(
    /// The explanation.
    explanation: Explanation,
) -> impl IntoView {
    let (mut speaking, silent): (Vec<_>, Vec<_>) =
        explanation.policies.into_iter().partition(|policy| policy.speaks_of_agent);
    sort_by(&mut speaking, |one, other| rank(one).cmp(&rank(other)));
    let none = speaking
        .is_empty()
        .then(|| view! { <p>"No file applies to this agent, so nothing allows the action."</p> });
    let silent = (!silent.is_empty()).then(|| {
        let names = silent.into_iter().map(|policy| view! { <li><bdi>{policy.policy}</bdi></li> });
        view! {
            <details class="silent">
                <summary>"Files for other agents"</summary>
                <ul>{names.collect_view()}</ul>
            </details>
        }
    });
    view! { <div class="explanation">{none} {speaking.into_iter().map(policy).collect_view()} {silent}</div> }
}

/// The order in which files are read: those with an opinion first, and files in shadow mode last.
fn rank(trace: &PolicyTrace) -> (bool, bool) {
    let has_opinion =
        !trace.violations.is_empty() || trace.rules.iter().any(|rule| rule.truth != Truth::False);
    (trace.mode == Mode::Shadow, !has_opinion)
}

fn policy(trace: PolicyTrace) -> impl IntoView {
    let PolicyTrace { mode, policy, risk_rules, rules, violations, .. } = trace;
    let shadow = (mode == Mode::Shadow)
        .then(|| view! { " " <span class="chip">"Shadow: no part in the outcome"</span> });
    let violations = (!violations.is_empty()).then(|| {
        let each = violations.into_iter().map(|violation| view! { <li>{visible(&violation)}</li> });
        view! {
            <p>"The arguments do not fit the file's declaration of the tool, so the file denies the action:"</p>
            <ul>{each.collect_view()}</ul>
        }
    });
    let no_rule = (!rules.iter().any(|rule| rule.truth != Truth::False))
        .then(|| view! { <p class="muted">"No rule matches: the file has no opinion."</p> });
    let risk = (!risk_rules.is_empty()).then(|| {
        let name = policy.clone();
        let rules = risk_rules.into_iter().map(|rule| risk_rule(&name, rule)).collect_view();
        view! {
            <h5>"Risk rules"</h5>
            <ul class="traces">{rules}</ul>
        }
    });
    let rules = rules.into_iter().map(|trace| rule(&policy, trace)).collect_view();
    view! {
        <section class="policy-trace">
            <h4>
                <Link to=rule_path(&policy, None)>
                    <bdi>{policy.clone()}</bdi>
                </Link>
                {shadow}
            </h4>
            {violations}
            <ul class="traces">{rules}</ul>
            {no_rule}
            {risk}
        </section>
    }
}

fn rule(policy: &str, trace: RuleTrace) -> impl IntoView + use<> {
    let RuleTrace { conditions: list, effect, id, line, truth } = trace;
    let href = rule_path(policy, Some(&id));
    view! {
        <li>
            <details open=truth != Truth::False>
                <summary>
                    <TruthBadge truth />
                    " "
                    <bdi>{id.clone()}</bdi>
                    " "
                    <span class="muted">{words(effect.as_str())} ", line " {line}</span>
                </summary>
                {conditions(list)}
                <p><Link to=href>"Show the rule " <bdi>{id}</bdi></Link></p>
            </details>
        </li>
    }
}

fn risk_rule(policy: &str, trace: RiskTrace) -> impl IntoView + use<> {
    let RiskTrace { conditions: list, line, name, score, truth } = trace;
    let counts = if truth == Truth::False { "would add" } else { "adds" };
    let href = rule_path(policy, None);
    view! {
        <li>
            <details open=truth != Truth::False>
                <summary>
                    <TruthBadge truth />
                    " "
                    <bdi>{name}</bdi>
                    " "
                    <span class="muted">{counts} " " {score.get()} ", line " {line}</span>
                </summary>
                {conditions(list)}
                <p><Link to=href>"Show the file"</Link></p>
            </details>
        </li>
    }
}

fn conditions(list: Vec<ConditionTrace>) -> impl IntoView {
    view! { <ul class="conditions">{list.into_iter().map(condition).collect_view()}</ul> }
}

fn condition(trace: ConditionTrace) -> AnyView {
    let ConditionTrace { expected, key, matches, saw, truth, why } = trace;
    let inside =
        matches.into_iter().map(|list| view! { <li>{conditions(list)}</li> }.into_any()).collect_view();
    let is_compound = !inside.is_empty();
    let compared = (!is_compound).then(|| view! { " " <code><Isolated text=short(&expected) /></code> });
    let saw = (!is_compound).then(|| {
        let values: Vec<_> = saw.iter().map(short).collect();
        if values.is_empty() {
            view! { <span class="muted">"no value"</span> }.into_any()
        } else {
            view! { <span class="muted">"value " <code><Isolated text=values.join(", ") /></code></span> }
                .into_any()
        }
    });
    view! {
        <li>
            <TruthBadge truth />
            <span>
                <code>
                    <bdi>{visible(&key)}</bdi>
                </code>
                {compared}
            </span>
            {saw}
            <span dir="auto">{visible(&clip(&why, 2 * SHOWN_CHARS))}</span>
            {is_compound.then(|| view! { <ul class="matches">{inside}</ul> })}
        </li>
    }
    .into_any()
}

fn short(value: &Value) -> String {
    visible(&clip(Canonical::of(value).as_str(), SHOWN_CHARS))
}
