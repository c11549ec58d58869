//! The schema of a `match` or `when`: its keys, the operators at the end of a key, paths, and windows of time.

use super::{Json, Member, closed, described, keyed, parts, reference, required, small, text, texts, whole};
use crate::policy::MAX_CONDITION_DEPTH;
use crate::policy::keywords;
use crate::policy::operator::{MAX_PATTERN_BYTES, SUFFIXES};
use crate::policy::window::DAYS;

/// A path as [`crate::policy::path::Path::parse`] reads it: parts between dots, each with any number of `[]` behind
/// it; only the first part must have a name.
const PATH: &str = r"[^.\[\]]+(\[\])*(\.([^.\[\]]+(\[\])*|(\[\])+))*";
const MINUTE_OF_DAY: &str = "([01][0-9]|2[0-3]):[0-5][0-9]";

/// The definitions that a match needs.
pub(super) fn definitions() -> Result<Vec<Member>, String> {
    Ok(vec![
        ("match", matcher()?),
        ("conditions", conditions()),
        ("operators", operators()?),
        ("regex", regex()),
        ("time", time()?),
        ("day", day()),
    ])
}

fn matcher() -> Result<Json, String> {
    let several = |title: &str, description: &str| {
        described(title, description)
            .with("type", "array")
            .with("minItems", 1)
            .with("items", reference("match"))
    };
    let operation =
        "The action's operation: a text, a glob, or a list of them. `call` when the action does not say.";
    let properties = keyed(
        "a match",
        &keywords::MATCH,
        vec![
            (
                "tool",
                texts(
                    "Tool",
                    "The action's tool: a text, a glob, or a list of them. A name without `*` or `?` names the \
                     tool exactly, and then a condition on a parameter that is missing is undetermined. Example: \
                     `tool: process_refund`",
                ),
            ),
            ("operation", texts("Operation", &format!("{operation} Example: `operation: [get, \"list*\"]`"))),
            ("op", texts("Operation", &format!("Another name for `operation`. {operation}"))),
            (
                "agent_id",
                texts(
                    "Agent",
                    "Who proposes the action: a text, a glob, or a list of them. Example: `agent_id: \"ops-*\"`",
                ),
            ),
            (
                "params",
                reference("conditions").with("title", "Parameters").with(
                    "description",
                    "Conditions on arguments, by path, with the operators apart; for names that end like an \
                     operator or are keys of the language. A plain value means `eq`. Example: \
                     `params: { opt_in: true, name: { len_gte: 1, len_lte: 80 } }`",
                ),
            ),
            (
                "context",
                reference("conditions").with("title", "Context").with(
                    "description",
                    "Conditions on the context that came with the action, by path. Example: \
                     `context: { environment: staging }`",
                ),
            ),
            (
                "method",
                texts(
                    "Method",
                    "The parameter `method` is this text, or one of these, without ASCII case. Example: \
                     `method: [GET, HEAD]`",
                ),
            ),
            (
                "branch",
                texts("Branch", "The parameter `branch` is this text, or one of these. Example: `branch: main`"),
            ),
            (
                "field",
                text(
                    "Field",
                    "The path of a parameter that equals `value`. Example: `field: customer.tier` with \
                     `value: gold`",
                )
                .with("pattern", whole_text(PATH)),
            ),
            ("value", described("Value", "What the parameter that `field` names must equal. Any value.")),
            (
                "contains",
                described(
                    "Contains",
                    "This text, or one of these, occurs anywhere in the arguments: in some text or key at any \
                     depth, or in their canonical JSON. Good for denying, a poor ground for an `allow`. Example: \
                     `contains: BEGIN PRIVATE KEY`",
                )
                .with("type", Json::list(["string", "array"]))
                .with("minLength", 1)
                .with("minItems", 1)
                .with("items", Json::object([("type", "string")]).with("minLength", 1)),
            ),
            (
                "pattern",
                described(
                    "Pattern",
                    "This regex, or one of these, is found anywhere in the arguments: in some text or key at any \
                     depth, or in their canonical JSON. Good for denying, a poor ground for an `allow`. Example: \
                     `pattern: '\\bsk-[A-Za-z0-9]{8,}'`",
                )
                .with("anyOf", Json::list([reference("regex"), list_of("regex")])),
            ),
            ("time", reference("time")),
            (
                "any",
                several(
                    "Any",
                    &format!(
                        "One of these matches holds. `any`, `all` and `not` nest at most {MAX_CONDITION_DEPTH} \
                         deep. Example: `any: [{{ method: GET }}, {{ method: HEAD }}]`"
                    ),
                ),
            ),
            (
                "all",
                several("All", "All of these matches hold. Example: `all: [{ tool: deploy }, { branch: main }]`"),
            ),
            (
                "not",
                reference("match")
                    .with("title", "Not")
                    .with(
                        "description",
                        "This match, of one condition, does not hold. Several go into `any` or `all` inside. \
                         Example: `not: { branch: main }`",
                    )
                    .with(
                        "anyOf",
                        Json::list([
                            Json::object([("maxProperties", 1)]),
                            required(&["field", "value"]).with("maxProperties", 2),
                        ]),
                    ),
            ),
        ],
    )?;
    let about = described(
        "Match",
        "Which actions are meant: all conditions must hold. `PARAM_OP: value` compares a parameter, such as \
         `amount_lte: 150`. To speak of every action, write `tool: \"*\"`.",
    );
    let by_suffix = words().into_iter().map(|word| (key_pattern(&word), operator_reference(&word)));
    let together = Json::object([("field", Json::list(["value"])), ("value", Json::list(["field"]))]);
    Ok(closed(about, properties)
        .with("patternProperties", Json::object(by_suffix.collect::<Vec<_>>()))
        .with("minProperties", 1)
        .with("dependentRequired", together)
        .with("not", required(&["operation", "op"])))
}

