//! Tests of policies, `NAME.test.yaml`: named actions with what is expected of them. Reading is strict, because an
//! expectation that is overlooked is a test that cannot fail.
//!
//! ```yaml
//! policy: support-agent.yaml        # defaults to NAME.yaml beside the file
//! # policies: [a.yaml, b.yaml]      # or several, decided together
//! now: 1795348800000                # defaults to none; every test may have its own state
//! tests:
//!   - name: a small refund runs
//!     action: { agent_id: support-agent-1, tool: process_refund, params: { amount: 45 } }
//!     expect: { outcome: EXECUTE, rule: small-refunds }
//! ```

use serde::Deserialize;
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error as NotOne, StrDeserializer};

use crate::canonical::Canonical;
use crate::decision::{Decision, Outcome, ReasonCode};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::policy::yaml::{self, Entry, Kind, Node};
use crate::risk::RiskLevel;
use crate::span::{LineIndex, Span};
use crate::state::State;
use crate::value::{Object, Value};

/// A file of tests that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Suite {
    /// The names of the policies under test, which are in the same folder; none for the one of the same name.
    pub policies: Option<Vec<String>>,
    /// The tests, in the order of the file.
    pub tests: Vec<Test>,
}

/// One test.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// What it shows.
    pub name: String,
    /// The action, as canonical JSON. It may be one that cannot be read as an action: that is a test too.
    pub action: Canonical,
    /// The state, as canonical JSON.
    pub state: Canonical,
    /// What must come out.
    pub expect: Expect,
    /// Where it starts.
    pub line: usize,
}

/// What must come out. What is not listed is not compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    /// The outcome; always listed.
    pub outcome: Outcome,
    /// The id of the rule; null means that no rule decided.
    pub rule: Option<Option<String>>,
    /// The reason code.
    pub reason_code: Option<ReasonCode>,
    /// The risk level.
    pub risk_level: Option<RiskLevel>,
    /// The risk score.
    pub risk_score: Option<u8>,
}

/// A field of a decision that differs from the expected one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// What was compared.
    pub field: &'static str,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub actual: String,
}

impl Expect {
    /// Where `decision` is not what was expected; nowhere for a test that passes.
    pub fn differences(&self, decision: &Decision) -> Vec<Mismatch> {
        let rule = decision.rule.as_ref().map(|rule| rule.id.as_str());
        let none = |id: Option<&str>| id.unwrap_or("none").to_owned();
        let compared = [
            Some(("outcome", self.outcome.as_str().to_owned(), decision.outcome.as_str().to_owned())),
            self.rule.as_ref().map(|id| ("rule", none(id.as_deref()), none(rule))),
            self.reason_code.map(|code| {
                ("reason_code", code.as_str().to_owned(), decision.reason_code.as_str().to_owned())
            }),
            self.risk_level.map(|level| {
                ("risk_level", level.as_str().to_owned(), decision.risk_level.as_str().to_owned())
            }),
            self.risk_score
                .map(|score| ("risk_score", score.to_string(), decision.risk_score.get().to_string())),
        ];
        let compared = compared.into_iter().flatten();
        compared
            .filter(|(_, expected, actual)| expected != actual)
            .map(|(field, expected, actual)| Mismatch { field, expected, actual })
            .collect()
    }
}

/// Reads a file of tests, whose name and text these are.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn read(name: &str, source: &str) -> Result<Suite, Box<Diagnostic>> {
    let file = File { name: name.to_owned(), lines: LineIndex::new(source) };
    let document =
        yaml::parse(source).map_err(|finding| Box::new(finding.located(&file.name, &file.lines)))?;
    let start = Span { start: 0, end: 0 };
    let Some(root) = document.root else {
        return Err(file.missing(start, "a file of tests", "tests"));
    };
    let root = file.map(&root, "a file of tests", &["now", "policies", "policy", "tests"])?;
    let now = root.get("now").map(|node| file.whole(node, "now")).transpose()?;
    let tests = root.get("tests").ok_or_else(|| file.missing(start, "a file of tests", "tests"))?;
    let tests =
        file.list(tests, "tests")?.iter().map(|node| file.test(node, now)).collect::<Result<Vec<_>, _>>()?;
    if tests.is_empty() {
        return Err(file.wrong(
            Code::MissingValue,
            start,
            "`tests` is empty",
            "a file of tests has at least one",
        ));
    }
    Ok(Suite { policies: file.policies(&root)?, tests })
}

struct File<'a> {
    name: String,
    lines: LineIndex<'a>,
}

/// The members of a mapping whose keys are known.
struct Fields<'n> {
    span: Span,
    entries: &'n [Entry],
}

impl<'n> Fields<'n> {
    fn get(&self, key: &str) -> Option<&'n Node> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }
}

type Read<T> = Result<T, Box<Diagnostic>>;

