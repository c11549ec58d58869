//! What is wrong with a policy, told to a person: where, what, and what to do.
//!
//! Every diagnostic is built by a function of this file, so that this is the one list of all of them.

use serde::{Deserialize, Serialize};

use crate::span::{LineIndex, Span};

/// The kind of a diagnostic, stable for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The file is not YAML, or uses a part of YAML that policies do not.
    YamlSyntax,
    /// A text in quotes that are part of it.
    TypographicQuotes,
    /// The file is not UTF-8.
    NotUtf8,
    /// The file has too many bytes or values.
    TooLarge,
    /// The file has more rules than allowed.
    TooManyRules,
    /// Nested too deep.
    TooDeep,
    /// Aliases expand to too much.
    AliasLimit,
    /// The same key twice in one mapping.
    DuplicateKey,
    /// A key that means nothing here.
    UnknownKey,
    /// A key that must be here is not.
    MissingKey,
    /// A key without a value.
    MissingValue,
    /// A value of the wrong type.
    WrongType,
    /// A value of the right type that is not allowed.
    InvalidValue,
    /// A rule with more than one effect, or a risk rule with both a level and a score.
    ConflictingEffects,
    /// A rule without an effect, or a risk rule without a level or a score.
    MissingEffect,
    /// A rule that would match everything, because it has no condition.
    EmptyMatch,
    /// A pattern that does not compile.
    InvalidRegex,
    /// A network that cannot be read.
    InvalidCidr,
    /// A time of day, day or offset that cannot be read.
    InvalidTime,
    /// A duration that cannot be read.
    InvalidDuration,
    /// Two rules with one id.
    DuplicateId,
    /// A rule names a parameter that its declared tool does not have.
    UndeclaredParam,
    /// A rule compares a declared parameter with a type that it never has.
    ImpossibleType,
    /// A name that ends in what was meant as part of an operator.
    UnknownOperator,
    /// A condition that reads a parameter and is named like a part of the action.
    ActionField,
    /// A text with a control character in it.
    ControlCharacter,
    /// A `not` with more than one condition.
    SeveralInNot,
    /// Something that this version does not do.
    Unsupported,
    /// A value that YAML 1.1 readers see as something else.
    AmbiguousScalar,
    /// Numbers of a parameter that no rule speaks of.
    NumericGap,
    /// A rule whose conditions contradict each other.
    NeverMatches,
    /// A rule whose patterns take more work than a decision may, over the largest action.
    ExpensiveRule,
    /// A rule that permits numbers without a least one.
    NoLowerBound,
    /// A rule that restricts what a parameter is not, and not its absence.
    AbsentUnderGlob,
    /// A rule that restricts a length without saying whether of a text or of a list.
    UndeclaredLength,
    /// A condition on an argument that is called `agent_id`.
    AgentIdInParams,
    /// A file of the policy folder that was meant to be read and is not.
    NotRead,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The policy cannot come into force.
    Error,
    /// The policy can come into force and is likely not what was meant.
    Warning,
}

/// One finding in one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(schemars::JsonSchema, ts_rs::TS))]
pub struct Diagnostic {
    /// The kind.
    pub code: Code,
    /// The column of the first character, from 1, in characters.
    pub column: usize,
    /// The column behind the last character.
    pub end_column: usize,
    /// The line of the end of the span.
    pub end_line: usize,
    /// The file's name.
    pub file: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The line of the start of the span, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// How bad it is.
    pub severity: Severity,
    /// The bytes it is about.
    pub span: Span,
}

/// A finding that does not know its file yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    code: Code,
    severity: Severity,
    message: String,
    help: Option<String>,
    span: Span,
}

impl Finding {
    /// The finding with its file and its lines and columns.
    pub fn located(self, file: &str, lines: &LineIndex<'_>) -> Diagnostic {
        let (start, end) = (lines.position(self.span.start), lines.position(self.span.end));
        Diagnostic {
            code: self.code,
            column: start.column,
            end_column: end.column,
            end_line: end.line,
            file: file.to_owned(),
            help: self.help,
            line: start.line,
            message: self.message,
            severity: self.severity,
            span: self.span,
        }
    }