/// The keys `PARAM_OP` of one operator. A longer operator at the end of the key takes it away from a shorter one,
/// unless it would leave no name: `x_len_gt` is `len_gt` over `x`, and `len_gt` is `gt` over `len`.
fn key_pattern(operator: &str) -> String {
    let words = words();
    let longer = words.iter().filter(|other| other.ends_with(&format!("_{operator}")));
    let mut others: String = longer.map(|other| format!("(?!.+_{other}$)")).collect();
    if operator == "domain" {
        others.push_str("(?!email_domain$)");
    }
    format!("^{others}{PATH}_{operator}$")
}

/// The operators and their negations.
fn words() -> Vec<String> {
    let negations = SUFFIXES.iter().map(|word| format!("not_{word}")).filter(|word| word != "not_in");
    SUFFIXES.iter().map(|word| (*word).to_owned()).chain(negations).collect()
}

fn operator_reference(operator: &str) -> Json {
    reference(&format!("operators/properties/{operator}"))
}

/// `params: { PATH: … }`
fn conditions() -> Json {
    let plain = described("Equals", "The value equals this one. A mapping names operators instead.")
        .with("type", Json::list(["null", "boolean", "number", "string", "array"]));
    described("Conditions by path", "Conditions on values, by the path that leads to them.")
        .with("type", "object")
        .with("minProperties", 1)
        .with("propertyNames", Json::object([("pattern", whole_text(PATH))]))
        .with(
            "additionalProperties",
            described(
                "Condition",
                "What the value at this path must be: a value that it equals, or a mapping of operators of which \
                 all must hold. Paths: `amount`, `customer.tier`, `items.0.sku`, `items[].price`",
            )
            .with("anyOf", Json::list([reference("operators"), plain])),
        )
}