impl File<'_> {
    fn wrong(&self, code: Code, span: Span, message: &str, help: &str) -> Box<Diagnostic> {
        let (start, end) = (self.lines.position(span.start), self.lines.position(span.end));
        Box::new(Diagnostic {
            code,
            column: start.column,
            end_column: end.column,
            end_line: end.line,
            file: self.name.clone(),
            help: Some(help.to_owned()),
            line: start.line,
            message: message.to_owned(),
            severity: Severity::Error,
            span,
        })
    }

    fn missing(&self, span: Span, what: &str, key: &str) -> Box<Diagnostic> {
        self.wrong(Code::MissingKey, span, &format!("{what} has no `{key}`"), &format!("add `{key}:`"))
    }

    fn of_type<T>(&self, node: &Node, key: &str, wanted: &str) -> Read<T> {
        let message = format!("`{key}` is {}", node.described());
        Err(self.wrong(Code::WrongType, node.span, &message, &format!("it must be {wanted}")))
    }

    fn map<'n>(&self, node: &'n Node, what: &str, known: &[&str]) -> Read<Fields<'n>> {
        let Kind::Map(entries) = &node.kind else {
            let message = format!("{what} is a mapping, not {}", node.described());
            return Err(self.wrong(
                Code::WrongType,
                node.span,
                &message,
                &format!("its keys are {}", keys(known)),
            ));
        };
        match entries.iter().find(|entry| !known.contains(&entry.key.as_str())) {
            Some(entry) => {
                let message = format!("unknown key `{}` in {what}", entry.key.escape_debug());
                let help = format!("its keys are {}", keys(known));
                Err(self.wrong(Code::UnknownKey, entry.key_span, &message, &help))
            }
            None => Ok(Fields { span: node.span, entries }),
        }
    }

    fn list<'n>(&self, node: &'n Node, key: &str) -> Read<&'n [Node]> {
        if let Kind::List(items) = &node.kind { Ok(items) } else { self.of_type(node, key, "a list") }
    }

    fn text<'n>(&self, node: &'n Node, key: &str) -> Read<&'n str> {
        if let Kind::Text(text) = &node.kind { Ok(text) } else { self.of_type(node, key, "text") }
    }

    fn whole(&self, node: &Node, key: &str) -> Read<f64> {
        match node.kind {
            Kind::Number(number) if number.fract() == 0.0 => Ok(number),
            _ => self.of_type(node, key, "a whole number"),
        }
    }

    /// One of the words of a type on the wire.
    fn word<'n, T: Deserialize<'n>>(&self, node: &'n Node, key: &str, help: &str) -> Read<T> {
        let word = self.text(node, key)?;
        let words: StrDeserializer<'_, NotOne> = word.into_deserializer();
        T::deserialize(words).map_err(|_| {
            let message = format!("`{}` is no {key}", word.escape_debug());
            self.wrong(Code::InvalidValue, node.span, &message, help)
        })
    }

    fn policies(&self, root: &Fields<'_>) -> Read<Option<Vec<String>>> {
        let named = |node: &Node, key: &str| self.text(node, key).map(str::to_owned);
        match (root.get("policy"), root.get("policies")) {
            (Some(_), Some(both)) => {
                let help = "name one file with `policy`, or several with `policies`";
                Err(self.wrong(Code::InvalidValue, both.span, "`policy` and `policies` are both given", help))
            }
            (Some(one), None) => Ok(Some(vec![named(one, "policy")?])),
            (None, Some(several)) => {
                let items = self.list(several, "policies")?;
                items.iter().map(|item| named(item, "policies")).collect::<Read<_>>().map(Some)
            }
            (None, None) => Ok(None),
        }
    }

    fn test(&self, node: &Node, now: Option<f64>) -> Read<Test> {
        let members = self.map(node, "a test", &["action", "expect", "name", "state"])?;
        let required = |key| members.get(key).ok_or_else(|| self.missing(members.span, "a test", key));
        let action = required("action")?;
        if !matches!(action.kind, Kind::Map(_)) {
            return self.of_type(action, "action", "a mapping");
        }
        Ok(Test {
            name: self.text(required("name")?, "name")?.to_owned(),
            action: Canonical::of(&action.to_value()),
            state: self.state(members.get("state"), now)?,
            expect: self.expect(required("expect")?)?,
            line: self.lines.position(node.span.start).line,
        })
    }

    fn state(&self, node: Option<&Node>, now: Option<f64>) -> Read<Canonical> {
        let own = match node {
            None => Value::Object(Object::default()),
            Some(Node { kind: Kind::Map(_), .. }) => node.map_or(Value::Null, Node::to_value),
            Some(other) => return self.of_type(other, "state", "a mapping"),
        };
        let mut members: Vec<(String, Value)> = own
            .as_object()
            .map(|own| own.iter().map(|(key, value)| (key.to_owned(), value.clone())).collect())
            .unwrap_or_default();
        // A test's own time wins over the file's.
        if let Some(now) = now
            && !members.iter().any(|(key, _)| key == "now")
        {
            members.push(("now".to_owned(), Value::Number(now)));
        }
        let state = Value::Object(Object::from_members(members).unwrap_or_default());
        let state = Canonical::of(&state);
        let span = node.map_or(Span { start: 0, end: 0 }, |node| node.span);
        match State::parse(state.as_bytes()) {
            Ok(_) => Ok(state),
            Err(error) => {
                let help = "a state has `now` in Unix milliseconds and `approval`";
                Err(self.wrong(Code::InvalidValue, span, &error.message, help))
            }
        }
    }

    fn expect(&self, node: &Node) -> Read<Expect> {
        let known = ["outcome", "reason_code", "risk_level", "risk_score", "rule"];
        let members = self.map(node, "`expect`", &known)?;
        let outcome =
            members.get("outcome").ok_or_else(|| self.missing(members.span, "`expect`", "outcome"))?;
        let rule = members.get("rule").map(|node| match &node.kind {
            Kind::Null => Ok(None),
            Kind::Text(id) => Ok(Some(id.clone())),
            _ => self.of_type(node, "rule", "the id of a rule, or null for none"),
        });
        let score = members.get("risk_score").map(|node| {
            let score = self.whole(node, "risk_score")?;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and in range")]
            let score = (0.0..=100.0).contains(&score).then_some(score as u8);
            let help = "a risk score is from 0 to 100";
            score.ok_or_else(|| {
                self.wrong(Code::InvalidValue, node.span, "`risk_score` is out of range", help)
            })
        });
        let code = members.get("reason_code").map(|node| {
            self.word(
                node,
                "reason_code",
                "the codes are in the documentation of decisions, such as `default_deny`",
            )
        });
        let level = members.get("risk_level").map(|node| {
            self.word(node, "risk_level", "the levels are `low`, `medium`, `high` and `critical`")
        });
        Ok(Expect {
            outcome: self.word(outcome, "outcome", "the outcomes are `EXECUTE`, `ABSTAIN` and `HALT`")?,
            rule: rule.transpose()?,
            reason_code: code.transpose()?,
            risk_level: level.transpose()?,
            risk_score: score.transpose()?,
        })
    }
}

