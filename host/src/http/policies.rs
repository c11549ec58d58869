//! Policy files: the set in force, changing a file, and checking and simulating before that.

use std::collections::BTreeMap;

use api::{
    ChangedPolicy, CheckRequest, CheckedPolicies, FileChange, HistoryQuery, NamedHash, NamedText,
    PolicyDetails, PolicyHistory, PolicyList, PolicyText, PolicyTexts, PolicyVersion, ProblemCode, Recorded,
    SimulateRequest,
};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use engine::hash::{FileHash, PolicyHash};
use engine::policy::PolicySource;
use store::Filter;

use super::Shared;
use super::auth::Caller;
use super::error::Problem;
use super::extract::{JsonBytes, Params, json, read, with_etag};
use crate::actor::Permission;
use crate::gate::simulate::{MAX_ACTIONS, Sample};
use crate::policies::{InForce, PolicyError, Precondition, compile};

const MAX_HISTORY: u32 = 500;
const DEFAULT_HISTORY: u32 = 50;
/// The most recorded actions of one simulation.
const MAX_RECORDED: u32 = 500;

/// `GET /v1/policies`: names and hashes, which agents may see too, so that a caller can rely on exactly one file.
pub async fn list(State(app): State<Shared>, caller: Caller) -> Result<Response, Problem> {
    let principal = caller.needs(Permission::SeeOwn)?;
    let set = app.policies.in_force();
    let details = principal.role.may(Permission::SeeAll).then(|| PolicyDetails {
        summaries: set.loaded.files.clone(),
        diagnostics: set.loaded.diagnostics.clone(),
        trouble: app.policies.trouble(),
        pending: app.policies.pending(),
    });
    let named = |source: &PolicySource| NamedHash { name: source.name.clone(), hash: source.hash() };
    json(&PolicyList {
        policy_hash: set.policy_hash(),
        policy_version: set.policy_version.clone(),
        files: set.sources.iter().map(named).collect(),
        details,
    })
}

/// `GET /v1/policies/{name}`: the file in force, with its hash as `ETag`.
pub async fn one(
    State(app): State<Shared>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    caller.needs(Permission::SeeAll)?;
    let set = app.policies.in_force();
    let found = set.sources.iter().find(|source| source.name == name);
    let Some(source) = found else { return Err(PolicyError::NotFound(name).into()) };
    let hash = source.hash();
    let response = json(&PolicyText {
        name,
        hash,
        text: text_of(source),
        policy_hash: set.policy_hash(),
        policy_version: set.policy_version.clone(),
    })?;
    Ok(with_etag(response, hash))
}

/// `PUT /v1/policies/{name}`: the body is the file. It is in force before the answer.
pub async fn put(
    State(app): State<Shared>,
    caller: Caller,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let actor = caller.needs(Permission::EditPolicies)?;
    let expected = precondition(request.headers())?;
    let content = read(request, &app).await?.to_vec();
    let hash = FileHash::of(&content);
    let (created, set) = app.policies.put(&name, content, expected, &actor.principal).await?;
    let mut response = changed(&set, &name, Some(hash))?;
    if created {
        *response.status_mut() = StatusCode::CREATED;
    }
    Ok(with_etag(response, hash))
}

/// `DELETE /v1/policies/{name}`
pub async fn delete(
    State(app): State<Shared>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let actor = caller.needs(Permission::EditPolicies)?;
    let set = app.policies.delete(&name, precondition(&headers)?, &actor.principal).await?;
    changed(&set, &name, None)
}

fn changed(set: &InForce, name: &str, hash: Option<FileHash>) -> Result<Response, Problem> {
    json(&ChangedPolicy {
        name: name.to_owned(),
        hash,
        policy_hash: set.policy_hash(),
        policy_version: set.policy_version.clone(),
        diagnostics: set.loaded.diagnostics.clone(),
    })
}

/// The text of a file. A file that is not UTF-8 is never in force.
pub fn text_of(source: &PolicySource) -> String {
    String::from_utf8_lossy(&source.content).into_owned()
}

/// RFC 9110 §13.1: `If-Match` with the hash, quoted or not, or `*`; `If-None-Match: *` for a new file.
///
/// # Errors
/// 400 for anything else.
pub fn precondition(headers: &HeaderMap) -> Result<Option<Precondition>, Problem> {
    let bad = |name: &str| {
        Problem::new(ProblemCode::InvalidPrecondition, format!("`{name}` is not one that this resource has"))
    };
    match (headers.get(header::IF_MATCH), headers.get(header::IF_NONE_MATCH)) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(bad("If-Match` together with `If-None-Match")),
        (None, Some(value)) if value.as_bytes().trim_ascii() == b"*" => Ok(Some(Precondition::Absent)),
        (None, Some(_)) => Err(bad("If-None-Match")),
        (Some(value), None) => {
            let text = value.to_str().unwrap_or_default().trim();
            if text == "*" {
                return Ok(Some(Precondition::Present));
            }
            let hash = text.trim_matches('"').parse().map_err(|_| bad("If-Match"))?;
            Ok(Some(Precondition::Hash(hash)))
        }
    }
}