fn operators() -> Result<Json, String> {
    let number = |title: &str, meaning: &str, operator: &str| {
        let example =
            format!("{meaning} Undetermined for what is no number. Example: `amount_{operator}: 500`");
        described(title, &example).with("type", "number")
    };
    let length = |title: &str, meaning: &str, operator: &str| {
        let example = format!(
            "The text has {meaning} so many code points, the list {meaning} so many elements. Example: \
             `body_{operator}: 1000`"
        );
        whole(title, &example, 0, u32::MAX)
    };
    let list = |title: &str, description: &str| {
        described(title, description).with("type", "array").with("minItems", 1)
    };
    let properties = keyed(
        "the conditions of a parameter",
        &SUFFIXES,
        vec![
            (
                "eq",
                described(
                    "Equals",
                    "The value equals this one; lists and objects in full. A value of another type is undetermined. \
                     Example: `environment_eq: staging`",
                ),
            ),
            (
                "ne",
                described(
                    "Does not equal",
                    "The value is another one. A value of another type is undetermined, not unequal. Example: \
                     `country_ne: DE`",
                ),
            ),
            ("gt", number("Greater than", "The number is greater.", "gt")),
            ("gte", number("At least", "The number is at least this.", "gte")),
            ("lt", number("Less than", "The number is less.", "lt")),
            ("lte", number("At most", "The number is at most this.", "lte")),
            ("in", list("One of", "The value equals one of these. Example: `country_in: [DE, FR]`")),
            ("not_in", list("None of", "The value equals none of these. Example: `kind_not_in: [backup, volume]`")),
            (
                "contains",
                described(
                    "Contains",
                    "The text has this part, or the list has this element; of a list of them any. A rule that \
                     restricts looks for a text inside the elements of a list too. Example: \
                     `body_contains: password`",
                )
                .with("minLength", 1)
                .with("minItems", 1)
                .with("items", Json::object([("minLength", 1)])),
            ),
            (
                "starts_with",
                parts("Starts with", "The text begins with this, or with one of these. Example: `url_starts_with: \"https://\"`"),
            ),
            (
                "ends_with",
                parts("Ends with", "The text ends with this, or with one of these. Example: `file_ends_with: [.key, .pem]`"),
            ),
            (
                "glob",
                texts(
                    "Glob",
                    "The glob, or one of these, covers the whole text: `*` stands for any run of characters, `?` \
                     for one. Example: `path_glob: \"reports/*.csv\"`",
                ),
            ),
            (
                "matches",
                described(
                    "Matches",
                    "The regex, or one of these, is found in the text. It is not anchored, so write `^` and `$` \
                     where the whole value is meant. Example: `command_matches: '^git (status|log)$'`",
                )
                .with("anyOf", Json::list([reference("regex"), list_of("regex")])),
            ),
            (
                "exists",
                described(
                    "Exists",
                    "The parameter is there, or is not; null is there. Never undetermined. Example: \
                     `approved_by_exists: true`",
                )
                .with("type", "boolean"),
            ),
            ("len_eq", length("As long as", "exactly", "len_eq")),
            ("len_ne", length("Not as long as", "more or less than", "len_ne")),
            ("len_gt", length("Longer than", "more than", "len_gt")),
            ("len_gte", length("At least as long", "at least", "len_gte")),
            ("len_lt", length("Shorter than", "less than", "len_lt")),
            ("len_lte", length("At most as long", "at most", "len_lte")),
            (
                "cidr",
                texts(
                    "In a network",
                    "The text is an IP address, or a URL whose host is one, in this network or in one of these. \
                     Example: `ip_cidr: [10.0.0.0/8, \"fe80::/10\"]`",
                ),
            ),
            (
                "domain",
                texts(
                    "Under a domain",
                    "The text is a URL whose host is this domain, or one of these, or under it. Undetermined for a \
                     text that readers read differently. Example: `url_domain: example.com`",
                ),
            ),
            (
                "email_domain",
                texts(
                    "Mailbox under a domain",
                    "The text is a mailbox, such as `ann@example.com`, at this domain, or at one of these, or under \
                     it. Example: `to_email_domain: example.com`",
                ),
            ),
        ],
    )?;
    let about = described(
        "Operators",
        "What is asked of the value; all must hold. Example: `amount: { gt: 150, lte: 1000 }`",
    );
    let negations = words().into_iter().filter(|word| !SUFFIXES.contains(&word.as_str()));
    let negations: Vec<(String, Json)> = negations
        .map(|word| {
            let plain = word.strip_prefix("not_").unwrap_or_default();
            let meaning = format!("`not` around `{plain}`.");
            let about = operator_reference(plain).with("title", format!("Not {plain}"));
            (word.clone(), about.with("description", meaning))
        })
        .collect();
    let mut all: Vec<(&str, Json)> = properties;
    all.extend(negations.iter().map(|(word, about)| (word.as_str(), about.clone())));
    Ok(closed(about, all).with("minProperties", 1))
}

fn regex() -> Json {
    text("Regex", "A regular expression, linear in time: no lookaround, no backreference, no `\\p{…}`.")
        .with("maxLength", small(MAX_PATTERN_BYTES))
}

fn time() -> Result<Json, String> {
    let days =
        described("Days", "The days of the week. Every day when left out. Example: `days: [mon, fri]`");
    let properties = keyed(
        "`time`",
        &keywords::TIME,
        vec![
            ("days", days.with("anyOf", Json::list([reference("day"), list_of("day")]))),
            (
                "from",
                text("From", "The first minute of the window. Midnight when left out. Example: `from: \"09:00\"`")
                    .with("pattern", whole_text(MINUTE_OF_DAY)),
            ),
            (
                "to",
                text(
                    "To",
                    "The first minute behind the window; before `from` when the window passes midnight. The end \
                     of the day when left out. Example: `to: \"17:30\"`",
                )
                .with("pattern", whole_text(&format!("{MINUTE_OF_DAY}|24:00"))),
            ),
            (
                "utc_offset",
                text(
                    "UTC offset",
                    "How far the times are ahead of UTC; it does not change with the season. `+00:00` when left \
                     out. Example: `utc_offset: \"+02:00\"`",
                )
                .with("pattern", whole_text(r"Z|[+\-](0[0-9]|1[0-3]):[0-5][0-9]|[+\-]14:00")),
            ),
        ],
    )?;
    let about = described(
        "Time",
        "The time of the decision falls into this window of the week. Example: \
         `time: { days: [mon, fri], from: \"09:00\", to: \"17:30\", utc_offset: \"+02:00\" }`",
    );
    Ok(closed(about, properties).with("anyOf", Json::list(keywords::TIME_PARTS.map(|key| required(&[key])))))
}

fn day() -> Json {
    described("Day", "A day of the week.").with("enum", Json::list(DAYS))
}

fn list_of(definition: &str) -> Json {
    Json::object([("type", "array")]).with("minItems", 1).with("items", reference(definition))
}

fn whole_text(pattern: &str) -> String {
    format!("^({pattern})$")
}
