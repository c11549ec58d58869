//! A policy and its samples in the fragment of a URL: it never reaches a server.
//!
//! The form is `v1.` and the base64url of the DEFLATE (RFC 1951) of a JSON object with `name`, `text` and `samples`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use js_sys::{Promise, Uint8Array};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::workbench::Workbench;
use crate::components::Toasts;
use crate::simulation::samples;
use crate::url;

const VERSION: &str = "v1.";
/// A larger text is not a policy, whatever it was compressed from.
const MOST_BYTES: u32 = 4 << 20;

// The browser has DEFLATE, so the page need not bring it along.
#[wasm_bindgen(module = "/src/import.js")]
extern "C" {
    fn deflate(bytes: &[u8]) -> Promise;
    fn inflate(bytes: &[u8], most: u32) -> Promise;
}

/// The content of the link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shared {
    /// The name of the file.
    pub name: String,
    /// Its text.
    pub text: String,
    /// The samples as a file.
    pub samples: Option<String>,
}

impl Shared {
    /// As a fragment, without `#`.
    ///
    /// # Errors
    /// When it cannot be packed.
    pub async fn pack(&self) -> Result<String, String> {
        let json = serde_json::to_vec(self).map_err(|error| error.to_string())?;
        let packed = JsFuture::from(deflate(&json)).await;
        let packed = packed.map_err(|_| "this browser cannot pack a link")?;
        Ok(format!("{VERSION}{}", URL_SAFE_NO_PAD.encode(Uint8Array::new(&packed).to_vec())))
    }

    /// From a fragment, with or without `#`.
    ///
    /// # Errors
    /// When it is not one, or holds too much.
    pub async fn unpack(fragment: &str) -> Result<Self, String> {
        let packed = fragment.trim_start_matches('#').strip_prefix(VERSION);
        let packed = packed.ok_or("this link was made by another version of the playground")?;
        let broken = "this link is broken: some of it may be missing";
        let packed = URL_SAFE_NO_PAD.decode(packed).map_err(|_| broken)?;
        let json = JsFuture::from(inflate(&packed, MOST_BYTES)).await.map_err(|_| broken)?;
        if json.is_null() {
            return Err("this link holds more than a policy can be".to_owned());
        }
        serde_json::from_slice(&Uint8Array::new(&json).to_vec()).map_err(|_| broken.to_owned())
    }
}

/// A button that copies a link to the playground with the text and the samples in it.
#[component]
pub fn ShareButton(
    /// The editor.
    bench: Workbench,
) -> impl IntoView {
    let toasts = Toasts::here();
    let share = move |_| {
        leptos::task::spawn_local(async move {
            match link(bench).await {
                Ok(link) => match JsFuture::from(window().navigator().clipboard().write_text(&link)).await {
                    Ok(_) => toasts.say(
                        "a link to the playground was copied; whoever opens it sees this text and these samples",
                    ),
                    Err(_) => toasts.failed(format!("the browser does not let the page copy; this is the link: {link}")),
                },
                Err(why) => toasts.failed(format!("not shared: {why}")),
            }
        });
    };
    view! { <button type="button" class="quiet" on:click=share>"Share"</button> }
}

async fn link(bench: Workbench) -> Result<String, String> {
    let samples = bench.samples.with_untracked(|list| (!list.is_empty()).then(|| samples::print(list, None)));
    let shared = Shared {
        name: bench.name.get_value(),
        text: bench.text.get_untracked(),
        samples: samples.transpose()?,
    };
    let origin = window().location().origin().unwrap_or_default();
    Ok(format!("{origin}{}#{}", url::of("/playground"), shared.pack().await?))
}
