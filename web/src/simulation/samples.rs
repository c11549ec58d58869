//! Samples: made-up actions with their expected decisions, as in `NAME.test.yaml`.

use engine::canonical::Canonical;
use engine::decision::Outcome;
use engine::diagnostic::Diagnostic;
use engine::json;
use engine::policy::yaml::{self, Kind, is_plain};
use engine::state::State;
use engine::suite::{self, Expect, Suite};
use engine::value::{Object, Value};

use super::{Input, Origin, Row, amounts};
use crate::format::arguments_of;

/// A sample as it is edited.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its number on this page; never shown.
    pub number: u64,
    /// Its purpose.
    pub name: String,
    /// The agent that proposes it.
    pub agent_id: String,
    /// The tool.
    pub tool: String,
    /// The arguments, as typed: YAML on one line, which includes JSON.
    pub params: String,
    /// The expected decision.
    pub expect: Expect,
    /// The other members of the action, which the table does not show.
    rest: Object,
    state: Canonical,
}

impl Sample {
    /// A sample to begin with.
    pub fn new(number: u64) -> Self {
        Sample {
            number,
            name: String::new(),
            agent_id: String::new(),
            tool: String::new(),
            params: "{}".to_owned(),
            expect: expecting(Outcome::Halt),
            rest: Object::default(),
            state: Canonical::of(&Value::Object(Object::default())),
        }
    }

    /// Whether nothing but a name was written yet; such a sample is right about nothing.
    pub fn is_blank(&self) -> bool {
        self.agent_id.is_empty() && self.tool.is_empty() && self.rest.is_empty()
    }

    /// A sample like an action, given as canonical JSON, which is expected to get `outcome`.
    pub fn like(number: u64, name: String, action: &str, outcome: Outcome) -> Self {
        Sample { name, expect: expecting(outcome), ..Sample::of_action(number, object_of(action)) }
    }

    fn of_action(number: u64, action: Object) -> Self {
        let mut sample = Sample::new(number);
        let mut rest = Vec::new();
        for (key, value) in action.into_members() {
            match (key.as_str(), value) {
                ("agent_id", Value::String(text)) => sample.agent_id = text,
                ("tool", Value::String(text)) => sample.tool = text,
                ("params", value) => sample.params = Canonical::of(&value).into_string(),
                (_, value) => rest.push((key, value)),
            }
        }
        sample.rest = Object::from_members(rest).unwrap_or_default();
        sample
    }

    /// The action.
    ///
    /// # Errors
    /// Why the arguments cannot be read.
    pub fn action(&self) -> Result<Value, String> {
        let mut members: Vec<(String, Value)> =
            self.rest.iter().map(|(key, value)| (key.to_owned(), value.clone())).collect();
        for (key, text) in [("agent_id", &self.agent_id), ("tool", &self.tool)] {
            if !text.is_empty() && self.rest.get(key).is_none() {
                members.push((key.to_owned(), Value::String(text.clone())));
            }
        }
        if let Some(params) = self.arguments()? {
            members.push(("params".to_owned(), params));
        }
        Object::from_members(members).map(Value::Object)
    }

    fn arguments(&self) -> Result<Option<Value>, String> {
        let document = yaml::parse(&self.params)
            .map_err(|finding| finding.located("", &engine::span::LineIndex::new(&self.params)).message)?;
        match document.root {
            None => Ok(None),
            Some(root) if matches!(root.kind, Kind::Map(_)) => Ok(Some(root.to_value())),
            Some(root) => Err(format!(
                "the arguments are a mapping such as `{{ amount: 45 }}`, not {}",
                root.described()
            )),
        }
    }

    /// The row that is tried.
    ///
    /// # Errors
    /// As for [`Sample::action`].
    pub fn row(&self) -> Result<Row, String> {
        let action = self.action()?;
        let params =
            action.as_object().and_then(|object| object.get("params")).cloned().unwrap_or(Value::Null);
        Ok(Row {
            origin: Origin::Sample(self.number),
            title: self.name.clone(),
            agent_id: self.agent_id.clone(),
            tool: self.tool.clone(),
            arguments: arguments_of(&params, &[]),
            at: None,
            status: None,
            expect: Some(self.expect.clone()),
            amounts: amounts(&params),
            input: Input::Bytes(Canonical::of(&action).into_string().into_bytes()),
            state: State::parse(self.state.as_bytes()).unwrap_or_default(),
        })
    }
}

