//! Policy files: the set in force, changing a file, and checking and simulating before that.

use std::collections::BTreeMap;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::hash::{FileHash, PolicyHash};
use engine::policy::PolicySource;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
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

#[derive(Serialize)]
struct FileView<'a> {
    name: &'a str,
    hash: FileHash,
}

impl<'a> FileView<'a> {
    fn of(source: &'a PolicySource) -> Self {
        FileView { name: &source.name, hash: source.hash() }
    }
}

/// `GET /v1/policies`: names and hashes, which agents may see too, so that a caller can rely on exactly one file.
pub async fn list(State(app): State<Shared>, caller: Caller) -> Result<Response, Problem> {
    let principal = caller.needs(Permission::SeeOwn)?;
    let set = app.policies.in_force();
    let files: Vec<_> = set.sources.iter().map(FileView::of).collect();
    let mut body = json!({
        "policy_hash": set.policy_hash(),
        "policy_version": set.policy_version,
        "files": files,
    });
    if principal.role.may(Permission::SeeAll)
        && let Some(object) = body.as_object_mut()
    {
        object.insert("summaries".to_owned(), json!(set.loaded.files));
        object.insert("diagnostics".to_owned(), json!(set.loaded.diagnostics));
        object.insert("trouble".to_owned(), json!(app.policies.trouble()));
        object.insert("pending".to_owned(), json!(app.policies.pending()));
    }
    json(&body)
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
    let text = String::from_utf8_lossy(&source.content);
    let response = json(&json!({
        "name": name,
        "hash": hash,
        "text": text,
        "policy_hash": set.policy_hash(),
        "policy_version": set.policy_version,
    }))?;
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
    json(&json!({
        "name": name,
        "hash": hash,
        "policy_hash": set.policy_hash(),
        "policy_version": set.policy_version,
        "diagnostics": set.loaded.diagnostics,
    }))
}

/// RFC 9110 §13.1: `If-Match` with the hash, quoted or not, or `*`; `If-None-Match: *` for a new file.
///
/// # Errors
/// 400 for anything else.
pub fn precondition(headers: &HeaderMap) -> Result<Option<Precondition>, Problem> {
    let bad = |name: &str| {
        Problem::bad_request("invalid_precondition", format!("`{name}` is not one that this resource has"))
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckBody {
    files: Option<BTreeMap<String, String>>,
    name: Option<String>,
    text: Option<String>,
}

/// `POST /v1/policies/check`: everything that is found in these files, which need not be free of errors.
pub async fn check(State(app): State<Shared>, caller: Caller, body: JsonBytes) -> Result<Response, Problem> {
    caller.needs(Permission::SeeAll)?;
    let files = match body.parse()? {
        CheckBody { files: Some(files), name: None, text: None } => files,
        CheckBody { files: None, name, text: Some(text) } => {
            BTreeMap::from([(name.unwrap_or_else(|| "policy.yaml".to_owned()), text)])
        }
        CheckBody { .. } => {
            let detail = "the body has either `files` or `text` with a `name`";
            return Err(Problem::bad_request("invalid_body", detail));
        }
    };
    let _turn = app.load.turn_to_compile(&caller).await?;
    let (pool, loaded) = compile(app.policies.module(), &sources(files)).await?;
    json(&json!({
        "valid": pool.is_some(),
        "policy_hash": loaded.policy_hash,
        "files": loaded.files,
        "diagnostics": loaded.diagnostics,
    }))
}

fn sources(files: BTreeMap<String, String>) -> Vec<PolicySource> {
    files.into_iter().map(|(name, text)| PolicySource { name, content: text.into_bytes() }).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SimulateBody {
    policies: Option<BTreeMap<String, String>>,
    #[serde(default)]
    actions: Vec<Box<RawValue>>,
    recorded: Option<RecordedBody>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordedBody {
    limit: Option<u32>,
}

/// `POST /v1/policies/simulate`: given and recorded actions under given policies and under those in force.
pub async fn simulate(
    State(app): State<Shared>,
    caller: Caller,
    body: JsonBytes,
) -> Result<Response, Problem> {
    let actor = caller.needs(Permission::SeeAll)?;
    let SimulateBody { policies, actions, recorded } = body.parse()?;
    let too_many = |what: &str, most: u64| {
        Problem::bad_request("invalid_body", format!("`{what}` has at most {most} actions"))
    };
    if actions.len() > MAX_ACTIONS {
        return Err(too_many("actions", MAX_ACTIONS as u64));
    }
    let _turn = app.load.turn_to_compile(&caller).await?;
    let at_ms = app.clock.now_ms();
    let given = actions.into_iter().map(|action| Sample { id: None, action, at_ms });
    let mut samples: Vec<_> = given.collect();
    if let Some(RecordedBody { limit }) = recorded {
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

/// How much of the history to give.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryParams {
    limit: Option<u32>,
}

/// The names of the files in which a set differs from the one before it.
#[derive(Debug, Default, Serialize)]
struct FileChange<'a> {
    added: Vec<&'a str>,
    changed: Vec<&'a str>,
    removed: Vec<&'a str>,
}

impl<'a> FileChange<'a> {
    fn between(before: &'a [(String, FileHash)], after: &'a [(String, FileHash)]) -> Self {
        let before: BTreeMap<_, _> = before.iter().map(|(name, hash)| (name.as_str(), hash)).collect();
        let after: BTreeMap<_, _> = after.iter().map(|(name, hash)| (name.as_str(), hash)).collect();
        let mut change = FileChange::default();
        for (name, hash) in &after {
            match before.get(name) {
                None => change.added.push(name),
                Some(old) if old != hash => change.changed.push(name),
                Some(_) => {}
            }
        }
        change.removed = before.keys().filter(|name| !after.contains_key(*name)).copied().collect();
        change
    }
}

/// `GET /v1/policies/history`
pub async fn history(
    State(app): State<Shared>,
    caller: Caller,
    Params(params): Params<HistoryParams>,
) -> Result<Response, Problem> {
    caller.needs(Permission::SeeAll)?;
    let limit = params.limit.unwrap_or(DEFAULT_HISTORY);
    if !(1..=MAX_HISTORY).contains(&limit) {
        return Err(Problem::bad_request("invalid_query", format!("`limit` must be 1 to {MAX_HISTORY}")));
    }
    // One more, to find out the changes of the last one.
    let versions = app.store.policy_history(limit + 1).await?;
    let history: Vec<_> = versions
        .iter()
        .enumerate()
        .take(limit as usize)
        .map(|(index, version)| {
            let before = versions.get(index + 1).map_or(&[][..], |before| &before.files);
            let files = version.files.iter().map(|(name, hash)| json!({ "name": name, "hash": hash }));
            json!({
                "policy_version": version.policy_version,
                "policy_hash": version.policy_hash,
                "at": version.at,
                "principal": version.principal,
                "change": FileChange::between(before, &version.files),
                "files": files.collect::<Vec<_>>(),
                "receipt": version.receipt,
            })
        })
        .collect();
    json(&json!({ "history": history }))
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
    let files = sources.iter().map(|source| {
        let text = String::from_utf8_lossy(&source.content);
        json!({ "name": source.name, "hash": source.hash(), "text": text })
    });
    Ok(json(&json!({ "policy_hash": policy_hash, "files": files.collect::<Vec<_>>() }))?.into_response())
}
