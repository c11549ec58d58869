//! Deciding: the page to read first.
//!
//! A file's rules are asked in order; the first that matches gives the file's opinion. A rule that cannot be
//! evaluated might apply, so it counts when it restricts and does not count when it permits. Among files the
//! strictest opinion wins. Risk comes last and makes an outcome stricter, never looser.

use crate::RUNTIME_VERSION;
use crate::action::Action;
use crate::canonical::{Canonical, NotJson};
use crate::decision::{ApprovalRequirement, Decision, Outcome, Quorum, ReasonCode, ShadowOpinion};
use crate::hash::{RawHash, RequestHash};
use crate::json::{self, JsonError};
use crate::opinion::{Opinion, counted_risk_rules, opinion_of};
use crate::order;
use crate::policy::condition::Input;
use crate::policy::tool::MOST_VIOLATIONS;
use crate::policy::{Mode, Policy, PolicySet, RiskRule};
use crate::risk::{RiskLevel, RiskScore, Thresholds};
use crate::state::{State, Verdict};
use crate::value::Value;

/// A decision with what a record needs beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The canonical action; none when it could not be read.
    pub action: Option<Canonical>,
    /// The decision.
    pub decision: Decision,
    /// Why the action could not be read.
    pub error: Option<JsonError>,
    /// The part of the state that was consulted.
    pub state: State,
}

/// Decides the action in `bytes`: the whole road from what came over the wire.
///
/// Total: bytes that are no action have a decision too, and it is `HALT`.
pub fn decide_bytes(policies: &PolicySet, bytes: &[u8], state: &State) -> Answer {
    answer(policies, Action::parse(bytes, json::MAX_BYTES), bytes, state)
}

/// Decides an action again from its canonical form, as it stands in a record.
pub fn decide_recorded(policies: &PolicySet, canonical: &[u8], state: &State) -> Answer {
    answer(policies, Action::parse_canonical(canonical), canonical, state)
}

fn answer(policies: &PolicySet, action: Result<Action, JsonError>, bytes: &[u8], state: &State) -> Answer {
    match action {
        Ok(action) => {
            let decision = decide(policies, &action, state);
            let state = consulted(policies, state);
            Answer { action: Some(action.canonical().clone()), decision, error: None, state }
        }
        Err(error) => {
            let state = consulted(policies, state);
            let reason = format!("the action cannot be read: {error}");
            let basis = Basis { code: ReasonCode::InvalidAction, reason, ..Basis::halt() };
            let mut decision = basis.decision(policies, None, &state, &Risk::none());
            decision.raw_hash = Some(RawHash::of(bytes));
            Answer { action: None, decision, error: Some(error), state }
        }
    }
}

/// Decides `action` under `policies`, given `state`.
///
/// Total and deterministic: every action has a decision, and the same input gives the same one on every host.
pub fn decide(policies: &PolicySet, action: &Action, state: &State) -> Decision {
    let state = consulted(policies, state);
    let input = Input::new(action, state.now);
    let spoken: Vec<&Policy> =
        policies.policies().iter().filter(|p| p.speaks_of(action.agent_id(), &input.meter)).collect();
    let (shadow, enforced): (Vec<&Policy>, Vec<&Policy>) =
        spoken.into_iter().partition(|p| p.mode == Mode::Shadow);

    let opinions: Vec<Opinion<'_>> = enforced.iter().map(|policy| opinion_of(policy, &input)).collect();
    let mut risk = Risk::of(&enforced, &opinions, &input);

    // INVARIANT: only a matching rule can open the gate. Risk is looked at after this line, so policies that say
    // nothing about an action halt it whatever their risk sections say.
    let basis = if policies.policies().is_empty() {
        Basis {
            code: ReasonCode::NoPolicy,
            reason: "there is no policy, so nothing is permitted".into(),
            ..Basis::halt()
        }
    } else if let Some(broken) = invalid_params(&enforced, &input) {
        Basis { code: ReasonCode::InvalidParams, reason: broken, ..Basis::halt() }
    } else {
        strictest(&opinions, action).tightened_by(&risk)
    };
    // INVARIANT: after the last step nothing that was found out counts, since more steps might have found more.
    let basis = if input.meter.is_spent() {
        risk = Risk::none();
        let reason = "deciding this takes more work than a decision may: too many or too large patterns for \
                      arguments of this size";
        Basis { code: ReasonCode::EngineLimit, reason: reason.into(), ..Basis::halt() }
    } else {
        basis
    };

    let basis = basis.after_approval(&state);
    let key_params = key_params(&enforced, &basis, &risk, action);
    let mut decision = basis.decision(policies, Some(action.request_hash()), &state, &risk);
    decision.key_params = key_params;
    decision.shadow = shadow.into_iter().map(|policy| shadow_opinion(policy, &input)).collect();
    decision
}

