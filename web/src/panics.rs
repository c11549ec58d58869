//! What is shown when the dashboard itself fails: a page that stands still must say so.

use std::panic;

use wasm_bindgen::JsValue;

/// Shows a panic at the top of the page and in the console; without it the page would only stop reacting.
pub(crate) fn show() {
    panic::set_hook(Box::new(|info| {
        web_sys::console::error_1(&JsValue::from_str(&info.to_string()));
        let Some(document) = web_sys::window().and_then(|window| window.document()) else { return };
        let Ok(banner) = document.create_element("p") else { return };
        banner.set_class_name("failure");
        _ = banner.set_attribute("role", "alert");
        banner.set_text_content(Some(
            "The dashboard has stopped working. Nothing that was recorded is lost: reload the page. The browser's console has the details.",
        ));
        if let Some(body) = document.body() {
            _ = body.prepend_with_node_1(&banner);
        }
    }));
}