fn keys(known: &[&str]) -> String {
    known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(source: &str) -> (usize, usize, String) {
        let found = *read("a.test.yaml", source).unwrap_err();
        (found.line, found.column, found.message)
    }

    const GOOD: &str =
        "now: 5\ntests:\n  - name: n\n    action: { tool: t }\n    expect: { outcome: HALT, rule: null }\n";

    #[test]
    fn a_file_of_tests_may_name_its_policies() {
        let suite = read("a.test.yaml", GOOD).unwrap();
        assert_eq!(suite.policies, None);
        assert_eq!(suite.tests[0].action.as_str(), r#"{"tool":"t"}"#);
        assert_eq!(suite.tests[0].state.as_str(), r#"{"now":5}"#);
        assert_eq!(suite.tests[0].expect.rule, Some(None));
        assert_eq!(suite.tests[0].line, 3);
        let several = format!("policies: [b.yaml, c.yaml]\n{GOOD}");
        let suite = read("a.test.yaml", &several).unwrap();
        assert_eq!(suite.policies, Some(vec!["b.yaml".to_owned(), "c.yaml".to_owned()]));
    }

    #[test]
    fn nothing_unknown_or_missing_passes() {
        let test = |body: &str| format!("tests:\n  - name: n\n    action: {{}}\n    {body}\n");
        let check = |source: &str, line, message: &str| {
            let (found_line, _, found) = problem(source);
            assert_eq!((found_line, found.as_str()), (line, message), "{source}");
        };
        check("", 1, "a file of tests has no `tests`");
        check("tests: []\n", 1, "`tests` is empty");
        check("test: []\n", 1, "unknown key `test` in a file of tests");
        check(&test("expects: {}"), 4, "unknown key `expects` in a test");
        check(&test("expect: { rule: a }"), 4, "`expect` has no `outcome`");
        check(&test("expect: { outcome: PERMIT }"), 4, "`PERMIT` is no outcome");
        check(&test("expect: { outcome: HALT, outcom: HALT }"), 4, "unknown key `outcom` in `expect`");
        check(&test("expect: { outcome: HALT, risk_score: 101 }"), 4, "`risk_score` is out of range");
        check(&test("expect: { outcome: HALT, risk_level: severe }"), 4, "`severe` is no risk_level");
        check(&test("expect: { outcome: HALT, reason_code: nope }"), 4, "`nope` is no reason_code");
        check(
            &test("state: { later: 1 }\n    expect: { outcome: HALT }"),
            4,
            "`later` is not a field of the state",
        );
        check("tests:\n  - name: n\n    action: {}\n", 2, "a test has no `expect`");
        check(
            "policy: a.yaml\npolicies: [b.yaml]\ntests: [{ name: n, action: {}, expect: { outcome: HALT } }]\n",
            2,
            "`policy` and `policies` are both given",
        );
    }
}
