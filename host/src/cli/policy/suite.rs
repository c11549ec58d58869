//! Reads `NAME.test.yaml`: named actions with what is expected of them. Strict, because an expectation that is
//! overlooked is a test that cannot fail.
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

use std::path::{Path, PathBuf};

use engine::canonical::Canonical;
use engine::decision::{Outcome, ReasonCode};
use engine::diagnostic::{Code, Diagnostic, Severity};
use engine::policy::yaml::{self, Entry, Kind, Node};
use engine::risk::RiskLevel;
use engine::span::{LineIndex, Span};
use engine::state::State;
use engine::value::{Object, Value};
use serde::de::DeserializeOwned;

/// A file of tests that was read.
#[derive(Debug)]
pub(crate) struct Suite {
    /// The policies under test.
    pub(crate) policies: Vec<PathBuf>,
    /// The tests, in the order of the file.
    pub(crate) tests: Vec<Test>,
}

/// One test.
#[derive(Debug)]
pub(crate) struct Test {
    /// What it shows.
    pub(crate) name: String,
    /// The action, as JSON.
    pub(crate) action: Vec<u8>,
    /// The state, as JSON.
    pub(crate) state: Vec<u8>,
    /// What must come out.
    pub(crate) expect: Expect,
    /// Where it starts.
    pub(crate) line: usize,
}

/// What must come out. What is not listed is not compared.
#[derive(Debug)]
pub(crate) struct Expect {
    /// The outcome; always listed.
    pub(crate) outcome: Outcome,
    /// The id of the rule; null means that no rule decided.
    pub(crate) rule: Option<Option<String>>,
    /// The reason code.
    pub(crate) reason_code: Option<ReasonCode>,
    /// The risk level.
    pub(crate) risk_level: Option<RiskLevel>,
    /// The risk score.
    pub(crate) risk_score: Option<u8>,
}

/// Reads the file of tests at `path`, whose text is `source`.
///
/// # Errors
/// The first thing that is wrong with it.
pub(crate) fn read(path: &Path, source: &str) -> Result<Suite, Box<Diagnostic>> {
    let file = File { path: path.display().to_string(), lines: LineIndex::new(source) };
    let document =
        yaml::parse(source).map_err(|finding| Box::new(finding.located(&file.path, &file.lines)))?;
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
    Ok(Suite { policies: file.policies(path, &root)?, tests })
}

struct File<'a> {
    path: String,
    lines: LineIndex<'a>,
}

/// The members of a mapping whose keys are known.
struct Members<'n> {
    span: Span,
    entries: &'n [Entry],
}

impl<'n> Members<'n> {
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
            file: self.path.clone(),
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

    fn map<'n>(&self, node: &'n Node, what: &str, known: &[&str]) -> Read<Members<'n>> {
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
            None => Ok(Members { span: node.span, entries }),
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
    fn word<T: DeserializeOwned>(&self, node: &Node, key: &str, help: &str) -> Read<T> {
        let word = self.text(node, key)?;
        serde_json::from_value(word.into()).map_err(|_| {
            let message = format!("`{}` is no {key}", word.escape_debug());
            self.wrong(Code::InvalidValue, node.span, &message, help)
        })
    }

    fn policies(&self, path: &Path, root: &Members<'_>) -> Read<Vec<PathBuf>> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let named = |node: &Node, key: &str| self.text(node, key).map(|name| folder.join(name));
        match (root.get("policy"), root.get("policies")) {
            (Some(_), Some(both)) => {
                let help = "name one file with `policy`, or several with `policies`";
                Err(self.wrong(Code::InvalidValue, both.span, "`policy` and `policies` are both given", help))
            }
            (Some(one), None) => Ok(vec![named(one, "policy")?]),
            (None, Some(several)) => {
                let items = self.list(several, "policies")?;
                items.iter().map(|item| named(item, "policies")).collect()
            }
            (None, None) => {
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                let stem = name.strip_suffix(".test.yaml").or_else(|| name.strip_suffix(".test.yml"));
                let stem = stem.unwrap_or(name);
                let short = folder.join(format!("{stem}.yml"));
                Ok(vec![if short.is_file() { short } else { folder.join(format!("{stem}.yaml")) }])
            }
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
            action: Canonical::of(&action.to_value()).into_string().into_bytes(),
            state: self.state(members.get("state"), now)?,
            expect: self.expect(required("expect")?)?,
            line: self.lines.position(node.span.start).line,
        })
    }

    fn state(&self, node: Option<&Node>, now: Option<f64>) -> Read<Vec<u8>> {
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
        let bytes = Canonical::of(&state).into_string().into_bytes();
        let span = node.map_or(Span { start: 0, end: 0 }, |node| node.span);
        match State::parse(&bytes) {
            Ok(_) => Ok(bytes),
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
        let found = *read(Path::new("p/a.test.yaml"), source).unwrap_err();
        (found.line, found.column, found.message)
    }

    const GOOD: &str =
        "now: 5\ntests:\n  - name: n\n    action: { tool: t }\n    expect: { outcome: HALT, rule: null }\n";

    #[test]
    fn a_file_of_tests_names_its_policy_by_its_own_name() {
        let suite = read(Path::new("p/a.test.yaml"), GOOD).unwrap();
        assert_eq!(suite.policies, [PathBuf::from("p/a.yaml")]);
        assert_eq!(suite.tests[0].action, br#"{"tool":"t"}"#);
        assert_eq!(suite.tests[0].state, br#"{"now":5}"#);
        assert_eq!(suite.tests[0].expect.rule, Some(None));
        assert_eq!(suite.tests[0].line, 3);
        let several = format!("policies: [b.yaml, c.yaml]\n{GOOD}");
        let suite = read(Path::new("p/a.test.yaml"), &several).unwrap();
        assert_eq!(suite.policies, [PathBuf::from("p/b.yaml"), PathBuf::from("p/c.yaml")]);
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
