//! From the YAML of a `match` or `when` to a [`Match`], with every check that can be made before it runs.

use std::collections::BTreeMap;

use super::MAX_CONDITION_DEPTH;
use super::condition::{Condition, ConditionKind, Match, Name, Part};
use super::glob::Glob;
use super::keywords;
use super::names;
use super::net::{Network, Reference};
use super::operator::{Operator, Relation, SUFFIXES, Test};
use super::path::Path;
use super::reader::{Reader, entry, nearest, written};
use super::tool::{ParamSpec, ToolDecl};
use super::window::{DAYS, Window, minute_of_day, utc_offset};
use super::yaml::{Entry, Kind, Node};
use crate::diagnostic::{self, alternatives};
use crate::span::Span;
use crate::value::{Type, Value};

/// The rule and the tools around a match, which decide how its conditions are read.
#[derive(Debug, Clone)]
pub(super) struct Surroundings<'t> {
    /// Whether a true condition opens something (in an `allow` rule) or restricts; `not` turns it round.
    pub(super) permits: bool,
    /// How many `any`, `all` and `not` it is inside of.
    pub(super) depth: usize,
    /// All tools that the file declares.
    pub(super) declared: &'t BTreeMap<String, ToolDecl>,
    /// The declared ones among the tools that this match, or one around it, names exactly.
    pub(super) tools: Vec<(&'t str, &'t ToolDecl)>,
}

/// The match of a rule; none when something is wrong with it.
pub(super) fn read(reader: &mut Reader, node: &Node, key: &str, around: &Surroundings<'_>) -> Option<Match> {
    let entries = reader.map(node, key, "a mapping of conditions")?;
    if around.depth > MAX_CONDITION_DEPTH {
        reader.report(diagnostic::too_deep(node.span, MAX_CONDITION_DEPTH));
        return None;
    }
    if entries.is_empty() {
        reader.report(diagnostic::empty_match(node.span, key));
        return None;
    }
    let mut inner = around.clone();
    if let Some(tool) = entry(entries, "tool") {
        inner.tools = exact_tools(&tool.value, around.declared);
    }
    let mut builder = Builder { reader, around: &inner, conditions: Vec::new(), complete: true };
    for one in entries {
        if builder.entry(one, entries).is_none() {
            builder.complete = false;
        }
    }
    let Builder { conditions, complete, .. } = builder;
    complete.then_some(Match::of(conditions))
}

fn exact_tools<'t>(node: &Node, declared: &'t BTreeMap<String, ToolDecl>) -> Vec<(&'t str, &'t ToolDecl)> {
    let texts: Vec<&str> = match &node.kind {
        Kind::Text(text) => vec![text],
        Kind::List(items) => items
            .iter()
            .filter_map(|item| if let Kind::Text(text) = &item.kind { Some(text.as_str()) } else { None })
            .collect(),
        _ => Vec::new(),
    };
    let exact = texts.into_iter().filter(|text| Glob::new(text).is_exact());
    exact.filter_map(|text| declared.get_key_value(text)).map(|(name, decl)| (name.as_str(), decl)).collect()
}

struct Builder<'r, 'p, 't> {
    reader: &'r mut Reader,
    around: &'p Surroundings<'t>,
    conditions: Vec<Condition>,
    complete: bool,
}

impl<'t> Builder<'_, '_, 't> {
    fn push(&mut self, key: String, operand: &Node, kind: ConditionKind) {
        self.conditions.push(Condition::of(key, operand.to_value(), kind));
    }

