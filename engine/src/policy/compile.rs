//! From the bytes of one file to a [`Policy`], with every finding on the way.

use std::collections::BTreeMap;

use super::condition::{ConditionKind, Match};
use super::keywords::{LEVELS, MAX_APPROVERS, MAX_SCORE, THRESHOLDS};
use super::matcher::{self, Surroundings};
use super::reader::{Reader, entry, shown, written};
use super::tool::ToolDecl;
use super::yaml::{self, Entry, Kind, Node};
use super::{MAX_RULES, Mode, Policy, RiskRule, Rule, keywords, tools};
use crate::decision::Effect;
use crate::diagnostic::{self, Diagnostic, Finding};
use crate::hash::FileHash;
use crate::order;
use crate::quorum::Quorum;
use crate::risk::{RiskScore, Thresholds};
use crate::span::{LineIndex, Span};

/// Reads and checks one file. The policy is there only when no finding is an error.
pub(super) fn file(name: &str, bytes: &[u8], hash: FileHash) -> (Option<Policy>, Vec<Diagnostic>) {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let good = std::str::from_utf8(bytes.get(..error.valid_up_to()).unwrap_or_default());
            let at = error.valid_up_to();
            let finding = diagnostic::not_utf8(Span { start: at, end: at });
            return (None, vec![finding.located(name, &LineIndex::new(good.unwrap_or_default()))]);
        }
    };
    let lines = LineIndex::new(text);
    let located = |findings: Vec<Finding>| {
        let mut all: Vec<Diagnostic> =
            findings.into_iter().map(|finding| finding.located(name, &lines)).collect();
        order::sort_by(&mut all, |one, other| one.span.cmp(&other.span));
        all
    };
    let document = match yaml::parse(text) {
        Ok(document) => document,
        Err(finding) => return (None, located(vec![finding])),
    };
    let mut compiler = Compiler {
        reader: Reader { findings: document.warnings },
        lines: &lines,
        policy: Policy {
            file: name.to_owned(),
            hash,
            name: stem(name).to_owned(),
            description: None,
            agents: Vec::new(),
            mode: Mode::Enforce,
            tools: BTreeMap::new(),
            rules: Vec::new(),
            risk_rules: Vec::new(),
            thresholds: Thresholds::STANDARD,
            reads_time: false,
        },
    };
    match &document.root {
        Some(root) => {
            compiler.reader.no_control_characters(root);
            compiler.root(root);
        }
        // A file that was cut to nothing must not replace the policy in force.
        None => compiler.reader.report(diagnostic::not_a_policy(Span::default(), "an empty file")),
    }
    let Compiler { reader, mut policy, .. } = compiler;
    policy.reads_time = policy.rules.iter().map(|rule| &rule.matcher).any(reads_time)
        || policy.risk_rules.iter().map(|rule| &rule.when).any(reads_time);
    let sound = !reader.findings.iter().any(Finding::is_error);
    (sound.then_some(policy), located(reader.findings))
}

fn stem(name: &str) -> &str {
    name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml")).unwrap_or(name)
}

fn reads_time(matcher: &Match) -> bool {
    matcher.conditions.iter().any(|condition| match &condition.kind {
        ConditionKind::Time(_) => true,
        ConditionKind::Any(matches) | ConditionKind::All(matches) => matches.iter().any(reads_time),
        ConditionKind::Not(inner) => reads_time(inner),
        ConditionKind::Name(..)
        | ConditionKind::Value { .. }
        | ConditionKind::Contains(_)
        | ConditionKind::Pattern(_) => false,
    })
}

struct Compiler<'a> {
    reader: Reader,
    lines: &'a LineIndex<'a>,
    policy: Policy,
}