    /// Whether the policy can come into force in spite of it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Whether a character is a quote of typography, which is a letter like any other to YAML.
pub(crate) fn is_typographic_quote(c: char) -> bool {
    matches!(c, '\u{2018}'..='\u{201f}' | '\u{ab}' | '\u{bb}')
}

fn error(code: Code, span: Span, message: String, help: Option<String>) -> Finding {
    Finding { code, severity: Severity::Error, message, help, span }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// `a`, `b` or `c`, each in backticks.
pub fn alternatives(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

pub(crate) fn yaml_syntax(span: Span, what: &str) -> Finding {
    error(Code::YamlSyntax, span, format!("this is not valid YAML: {what}"), None)
}

/// Text that is no YAML by a slip with a name, and what to write instead.
pub(crate) fn yaml_slip(span: Span, what: &str, help: String) -> Finding {
    error(Code::YamlSyntax, span, what.to_owned(), Some(help))
}

pub(crate) fn odd_space(span: Span, found: char) -> Finding {
    let name = if found == '\u{a0}' { "no-break space" } else { "space" };
    let message =
        format!("this is a {name} (U+{:04X}), which does not separate anything in YAML", u32::from(found));
    error(Code::YamlSyntax, span, message, some("replace it by a space of the keyboard"))
}

pub(crate) fn typographic_quotes(span: Span, text: &str) -> Finding {
    let bare = text.trim_matches(is_typographic_quote);
    let message = format!("the typographic quotes of {text} are part of the text");
    let help = format!("write `\"{bare}\"`; quotes that belong to the text go into quotes: `'{text}'`");
    error(Code::TypographicQuotes, span, message, Some(help))
}

pub(crate) fn yaml_feature(span: Span, what: &str, help: &str) -> Finding {
    error(Code::YamlSyntax, span, format!("{what} cannot be used in a policy"), some(help))
}

pub(crate) fn not_utf8(span: Span) -> Finding {
    error(Code::NotUtf8, span, "the file is not UTF-8".into(), some("save the file as UTF-8"))
}

pub(crate) fn file_too_large(bytes: usize, limit: usize) -> Finding {
    let message = format!("the file has {bytes} bytes, over the limit of {limit}");
    error(Code::TooLarge, Span::default(), message, some("split the policy into several files"))
}

pub(crate) fn too_many_values(span: Span, limit: usize) -> Finding {
    let message = format!("the file has more than {limit} values");
    error(Code::TooLarge, span, message, some("split the policy into several files"))
}

pub(crate) fn too_many_rules(span: Span, count: usize, limit: usize) -> Finding {
    let message = format!("the file has {count} rules, over the limit of {limit}");
    error(Code::TooManyRules, span, message, some("split the policy into several files"))
}

pub(crate) fn too_deep(span: Span, limit: usize) -> Finding {
    error(Code::TooDeep, span, format!("nested deeper than {limit} levels"), None)
}

pub(crate) fn alias_limit(span: Span, limit: usize) -> Finding {
    let message = format!("the aliases of this file expand to more than {limit} values");
    error(Code::AliasLimit, span, message, some("write the values out"))
}

pub(crate) fn duplicate_key(span: Span, key: &str, first_line: usize) -> Finding {
    let message = format!("the key `{key}` is repeated");
    error(Code::DuplicateKey, span, message, Some(format!("it is on line {first_line} already")))
}

pub(crate) fn unknown_key(span: Span, key: &str, place: &str, help: Option<String>) -> Finding {
    error(Code::UnknownKey, span, format!("unknown key `{key}` in {place}"), help)
}

pub(crate) fn missing_key(span: Span, key: &str, place: &str, help: &str) -> Finding {
    error(Code::MissingKey, span, format!("`{key}` is missing in {place}"), some(help))
}

pub(crate) fn missing_value(span: Span, key: &str, takes: &str) -> Finding {
    error(Code::MissingValue, span, format!("`{key}` has no value"), Some(format!("it takes {takes}")))
}

pub(crate) fn wrong_type(span: Span, key: &str, takes: &str, found: &str) -> Finding {
    error(Code::WrongType, span, format!("`{key}` takes {takes}, found {found}"), None)
}

pub(crate) fn wrong_type_with_help(span: Span, key: &str, takes: &str, found: &str, help: String) -> Finding {
    error(Code::WrongType, span, format!("`{key}` takes {takes}, found {found}"), Some(help))
}

pub(crate) fn not_a_policy(span: Span, found: &str) -> Finding {
    let message = format!("a policy is a mapping with `rules`, found {found}");
    error(Code::WrongType, span, message, some("begin with `rules:`; `rules: []` denies everything"))
}

pub(crate) fn invalid_value(span: Span, key: &str, value: &str, takes: &str) -> Finding {
    error(
        Code::InvalidValue,
        span,
        format!("`{value}` is not a value of `{key}`"),
        Some(format!("it takes {takes}")),
    )
}

pub(crate) fn invalid(span: Span, message: String, help: &str) -> Finding {
    error(Code::InvalidValue, span, message, some(help))
}

pub(crate) fn effect_false(span: Span, effect: &str) -> Finding {
    let message = format!("`{effect}: false` is not an effect");
    error(Code::InvalidValue, span, message, some("leave the key out, and say what the rule does instead"))
}

pub(crate) fn conflicting_effects(span: Span, effects: &[&str]) -> Finding {
    let listed: Vec<String> = effects.iter().map(|effect| format!("`{effect}`")).collect();
    let message = format!("a rule has one effect, this one has {}", listed.join(" and "));
    error(Code::ConflictingEffects, span, message, some("make it a rule for each effect"))
}

pub(crate) fn risk_effects(span: Span) -> Finding {
    let message = "a risk rule has a `risk_level` or a `score`, this one has both".to_owned();
    error(Code::ConflictingEffects, span, message, some("leave one of them out"))
}

pub(crate) fn missing_risk_effect(span: Span) -> Finding {
    let message = "the risk rule says nothing about the risk".to_owned();
    error(Code::MissingEffect, span, message, some("add `risk_level: high` or `score: 45`"))
}

pub(crate) fn missing_effect(span: Span) -> Finding {
    let help = "add one of `allow`, `require_approval` and `deny`, such as `deny: true`";
    error(Code::MissingEffect, span, "the rule has no effect".into(), some(help))
}

pub(crate) fn empty_match(span: Span, key: &str) -> Finding {
    let message = format!("`{key}` has no condition");
    let help = "name at least a tool, such as `tool: send_email`; `tool: \"*\"` means every tool";
    error(Code::EmptyMatch, span, message, some(help))
}

pub(crate) fn empty_list(span: Span, key: &str, takes: &str) -> Finding {
    let help = format!("give at least one of {takes}");
    error(Code::InvalidValue, span, format!("the list of `{key}` is empty"), Some(help))
}

pub(crate) fn invalid_regex(span: Span, why: &str) -> Finding {
    let help = "see the syntax of regular expressions in docs/POLICY.md";
    error(Code::InvalidRegex, span, format!("the pattern does not compile: {why}"), some(help))
}

pub(crate) fn regex_too_long(span: Span, bytes: usize, limit: usize) -> Finding {
    let message = format!("the pattern has {bytes} bytes, over the limit of {limit}");
    error(Code::InvalidRegex, span, message, some("split it over several rules, or use a list of globs"))
}

pub(crate) fn invalid_cidr(span: Span, value: &str) -> Finding {
    let message = format!("`{value}` is not a network");
    error(
        Code::InvalidCidr,
        span,
        message,
        some("write it like `10.0.0.0/8`, `2001:db8::/32` or `192.0.2.7`"),
    )
}

pub(crate) fn invalid_domain(span: Span, value: &str) -> Finding {
    let help = if value.is_ascii() {
        "write a name like `example.com`, without a scheme, port or path; names under it are covered too"
    } else {
        "write the name in its ASCII form, like `xn--mnchen-3ya.example`"
    };
    invalid(span, format!("`{value}` is not a domain"), help)
}

pub(crate) fn invalid_time(span: Span, message: String, help: &str) -> Finding {
    error(Code::InvalidTime, span, message, some(help))
}

pub(crate) fn invalid_duration(span: Span, value: &str) -> Finding {
    let help = "write a whole number and a unit, at most a year: `90s`, `30m`, `4h`, `7d` or `2w`";
    error(Code::InvalidDuration, span, format!("`{value}` is not a duration"), some(help))
}

pub(crate) fn duplicate_id(span: Span, id: &str, first_line: usize) -> Finding {
    let message = format!("the id `{id}` is used by another rule");
    error(Code::DuplicateId, span, message, Some(format!("it is the id of the rule on line {first_line}")))
}

pub(crate) fn undeclared_param(span: Span, tool: &str, param: &str, nearest: Option<&str>) -> Finding {
    let help = match nearest {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("declare it under `tools.{tool}.params`"),
    };
    error(Code::UndeclaredParam, span, format!("the tool `{tool}` has no parameter `{param}`"), Some(help))
}

pub(crate) fn impossible_type(span: Span, tool: &str, param: &str, declared: &str, needs: &str) -> Finding {
    let message =
        format!("the parameter `{param}` of `{tool}` is {declared}, and this condition needs {needs}");
    error(Code::ImpossibleType, span, message, some("change the condition, or the declaration of the tool"))
}

pub(crate) fn unknown_operator(span: Span, key: &str, path: &str, help: String) -> Finding {
    let message = format!("`{key}` would read a parameter `{path}`, whose end is not an operator");
    error(Code::UnknownOperator, span, message, Some(help))
}

pub(crate) fn action_field(span: Span, key: &str, field: &str, help: String) -> Finding {
    let message = format!("`{key}` would read an argument `{field}` and not the `{field}` of the action");
    error(Code::ActionField, span, message, Some(help))
}

pub(crate) fn control_character(span: Span, found: char) -> Finding {
    let message = format!("the text holds the control character U+{:04X}", u32::from(found));
    error(
        Code::ControlCharacter,
        span,
        message,
        some("use single quotes, where a backslash stays a backslash"),
    )
}

pub(crate) fn several_in_not(span: Span) -> Finding {
    let message = "`not` has more than one condition, which reads as none of them or as not all".to_owned();
    let help = "write `not: { any: [...] }` for none of them, or `not: { all: [...] }` for not all";
    error(Code::SeveralInNot, span, message, some(help))
}

pub(crate) fn unsupported_limits(span: Span) -> Finding {
    let message = "`limits` are not supported by this version".to_owned();
    error(Code::Unsupported, span, message, some("remove them, or hold the actions with `require_approval`"))
}

pub(crate) fn unsupported_version(span: Span, found: &str) -> Finding {
    let message = format!("policies of version `{found}` are not supported");
    error(Code::Unsupported, span, message, some("the only version so far is 1"))
}

fn warning(code: Code, span: Span, message: String, help: String) -> Finding {
    Finding { code, severity: Severity::Warning, message, help: Some(help), span }
}

pub(crate) fn ambiguous_scalar(span: Span, written: &str, read: &str, elsewhere: &str) -> Finding {
    let message = format!("`{written}` is {read} here, and {elsewhere} to readers of YAML 1.1");
    let help = if elsewhere == "a boolean" {
        "write `true` or `false`, or put it into quotes if it is text"
    } else {
        "write the number in plain decimal, or put it into quotes if it is text"
    };
    warning(Code::AmbiguousScalar, span, message, help.to_owned())
}

pub(crate) fn numeric_gap(span: Span, tool: &str, param: &str, gap: &str) -> Finding {
    let message = format!("no rule speaks of `{tool}` with `{param}` {gap}");
    let help = "such a call is denied by default; add a rule for it, or one that says why not";
    warning(Code::NumericGap, span, message, help.to_owned())
}

pub(crate) fn never_matches(span: Span, param: &str) -> Finding {
    let message = format!("this rule never matches: no number is what it asks of `{param}`");
    let help = "correct the bounds; to match either of them, write a rule for each or put them under `any`";
    warning(Code::NeverMatches, span, message, help.to_owned())
}

pub(crate) fn expensive_rule(span: Span) -> Finding {
    let message = "with this rule, an action of 1 MiB takes more work than a decision may, and is denied";
    let help =
        "search one parameter with `matches`, limit its `max_length`, or write fewer and shorter repetitions";
    warning(Code::ExpensiveRule, span, message.to_owned(), help.to_owned())
}

pub(crate) fn no_lower_bound(span: Span, param: &str) -> Finding {
    let message = format!("this rule permits every negative `{param}`");
    let help = format!("add `{param}_gte: 0`, or declare the parameter with `min: 0`");
    warning(Code::NoLowerBound, span, message, help)
}

pub(crate) fn absent_under_glob(span: Span, param: &str, one: bool) -> Finding {
    let message = format!("this rule does not restrict a call without `{param}`");
    let (negation, equality) = if one { ("ne", "eq") } else { ("not_in", "in") };
    let help = format!(
        "to restrict it too, write `not` around `{equality}`; if that is not meant, write `exists: true` next to \
         `{negation}`"
    );
    warning(Code::AbsentUnderGlob, span, message, help)
}

pub(crate) fn undeclared_length(span: Span, param: &str) -> Finding {
    let message = format!("this rule counts the elements of `{param}` where it is a list of texts");
    let help = format!(
        "declare it: `tools: {{ TOOL: {{ params: {{ {param}: {{ type: string }} }} }} }}`, or `type: array`"
    );
    warning(Code::UndeclaredLength, span, message, help)
}

pub(crate) fn agent_id_in_params(span: Span) -> Finding {
    let message = "this reads an argument `agent_id`, which the agent writes itself".to_owned();
    let help = "write `agent_id: NAME` next to `tool` for the agent that proposes the action";
    warning(Code::AgentIdInParams, span, message, help.to_owned())
}

/// A file of the policy folder is not read. The engine reads no folders; a host tells it of one.
pub fn not_read(file: &str, why: &str, help: &str) -> Finding {
    error(Code::NotRead, Span::default(), format!("`{file}` is not read: {why}"), some(help))
}
