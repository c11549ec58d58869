//! Every operation of the API, in one table.

use super::operation::{Operation, operation};
use crate::ProblemCode::{self, *};
use crate::*;

/// The groups of operations.
pub(super) const TAGS: &[(&str, &str)] = &[
    ("actions", "Submit actions, answer for them, report how they ended."),
    ("decisions", "Try a decision; look at those that were made."),
    ("policies", "The policy files in force, and trying others."),
    ("records", "The chain of records, for auditors and for wrappers that decide by themselves."),
    ("keys", "API keys."),
    ("session", "Sessions of browsers."),
    ("server", "The server itself."),
];

/// Codes of a request for one action.
const OF_ONE: &[ProblemCode] = &[AmbiguousId];
/// Codes of a request that decides a new action.
const OF_DECIDING: &[ProblemCode] = &[InvalidAction, AgentNotAllowed, NotDecided];
/// Codes of a request that reads policies of the past.
const OF_REPLAYING: &[ProblemCode] = &[UnknownEngine];
/// Codes of a request that changes the policy folder.
const OF_CHANGING: &[ProblemCode] = &[BadPolicyName, PoliciesNotRead, PoliciesPending, PolicyFolderFailure];

/// The operations, in the order of the routes.
pub fn operations() -> Vec<Operation> {
    [actions(), decisions(), policies(), records(), keys(), sessions(), server()]
        .into_iter()
        .flatten()
        .collect()
}

fn actions() -> Vec<Operation> {
    let on = |method, path, id, summary| operation("actions", method, path, id, summary);
    vec![
        on("post", "/v1/actions", "submit_action", "Submit an action: decide it and record the decision")
            .about(
                "An action that cannot be read is recorded too, and answered with 422 and `outcome` HALT. \
                 A body over the limit is neither read to its end nor recorded: 413 and `outcome` HALT.",
            )
            .once()
            .takes::<NewAction>()
            .answers::<Action>(200, "The action with its decision.")
            .or(OF_DECIDING),
        on("get", "/v1/actions", "list_actions", "List actions, newest first")
            .about("A page ends early, with a cursor, when it reaches 4 MiB.")
            .query::<ActionQuery>()
            .answers::<ActionPage>(200, "A page of actions.")
            .or(&[BadCursor]),
        on("get", "/v1/actions/{id}", "get_action", "Get one action, by its id or a unique prefix of 8 or more characters")
            .answers::<Action>(200, "The action.")
            .or(OF_ONE),
        on("get", "/v1/actions/{id}/events", "list_action_records", "List the records of an action, oldest first")
            .answers::<ActionRecords>(200, "The records.")
            .or(OF_ONE),
        on("get", "/v1/actions/{id}/explain", "explain_action", "Explain a decision under the policies that made it")
            .answers::<Explained>(200, "The explanation.")
            .or(OF_ONE)
            .or(OF_REPLAYING),
        on("get", "/v1/actions/{id}/wait", "wait_for_action", "Wait until an action leaves `pending_approval`")
            .query::<WaitQuery>()
            .answers::<Action>(200, "The action, as it stands when the wait ends.")
            .or(OF_ONE),
        on("post", "/v1/actions/{id}/approval", "answer_action", "Approve or reject a held action, and decide it again")
            .about("With the key of an approver, or with the action's token and no key. You cannot approve an action you proposed.")
            .once()
            .takes::<ApprovalRequest>()
            .answers::<Action>(200, "The action with its new decision.")
            .or(OF_ONE)
            .or(&[
                WrongStatus, NotAnApprover, WrongToken, SelfApproval, TokenNotEnough, RoleNotAsked, AlreadyApproved,
                LocalAction, NotDecided,
            ]),
        on("post", "/v1/actions/{id}/start", "start_action", "Start an action that may run")
            .about(
                "Of several callers who ask, one is told yes. Refused after `start_by` (`permit_expired`), and when the \
                 policies in force no longer permit the action (`policy_changed`).",
            )
            .once()
            .may_take::<Empty>()
            .answers::<Action>(200, "The action, which may run now.")
            .or(OF_ONE)
            .or(&[WrongStatus, PermitExpired, PolicyChanged, LocalAction, NotDecided, AgentNotAllowed]),
        on("post", "/v1/actions/{id}/withdraw", "withdraw_action", "Give up an action that has not started; only its proposer may")
            .once()
            .may_take::<WithdrawRequest>()
            .answers::<Action>(200, "The action, which will not run.")
            .or(OF_ONE)
            .or(&[WrongStatus, LocalAction]),
        on("post", "/v1/actions/{id}/result", "report_result", "Report how an action ended")
            .once()
            .takes::<ResultReport>()
            .answers::<Action>(200, "The action with its result.")
            .or(OF_ONE)
            .or(&[WrongStatus, InvalidResult, LocalAction]),
        on("post", "/v1/actions/{id}/replay", "replay_action", "Decide a recorded action again from its records, and compare")
            .may_take::<Empty>()
            .answers::<Replay>(200, "The comparison.")
            .or(OF_ONE)
            .or(OF_REPLAYING),
    ]
}

