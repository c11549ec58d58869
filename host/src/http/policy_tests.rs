//! The tests of a policy, as the file next to it. Clients with the engine run them: the command line, a browser.

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use engine::policy::PolicySource;
use serde_json::json;

use super::Shared;
use super::auth::Caller;
use super::error::Problem;
use super::extract::{json, read, with_etag};
use super::policies::precondition;
use crate::actor::Permission;

/// `GET /v1/policies/{name}/tests`: the file as it is in the folder, with its hash as `ETag`.
pub async fn one(
    State(app): State<Shared>,
    caller: Caller,
    Path(policy): Path<String>,
) -> Result<Response, Problem> {
    caller.needs(Permission::SeeAll)?;
    view(&policy, &app.policies.tests(&policy).await?)
}

/// `PUT /v1/policies/{name}/tests`: the body is the file.
pub async fn put(
    State(app): State<Shared>,
    caller: Caller,
    Path(policy): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    caller.needs(Permission::EditPolicies)?;
    let expected = precondition(request.headers())?;
    let content = read(request, &app).await?.to_vec();
    let (created, file) = app.policies.put_tests(&policy, content, expected).await?;
    let mut response = view(&policy, &file)?;
    if created {
        *response.status_mut() = StatusCode::CREATED;
    }
    Ok(response)
}

/// `DELETE /v1/policies/{name}/tests`
pub async fn delete(
    State(app): State<Shared>,
    caller: Caller,
    Path(policy): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.needs(Permission::EditPolicies)?;
    let name = app.policies.delete_tests(&policy, precondition(&headers)?).await?;
    json(&json!({ "name": name, "policy": policy, "hash": null }))
}

fn view(policy: &str, file: &PolicySource) -> Result<Response, Problem> {
    let (hash, text) = (file.hash(), String::from_utf8_lossy(&file.content));
    let response = json(&json!({ "name": file.name, "policy": policy, "text": text, "hash": hash }))?;
    Ok(with_etag(response, hash))
}
