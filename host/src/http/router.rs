//! All routes, in one table.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::{from_fn_with_state, map_response};
use axum::routing::{MethodRouter, delete, get, post, put};

use super::error::Problem;
use super::{
    Shared, actions, bundle, compress, dashboard, decisions, events, execution, guard, health, identity,
    keys, openapi, policies, policy_tests, records, session, stats,
};

/// One route: its method, its path, and what answers.
pub struct Route {
    /// The method, in lowercase as OpenAPI writes it.
    pub method: &'static str,
    /// The path, with `{…}` for its parameters.
    pub path: &'static str,
    handler: MethodRouter<Shared>,
}

/// Every route of the API.
pub fn routes() -> Vec<Route> {
    let route = |method, path, handler| Route { method, path, handler };
    vec![
        route("post", "/v1/actions", post(actions::submit)),
        route("get", "/v1/actions", get(actions::list)),
        route("get", "/v1/actions/{id}", get(actions::one)),
        route("get", "/v1/actions/{id}/events", get(actions::events)),
        route("get", "/v1/actions/{id}/explain", get(actions::explain)),
        route("get", "/v1/actions/{id}/wait", get(actions::wait)),
        route("post", "/v1/actions/{id}/approval", post(execution::approval)),
        route("post", "/v1/actions/{id}/start", post(execution::start)),
        route("post", "/v1/actions/{id}/withdraw", post(execution::withdraw)),
        route("post", "/v1/actions/{id}/result", post(execution::result)),
        route("post", "/v1/actions/{id}/replay", post(actions::replay)),
        route("post", "/v1/gate/decide", post(actions::decide)),
        route("get", "/v1/decisions", open(get(decisions::list))),
        route("get", "/v1/stats", open(get(stats::stats))),
        route("get", "/v1/events", get(events::stream)),
        route("get", "/v1/policies", get(policies::list)),
        route("post", "/v1/policies/check", post(policies::check)),
        route("post", "/v1/policies/simulate", post(policies::simulate)),
        route("get", "/v1/policies/history", open(get(policies::history))),
        route("get", "/v1/policies/by-hash/{hash}", open(get(policies::by_hash))),
        route("get", "/v1/policies/{name}", get(policies::one)),
        route("put", "/v1/policies/{name}", put(policies::put)),
        route("delete", "/v1/policies/{name}", delete(policies::delete)),
        route("get", "/v1/policies/{name}/tests", get(policy_tests::one)),
        route("put", "/v1/policies/{name}/tests", put(policy_tests::put)),
        route("delete", "/v1/policies/{name}/tests", delete(policy_tests::delete)),
        route("get", "/v1/bundle", get(bundle::bundle)),
        route("get", "/.well-known/jwks.json", get(bundle::keys)),
        route("get", "/v1/records", open(get(records::list))),
        route("post", "/v1/records", post(records::take_in)),
        route("get", "/v1/records/audit", get(records::audit)),
        route("get", "/v1/records/head", get(records::head)),
        route("get", "/v1/records/heads", get(records::heads)),
        route("get", "/v1/keys", get(keys::list)),
        route("post", "/v1/keys", post(keys::create)),
        route("delete", "/v1/keys/{id}", delete(keys::revoke)),
        route("post", "/v1/session", post(session::begin)),
        route("get", "/v1/session", get(session::current)),
        route("delete", "/v1/session", delete(session::end)),
        route("post", "/v1/session/links", post(session::link)),
        route("get", "/v1/identity", get(identity::identity)),
        route("get", "/health", get(health::health)),
        route("get", "/ready", get(health::ready)),
        route("get", "/metrics", get(health::metrics)),
        route("get", "/openapi.json", open(get(openapi::document))),
    ]
}

/// A route whose answers hold no secret.
fn open(handler: MethodRouter<Shared>) -> MethodRouter<Shared> {
    handler.layer(map_response(compress::without_secrets))
}

/// Where the dashboard is. These are pages for people and no part of the API.
fn pages() -> Router<Shared> {
    Router::new()
        .route("/", get(dashboard::root))
        .route("/ui", get(dashboard::bare))
        .route("/ui/", get(dashboard::file))
        .route("/ui/{*path}", get(dashboard::file))
}

/// The whole server, without a socket.
pub fn app(state: Shared) -> Router {
    let routed =
        routes().into_iter().fold(pages(), |router, Route { path, handler, .. }| router.route(path, handler));
    routed
        .fallback(|| async { Problem::not_found() })
        .method_not_allowed_fallback(|| async {
            let detail = "this resource does not have that method";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
        })
        // The guard has taken in the whole body and knows the limit.
        .layer(DefaultBodyLimit::disable())
        .layer(compress::layer())
        .layer(from_fn_with_state(state.clone(), guard::guard))
        .with_state(state)
}