/// What no policy in force reads is not part of a decision: the time only where a rule looks at it.
fn consulted(policies: &PolicySet, state: &State) -> State {
    State { approval: state.approval.clone(), now: state.now.filter(|_| policies.reads_time()) }
}

/// The strictest of all opinions; with none at all, or with floors alone, `HALT`.
fn strictest<'p>(opinions: &[Opinion<'p>], action: &Action) -> Basis<'p> {
    let mut all: Vec<Basis<'p>> = opinions.iter().filter_map(Opinion::basis).collect();
    if opinions.iter().all(|opinion| opinion.matched.is_none()) {
        let denying = all.into_iter().find(|floor| floor.outcome == Outcome::Halt);
        return denying.unwrap_or_else(|| Basis::default_deny(action, opinions));
    }
    // The first of the equally strict wins: a rule that matches before one that cannot be told, then by the files'
    // names, in whose order the opinions come.
    order::sort_by(&mut all, |one, other| one.is_floor().cmp(&other.is_floor()));
    let requirement = ApprovalRequirement::of_all(all.iter().filter_map(|basis| basis.approval.as_ref()));
    let strictest =
        all.into_iter().reduce(|first, next| if next.outcome > first.outcome { next } else { first });
    let mut strictest = strictest.unwrap_or_else(|| Basis::default_deny(action, opinions));
    strictest.approval = requirement.filter(|_| strictest.outcome == Outcome::Abstain);
    strictest
}

