//! `GET /openapi.json`: the API described for programs. A test keeps it in step with the routes and the answers.

use axum::response::Response;

use super::extract::json_text;

/// The description, OpenAPI 3.1.
pub const DOCUMENT: &str = include_str!("openapi.json");

/// `GET /openapi.json`
pub async fn document() -> Response {
    json_text(DOCUMENT.to_owned())
}