/// The object that the engine has printed.
fn object_of(canonical: &str) -> Object {
    match json::parse_printed(canonical.as_bytes(), usize::MAX) {
        Ok(Value::Object(object)) => object,
        _ => Object::default(),
    }
}

fn expecting(outcome: Outcome) -> Expect {
    Expect { outcome, rule: None, reason_code: None, risk_level: None, risk_score: None }
}

/// Samples, and the policies that their file names, if it names any.
pub type Read = (Vec<Sample>, Option<Vec<String>>);

/// Reads `NAME.test.yaml`, and says whether the table can hold all of it.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn read(name: &str, text: &str) -> Result<Read, Box<Diagnostic>> {
    let Suite { policies, tests } = suite::read(name, text)?;
    let samples = tests.into_iter().zip(0..).map(|(test, number)| {
        let action = object_of(test.action.as_str());
        Sample {
            name: test.name,
            expect: test.expect,
            state: test.state,
            ..Sample::of_action(number, action)
        }
    });
    Ok((samples.collect(), policies))
}

/// Prints samples as `NAME.test.yaml`. Each action is on one line of JSON, which is YAML too.
///
/// # Errors
/// The first sample whose arguments cannot be read, or which YAML has no form for.
pub fn print(samples: &[Sample], policies: Option<&[String]>) -> Result<String, String> {
    let mut out = String::new();
    match policies {
        Some([one]) => out.push_str(&format!("policy: {}\n", quoted(one))),
        Some(several) => {
            let names: Vec<String> = several.iter().map(|name| quoted(name)).collect();
            out.push_str(&format!("policies: [{}]\n", names.join(", ")));
        }
        None => {}
    }
    out.push_str("tests:\n");
    for sample in samples {
        let action = sample.action().map_err(|error| format!("sample `{}`: {error}", sample.name))?;
        out.push_str(&format!("  - name: {}\n", quoted(&sample.name)));
        out.push_str(&format!("    action: {}\n", spaced(&Canonical::of(&action))));
        if sample.state.as_str() != "{}" {
            out.push_str(&format!("    state: {}\n", spaced(&sample.state)));
        }
        out.push_str(&format!("    expect: {{ {} }}\n", expectation(&sample.expect)));
    }
    // The output must read back as the same samples, whatever characters they contain.
    let (again, _) = read("", &out).map_err(|finding| finding.message)?;
    let same = again.len() == samples.len()
        && again.iter().zip(samples).all(|(again, sample)| {
            again.name == sample.name && again.expect == sample.expect && again.action() == sample.action()
        });
    if same { Ok(out) } else { Err("the samples hold characters that YAML has no form for".to_owned()) }
}

fn expectation(expect: &Expect) -> String {
    let mut members = vec![format!("outcome: {}", expect.outcome.as_str())];
    if let Some(rule) = &expect.rule {
        members.push(format!("rule: {}", rule.as_deref().map_or("null".to_owned(), quoted)));
    }
    members.extend(expect.reason_code.map(|code| format!("reason_code: {}", code.as_str())));
    members.extend(expect.risk_level.map(|level| format!("risk_level: {}", level.as_str())));
    members.extend(expect.risk_score.map(|score| format!("risk_score: {score}")));
    members.join(", ")
}

/// Text as a scalar of YAML: bare where every reader takes it for this very text, and otherwise as JSON writes it.
fn quoted(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { Canonical::text(text).into_string() }
}

/// JSON in one line. YAML wants nothing more than JSON has, but people like it with spaces.
fn spaced(json: &Canonical) -> String {
    let (mut out, mut in_string, mut escaped) = (String::new(), false, false);
    for char in json.as_str().chars() {
        out.push(char);
        if in_string {
            in_string = escaped || char != '"';
            escaped = char == '\\' && !escaped;
        } else if char == '"' {
            in_string = true;
        } else if char == ',' || char == ':' {
            out.push(' ');
        }
    }
    out
}
