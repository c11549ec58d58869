//! The pages as parts of the program that are fetched when they are first shown, so that no page pays for another.
//!
//! With the feature `split`, `cargo xtask dashboard` cuts the compiled module at the functions named here. Without it,
//! as in tests and under Trunk, all pages are in one module and the functions are plain calls.
//!
//! A part that cannot be fetched leaves a message with a way out. Leptos' own `#[lazy]` would panic there, and the
//! whole dashboard would stop.

use leptos::prelude::*;
use leptos_router::LazyRoute;

use crate::shell;

/// The part could not be fetched: the connection is down, or the server was upgraded and has other parts.
#[derive(Debug)]
struct NotFetched;

#[cfg(feature = "split")]
impl From<leptos::wasm_split::SplitLoaderError> for NotFetched {
    fn from(_: leptos::wasm_split::SplitLoaderError) -> Self {
        NotFetched
    }
}

/// Makes a page a part: a route with the name `$Page` that shows `pages::$Page` out of the module `$part`.
macro_rules! parts {
    ($($(#[$doc:meta])* $Page:ident = $part:ident;)*) => {$(
        #[cfg(feature = "split")]
        #[leptos::wasm_split::wasm_split($part, wasm_split_path = leptos::wasm_split, fallible)]
        fn $part() -> Result<AnyView, NotFetched> {
            Ok(view! { <crate::pages::$Page /> }.into_any())
        }

        #[cfg(not(feature = "split"))]
        async fn $part() -> Result<AnyView, NotFetched> {
            Ok(view! { <crate::pages::$Page /> }.into_any())
        }

        $(#[$doc])*
        #[derive(Debug)]
        pub struct $Page;

        impl LazyRoute for $Page {
            fn data() -> Self {
                $Page
            }

            async fn view(_: Self) -> AnyView {
                $part().await.unwrap_or_else(|NotFetched| view! { <PartNotFetched /> }.into_any())
            }
        }
    )*};
}

parts! {
    /// What agents did, in figures.
    Overview = overview;
    /// The list of actions.
    Actions = actions;
    /// The actions that wait for a person.
    Approvals = approvals;
    /// The policy files and their history.
    Policies = policies;
    /// The editor of a policy.
    PolicyEditor = policy_editor;
    /// The editor without a server.
    Playground = playground;
    /// The chains of records.
    Audit = audit;
}

/// Shown in the place of a page whose part could not be fetched.
#[component]
fn PartNotFetched() -> impl IntoView {
    shell::remove();
    let reload = |_| {
        if let Some(window) = web_sys::window() {
            _ = window.location().reload();
        }
    };
    view! {
        <div class="notice error" role="alert">
            <p><strong>"✕ "</strong>"This page could not be loaded."</p>
            <p class="help">"Check the connection to the server, then reload."</p>
            <button type="button" on:click=reload>"Reload"</button>
        </div>
    }
}
