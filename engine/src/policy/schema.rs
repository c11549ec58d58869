//! The policy language as a JSON Schema (2020-12), for editors: which keys there are, what they take, what they mean.
//!
//! The keys and words come from the tables that the reader uses ([`super::words`] and its like); a key without a
//! text here, or a text without a key, is an error. The schema says less than the reader, which also knows whether
//! a regex compiles, whether ids are unique and what a tool declares; it never refuses what the reader takes.
//! Nothing is validated here, and no product has this module in it.

mod conditions;
mod json;

pub use json::Json;

use super::operator::MAX_PATTERN_BYTES;
use super::tool::DeclType;
use super::words::{self, MAX_APPROVERS, MAX_SCORE};
use super::{MAX_RULES, Mode};
use crate::decision::Effect;
use crate::risk::RiskLevel;

/// A key or definition, and its schema.
type Member = (&'static str, Json);

/// The schema of a policy file.
///
/// # Errors
/// Names the key that has no text here, or the text that has no key in the language.
pub fn policy() -> Result<Json, String> {
    let mut definitions = vec![
        ("rule", rule()?),
        ("approval", approval()?),
        ("tool", tool()?),
        ("parameter", parameter()?),
        ("type", types()),
        ("risk", risk()?),
        ("risk_rule", risk_rule()?),
        ("level", level()),
    ];
    definitions.extend(conditions::definitions()?);
    let root = described(
        "Faramesh policy",
        "What agents may do: an action is decided by the first rule whose match is true, and what no rule permits \
         is halted.",
    );
    let properties = keyed(
        "a policy",
        &words::POLICY,
        vec![
            ("version", described("Version", "The version of the policy language. May be left out.").with("const", 1)),
            (
                "name",
                name("Name", "What the policy is called. The file's name without its ending when left out."),
            ),
            ("description", text("Description", "What the policy is for.")),
            (
                "agents",
                texts(
                    "Agents",
                    "The agents that this file speaks of: a list of globs, where `*` stands for any run of \
                     characters and `?` for one. All agents when left out. Example: `agents: [\"support-agent-*\"]`",
                ),
            ),
            ("mode", mode()),
            (
                "tools",
                described(
                    "Tool declarations",
                    "Which parameters each tool has and what they may be, by the tool's name. A call that does \
                     not satisfy them is halted with `invalid_params` before any rule is asked.",
                )
                .with("type", "object")
                .with("additionalProperties", reference("tool")),
            ),
            (
                "rules",
                described(
                    "Rules",
                    "The rules, in order: the first whose match is true decides. A file without rules permits \
                     nothing.",
                )
                .with("type", "array")
                .with("maxItems", small(MAX_RULES))
                .with("items", reference("rule")),
            ),
            ("risk", reference("risk")),
        ],
    )?;
    let root = Json::object([("$schema", "https://json-schema.org/draft/2020-12/schema")])
        .with("$comment", "Made from the tables of the engine by `cargo xtask codegen`; do not edit.")
        .also(root);
    Ok(closed(root, properties).with("$defs", Json::object(definitions)))
}

fn mode() -> Json {
    let meaning = |mode| match mode {
        Mode::Enforce => "The policy takes part in every decision.",
        Mode::Shadow => "The policy is decided and recorded, and has no part in the outcome.",
    };
    let words = words::MODES.map(|(word, mode)| (word, meaning(mode).to_owned()));
    one_of(
        "Mode",
        "Whether this policy has a part in the outcome. `enforce` when left out; `shadow` tries a new policy on \
         live traffic.",
        &words,
    )
}

fn rule() -> Result<Json, String> {
    let effect = |title: &str, description: &str| described(title, description).with("const", true);
    let properties = keyed(
        "a rule",
        &words::RULE,
        vec![
            (
                "id",
                name(
                    "Id",
                    "The rule's name in decisions, unique in the file. `rule-1`, `rule-2` and so on by place when \
                     left out.",
                ),
            ),
            (
                "match",
                reference("match").with(
                    "description",
                    "Which actions the rule is about. All conditions must hold. Example: \
                     `match: { tool: process_refund, amount_gt: 150 }`",
                ),
            ),
            ("allow", effect("Allow", "The effect: the action may run. Always `allow: true`.")),
            (
                "require_approval",
                described(
                    "Require approval",
                    "The effect: a person looks first. `require_approval: true` wants one person; a mapping says \
                     more. Example: `require_approval: { approvers: 2, roles: [finance], expires: 30m }`",
                )
                .with("anyOf", Json::list([Json::object([("const", true)]), reference("approval")])),
            ),
            ("deny", effect("Deny", "The effect: the action does not run. Always `deny: true`.")),
            (
                "description",
                text("Description", "What the rule is for. It is told as the reason when the rule has none."),
            ),
            ("reason", text("Reason", "What the caller is told when this rule decides.")),
            (
                "risk",
                reference("level").with(
                    "description",
                    "The least risk of what the rule matches. From `high` on an action is held and from \
                     `critical` on it is halted, unless `risk` sets other thresholds. Example: `risk: high`",
                ),
            ),
        ],
    )?;
    let about = described(
        "Rule",
        "A match and exactly one effect. Example: \
         `{ id: small-refunds, match: { tool: process_refund, amount_gte: 0, amount_lte: 150 }, allow: true }`",
    );
    let effects = words::EFFECTS.map(|effect: Effect| required(&[effect.as_str()]));
    Ok(closed(about, properties).with("required", Json::list(["match"])).with("oneOf", Json::list(effects)))
}

fn approval() -> Result<Json, String> {
    let properties = keyed(
        "`require_approval`",
        &words::APPROVAL,
        vec![
            (
                "approvers",
                whole("Approvers", "How many different people must approve. 1 when left out.", 1, MAX_APPROVERS),
            ),
            (
                "roles",
                described(
                    "Roles",
                    "Each approver must have one of these roles. Anybody who may approve counts when left out. \
                     Example: `roles: [finance]`",
                )
                .with("type", "array")
                .with("minItems", 1)
                .with("items", Json::object([("type", "string")])),
            ),
            (
                "expires",
                text(
                    "Expires",
                    "How long approving may take: a whole number above zero and `ms`, `s`, `m`, `h`, `d` or `w`, at \
                     most 366 days. The server's own setting when left out. Example: `expires: 30m`",
                )
                .with("pattern", "^0*[1-9][0-9]*(ms|[smhdw])$"),
            ),
        ],
    )?;
    let about = described("Approval", "Who must approve, and for how long they may.");
    Ok(closed(about, properties).with("minProperties", 1))
}

fn tool() -> Result<Json, String> {
    let properties = keyed(
        "the declaration of a tool",
        &words::TOOL,
        vec![
            ("description", text("Description", "What the tool does.")),
            (
                "params",
                described("Parameters", "The tool's parameters by name. Example: `params: { amount: { type: number } }`")
                    .with("type", "object")
                    .with("additionalProperties", reference("parameter")),
            ),
            (
                "additional",
                described(
                    "Additional parameters",
                    "Whether parameters that are not declared may be there. `true` when left out; `false` refuses \
                     them.",
                )
                .with("type", "boolean"),
            ),
        ],
    )?;
    let about = described(
        "Tool declaration",
        "What the arguments of a tool look like. The name is compared as it is and is no glob.",
    );
    Ok(closed(about, properties))
}

fn parameter() -> Result<Json, String> {
    let number = |title: &str, description: &str| described(title, description).with("type", "number");
    let kinds = described(
        "Type",
        "What the value may be: a type or a list of them. Examples: `type: integer`, `type: [string, \"null\"]`",
    );
    let several = Json::object([("type", "array")]).with("minItems", 1).with("items", reference("type"));
    let properties = keyed(
        "the declaration of a parameter",
        &words::PARAM,
        vec![
            ("type", kinds.with("anyOf", Json::list([reference("type"), several]))),
            (
                "required",
                described("Required", "Whether the parameter must be there. `false` when left out.")
                    .with("type", "boolean"),
            ),
            (
                "enum",
                described(
                    "Allowed values",
                    "The value must equal one of these. Example: `enum: [staging, production]`",
                )
                .with("type", "array")
                .with("minItems", 1),
            ),
            ("min", number("Least number", "The number must be at least this. Example: `min: 0`")),
            ("max", number("Greatest number", "The number must be at most this. Example: `max: 500`")),
            (
                "min_length",
                whole("Least length", "The text has at least so many characters, the list so many elements.", 0, u32::MAX),
            ),
            (
                "max_length",
                whole("Greatest length", "The text has at most so many characters, the list so many elements.", 0, u32::MAX),
            ),
            (
                "pattern",
                text(
                    "Pattern",
                    "A regex that must be found in the text. It is not anchored, so write `^` and `$` where the \
                     whole value is meant. Example: `pattern: \"^[a-z]+$\"`",
                )
                .with("maxLength", small(MAX_PATTERN_BYTES)),
            ),
            (
                "items",
                reference("parameter").with(
                    "description",
                    "What every element of a list must satisfy. Example: `items: { type: string }`",
                ),
            ),
            ("description", text("Description", "What the parameter is for.")),
        ],
    )?;
    let about = described(
        "Parameter",
        "What a parameter must be. Without a `type`, a bound means that the value is of its kind. Example: \
         `{ type: number, required: true, min: 0 }`",
    );
    Ok(closed(about, properties))
}

fn types() -> Json {
    let meaning = |kind| match kind {
        DeclType::String => "A text.",
        DeclType::Number => "A number.",
        DeclType::Integer => "A whole number; `2.0` is one.",
        DeclType::Boolean => "`true` or `false`.",
        DeclType::Array => "A list.",
        DeclType::Object => "A mapping.",
        DeclType::Null => "Null.",
    };
    let word = |kind: DeclType| Json::object([("const", kind.as_str()), ("description", meaning(kind))]);
    let mut words: Vec<Json> = DeclType::ALL.into_iter().map(word).collect();
    // A bare `null` is the name of a type here, and not a missing word.
    words.push(Json::object([("type", "null"), ("description", meaning(DeclType::Null))]));
    described("Type", "The type of a value.").with("anyOf", Json::List(words))
}

fn risk() -> Result<Json, String> {
    let properties = keyed(
        "`risk`",
        &words::RISK,
        vec![
            (
                "rules",
                described(
                    "Risk rules",
                    "Every risk rule counts whose `when` is true or undetermined, and their scores add up to at \
                     most 100.",
                )
                .with("type", "array")
                .with("maxItems", small(MAX_RULES))
                .with("items", reference("risk_rule")),
            ),
            (
                "require_approval_at",
                threshold(
                    "Require approval at",
                    "The level from which an action is held for a person. `high` when left out. Example: \
                     `require_approval_at: medium`",
                    "held for a person",
                ),
            ),
            (
                "deny_at",
                threshold(
                    "Deny at",
                    "The level from which an action is halted. `critical` when left out. Example: `deny_at: never`",
                    "halted",
                ),
            ),
        ],
    )?;
    let about = described(
        "Risk",
        "The second, independent control: it makes an outcome stricter and never looser. Example: \
         `risk: { rules: [{ name: large, when: { tool: process_refund, amount_gt: 500 }, risk_level: high }] }`",
    );
    Ok(closed(about, properties))
}

fn risk_rule() -> Result<Json, String> {
    let properties = keyed(
        "a risk rule",
        &words::RISK_RULE,
        vec![
            ("name", name("Name", "Its name in decisions, unique among the risk rules of the file.")),
            (
                "when",
                reference("match").with("title", "When").with(
                    "description",
                    "Which actions it counts for. All conditions must hold, or be undetermined. Example: \
                     `when: { tool: process_refund, amount_gt: 500 }`",
                ),
            ),
            (
                "risk_level",
                reference("level")
                    .with("description", "How much it counts, as a level. Example: `risk_level: high`"),
            ),
            ("score", whole("Score", "How much it counts, as a number. Example: `score: 25`", 1, MAX_SCORE)),
            ("description", text("Description", "What it is for.")),
        ],
    )?;
    let about = described("Risk rule", "A name, a `when`, and either a `risk_level` or a `score`.");
    Ok(closed(about, properties)
        .with("required", Json::list(["name", "when"]))
        .with("oneOf", Json::list([required(&["risk_level"]), required(&["score"])])))
}

fn level() -> Json {
    let words = words::LEVELS.map(|(word, level)| {
        let (stands_for, least) = (level.score().get(), least_score(level));
        (word, format!("Stands for a score of {stands_for}; a score is of this level from {least} on."))
    });
    one_of("Risk level", "How risky, in one word.", &words)
}

/// Editors show what is said of a word in the place of what is said of its key, so each says what happens.
fn threshold(title: &str, description: &str, what_happens: &str) -> Json {
    let words = words::THRESHOLDS.map(|(word, level)| match level.map(least_score) {
        Some(0) => (word, format!("An action is always {what_happens}.")),
        Some(least) => (word, format!("From a score of {least} on an action is {what_happens}.")),
        None => (word, format!("No risk is so high that an action is {what_happens}.")),
    });
    one_of(title, description, &words)
}

/// The least score that is of the level.
fn least_score(level: RiskLevel) -> u8 {
    let scores = (0..=100).filter_map(crate::risk::RiskScore::new);
    scores.filter(|score| score.level() == level).map(crate::risk::RiskScore::get).next().unwrap_or_default()
}

/// The schemas of all keys of `table`, in its order.
fn keyed<'k>(
    place: &str,
    table: &'k [&'static str],
    mut texts: Vec<Member>,
) -> Result<Vec<(&'k str, Json)>, String> {
    let mut members = Vec::new();
    for key in table {
        let Some(at) = texts.iter().position(|(name, _)| name == key) else {
            return Err(format!("the schema does not know `{key}` of {place}"));
        };
        members.push((*key, texts.swap_remove(at).1));
    }
    match texts.first() {
        Some((name, _)) => Err(format!("the language does not know `{name}` of {place}")),
        None => Ok(members),
    }
}