fn decisions() -> Vec<Operation> {
    let on = |method, path, id, summary| operation("decisions", method, path, id, summary);
    vec![
        on("post", "/v1/gate/decide", "decide_action", "Decide an action and record nothing")
            .about(
                "The decision in the engine's own bytes, and `policy_version`, the number of the policy set that made it; \
                 also for an action that cannot be read.",
            )
            .takes::<NewAction>()
            .answers::<DryRun>(200, "The decision.")
            .or(&[AgentNotAllowed]),
        on("get", "/v1/decisions", "list_decisions", "List the newest recorded decisions of all streams, newest first")
            .about(
                "Decisions that cannot be made again, such as one on an action that could not be read, are included and \
                 say why. The list ends when its records reach 16 MiB.",
            )
            .query::<DecisionQuery>()
            .answers::<RecentDecisions>(200, "The decisions."),
        on("get", "/v1/stats", "get_stats", "Count the outcomes of the actions of a span of time, and what became of them")
            .about("The outcome of an action is that of its first decision. Input that could not be read as an action is not counted.")
            .query::<StatsQuery>()
            .answers::<Stats>(200, "The statistics."),
    ]
}

fn policies() -> Vec<Operation> {
    let on = |method, path, id, summary| operation("policies", method, path, id, summary);
    vec![
        on("get", "/v1/policies", "list_policies", "List the policy files in force")
            .answers::<PolicyList>(200, "The files."),
        on("post", "/v1/policies/check", "check_policies", "Check policy files")
            .takes::<CheckRequest>()
            .answers::<CheckedPolicies>(200, "The findings."),
        on("post", "/v1/policies/simulate", "simulate_policies", "Decide actions under other policies")
            .takes::<SimulateRequest>()
            .answers::<Simulation>(200, "The decisions under both sets.")
            .or(&[PolicyInvalid]),
        on("get", "/v1/policies/history", "list_policy_history", "List the policy sets that were activated, newest first")
            .query::<HistoryQuery>()
            .answers::<PolicyHistory>(200, "The history."),
        on("get", "/v1/policies/by-hash/{hash}", "get_policy_set", "Get the files of a policy set that was in force once")
            .answers::<PolicyTexts>(200, "The files."),
        on("get", "/v1/policies/{name}", "get_policy", "Get one policy file in force")
            .answers::<PolicyText>(200, "The file.")
            .tagged(),
        on("put", "/v1/policies/{name}", "put_policy", "Write a policy file and activate it")
            .preconditions()
            .takes_file()
            .answers::<ChangedPolicy>(200, "The file was replaced.")
            .answers::<ChangedPolicy>(201, "The file is new.")
            .tagged()
            .or(OF_CHANGING)
            .or(&[PolicyInvalid]),
        on("delete", "/v1/policies/{name}", "delete_policy", "Delete a policy file")
            .preconditions()
            .answers::<ChangedPolicy>(200, "The file was deleted.")
            .or(OF_CHANGING)
            .or(&[PolicyInvalid]),
        on("get", "/v1/policies/{name}/tests", "get_policy_tests", "Get the tests of a policy")
            .answers::<PolicyTests>(200, "The file of tests.")
            .tagged()
            .or(&[BadPolicyName, PolicyFolderFailure]),
        on("put", "/v1/policies/{name}/tests", "put_policy_tests", "Write the tests of a policy")
            .about(
                "The file `STEM.test.yaml` next to the policy. It is never in force, and changing it makes no record. \
                 422 with `diagnostics` when `faramesh policy test` could not read it.",
            )
            .preconditions()
            .takes_file()
            .answers::<PolicyTests>(200, "The file was replaced.")
            .answers::<PolicyTests>(201, "The file is new.")
            .tagged()
            .or(OF_CHANGING)
            .or(&[PolicyTestsInvalid]),
        on("delete", "/v1/policies/{name}/tests", "delete_policy_tests", "Delete the tests of a policy")
            .preconditions()
            .answers::<DeletedTests>(200, "The file was deleted.")
            .or(OF_CHANGING),
        on("get", "/v1/bundle", "get_bundle", "Get the policies in force as a signed bundle, for clients that decide offline")
            .header("BundleAtHand")
            .answers::<Envelope>(200, "A DSSE envelope around the policies in force, signed with Ed25519.")
            .answers_nothing(304, "There is no newer bundle; the one at hand lasts no longer for that.")
            .tagged()
            .or(&[NoPolicy]),
        on("get", "/.well-known/jwks.json", "get_bundle_keys", "Get the public keys that bundles are checked with")
            .public()
            .answers::<JwkSet>(200, "The keys."),
    ]
}

