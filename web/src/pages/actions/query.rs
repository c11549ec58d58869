//! The state of the page of actions, as in its URL: filters, the position in the list, and the opened action.
//!
//! A value that the server would not understand is passed on, so that the server's answer reports the fault.

use std::collections::BTreeMap;

use crate::format::parse_time;
use crate::url::encoded;

/// The filters, by their names in the URL and in the API.
pub const FILTERS: [&str; 13] = [
    "status",
    "outcome",
    "first_outcome",
    "risk_level",
    "agent_id",
    "tool",
    "answer",
    "answered_by",
    "rule",
    "reason_code",
    "since",
    "until",
    "q",
];
/// How many actions a page may have.
pub const PAGE_SIZES: [u32; 4] = [25, 50, 100, 200];
/// The default number of rows.
pub const PAGE_SIZE: u32 = 50;
/// Times that are always so long ago: the word in the URL, what people read, and milliseconds.
pub const PRESETS: [(&str, &str, f64); 5] = [
    ("15m", "Last 15 minutes", 900_000.0),
    ("1h", "Last hour", 3_600_000.0),
    ("24h", "Last 24 hours", 86_400_000.0),
    ("7d", "Last 7 days", 604_800_000.0),
    ("30d", "Last 30 days", 2_592_000_000.0),
];

/// The state in the URL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Query {
    filters: BTreeMap<&'static str, String>,
    /// How many actions a page has.
    pub limit: u32,
    /// Where the page begins; the newest come without.
    pub cursor: Option<String>,
    /// The opened action.
    pub id: Option<String>,
}

impl Default for Query {
    fn default() -> Self {
        Query { filters: BTreeMap::new(), limit: PAGE_SIZE, cursor: None, id: None }
    }
}

impl Query {
    /// Reads the parameters of a URL.
    pub fn read(parameter: impl Fn(&str) -> Option<String>) -> Self {
        let some = |key: &str| parameter(key).filter(|value| !value.is_empty());
        let limit = some("limit").and_then(|limit| limit.parse().ok());
        Query {
            filters: FILTERS.into_iter().filter_map(|key| Some((key, some(key)?))).collect(),
            limit: limit.filter(|limit| PAGE_SIZES.contains(limit)).unwrap_or(PAGE_SIZE),
            cursor: some("cursor"),
            id: some("id"),
        }
    }

    /// A filter; empty when it is not set.
    pub fn get(&self, key: &str) -> &str {
        self.filters.get(key).map_or("", String::as_str)
    }

    /// The same with another filter, from the newest action on.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: &str) -> Self {
        if value.is_empty() {
            self.filters.remove(key);
        } else {
            self.filters.insert(key, value.to_owned());
        }
        self.cursor = None;
        self
    }

    /// The same with this action opened, or none.
    #[must_use]
    pub fn opening(mut self, id: Option<String>) -> Self {
        self.id = id;
        self
    }

    /// The same at another place of the list.
    #[must_use]
    pub fn at(mut self, cursor: Option<String>) -> Self {
        self.cursor = cursor;
        self
    }

    /// The same with pages of another size, from the newest action on.
    #[must_use]
    pub fn of_size(mut self, limit: u32) -> Self {
        self.limit = limit;
        self.cursor = None;
        self
    }

    /// Everything, from the newest on.
    #[must_use]
    pub fn without_filters(mut self) -> Self {
        self.filters.clear();
        self.cursor = None;
        self
    }

    /// Whether anything is left out.
    pub fn is_filtered(&self) -> bool {
        !self.filters.is_empty()
    }

    /// The page's path below the dashboard's, with everything in it that is not as usual.
    pub fn path(&self) -> String {
        let mut parameters: Vec<_> = FILTERS
            .into_iter()
            .map(|key| (key, self.get(key).to_owned()))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        if self.limit != PAGE_SIZE {
            parameters.push(("limit", self.limit.to_string()));
        }
        parameters.extend(self.cursor.clone().map(|cursor| ("cursor", cursor)));
        parameters.extend(self.id.clone().map(|id| ("id", id)));
        joined("/actions", &parameters)
    }

    /// The request for the page of the list.
    pub fn request(&self, now_ms: f64) -> String {
        let mut parameters = self.parameters(now_ms);
        parameters.push(("limit", self.limit.to_string()));
        parameters.extend(self.cursor.clone().map(|cursor| ("cursor", cursor)));
        joined("/v1/actions", &parameters)
    }

    /// The request that counts what fits the filters and came at or after a time.
    pub fn request_since(&self, since: Option<&str>, now_ms: f64) -> String {
        let mut parameters = self.parameters(now_ms);
        if let Some(since) = since {
            parameters.retain(|(key, _)| *key != "since");
            parameters.push(("since", since.to_owned()));
        }
        parameters.push(("limit", "1".to_owned()));
        joined("/v1/actions", &parameters)
    }

    fn parameters(&self, now_ms: f64) -> Vec<(&'static str, String)> {
        let value = |key| match key {
            "since" => absolute(self.get(key), now_ms),
            _ => self.get(key).to_owned(),
        };
        FILTERS.into_iter().map(|key| (key, value(key))).filter(|(_, value)| !value.is_empty()).collect()
    }
}

/// `1h` as the time that was an hour ago, in Unix milliseconds; anything else as it is.
fn absolute(since: &str, now_ms: f64) -> String {
    match PRESETS.into_iter().find(|(word, _, _)| *word == since) {
        Some((_, _, ms)) => format!("{:.0}", (now_ms - ms).max(0.0)),
        None => since.to_owned(),
    }
}

fn joined(path: &str, parameters: &[(&str, String)]) -> String {
    let pairs: Vec<_> = parameters.iter().map(|(key, value)| format!("{key}={}", encoded(value))).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

/// A time of the URL as a field for times has it: `2026-11-22T14:03`, in the time zone of the browser.
pub fn to_field(rfc3339: &str) -> String {
    let Some(ms) = parse_time(rfc3339) else { return String::new() };
    let date = js_sys::Date::new(&ms.into());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}",
        date.get_full_year(),
        date.get_month() + 1,
        date.get_date(),
        date.get_hours(),
        date.get_minutes()
    )
}

/// The content of a time field, as a time for the URL; empty if it is not a time.
pub fn from_field(field: &str) -> String {
    match parse_time(field) {
        // Without a time zone it is read as one of the browser's.
        Some(ms) => js_sys::Date::new(&ms.into()).to_iso_string().into(),
        None => String::new(),
    }
}