/// `POST /v1/policies/check`: everything that is found in these files, which need not be free of errors.
pub async fn check(State(app): State<Shared>, caller: Caller, body: JsonBytes) -> Result<Response, Problem> {
    caller.needs(Permission::SeeAll)?;
    let files = match body.parse()? {
        CheckRequest { files: Some(files), name: None, text: None } => files,
        CheckRequest { files: None, name, text: Some(text) } => {
            BTreeMap::from([(name.unwrap_or_else(|| "policy.yaml".to_owned()), text)])
        }
        CheckRequest { .. } => {
            let detail = "the body has either `files` or `text` with a `name`";
            return Err(Problem::new(ProblemCode::InvalidBody, detail));
        }
    };
    let _turn = app.load.turn_to_compile(&caller).await?;
    let (pool, loaded) = compile(app.policies.module(), &sources(files)).await?;
    json(&CheckedPolicies {
        valid: pool.is_some(),
        policy_hash: loaded.policy_hash,
        files: loaded.files,
        diagnostics: loaded.diagnostics,
    })
}

fn sources(files: BTreeMap<String, String>) -> Vec<PolicySource> {
    files.into_iter().map(|(name, text)| PolicySource { name, content: text.into_bytes() }).collect()
}

/// `POST /v1/policies/simulate`: given and recorded actions under given policies and under those in force.
pub async fn simulate(
    State(app): State<Shared>,
    caller: Caller,
    body: JsonBytes,
) -> Result<Response, Problem> {
    let actor = caller.needs(Permission::SeeAll)?;
    let SimulateRequest { policies, actions, recorded } = body.parse()?;
    let too_many = |what: &str, most: u64| {
        Problem::new(ProblemCode::InvalidBody, format!("`{what}` has at most {most} actions"))
    };
    if actions.len() > MAX_ACTIONS {
        return Err(too_many("actions", MAX_ACTIONS as u64));
    }
    let _turn = app.load.turn_to_compile(&caller).await?;
    let at_ms = app.clock.now_ms();
    let given = actions.into_iter().map(|action| Sample { id: None, action, at_ms });
    let mut samples: Vec<_> = given.collect();
    if let Some(Recorded { limit }) = recorded {
        let limit = limit.unwrap_or(MAX_RECORDED);
        if !(1..=MAX_RECORDED).contains(&limit) {
            return Err(too_many("recorded", MAX_RECORDED.into()));
        }
        let page = app.seen_by(actor).actions(Filter { limit, ..Filter::default() }).await?;
        samples.extend(page.actions.into_iter().map(|row| Sample {
            id: Some(row.id),
            action: row.action,
            at_ms: row.created_at_ms,
        }));
    }
    json(&app.gate.simulate(policies.map(sources), samples).await?)
}

/// How the files of a set differ from those of the set before it.
fn change(before: &[(String, FileHash)], after: &[(String, FileHash)]) -> FileChange {
    let before: BTreeMap<_, _> = before.iter().map(|(name, hash)| (name, hash)).collect();
    let after: BTreeMap<_, _> = after.iter().map(|(name, hash)| (name, hash)).collect();
    let mut change = FileChange::default();
    for (name, hash) in &after {
        match before.get(name) {
            None => change.added.push((*name).clone()),
            Some(old) if old != hash => change.changed.push((*name).clone()),
            Some(_) => {}
        }
    }
    change.removed = before.keys().filter(|name| !after.contains_key(*name)).copied().cloned().collect();
    change
}

/// `GET /v1/policies/history`
pub async fn history(
    State(app): State<Shared>,
    caller: Caller,
    Params(HistoryQuery { limit }): Params<HistoryQuery>,
) -> Result<Response, Problem> {
    caller.needs(Permission::SeeAll)?;
    let limit = limit.unwrap_or(DEFAULT_HISTORY);
    if !(1..=MAX_HISTORY).contains(&limit) {
        return Err(Problem::new(ProblemCode::InvalidQuery, format!("`limit` must be 1 to {MAX_HISTORY}")));
    }
    // One more, to find out the changes of the last one.
    let versions = app.store.policy_history(limit + 1).await?;
    let history: Vec<_> = versions
        .iter()
        .enumerate()
        .take(limit as usize)
        .map(|(index, version)| {
            let before = versions.get(index + 1).map_or(&[][..], |before| &before.files);
            let files = version.files.iter();
            PolicyVersion {
                policy_version: version.policy_version.clone(),
                policy_hash: version.policy_hash,
                at: version.at.clone(),
                principal: version.principal.clone(),
                change: change(before, &version.files),
                files: files.map(|(name, hash)| NamedHash { name: name.clone(), hash: *hash }).collect(),
                receipt: version.receipt.clone(),
            }
        })
        .collect();
    json(&PolicyHistory { history })
}

/// `GET /v1/policies/by-hash/{hash}`
pub async fn by_hash(
    State(app): State<Shared>,
    caller: Caller,
    Path(hash): Path<String>,
) -> Result<Response, Problem> {
    caller.needs(Permission::SeeAll)?;
    let policy_hash: PolicyHash = hash.parse().map_err(|_| Problem::not_found())?;
    let sources = app.store.policy_set(policy_hash).await?;
    let file =
        |source: PolicySource| NamedText { hash: source.hash(), text: text_of(&source), name: source.name };
    json(&PolicyTexts { policy_hash, files: sources.into_iter().map(file).collect() })
}