    /// One key of the match. None when something is wrong, which has been reported.
    fn entry(&mut self, one: &Entry, all: &[Entry]) -> Option<()> {
        let (key, node) = (one.key.as_str(), &one.value);
        if !keywords::MATCH.contains(&key) {
            return self.parameter(one);
        }
        let kind = match key {
            "tool" => ConditionKind::Name(Name::Tool, self.reader.globs(node, key)?),
            "operation" | "op" => {
                if key == "op" && entry(all, "operation").is_some() {
                    let line = "`op` is another name for `operation`".to_owned();
                    self.reader.report(diagnostic::invalid(one.key_span, line, "use one of them"));
                    return None;
                }
                ConditionKind::Name(Name::Operation, self.reader.globs(node, key)?)
            }
            "agent_id" => ConditionKind::Name(Name::AgentId, self.reader.globs(node, key)?),
            "params" => return self.explicit(node, key, Part::Params),
            "context" => return self.explicit(node, key, Part::Context),
            "method" | "branch" => {
                let texts = owned(self.reader.texts(node, key, "a text, or a list of them")?);
                let test = if key == "method" {
                    Test::EqIgnoringCase(texts)
                } else {
                    Test::In(texts.into_iter().map(Value::String).collect())
                };
                return self.value(key, key, one.key_span, node, test, false, Part::Params);
            }
            "field" => return self.field(one, all),
            "value" => {
                if entry(all, "field").is_none() {
                    let help = "name the parameter with `field`";
                    self.reader.report(diagnostic::missing_key(one.key_span, "field", "this match", help));
                    return None;
                }
                return Some(());
            }
            "contains" => {
                let texts = self.reader.texts(node, key, "a text, or a list of them")?;
                if let Some((_, span)) = texts.iter().find(|(text, _)| text.is_empty()) {
                    let message = "`contains` is empty, so it would always hold".to_owned();
                    self.reader.report(diagnostic::invalid(*span, message, "write the text to look for"));
                    return None;
                }
                ConditionKind::Contains(owned(texts))
            }
            "pattern" if has_empty_text(node) => {
                let message = "`pattern` is empty, so it would always hold".to_owned();
                self.reader.report(diagnostic::invalid(node.span, message, "write the pattern to look for"));
                return None;
            }
            "pattern" => ConditionKind::Pattern(self.reader.patterns(node, key)?),
            "time" => ConditionKind::Time(self.window(node)?),
            "any" => ConditionKind::Any(self.matches(node, key)?),
            "all" => ConditionKind::All(self.matches(node, key)?),
            "not" => {
                let inner = read(self.reader, node, key, &self.inner(!self.around.permits))?;
                if inner.conditions.len() > 1 {
                    self.reader.report(diagnostic::several_in_not(one.key_span));
                    return None;
                }
                ConditionKind::Not(Box::new(inner))
            }
            _ => return self.parameter(one),
        };
        self.push(key.to_owned(), node, kind);
        Some(())
    }