/// A mapping with these keys and no others.
fn closed(about: Json, properties: Vec<(&str, Json)>) -> Json {
    about
        .with("type", "object")
        .with("additionalProperties", false)
        .with("properties", Json::object(properties))
}

fn described(title: &str, description: &str) -> Json {
    Json::object([("title", title), ("description", description)])
}

fn text(title: &str, description: &str) -> Json {
    described(title, description).with("type", "string")
}

fn name(title: &str, description: &str) -> Json {
    text(title, description).with("minLength", 1)
}

/// A text to look for, or a list of them: none of them empty.
fn parts(title: &str, description: &str) -> Json {
    described(title, description)
        .with("type", Json::list(["string", "array"]))
        .with("minLength", 1)
        .with("minItems", 1)
        .with("items", Json::object([("type", "string")]).with("minLength", 1))
}

/// A text, or a list of texts that is not empty.
fn texts(title: &str, description: &str) -> Json {
    described(title, description)
        .with("type", Json::list(["string", "array"]))
        .with("minItems", 1)
        .with("items", Json::object([("type", "string")]))
}

fn whole(title: &str, description: &str, least: u32, most: u32) -> Json {
    described(title, description).with("type", "integer").with("minimum", least).with("maximum", most)
}

/// One of some words, each with what it means.
fn one_of(title: &str, description: &str, words: &[(&str, String)]) -> Json {
    let words =
        words.iter().map(|(word, meaning)| Json::object([("const", *word), ("description", meaning)]));
    described(title, description).with("oneOf", Json::List(words.collect()))
}

