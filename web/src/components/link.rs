//! Links to the dashboard's own pages. No other file uses the router's `A`, which resolves no path that begins with `/`
//! and so leads out of the dashboard.

use leptos::prelude::*;
use leptos_router::components::A;

use crate::url;

/// A link to a page of the dashboard.
#[component]
pub fn Link(
    /// The page's path below the dashboard's, from its `/` on: `/actions?id=…`.
    #[prop(into)]
    to: String,
    /// Whether only this very path counts as the current page, not those below it.
    #[prop(optional)]
    exact: bool,
    /// The link's text.
    children: Children,
) -> impl IntoView {
    view! { <A href=url::of(&to) exact>{children()}</A> }
}