    fn inner(&self, permits: bool) -> Surroundings<'t> {
        Surroundings { permits, depth: self.around.depth.saturating_add(1), ..self.around.clone() }
    }

    fn matches(&mut self, node: &Node, key: &str) -> Option<Vec<Match>> {
        let items = self.reader.list(node, key, "a list of matches")?;
        if items.is_empty() {
            self.reader.report(diagnostic::empty_match(node.span, key));
            return None;
        }
        let around = self.inner(self.around.permits);
        let read: Vec<Match> =
            items.iter().filter_map(|item| read(self.reader, item, key, &around)).collect();
        (read.len() == items.len()).then_some(read)
    }

    /// `field: PATH` with `value: V`.
    fn field(&mut self, one: &Entry, all: &[Entry]) -> Option<()> {
        let path = self.reader.text(&one.value, "field", "the name or path of a parameter")?.to_owned();
        let Some(value) = entry(all, "value") else {
            let help = "say with `value` what it must equal";
            self.reader.report(diagnostic::missing_key(one.key_span, "value", "this match", help));
            return None;
        };
        if matches!(value.value.kind, Kind::Nothing) {
            self.reader.report(diagnostic::missing_value(value.key_span, "value", "any value"));
            return None;
        }
        if let Some(field) = names::action_field(&path) {
            let help = names::both_spellings(field, &path, Operator::EQ, &value.value);
            self.reader.report(diagnostic::action_field(one.value.span, "field", field, help));
            return None;
        }
        let test = Test::Eq(value.value.to_value());
        self.value("field", &path, one.value.span, &value.value, test, false, Part::Params)
    }

    /// `PARAM_OP: value`.
    fn parameter(&mut self, one: &Entry) -> Option<()> {
        // It would be `domain` over `email`, which is no URL, where `email_domain` over some parameter is meant.
        if one.key == "email_domain" {
            let help = "name the parameter before the operator: `email_email_domain` for `email`".to_owned();
            self.reader.report(diagnostic::unknown_key(one.key_span, &one.key, "a match", Some(help)));
            return None;
        }
        let Some((path, operator)) = Operator::at_the_end_of(&one.key) else {
            let help = unknown_condition_help(one);
            self.reader.report(diagnostic::unknown_key(one.key_span, &one.key, "a match", Some(help)));
            return None;
        };
        if let Some(field) = names::action_field(path) {
            let help = names::both_spellings(field, path, operator, &one.value);
            self.reader.report(diagnostic::action_field(one.key_span, &one.key, field, help));
            return None;
        }
        if names::ends_like_an_operator(path) && !self.is_declared(path) {
            let help = names::right_operator(path, operator);
            self.reader.report(diagnostic::unknown_operator(one.key_span, &one.key, path, help));
            return None;
        }
        let test = self.test(operator.word, &one.key, &one.value)?;
        self.value(&one.key, path, one.key_span, &one.value, test, operator.negated, Part::Params)
    }

    /// Whether a tool of this file has a parameter of that name.
    fn is_declared(&self, name: &str) -> bool {
        self.around.declared.values().any(|tool| tool.params.contains_key(name))
    }

    /// The operator that somebody meant by a name in the explicit form: `env_in: [a, b]` reads a parameter `env_in`.
    fn meant_operator<'e>(&self, one: &'e Entry) -> Option<(&'e str, Operator)> {
        let (path, operator) = Operator::at_the_end_of(&one.key)?;
        let mut reader = Reader::default();
        let mut trial =
            Builder { reader: &mut reader, around: self.around, conditions: Vec::new(), complete: true };
        let takes_it = trial.test(operator.word, &one.key, &one.value).is_some();
        (takes_it && !self.is_declared(&one.key)).then_some((path, operator))
    }

    /// `params: { PATH: { OP: value } }` or `{ PATH: literal }`.
    fn explicit(&mut self, node: &Node, key: &str, source: Part) -> Option<()> {
        let entries = self.reader.map(node, key, "a mapping from parameters to conditions")?;
        if entries.is_empty() {
            self.reader.report(diagnostic::empty_match(node.span, key));
            return None;
        }
        let mut complete = Some(());
        for one in entries {
            let read = match &one.value.kind {
                Kind::Map(tests) if tests.is_empty() => {
                    self.reader.report(diagnostic::empty_match(one.value.span, &one.key));
                    None
                }
                Kind::Map(tests) => self.operators(key, one, tests, source),
                Kind::Nothing => {
                    let takes = "a value, or a mapping from operators to values";
                    self.reader.report(diagnostic::missing_value(one.key_span, &one.key, takes));
                    None
                }
                _ => match self.meant_operator(one) {
                    Some((path, operator)) => {
                        let help = names::explicit_operator(path, operator, &one.key);
                        self.reader.report(diagnostic::unknown_operator(
                            one.key_span,
                            &one.key,
                            &one.key,
                            help,
                        ));
                        None
                    }
                    None => {
                        let (written, test) = (format!("{key}.{}", one.key), Test::Eq(one.value.to_value()));
                        self.value(&written, &one.key, one.key_span, &one.value, test, false, source)
                    }
                },
            };
            if source == Part::Params && one.key == "agent_id" {
                self.reader.report(diagnostic::agent_id_in_params(one.key_span));
            }
            complete = complete.and(read);
        }
        complete
    }

    fn operators(&mut self, key: &str, one: &Entry, tests: &[Entry], source: Part) -> Option<()> {
        let mut complete = Some(());
        for test in tests {
            let Some(operator) = Operator::named(&test.key) else {
                let help = match nearest(&test.key, SUFFIXES.into_iter()) {
                    Some(word) => format!("did you mean `{word}`?"),
                    None => format!("the operators are {}", alternatives(&SUFFIXES)),
                };
                let around = "the conditions of a parameter";
                self.reader.report(diagnostic::unknown_key(test.key_span, &test.key, around, Some(help)));
                complete = None;
                continue;
            };
            let read = self.test(operator.word, &test.key, &test.value).and_then(|read| {
                let written = format!("{key}.{}.{}", one.key, test.key);
                let negated = operator.negated;
                self.value(&written, &one.key, one.key_span, &test.value, read, negated, source)
            });
            complete = complete.and(read);
        }
        complete
    }

    #[expect(clippy::too_many_arguments, reason = "each is one part of what is written")]
    fn value(
        &mut self,
        key: &str,
        path: &str,
        span: Span,
        operand: &Node,
        test: Test,
        negated: bool,
        source: Part,
    ) -> Option<()> {
        let path = match Path::parse(path) {
            Ok(path) => path,
            Err(message) => {
                let help = "write it like `amount`, `customer.tier`, `items.0.sku` or `items[].price`";
                self.reader.report(diagnostic::invalid(span, message, help));
                return None;
            }
        };
        if source == Part::Params {
            for (name, tool) in &self.around.tools {
                check_declared(self.reader, name, tool, &path, &test, span)?;
            }
        }
        let permits = self.around.permits != negated;
        self.push(key.to_owned(), operand, ConditionKind::Value { source, path, test, negated, permits });
        Some(())
    }

    fn test(&mut self, operator: &str, key: &str, node: &Node) -> Option<Test> {
        let reader = &mut *self.reader;
        let searches = matches!(operator, "contains" | "starts_with" | "ends_with" | "matches");
        if searches && has_empty_text(node) {
            let message = format!("`{key}` is empty, so it would hold for every text");
            reader.report(diagnostic::invalid(node.span, message, "write the text to look for"));
            return None;
        }
        Some(match operator {
            "eq" | "ne" => {
                if matches!(node.kind, Kind::Nothing) {
                    reader.report(diagnostic::missing_value(node.span, key, "any value"));
                    return None;
                }
                if operator == "eq" { Test::Eq(node.to_value()) } else { Test::Ne(node.to_value()) }
            }
            "in" | "not_in" => {
                let items = reader.list(node, key, "a list of values")?;
                if items.is_empty() {
                    reader.report(diagnostic::empty_list(node.span, key, "the values to compare with"));
                    return None;
                }
                let values = items.iter().map(Node::to_value).collect();
                if operator == "in" { Test::In(values) } else { Test::NotIn(values) }
            }
            "gt" | "gte" | "lt" | "lte" => {
                Test::Number(Relation::named(operator)?, reader.number(node, key)?)
            }
            "len_eq" | "len_ne" | "len_gt" | "len_gte" | "len_lt" | "len_lte" => {
                let relation = Relation::named(operator.strip_prefix("len_")?)?;
                Test::Length(relation, f64::from(reader.whole(node, key, 0, u32::MAX)?))
            }
            "contains" => match &node.kind {
                Kind::Nothing => {
                    reader.report(diagnostic::missing_value(node.span, key, "a text or an element"));
                    return None;
                }
                Kind::List(items) if items.is_empty() => {
                    reader.report(diagnostic::empty_list(node.span, key, "the texts or elements"));
                    return None;
                }
                Kind::List(items) => Test::Contains(items.iter().map(Node::to_value).collect()),
                _ => Test::Contains(vec![node.to_value()]),
            },
            "starts_with" => Test::StartsWith(owned(reader.texts(node, key, "a text, or a list of them")?)),
            "ends_with" => Test::EndsWith(owned(reader.texts(node, key, "a text, or a list of them")?)),
            "glob" => Test::Glob(reader.globs(node, key)?),
            "matches" => Test::Matches(reader.patterns(node, key)?),
            "exists" => Test::Exists(reader.boolean(node, key)?),
            "cidr" => {
                let texts = reader.texts(node, key, "a network, or a list of them")?;
                let mut networks = Vec::new();
                for (text, span) in &texts {
                    match Network::parse(text) {
                        Some(network) => networks.push(network),
                        None => reader.report(diagnostic::invalid_cidr(*span, text)),
                    }
                }
                (networks.len() == texts.len()).then_some(Test::Cidr(networks))?
            }
            "domain" | "email_domain" => {
                let reference = if operator == "domain" { Reference::Url } else { Reference::Mailbox };
                let texts = reader.texts(node, key, "a domain, or a list of them")?;
                let mut domains = Vec::new();
                for (text, span) in &texts {
                    match reference.operand(text) {
                        Some(domain) => domains.push(domain),
                        None => reader.report(diagnostic::invalid_domain(*span, text)),
                    }
                }
                (domains.len() == texts.len()).then_some(Test::Domain(reference, domains))?
            }
            _ => return None,
        })
    }

    fn window(&mut self, node: &Node) -> Option<Window> {
        let entries = self.reader.map(node, "time", "a mapping with `days`, `from`, `to` or `utc_offset`")?;
        let known = self.reader.only(entries, &keywords::TIME, "`time`");
        let has = |key| entry(entries, key).map(|one| &one.value);
        if known && !keywords::TIME_PARTS.iter().any(|key| has(key).is_some()) {
            self.reader.report(diagnostic::empty_match(node.span, "time"));
            return None;
        }
        let mut window = Window { days: [true; 7], from: 0, to: 1440, offset_minutes: 0 };
        if let Some(days) = has("days") {
            window.days = [false; 7];
            for (text, span) in self.reader.texts(days, "days", "a day, or a list of them")? {
                let Some(day) = DAYS.iter().position(|day| *day == text) else {
                    let message = format!("`{text}` is not a day");
                    let help = format!("the days are {}", alternatives(&DAYS));
                    self.reader.report(diagnostic::invalid(span, message, &help));
                    return None;
                };
                window.days.iter_mut().skip(day).take(1).for_each(|on| *on = true);
            }
        }
        for (key, minute) in [("from", &mut window.from), ("to", &mut window.to)] {
            if let Some(node) = has(key) {
                let text = self.reader.text(node, key, "a time of day such as `09:00`")?;
                let Some(read) = minute_of_day(text).filter(|at| key == "to" || *at < 1440) else {
                    let message = format!("`{text}` is not a time of day");
                    let help = "write it like `09:00`; `24:00` is the end of the day";
                    self.reader.report(diagnostic::invalid_time(node.span, message, help));
                    return None;
                };
                *minute = read;
            }
        }
        if let Some(node) = has("utc_offset") {
            let text = self.reader.text(node, "utc_offset", "an offset such as `+02:00`")?;
            let Some(offset) = utc_offset(text) else {
                let message = format!("`{text}` is not an offset from UTC");
                self.reader.report(diagnostic::invalid_time(
                    node.span,
                    message,
                    "write it like `+02:00` or `Z`",
                ));
                return None;
            };
            window.offset_minutes = offset;
        }
        if window.from == window.to {
            let message = "the window starts where it ends".to_owned();
            let help = "leave `from` and `to` out for the whole day";
            self.reader.report(diagnostic::invalid_time(node.span, message, help));
            return None;
        }
        known.then_some(window)
    }
}