fn reference(definition: &str) -> Json {
    Json::object([("$ref", format!("#/$defs/{definition}"))])
}

fn required(keys: &[&str]) -> Json {
    Json::object([("required", Json::list(keys.iter().copied()))])
}

/// A limit of the language as the schema writes it.
fn small(limit: usize) -> u32 {
    u32::try_from(limit).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn every_key_of_the_language_is_in_the_schema() {
        let printed = policy().unwrap().to_string();
        let read = json::parse(printed.as_bytes(), json::MAX_BYTES).unwrap();
        let keys = read.as_object().unwrap().get("properties").unwrap().as_object().unwrap();
        assert_eq!(keys.iter().count(), words::POLICY.len());
    }

    #[test]
    fn a_key_in_one_place_only_is_told() {
        let texts = || vec![("a", text("A", "")), ("b", text("B", ""))];
        let names = |table: &'static [&'static str]| {
            keyed("x", table, texts()).map(|members| members.into_iter().map(|(key, _)| key).collect())
        };
        assert_eq!(names(&["b", "a"]), Ok(vec!["b", "a"]));
        assert_eq!(names(&["a", "b", "c"]), Err("the schema does not know `c` of x".to_owned()));
        assert_eq!(names(&["a"]), Err("the language does not know `b` of x".to_owned()));
        let twice = keyed("x", &["a"], vec![("a", text("A", "")), ("a", text("A", ""))]);
        assert!(twice.is_err());
    }

    #[test]
    fn levels_begin_where_scores_do() {
        let least = RiskLevel::ALL.map(least_score);
        assert_eq!(least, [0, 40, 70, 90]);
    }
}
