//! The arguments of an action: whether they satisfy the declarations of its tool, and which of them matter most.

use crate::action::Action;
use crate::assessment::Assessment;
use crate::basis::Basis;
use crate::policy::Policy;
use crate::policy::condition::Input;
use crate::policy::tool::MOST_VIOLATIONS;

/// The violations of the declarations of the action's tool, as a sentence; none when there are none.
pub(crate) fn invalid_params(enforced: &[&Policy], input: &Input<'_>) -> Option<String> {
    /// Enough to mend a call; a list of a thousand elements does not make a thousand clauses.
    const SHOWN: usize = 8;
    let action = input.action;
    let params = action.params().as_object()?;
    let declared = enforced.iter().filter_map(|policy| policy.tools.get(action.tool()));
    let mut broken: Vec<String> = Vec::new();
    for violation in declared.flat_map(|tool| tool.violations(params, &input.meter)).take(MOST_VIOLATIONS) {
        if !broken.contains(&violation) {
            broken.push(violation);
        }
    }
    if broken.is_empty() {
        return None;
    }
    let more = broken.len().saturating_sub(SHOWN);
    broken.truncate(SHOWN);
    let at_least =
        if more > MOST_VIOLATIONS.saturating_sub(SHOWN.saturating_add(1)) { "at least " } else { "" };
    let more = if more > 0 { format!("; and {at_least}{more} more") } else { String::new() };
    Some(format!("the arguments break the declaration of `{}`: {}{more}", action.tool(), broken.join("; ")))
}

/// The parameters of the action that a person should see first: required ones, then those that made the decision.
pub(crate) fn key_params(
    enforced: &[&Policy],
    basis: &Basis<'_>,
    risk: &Assessment<'_>,
    action: &Action,
) -> Vec<String> {
    /// A rule that looks at more parameters than this says nothing about which of them matter.
    const MOST: usize = 16;
    let Some(params) = action.params().as_object() else { return Vec::new() };
    let mut names: Vec<&str> = Vec::new();
    let declared = enforced.iter().filter_map(|policy| policy.tools.get(action.tool()));
    for (name, spec) in declared.flat_map(|tool| &tool.params) {
        if spec.required {
            names.push(name);
        }
    }
    if let Some((_, rule)) = basis.rule {
        rule.matcher.each_param(&mut |name| names.push(name));
    }
    for rule in &risk.rules {
        rule.when.each_param(&mut |name| names.push(name));
    }
    let mut shown: Vec<String> = Vec::new();
    for name in names {
        if shown.len() < MOST && params.get(name).is_some() && !shown.iter().any(|one| one == name) {
            shown.push(name.to_owned());
        }
    }
    shown
}