fn records() -> Vec<Operation> {
    let on = |method, path, id, summary| operation("records", method, path, id, summary);
    vec![
        on("get", "/v1/events", "stream_events", "Stream every record as it is committed, as Server-Sent Events")
            .about(
                "`id` is `<stream>:<seq>`, `data` the record with one member more at its end: `type`, which is the \
                 record's `kind` again (leave it out to verify the record's hash). The events have no names, so every \
                 reader hears them as `message`. A stream without `Last-Event-ID` begins with an id alone, that of the \
                 newest record, so that a reader which loses it before its first event misses nothing. A reader that \
                 does not keep up is dropped, and comes back with `Last-Event-ID`. An agent gets the records of its own \
                 actions.",
            )
            .query::<EventQuery>()
            .header("LastEventId")
            .answers_events::<Event>("The events.")
            .or(&[BadEventId]),
        on("get", "/v1/records", "list_records", "List records of a stream, in order")
            .about("A page ends early when it reaches 4 MiB; only one behind the last record is empty.")
            .query::<RecordQuery>()
            .answers::<RecordPage>(200, "A page of records."),
        on("post", "/v1/records", "ingest_records", "Ingest records that a wrapper sealed by itself")
            .about(
                "For agents and admins. All of the records or none; the same records again do nothing new. The stream \
                 belongs to the principal that began it, and its first record is of kind `policy`. Decisions become \
                 actions, except those with the outcome ABSTAIN, and records of kind `start` and `result` move them on. \
                 The body has at most 8 MiB. `chain_gap` and `chain_conflict` come with the `size` and `record_hash` of \
                 the stored stream, `chain_broken`, `invalid_record`, `impossible_move` and `too_early` with the `seq`.",
            )
            .takes::<NewRecords>()
            .answers::<TakenIn>(200, "The head of the stream now.")
            .or(&[
                InvalidStream, ForeignStream, AgentNotAllowed, ChainGap, ChainConflict, UnknownPolicy, ChainBroken,
                InvalidRecord, ImpossibleMove, TooEarly,
            ]),
        on("get", "/v1/records/audit", "audit_records", "Verify the chain of every stream, and compare every row with the records it follows from")
            .about("Reads the whole database over one snapshot; one request at a time. The roles that see everything may ask.")
            .answers::<Audit>(200, "The verified streams, and everything that is wrong."),
        on("get", "/v1/records/head", "get_stream_head", "Get the head of one stream")
            .about("For the principal that brings the stream, and for callers that see everything. An unknown stream has the size 0.")
            .query::<HeadQuery>()
            .answers::<engine::record::Head>(200, "The head.")
            .or(&[ForeignStream]),
        on("get", "/v1/records/heads", "list_stream_heads", "List the heads of all streams")
            .answers::<StreamHeads>(200, "The heads."),
    ]
}