impl Compiler<'_> {
    fn root(&mut self, root: &Node) {
        let Kind::Map(entries) = &root.kind else {
            self.reader.report(diagnostic::not_a_policy(root.span, root.described()));
            return;
        };
        for one in entries.iter().filter(|one| one.key != "limits") {
            self.reader.is_known(one, &keywords::POLICY, "a policy");
        }
        if let Some(limits) = entry(entries, "limits") {
            self.reader.report(diagnostic::unsupported_limits(limits.key_span));
        }
        // Tools first: rules are checked against them.
        if let Some(one) = entry(entries, "tools") {
            self.policy.tools = tools::read(&mut self.reader, &one.value);
        }
        for one in entries {
            let (key, node) = (one.key.as_str(), &one.value);
            match key {
                "version" => self.version(node),
                "name" => {
                    if let Some(name) = self.reader.name(node, key) {
                        self.policy.name = name.to_owned();
                    }
                }
                "description" => {
                    self.policy.description = self.reader.text(node, key, "a text").map(str::to_owned);
                }
                "agents" => self.policy.agents = self.reader.globs(node, key).unwrap_or_default(),
                "mode" => {
                    if let Some(mode) = self.reader.word(node, key, &keywords::MODES) {
                        self.policy.mode = mode;
                    }
                }
                "rules" => self.rules(node),
                "risk" => self.risk(node),
                _ => {}
            }
        }
    }

    fn version(&mut self, node: &Node) {
        match node.kind {
            Kind::Number(1.0) => {}
            Kind::Nothing => self.reader.report(diagnostic::missing_value(node.span, "version", "`1`")),
            Kind::Null | Kind::Bool(_) | Kind::Text(_) | Kind::List(_) | Kind::Map(_) => {
                let help = "write `version: 1`".to_owned();
                let _: Option<()> = self.reader.wrong_with(node, "version", "the number 1", help);
            }
            Kind::Number(_) => self.reader.report(diagnostic::unsupported_version(node.span, &shown(node))),
        }
    }

    fn rules(&mut self, node: &Node) {
        if matches!(node.kind, Kind::Nothing) {
            let takes = "a list of rules, or `[]` to deny everything";
            self.reader.report(diagnostic::missing_value(node.span, "rules", takes));
            return;
        }
        let Some(items) = self.reader.list(node, "rules", "a list of rules") else { return };
        if items.len() > MAX_RULES {
            self.reader.report(diagnostic::too_many_rules(node.span, items.len(), MAX_RULES));
            return;
        }
        let declared = std::mem::take(&mut self.policy.tools);
        let mut first_lines: BTreeMap<String, usize> = BTreeMap::new();
        for (index, item) in items.iter().enumerate() {
            let Some(rule) = self.rule(item, index, &declared) else { continue };
            match first_lines.get(&rule.id) {
                Some(line) => {
                    let span = id_span(item);
                    self.reader.report(diagnostic::duplicate_id(span, &rule.id, *line));
                }
                None => _ = first_lines.insert(rule.id.clone(), as_usize(rule.line)),
            }
            self.policy.rules.push(rule);
        }
        self.policy.tools = declared;
    }

    fn line(&self, node: &Node) -> u32 {
        u32::try_from(self.lines.position(node.span.start).line).unwrap_or(u32::MAX)
    }

    fn rule(&mut self, node: &Node, index: usize, declared: &BTreeMap<String, ToolDecl>) -> Option<Rule> {
        let entries = self.reader.map(node, "a rule", "a mapping with `match` and an effect")?;
        let mut keys_known = true;
        for one in entries {
            keys_known &= match rule_slip(one, entries) {
                Some(help) => {
                    self.reader.report(diagnostic::unknown_key(one.key_span, &one.key, "a rule", Some(help)));
                    false
                }
                None => self.reader.is_known(one, &keywords::RULE, "a rule"),
            };
        }
        let named: Vec<(Effect, &Entry)> = keywords::EFFECTS
            .iter()
            .filter_map(|effect| Some((*effect, entry(entries, effect.as_str())?)))
            .collect();
        let effect = match named.as_slice() {
            [] => {
                // A misspelt effect was reported as an unknown key already.
                if keys_known {
                    self.reader.report(diagnostic::missing_effect(first_line_span(node, entries)));
                }
                None
            }
            [(effect, one)] => self.effect(*effect, one),
            [_, (_, second), ..] => {
                let words: Vec<&str> = named.iter().map(|(effect, _)| effect.as_str()).collect();
                self.reader.report(diagnostic::conflicting_effects(second.key_span, &words));
                None
            }
        };
        let permits = matches!(named.as_slice(), [(Effect::Allow, _)]);
        let around = Surroundings { permits, depth: 0, declared, tools: Vec::new() };
        let matcher = match entry(entries, "match") {
            Some(one) => matcher::read(&mut self.reader, &one.value, "match", &around),
            // It is there under another name, which was reported.
            None if entries.iter().any(|one| MATCH_SLIPS.contains(&one.key.as_str())) => None,
            None => {
                let help = "say which actions the rule is about, such as `match: { tool: send_email }`";
                let span = first_line_span(node, entries);
                self.reader.report(diagnostic::missing_key(span, "match", "a rule", help));
                None
            }
        };
        let mut text = |key: &str| {
            let one = entry(entries, key)?;
            self.reader.text(&one.value, key, "a text").map(str::to_owned)
        };
        let (description, reason) = (text("description"), text("reason"));
        let id = match entry(entries, "id") {
            Some(one) => self.reader.name(&one.value, "id")?.to_owned(),
            None => format!("rule-{}", index.saturating_add(1)),
        };
        let risk = match entry(entries, "risk") {
            Some(one) => Some(self.reader.word(&one.value, "risk", &LEVELS)?),
            None => None,
        };
        let (effect, quorum, expires_ms) = effect?;
        let line = self.line(node);
        Some(Rule {
            id,
            line,
            span: first_line_span(node, entries),
            matcher: matcher?,
            effect,
            quorum,
            expires_ms,
            description,
            reason,
            risk,
        })
    }

    fn effect(&mut self, effect: Effect, one: &Entry) -> Option<(Effect, Quorum, Option<u64>)> {
        let anybody = Quorum { approvers: 1, roles: Vec::new() };
        match (&one.value.kind, effect) {
            (Kind::Bool(true), _) => Some((effect, anybody, None)),
            (Kind::Bool(false), _) => {
                self.reader.report(diagnostic::effect_false(one.value.span, effect.as_str()));
                None
            }
            (Kind::Map(entries), Effect::RequireApproval) => {
                let (quorum, expires_ms) = self.approval(entries, &one.value)?;
                Some((effect, quorum, expires_ms))
            }
            (Kind::Nothing, _) => {
                self.reader.report(diagnostic::missing_value(one.key_span, effect.as_str(), "`true`"));
                None
            }
            (_, Effect::RequireApproval) => {
                let takes = "`true` or a mapping such as `{ approvers: 2 }`";
                let help = "write `require_approval: true`, or `require_approval: { approvers: 2, roles: [finance] }`";
                self.reader.wrong_with(&one.value, effect.as_str(), takes, help.to_owned())
            }
            (_, Effect::Allow | Effect::Deny) => {
                let word = effect.as_str();
                let help = match &one.value.kind {
                    Kind::Text(text) if !EFFECT_LIKE.contains(&text.as_str()) => {
                        format!("write `{word}: true`, and `reason: {}`", written(&one.value))
                    }
                    _ => format!("write `{word}: true`"),
                };
                self.reader.wrong_with(&one.value, word, "`true`", help)
            }
        }
    }

    fn approval(&mut self, entries: &[Entry], node: &Node) -> Option<(Quorum, Option<u64>)> {
        let known = self.reader.only(entries, &keywords::APPROVAL, "`require_approval`");
        if entries.is_empty() {
            let message = "`require_approval` says nothing".to_owned();
            self.reader.report(diagnostic::invalid(node.span, message, "write `require_approval: true`"));
            return None;
        }
        let mut quorum = Quorum { approvers: 1, roles: Vec::new() };
        let mut expires_ms = None;
        for one in entries {
            match one.key.as_str() {
                "approvers" => {
                    quorum.approvers = self.reader.whole(&one.value, "approvers", 1, MAX_APPROVERS)?
                }
                "roles" => {
                    let takes = "a list of roles";
                    self.reader.list(&one.value, "roles", takes)?;
                    let roles = self.reader.texts(&one.value, "roles", takes)?;
                    quorum.roles = roles.into_iter().map(|(role, _)| role.to_owned()).collect();
                    order::sort_by(&mut quorum.roles, Ord::cmp);
                    quorum.roles.dedup();
                }
                "expires" => expires_ms = Some(self.reader.duration_ms(&one.value, "expires")?),
                _ => {}
            }
        }
        known.then_some((quorum, expires_ms))
    }

    fn risk(&mut self, node: &Node) {
        let takes = "a mapping with `rules` and thresholds";
        let Some(entries) = self.reader.map(node, "risk", takes) else { return };
        self.reader.only(entries, &keywords::RISK, "`risk`");
        for one in entries {
            match one.key.as_str() {
                "require_approval_at" => {
                    if let Some(level) = self.reader.word(&one.value, &one.key, &THRESHOLDS) {
                        self.policy.thresholds.require_approval_at = level;
                    }
                }
                "deny_at" => {
                    if let Some(level) = self.reader.word(&one.value, &one.key, &THRESHOLDS) {
                        self.policy.thresholds.deny_at = level;
                    }
                }
                "rules" => self.risk_rules(&one.value),
                _ => {}
            }
        }
    }

    fn risk_rules(&mut self, node: &Node) {
        let Some(items) = self.reader.list(node, "rules", "a list of risk rules") else { return };
        if items.len() > MAX_RULES {
            self.reader.report(diagnostic::too_many_rules(node.span, items.len(), MAX_RULES));
            return;
        }
        let declared = std::mem::take(&mut self.policy.tools);
        let mut first_lines: BTreeMap<String, usize> = BTreeMap::new();
        for item in items {
            let Some(rule) = self.risk_rule(item, &declared) else { continue };
            match first_lines.get(&rule.name) {
                Some(line) => {
                    self.reader.report(diagnostic::duplicate_id(id_span(item), &rule.name, *line));
                }
                None => _ = first_lines.insert(rule.name.clone(), as_usize(rule.line)),
            }
            self.policy.risk_rules.push(rule);
        }
        self.policy.tools = declared;
    }

    fn risk_rule(&mut self, node: &Node, declared: &BTreeMap<String, ToolDecl>) -> Option<RiskRule> {
        let takes = "a mapping with `when` and `risk_level` or `score`";
        let entries = self.reader.map(node, "a risk rule", takes)?;
        let keys_known = self.reader.only(entries, &keywords::RISK_RULE, "a risk rule");
        let name = match entry(entries, "name") {
            Some(one) => self.reader.name(&one.value, "name")?.to_owned(),
            None => {
                let help = "give it one: decisions name the risk rules that counted";
                let span = first_line_span(node, entries);
                self.reader.report(diagnostic::missing_key(span, "name", "a risk rule", help));
                return None;
            }
        };
        if let Some(one) = entry(entries, "description") {
            self.reader.text(&one.value, "description", "a text")?;
        }
        let around = Surroundings { permits: false, depth: 0, declared, tools: Vec::new() };
        let span = first_line_span(node, entries);
        let when = match entry(entries, "when") {
            Some(one) => matcher::read(&mut self.reader, &one.value, "when", &around),
            None => {
                let help = "say which actions it counts for, such as `when: { tool: send_email }`";
                self.reader.report(diagnostic::missing_key(span, "when", "a risk rule", help));
                None
            }
        };
        let score = match (entry(entries, "risk_level"), entry(entries, "score")) {
            (Some(level), None) => Some(self.reader.word(&level.value, "risk_level", &LEVELS)?.score()),
            (None, Some(score)) => {
                let whole = self.reader.whole(&score.value, "score", 1, MAX_SCORE)?;
                u8::try_from(whole).ok().and_then(RiskScore::new)
            }
            (Some(_), Some(score)) => {
                self.reader.report(diagnostic::risk_effects(score.key_span));
                None
            }
            (None, None) => {
                if keys_known {
                    self.reader.report(diagnostic::missing_risk_effect(span));
                }
                None
            }
        };
        let line = self.line(node);
        Some(RiskRule { name, line, span, when: when?, score: score? })
    }
}