fn owned(texts: Vec<(&str, Span)>) -> Vec<String> {
    texts.into_iter().map(|(text, _)| text.to_owned()).collect()
}

/// What somebody may have meant by a key that is no condition.
fn unknown_condition_help(one: &Entry) -> String {
    let key = one.key.as_str();
    if let Some(help) = names::meant_condition(key, &one.value) {
        return help;
    }
    if let Some(word) = nearest(key, keywords::MATCH.into_iter()) {
        return format!("did you mean `{word}`?");
    }
    // `amount_lts`: the end is nearly an operator. The name may itself hold underscores, so every one is tried.
    for (at, _) in key.match_indices('_') {
        let (name, end) =
            (key.get(..at).unwrap_or_default(), key.get(at.saturating_add(1)..).unwrap_or_default());
        if let Some(word) = nearest(end, SUFFIXES.into_iter()) {
            return format!("did you mean `{name}_{word}`?");
        }
    }
    let value = match &one.value.kind {
        Kind::Nothing | Kind::List(_) | Kind::Map(_) => "…".to_owned(),
        _ => written(&one.value),
    };
    format!("a condition on a parameter ends with an operator, such as `{key}_eq: {value}`")
}

/// A rule that names a parameter which its declared tool does not have, or compares it with a type that it never
/// has, is a mistake: it would never be true.
fn check_declared(
    reader: &mut Reader,
    name: &str,
    tool: &ToolDecl,
    path: &Path,
    test: &Test,
    span: Span,
) -> Option<()> {
    let Some(spec) = tool.params.get(path.root()) else {
        let near = nearest(path.root(), tool.params.keys().map(String::as_str));
        reader.report(diagnostic::undeclared_param(span, name, path.root(), near));
        return None;
    };
    let comparable = test.comparable();
    let (spec, fits) = if path.is_root() {
        (spec, may_be(spec, &comparable))
    } else {
        let (into_list, is_last) = path.starts_with_each();
        match (&spec.items, into_list && is_last) {
            (Some(items), true) if may_be(spec, &[Type::Array]) => (&**items, may_be(items, &comparable)),
            _ if into_list => (spec, may_be(spec, &[Type::Array])),
            _ => (spec, may_be(spec, &[Type::Array, Type::Object])),
        }
    };
    if fits {
        return Some(());
    }
    let needs = if path.is_root() || path.starts_with_each() == (true, true) && may_be(spec, &[Type::Array]) {
        comparable
    } else if path.starts_with_each().0 {
        vec![Type::Array]
    } else {
        vec![Type::Object]
    };
    let needs: Vec<&str> = needs.iter().map(|kind| kind.described()).collect();
    let finding =
        diagnostic::impossible_type(span, name, path.as_str(), &spec.described(), &needs.join(" or "));
    reader.report(finding);
    None
}

fn may_be(spec: &ParamSpec, kinds: &[Type]) -> bool {
    spec.types.is_empty() || spec.types.iter().any(|declared| kinds.contains(&declared.kind()))
}

/// Whether an operand is the empty text, or a list with one: every text has it.
fn has_empty_text(node: &Node) -> bool {
    let is_empty = |value: &Value| value.as_str().is_some_and(str::is_empty);
    match node.to_value() {
        Value::Array(items) => items.iter().any(is_empty),
        value => is_empty(&value),
    }
}