fn keys() -> Vec<Operation> {
    let on = |method, path, id, summary| operation("keys", method, path, id, summary);
    vec![
        on("get", "/v1/keys", "list_keys", "List all API keys, without their text")
            .answers::<KeyList>(200, "The keys."),
        on("post", "/v1/keys", "create_key", "Make an API key")
            .about("Its text is in this answer only; the same request again is answered with 409 `key_already_created`.")
            .header("IdempotencyKey")
            .takes::<NewKey>()
            .answers::<Key>(201, "The key with its text.")
            .or(&[InvalidIdempotencyKey, InvalidKey, KeyAlreadyCreated, NameTaken]),
        on("delete", "/v1/keys/{id}", "revoke_key", "Revoke a key; it stops working at once")
            .answers::<Key>(200, "The revoked key.")
            .or(&[LastAdmin]),
    ]
}

fn sessions() -> Vec<Operation> {
    let on = |method, path, id, summary| operation("session", method, path, id, summary);
    vec![
        on("post", "/v1/session", "log_in", "Log a browser in")
            .about(
                "With an API key or the token of a one-time link. The answer sets a cookie that no script can read, and \
                 replaces the session that the cookie of the request names. 403 for the key of an agent.",
            )
            .public()
            .takes::<Login>()
            .answers::<Session>(200, "The new session.")
            .or(&[WrongKey, LinkUsed]),
        on("get", "/v1/session", "get_session", "Get who is logged in, or who holds the key")
            .about("401 `session_required` for a caller with neither, 401 `session_expired` for a cookie whose session has ended.")
            .answers::<Session>(200, "The session.")
            .or(&[SessionRequired]),
        on("delete", "/v1/session", "log_out", "Log the browser out")
            .answers_nothing(204, "The session has ended and its cookie is cleared.")
            .or(&[SessionRequired]),
        on("post", "/v1/session/links", "create_login_link", "Make a link that logs a browser in once")
            .about("As the caller, within an hour. The part of its address behind `#` is the token for `POST /v1/session`.")
            .may_take::<Empty>()
            .answers::<SessionLink>(201, "The link.")
            .or(&[SessionRequired]),
    ]
}

fn server() -> Vec<Operation> {
    let on = |method, path, id, summary| operation("server", method, path, id, summary);
    vec![
        on("get", "/v1/identity", "prove_identity", "Prove that the server knows a key")
            .about(
                "For clients on the same machine, before they send the key. The proof is an HMAC-SHA256 over `faramesh \
                 server identity v1`, the key's id, the nonce and the addresses of `listening` joined with commas, a line \
                 each, keyed with the hexadecimal SHA-256 of the key's secret. The answer about an unknown key looks like \
                 any other.",
            )
            .public()
            .query::<IdentityQuery>()
            .answers::<Identity>(200, "The proof."),
        on("get", "/health", "get_health", "Ask whether the server is alive")
            .public()
            .answers::<Health>(200, "The server is alive."),
        on("get", "/ready", "get_readiness", "Ask whether a policy is in force, the store writes and the engine answers")
            .public()
            .answers::<Ready>(200, "The server can decide.")
            .answers::<Ready>(503, "The server cannot decide."),
        on("get", "/metrics", "get_metrics", "Get metrics for Prometheus")
            .answers_text("application/openmetrics-text", "The metrics."),
        on("get", "/openapi.json", "get_openapi", "Get this document")
            .public()
            .answers::<crate::schema::AnyObject>(200, "This document."),
    ]
}
