//! Deciding: the page to read first.
//!
//! The rules of a file are asked in order; the first that matches gives the file's [opinion](crate::opinion). A rule
//! that cannot be evaluated might apply, so it counts when it restricts and does not count when it permits. Among
//! files the strictest opinion wins. Risk comes last and makes an outcome stricter, never looser.

use crate::action::Action;
use crate::arguments::{invalid_params, key_params};
use crate::assessment::Assessment;
use crate::basis::Basis;
use crate::decided::Decided;
use crate::decision::{Decision, Outcome, ReasonCode};
use crate::hash::RawHash;
use crate::json::{self, JsonError};
use crate::opinion::{Opinion, opinion_of};
use crate::order;
use crate::policy::condition::Input;
use crate::policy::{Mode, Policy, PolicySet};
use crate::quorum::ApprovalRequirement;
use crate::shadow::shadow_opinion;
use crate::state::State;

/// Decides the action in `bytes`, as a caller sent them.
///
/// Total: bytes that cannot be read as an action have a decision too, and it is `HALT`.
pub fn decide_bytes(policies: &PolicySet, bytes: &[u8], state: &State) -> Decided {
    decided(policies, Action::parse(bytes, json::MAX_BYTES), bytes, state)
}

/// Decides an action again from its canonical form, as it stands in a record.
pub fn decide_recorded(policies: &PolicySet, canonical: &[u8], state: &State) -> Decided {
    decided(policies, Action::parse_canonical(canonical), canonical, state)
}

fn decided(policies: &PolicySet, action: Result<Action, JsonError>, bytes: &[u8], state: &State) -> Decided {
    match action {
        Ok(action) => {
            let decision = decide(policies, &action, state);
            let state = consulted(policies, state);
            Decided { action: Some(action.canonical().clone()), decision, error: None, state }
        }
        Err(error) => {
            let state = consulted(policies, state);
            let basis = Basis::halt(ReasonCode::InvalidAction, format!("the action cannot be read: {error}"));
            let mut decision = basis.decision(policies, None, &state, &Assessment::none());
            decision.raw_hash = Some(RawHash::of(bytes));
            Decided { action: None, decision, error: Some(error), state }
        }
    }
}

/// Decides `action` under `policies`, given `state`.
///
/// Total and deterministic: every action has a decision, and the same input gives the same one on every host.
pub fn decide(policies: &PolicySet, action: &Action, state: &State) -> Decision {
    let state = consulted(policies, state);
    let input = Input::new(action, state.now);
    let speaking = policies.policies().iter().filter(|file| file.speaks_of(action.agent_id(), &input.meter));
    let (shadow, enforced): (Vec<&Policy>, Vec<&Policy>) =
        speaking.partition(|file| file.mode == Mode::Shadow);

    let opinions: Vec<Opinion<'_>> = enforced.iter().map(|policy| opinion_of(policy, &input)).collect();
    let own_risk = opinions.iter().filter_map(|opinion| opinion.own_risk).max();
    let mut risk = Assessment::of(&enforced, own_risk, &input);

    // INVARIANT: only a matching rule can open the gate. Risk is looked at after this line, so policies that say
    // nothing about an action halt it whatever their risk sections say.
    let mut basis = if policies.policies().is_empty() {
        Basis::halt(ReasonCode::NoPolicy, "there is no policy, so nothing is permitted".to_owned())
    } else if let Some(broken) = invalid_params(&enforced, &input) {
        Basis::halt(ReasonCode::InvalidParams, broken)
    } else {
        strictest(&opinions, action).tightened_by(&risk)
    };
    // INVARIANT: after the last step nothing that was found out counts, since more steps might have found more.
    if input.meter.is_spent() {
        risk = Assessment::none();
        let reason = "deciding this takes more work than a decision may: too many or too large patterns for \
                      arguments of this size";
        basis = Basis::halt(ReasonCode::EngineLimit, reason.to_owned());
    }
    let basis = basis.after_approval(&state);

    let key_params = key_params(&enforced, &basis, &risk, action);
    let mut decision = basis.decision(policies, Some(action.request_hash()), &state, &risk);
    decision.key_params = key_params;
    decision.shadow = shadow.into_iter().map(|policy| shadow_opinion(policy, &input)).collect();
    decision
}

/// The part of the state that a decision depends on: the time counts only where a rule reads it.
fn consulted(policies: &PolicySet, state: &State) -> State {
    State { approval: state.approval.clone(), now: state.now.filter(|_| policies.reads_time()) }
}

/// The strictest of all opinions; `HALT` where there is none, or only rules that cannot be evaluated.
fn strictest<'p>(opinions: &[Opinion<'p>], action: &Action) -> Basis<'p> {
    let default_deny = || {
        let near_miss = opinions.iter().find_map(Opinion::near_miss);
        let near_miss = near_miss.map_or_else(String::new, |near| format!("; {near}"));
        let reason = if opinions.is_empty() {
            format!("no enforced policy speaks of the agent `{}`", action.agent_id())
        } else if opinions.iter().any(|opinion| opinion.speaks_of(action.tool())) {
            format!("no rule permits `{}` with these arguments{near_miss}", action.tool())
        } else {
            format!("no rule speaks of the tool `{}`", action.tool())
        };
        Basis::halt(ReasonCode::DefaultDeny, reason)
    };
    let mut all: Vec<Basis<'p>> = opinions.iter().filter_map(Opinion::basis).collect();
    if opinions.iter().all(|opinion| opinion.matched.is_none()) {
        return all.into_iter().find(|floor| floor.outcome == Outcome::Halt).unwrap_or_else(default_deny);
    }
    // The first of the equally strict wins: a rule that matches before one that cannot be evaluated, then in the
    // order of the files' names, which is the order of the opinions.
    order::sort_by(&mut all, |one, other| one.is_floor().cmp(&other.is_floor()));
    let requirement = ApprovalRequirement::of_all(all.iter().filter_map(|basis| basis.approval.as_ref()));
    let strictest =
        all.into_iter().reduce(|first, next| if next.outcome > first.outcome { next } else { first });
    let mut strictest = strictest.unwrap_or_else(default_deny);
    strictest.approval = requirement.filter(|_| strictest.outcome == Outcome::Abstain);
    strictest
}
