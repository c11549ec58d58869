//! `faramesh policy decide`: actions in, the engine's decisions out, byte for byte.

use std::path::{Path, PathBuf};

use clap::Args;
use engine::decision::{Decision, ShadowOpinion};
use runtime::Instance;

use crate::described::Described;
use crate::exit::{Exit, Failure, Outcome};
use crate::offline::{self, PolicyFiles};
use crate::screen::{Format, Screen};
use crate::{input, table, text};

/// The options of `policy decide` and `policy explain`.
#[derive(Debug, Args)]
pub(crate) struct Source {
    /// A folder of policies, or one policy; `-` reads it from standard input [default: FARAMESH_POLICIES, else `policies`]
    #[arg(long, value_name = "DIR|FILE")]
    policies: Option<PathBuf>,

    /// The action as JSON, or one per line if the name ends in `.jsonl`; `-` reads standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = Described::IDS, help_heading = "Action")]
    action: Option<String>,

    #[command(flatten)]
    described: Described,

    /// The state as JSON, such as `{"now": 1795348800000}`
    #[arg(long, value_name = "FILE")]
    state: Option<String>,
}

/// Arguments of `policy decide`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  faramesh policy decide --agent support-1 --tool process_refund --param amount=45
  faramesh policy decide --policies policies/starter.yaml --action action.json

Exit codes: 0 EXECUTE, 3 ABSTAIN, 1 HALT; with many actions the strictest")]
pub(crate) struct Decide {
    #[command(flatten)]
    source: Source,
}

/// A question to the engine, ready to be asked.
pub(crate) struct Question {
    pub(crate) engine: Instance,
    pub(crate) handle: u32,
    pub(crate) actions: input::Actions,
    pub(crate) state: Vec<u8>,
}

impl Source {
    /// Reads everything and loads the policies.
    ///
    /// # Errors
    /// When a file cannot be read, or the policies have errors.
    pub(crate) fn question(&self, screen: &Screen) -> Result<Question, Failure> {
        let actions = self.described.or_read(self.action.as_deref(), "name a file with `--action`")?;
        let state = self.state.as_deref().map(input::read).transpose()?.unwrap_or_default();
        engine::state::State::parse(state.trim_ascii())
            .map_err(|error| Failure::usage(format!("the state cannot be read: {error}")))?;
        let path = self.policies.clone().unwrap_or_else(offline::policies_setting);
        let files = if path == Path::new("-") || path.is_file() {
            PolicyFiles::of_files(&[path])?
        } else {
            PolicyFiles::of_folder(&path)?
        };
        let mut engine = offline::engine()?;
        let handle = files.load(&mut engine, screen)?;
        Ok(Question { engine, handle, actions, state: state.trim_ascii().to_vec() })
    }
}

pub(crate) fn run(args: &Decide, screen: &Screen) -> Outcome {
    let mut question = args.source.question(screen)?;
    let mut strictest = None;
    let mut values = Vec::new();
    for action in question.actions.documents() {
        let verdict = question.engine.decide(question.handle, action, &question.state);
        let verdict = verdict.map_err(|error| offline::engine_failure(&error))?;
        let printed = verdict.decision.get();
        let decision: Decision =
            serde_json::from_str(printed).map_err(|error| offline::unreadable_answer(&error))?;
        strictest =
            Some(strictest.map_or(decision.outcome, |strictest| decision.outcome.stricter(strictest)));
        match screen.format() {
            Format::Json | Format::Jsonl => screen.json(printed)?,
            Format::Yaml => values.push(serde_json::to_value(&decision).unwrap_or_default()),
            Format::Table => {
                if question.actions.is_lines() {
                    screen.data(&line(screen, &decision))?;
                } else {
                    screen.data(&describe(screen, &decision))?;
                }
            }
        }
    }
    if let (Format::Yaml, [one]) = (screen.format(), values.as_slice())
        && !question.actions.is_lines()
    {
        screen.value(one)?;
    } else if screen.format() == Format::Yaml {
        screen.list(&values)?;
    }
    // No action at all permits nothing.
    strictest.map(Exit::of).ok_or_else(|| Failure::usage("there is no action in the file"))
}

/// A decision on one line.
fn line(screen: &Screen, decision: &Decision) -> String {
    let outcome = decision.outcome;
    let badge = screen.paint().outcome(outcome, &format!("{:9}", screen.badge(outcome)));
    let (level, score) = (decision.risk_level.as_str(), decision.risk_score.get());
    format!("{badge}  {}  {level} {score}  {}", rule(decision), text::visible(&decision.reason))
}

/// The rule's id, or the reason code where no rule decided.
pub(crate) fn rule(decision: &Decision) -> String {
    let code = || decision.reason_code.as_str().to_owned();
    decision.rule.as_ref().map_or_else(code, |rule| text::visible(&rule.id))
}

/// A decision in full, for people.
pub(crate) fn describe(screen: &Screen, decision: &Decision) -> String {
    let outcome = decision.outcome;
    let mut facts = vec![
        ("outcome", screen.paint().outcome(outcome, &screen.badge(outcome))),
        ("reason", text::visible(&decision.reason)),
        ("reason_code", decision.reason_code.as_str().to_owned()),
        ("rule", rule_place(decision)),
        ("risk", risk(decision)),
    ];
    facts.extend(decision.shadow.iter().map(|opinion| ("shadow", shadow_line(opinion))));
    let hash = decision.request_hash.map_or_else(|| "-".to_owned(), |hash| hash.to_string());
    facts.push(("request_hash", hash));
    facts.extend(decision.raw_hash.map(|hash| ("raw_hash", hash.to_string())));
    facts.push(("policy_hash", decision.policy_hash.to_string()));
    facts.push(("provenance_id", decision.provenance_id.to_string()));
    table::facts(screen, &facts)
}

/// `small-refunds (support-agent.yaml:15)`.
pub(crate) fn rule_place(decision: &Decision) -> String {
    let Some(rule) = &decision.rule else { return "-".to_owned() };
    format!("{} ({}:{})", text::visible(&rule.id), text::visible(&rule.policy), rule.line)
}

/// `high, score 70 (large-financial-action)`.
pub(crate) fn risk(decision: &Decision) -> String {
    let (level, score) = (decision.risk_level.as_str(), decision.risk_score.get());
    let names: Vec<_> = decision.risk_rules.iter().map(|name| text::visible(name)).collect();
    if names.is_empty() {
        format!("{level}, score {score}")
    } else {
        format!("{level}, score {score} ({})", names.join(", "))
    }
}

/// `HALT by new.yaml (policy_deny)`.
fn shadow_line(opinion: &ShadowOpinion) -> String {
    let outcome = opinion.outcome.map_or("no opinion", |outcome| outcome.as_str());
    let code = opinion.reason_code.map_or("-", |code| code.as_str());
    format!("{outcome} by {} ({code})", text::visible(&opinion.policy))
}
