//! The URL as state: what a person could bookmark is in it.

use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::query_signal_with_options;

/// A parameter of the URL, and how to change it. Changing filters does not fill the browser's history.
pub fn query(key: &'static str) -> (Memo<Option<String>>, SignalSetter<Option<String>>) {
    // The whole path is given, so nothing is to be resolved.
    let options =
        NavigateOptions { resolve: false, replace: true, scroll: false, ..NavigateOptions::default() };
    query_signal_with_options(key, options)
}

/// Where the dashboard lives, without a slash at the end: `/ui`, or wherever its files were put.
pub fn base() -> String {
    let base = web_sys::window().and_then(|window| window.document()?.base_uri().ok().flatten());
    let path = base.and_then(|base| web_sys::Url::new(&base).ok()).map(|url| url.pathname());
    path.unwrap_or_default().trim_end_matches('/').to_owned()
}

/// A page's path with where the dashboard lives, as links need it: the router resolves no path that begins with `/`.
pub fn of(path: &str) -> String {
    format!("{}{path}", base())
}

/// Text as a part of a URL's path or query.
pub fn encoded(text: &str) -> String {
    js_sys::encode_uri_component(text).into()
}
