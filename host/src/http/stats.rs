//! Statistics: the outcomes of actions over a period. [`store::stats`] defines the counts.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use store::stats::Span;
use store::time::parse_time;

use super::Shared;
use super::auth::Caller;
use super::error::Problem;
use super::extract::{Params, json};
use crate::actor::Permission;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const MAX_BUCKETS: u32 = 200;
const DEFAULT_BUCKETS: u32 = 48;
/// 9999-12-31T23:59:59.999Z: later times have no RFC 3339 form.
const LAST_MS: i64 = 253_402_300_799_999;

/// The period and its parts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatsParams {
    since: Option<String>,
    until: Option<String>,
    buckets: Option<u32>,
}

impl StatsParams {
    fn span(self, now_ms: i64) -> Result<Span, Problem> {
        let bad = |detail: &str| Problem::bad_request("invalid_query", detail);
        let time = |name: &str, text: &str| {
            parse_time(text).filter(|ms| (0..=LAST_MS).contains(ms)).ok_or_else(|| {
                bad(&format!("`{name}` must be an RFC 3339 time or Unix milliseconds, from 1970 on"))
            })
        };
        // Actions that arrive at this very moment count.
        let end = now_ms.saturating_add(1);
        let until_ms = self.until.map_or(Ok(end), |text| time("until", &text))?;
        let since_ms = self
            .since
            .map_or_else(|| Ok(until_ms.saturating_sub(DAY_MS).max(0)), |text| time("since", &text))?;
        let buckets = self.buckets.unwrap_or(DEFAULT_BUCKETS);
        if !(1..=MAX_BUCKETS).contains(&buckets) {
            return Err(bad(&format!("`buckets` must be 1 to {MAX_BUCKETS}")));
        }
        if since_ms >= until_ms {
            return Err(bad("`since` must be before `until`"));
        }
        Ok(Span { since_ms, until_ms, buckets })
    }
}

/// `GET /v1/stats`
pub async fn stats(
    State(app): State<Shared>,
    caller: Caller,
    Params(params): Params<StatsParams>,
) -> Result<Response, Problem> {
    caller.needs(Permission::SeeAll)?;
    json(&app.store.stats(params.span(app.clock.now_ms())?).await?)
}