/// Names that other languages have for `match`.
const MATCH_SLIPS: [&str; 4] = ["when", "if", "conditions", "where"];
/// Texts that say of an effect that it is one.
const EFFECT_LIKE: [&str; 5] = ["true", "True", "yes", "on", "y"];

/// What to write for a key of a rule that other languages have; none for a key that is known, or nobody's.
fn rule_slip(one: &Entry, all: &[Entry]) -> Option<String> {
    let key = one.key.as_str();
    if keywords::RULE.contains(&key) {
        return None;
    }
    if MATCH_SLIPS.contains(&key) && entry(all, "match").is_none() {
        return Some(format!("write `match` for `{key}`"));
    }
    let Kind::Text(text) = &one.value.kind else { return None };
    let effect = keywords::EFFECTS.iter().find(|effect| effect.as_str() == text)?;
    Some(format!("write `{}: true`", effect.as_str()))
}

/// A line as the index counts them.
fn as_usize(line: u32) -> usize {
    usize::try_from(line).unwrap_or(0)
}

/// The span of the id; the rule's first key where it has none.
fn id_span(node: &Node) -> Span {
    let Kind::Map(entries) = &node.kind else { return node.span };
    match entry(entries, "id").or_else(|| entry(entries, "name")) {
        Some(one) => one.value.span,
        None => first_line_span(node, entries),
    }
}

/// The first key of a mapping stands for it: a finding about a whole rule need not underline all of it.
fn first_line_span(node: &Node, entries: &[Entry]) -> Span {
    entries.first().map_or(node.span, |first| first.key_span)
}