/// The parameters of the action that a person should see first: required ones, then those that made the decision.
fn key_params(enforced: &[&Policy], basis: &Basis<'_>, risk: &Risk<'_>, action: &Action) -> Vec<String> {
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

/// What breaks the declarations of the action's tool, as a sentence.
fn invalid_params(enforced: &[&Policy], input: &Input<'_>) -> Option<String> {
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

/// What a decision is made of, until the risk and the approval have had their say.
#[derive(Debug, Clone)]
pub(crate) struct Basis<'p> {
    pub(crate) outcome: Outcome,
    pub(crate) code: ReasonCode,
    pub(crate) reason: String,
    pub(crate) rule: Option<(&'p Policy, &'p crate::policy::Rule)>,
    pub(crate) approval: Option<ApprovalRequirement>,
}

impl<'p> Basis<'p> {
    fn halt() -> Self {
        Basis {
            outcome: Outcome::Halt,
            code: ReasonCode::DefaultDeny,
            reason: String::new(),
            rule: None,
            approval: None,
        }
    }

    /// Whether a rule that cannot be evaluated made it.
    fn is_floor(&self) -> bool {
        matches!(self.code, ReasonCode::UndeterminedDeny | ReasonCode::UndeterminedRequireApproval)
    }

    fn default_deny(action: &Action, opinions: &[Opinion<'_>]) -> Self {
        let mut reason = format!("no rule permits `{}` with these arguments", action.tool());
        if let Some(near) = opinions.iter().find_map(Opinion::near_miss) {
            reason += "; ";
            reason += &near;
        }
        Basis { reason, ..Basis::halt() }
    }

    /// Risk holds what a rule allows, or denies it; it never loosens.
    fn tightened_by(self, risk: &Risk<'_>) -> Self {
        let reaches = |threshold: Option<RiskLevel>| threshold.is_some_and(|from| risk.level >= from);
        let (outcome, code, verb) = if reaches(risk.thresholds.deny_at) {
            (Outcome::Halt, ReasonCode::RiskDeny, "denied")
        } else if reaches(risk.thresholds.require_approval_at) {
            (Outcome::Abstain, ReasonCode::RiskRequireApproval, "held")
        } else {
            return self;
        };
        if self.outcome >= outcome {
            return self;
        }
        let names =
            if risk.rules.is_empty() { "the rule's own risk".to_owned() } else { risk.names().join(", ") };
        let reason = format!("{}; {verb} because risk is {} ({names})", self.reason, risk.level.as_str());
        let approval = (outcome == Outcome::Abstain).then(ApprovalRequirement::anybody);
        Basis { outcome, code, reason, approval, ..self }
    }

    /// A new pass with an approval: what is then `EXECUTE`, or `ABSTAIN` with enough people behind it, executes.
    fn after_approval(self, state: &State) -> Self {
        let Some(approval) = &state.approval else { return self };
        if self.outcome == Outcome::Halt {
            return self;
        }
        let said = approval.reason.as_ref().map_or_else(String::new, |said| format!(": {said}"));
        let names: Vec<&str> = approval.approvers.iter().map(|one| one.principal.as_str()).collect();
        let by = if names.is_empty() { String::new() } else { format!(" by {}", names.join(", ")) };
        match approval.verdict {
            Verdict::Granted => {
                let met = self.approval.as_ref().is_none_or(|wanted| wanted.met_by(&approval.approvers));
                if !met {
                    let reason = format!("{}; more approvals are needed", self.reason);
                    return Basis { reason, ..self };
                }
                let reason = format!("approved{by}{said}");
                Basis {
                    outcome: Outcome::Execute,
                    code: ReasonCode::ApprovalGranted,
                    reason,
                    approval: None,
                    ..self
                }
            }
            Verdict::Rejected => {
                let reason = format!("rejected{by}{said}");
                Basis {
                    outcome: Outcome::Halt,
                    code: ReasonCode::ApprovalRejected,
                    reason,
                    approval: None,
                    ..self
                }
            }
            Verdict::Expired => {
                let reason = "nobody approved it in time".to_owned();
                Basis {
                    outcome: Outcome::Halt,
                    code: ReasonCode::ApprovalExpired,
                    reason,
                    approval: None,
                    ..self
                }
            }
        }
    }

    fn decision(
        self,
        policies: &PolicySet,
        request_hash: Option<RequestHash>,
        state: &State,
        risk: &Risk<'_>,
    ) -> Decision {
        Decision {
            approval: self.approval,
            decision: self.outcome.effect(),
            key_params: Vec::new(),
            outcome: self.outcome,
            policy_hash: policies.policy_hash(),
            provenance_id: policies.provenance().id(request_hash, state),
            raw_hash: None,
            reason: self.reason,
            reason_code: self.code,
            request_hash,
            risk_level: risk.level,
            risk_rules: risk.names(),
            risk_score: risk.score,
            rule: self.rule.map(|(policy, rule)| rule.reference(policy)),
            runtime_version: RUNTIME_VERSION.to_owned(),
            shadow: Vec::new(),
        }
    }
}

/// The second control: what the risk rules of all files add up to.
#[derive(Debug)]
struct Risk<'p> {
    score: RiskScore,
    level: RiskLevel,
    /// The rules that counted.
    rules: Vec<&'p RiskRule>,
    thresholds: Thresholds,
}

impl<'p> Risk<'p> {
    fn none() -> Self {
        let score = RiskScore::ZERO;
        Risk { score, level: score.level(), rules: Vec::new(), thresholds: Thresholds::NEVER }
    }

    fn of(policies: &[&'p Policy], opinions: &[Opinion<'_>], input: &Input<'_>) -> Self {
        let mut risk = Risk::none();
        for policy in policies {
            risk.thresholds = risk.thresholds.stricter(policy.thresholds);
            for rule in counted_risk_rules(policy, input) {
                risk.score = risk.score.plus(rule.score);
                risk.rules.push(rule);
            }
        }
        // A rule's own risk is a least, not an addition; one that might apply might carry its risk.
        let own = opinions.iter().filter_map(|opinion| opinion.own_risk).max();
        risk.score = own.map_or(risk.score, |level| risk.score.max(level.score()));
        risk.level = risk.score.level();
        risk
    }

    fn names(&self) -> Vec<String> {
        self.rules.iter().map(|rule| rule.name.clone()).collect()
    }
}

/// What a shadow file would have said, alone.
fn shadow_opinion(policy: &Policy, input: &Input<'_>) -> ShadowOpinion {
    let opinion = opinion_of(policy, input);
    let broken = invalid_params(&[policy], input);
    let opinions = [opinion];
    let risk = Risk::of(&[policy], &opinions, input);
    let basis = match broken {
        Some(reason) => Some(Basis { code: ReasonCode::InvalidParams, reason, ..Basis::halt() }),
        None => opinions.iter().find_map(Opinion::basis),
    };
    let basis = basis.map(|basis| basis.tightened_by(&risk));
    if input.meter.is_spent() {
        return ShadowOpinion {
            outcome: Some(Outcome::Halt),
            policy: policy.file.clone(),
            reason_code: Some(ReasonCode::EngineLimit),
            risk_score: RiskScore::ZERO,
            rule: None,
        };
    }
    ShadowOpinion {
        outcome: basis.as_ref().map(|basis| basis.outcome),
        policy: policy.file.clone(),
        reason_code: basis.as_ref().map(|basis| basis.code),
        risk_score: risk.score,
        rule: basis.and_then(|basis| basis.rule).map(|(policy, rule)| rule.reference(policy)),
    }
}

impl Answer {
    /// `{"action":…|null,"decision":{…},"error"?:{…},"state":{…}}`
    ///
    /// # Errors
    /// Never for an answer of [`decide_bytes`]: all its parts have a JSON form.
    pub fn canonical(&self) -> Result<Canonical, NotJson> {
        let null = Canonical::of(&Value::Null);
        let decision = Canonical::serialize(&self.decision)?;
        let error = self.error.as_ref().map(Canonical::serialize).transpose()?;
        let state = self.state.canonical();
        let mut parts = vec![
            ("action", self.action.as_ref().unwrap_or(&null)),
            ("decision", &decision),
            ("state", &state),
        ];
        parts.extend(error.as_ref().map(|error| ("error", error)));
        Ok(Canonical::object(&parts))
    }
}

impl ApprovalRequirement {
    /// One person, whoever may approve.
    fn anybody() -> Self {
        ApprovalRequirement { expires_ms: None, requires: vec![Quorum { approvers: 1, roles: Vec::new() }] }
    }

    /// What meets every one of them, so that a second file can only ask for more.
    pub(crate) fn of_all<'a>(wanted: impl Iterator<Item = &'a ApprovalRequirement>) -> Option<Self> {
        wanted.cloned().reduce(|mut sum, next| {
            for quorum in next.requires {
                if !sum.requires.contains(&quorum) {
                    sum.requires.push(quorum);
                }
            }
            sum.expires_ms = match (sum.expires_ms, next.expires_ms) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
            sum
        })
    }

    /// Whether the approval of a person with these roles counts toward any of it.
    pub fn asks(&self, roles: &[String]) -> bool {
        self.requires.is_empty() || self.requires.iter().any(|quorum| quorum.asks(roles))
    }

    /// Whether so many different people with the right roles have said yes.
    pub fn met_by(&self, approvers: &[crate::state::Approver]) -> bool {
        self.requires.iter().all(|quorum| {
            // INVARIANT: a person is a key and not a name. Names without a key are people of their own, one each.
            let mut people: Vec<(Option<&str>, &str)> = approvers
                .iter()
                .filter(|one| quorum.asks(&one.roles))
                .map(|one| one.key_id.as_deref().map_or((None, one.principal.as_str()), |id| (Some(id), "")))
                .collect();
            order::sort_by(&mut people, Ord::cmp);
            people.dedup();
            u32::try_from(people.len()).unwrap_or(u32::MAX) >= quorum.approvers
        })
    }
}

impl Quorum {
    /// Whether a person with these roles counts.
    pub fn asks(&self, roles: &[String]) -> bool {
        self.roles.is_empty() || self.roles.iter().any(|role| roles.contains(role))
    }
}
