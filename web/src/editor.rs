//! The code editor, an ES module of its own (`web/editor`) that is fetched when a page first needs it.

use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen(module = "/src/import.js")]
extern "C" {
    #[wasm_bindgen(js_name = importModule)]
    fn import_module(url: &str) -> Promise;
}

/// An editor in the page. What it can do stands in `web/editor/src`.
#[derive(Debug, Clone)]
pub struct Editor(Object);

impl Editor {
    /// Puts an editor into `parent`. `options` are those of `createEditor`.
    ///
    /// # Errors
    /// When the module cannot be fetched, or refuses.
    pub async fn create(parent: &web_sys::HtmlElement, options: &Object) -> Result<Self, JsValue> {
        let document = web_sys::window().and_then(|window| window.document());
        let link = document.and_then(|document| document.get_element_by_id("editor-module"));
        let link = link.and_then(|link| link.dyn_into::<web_sys::HtmlLinkElement>().ok());
        let url =
            link.map(|link| link.href()).ok_or_else(|| JsValue::from_str("the page names no editor"))?;
        let module = JsFuture::from(import_module(&url)).await?;
        // The module brings the schema of the language along, for completion and hover texts.
        Reflect::set(options, &"schema".into(), &Reflect::get(&module, &"policySchema".into())?)?;
        let create: Function = Reflect::get(&module, &"createEditor".into())?.dyn_into()?;
        Ok(Editor(create.call2(&JsValue::NULL, parent, options)?.dyn_into()?))
    }

    /// Calls a method of the editor.
    ///
    /// # Errors
    /// When it throws, or there is none of that name.
    pub fn call(&self, method: &str, arguments: &[JsValue]) -> Result<JsValue, JsValue> {
        let function: Function = Reflect::get(&self.0, &method.into())?.dyn_into()?;
        Reflect::apply(&function, &self.0, &arguments.iter().collect::<js_sys::Array>())
    }
}
