//! The code editor, an ES module of its own (`web/editor`) that is fetched when a page first needs it.
//!
//! The types here are those of `web/editor/src/editor.ts`.

use engine::diagnostic::Code;
use serde::Serialize;
use wasm_bindgen::prelude::*;
use web_sys::HtmlElement;

#[wasm_bindgen(module = "/src/import.js")]
extern "C" {
    #[wasm_bindgen(catch, js_name = importModule)]
    async fn import_module(url: &str) -> Result<JsValue, JsValue>;
}

#[wasm_bindgen]
extern "C" {
    type EditorModule;

    #[wasm_bindgen(method, getter, js_name = policySchema)]
    fn policy_schema(this: &EditorModule) -> JsValue;

    #[wasm_bindgen(method, catch, js_name = createEditor)]
    fn create_editor(this: &EditorModule, parent: &HtmlElement, options: JsValue) -> Result<Editor, JsValue>;

    /// An editor in the page. The methods throw what the editor throws.
    #[derive(Debug, Clone)]
    pub type Editor;

    /// The text, byte for byte as it was set and edited.
    #[wasm_bindgen(method, catch)]
    pub fn text(this: &Editor) -> Result<String, JsValue>;

    #[wasm_bindgen(method, catch, js_name = setText)]
    fn set_text_with(this: &Editor, text: &str, options: JsValue) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch, js_name = setDiagnostics)]
    fn set_diagnostics_list(this: &Editor, list: JsValue) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch, js_name = setRules)]
    fn set_rules_list(this: &Editor, list: JsValue) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch, js_name = light)]
    fn light_lines(this: &Editor, lines: JsValue) -> Result<(), JsValue>;

    /// Puts the cursor on a line and column, both from 1, and scrolls there.
    #[wasm_bindgen(method, catch, js_name = goTo)]
    pub fn go_to(this: &Editor, line: u32, column: u32) -> Result<(), JsValue>;

    /// Gives the editor the focus.
    #[wasm_bindgen(method, catch)]
    pub fn focus(this: &Editor) -> Result<(), JsValue>;

    /// Whether the text can only be read.
    #[wasm_bindgen(method, catch, js_name = setReadOnly)]
    pub fn set_read_only(this: &Editor, read_only: bool) -> Result<(), JsValue>;

    /// Takes the editor out of the page.
    #[wasm_bindgen(method, catch)]
    pub fn destroy(this: &Editor) -> Result<(), JsValue>;
}

/// How an editor begins.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Options<'a> {
    /// The text.
    pub text: &'a str,
    /// Its name for screen readers.
    pub label: &'a str,
    /// Whether the text can only be read.
    pub read_only: bool,
    /// Called with the text when the user changes it.
    #[serde(with = "serde_wasm_bindgen::preserve")]
    pub on_change: JsValue,
    /// Called when the user presses Mod-S.
    #[serde(with = "serde_wasm_bindgen::preserve")]
    pub on_save: JsValue,
    /// The schema of the language, which comes with the module.
    #[serde(with = "serde_wasm_bindgen::preserve")]
    schema: JsValue,
}

impl<'a> Options<'a> {
    /// Options for a text.
    pub fn new(text: &'a str, label: &'a str, read_only: bool, on_change: JsValue, on_save: JsValue) -> Self {
        Options { text, label, read_only, on_change, on_save, schema: JsValue::UNDEFINED }
    }
}

/// A finding, underlined in the text. Offsets count UTF-16 units.
#[derive(Debug, Serialize)]
pub struct Finding<'a> {
    /// Where it begins.
    pub from: usize,
    /// Where it ends.
    pub to: usize,
    /// `error` or `warning`.
    pub severity: &'static str,
    /// Its stable name.
    pub code: Code,
    /// The finding in words.
    pub message: &'a str,
    /// The advice, if there is any.
    pub help: Option<&'a str>,
}

/// A rule of the text and what reaches it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleMark {
    /// The line on which it starts.
    pub line: u32,
    /// Its id.
    pub id: String,
    /// `none`, `samples`, `recorded` or `both`.
    pub reached: &'static str,
}

#[derive(Serialize)]
struct Lines {
    from: u32,
    to: u32,
}

#[derive(Serialize)]
struct Undo {
    undo: bool,
}

impl Editor {
    /// Puts an editor into `parent`.
    ///
    /// # Errors
    /// When the module cannot be fetched, or refuses.
    pub async fn create(parent: &HtmlElement, mut options: Options<'_>) -> Result<Self, JsValue> {
        let url = module_url().ok_or_else(|| JsValue::from_str("the page names no editor"))?;
        let module: EditorModule = import_module(&url).await?.unchecked_into();
        options.schema = module.policy_schema();
        module.create_editor(parent, js(&options)?)
    }

    /// Replaces the text, as one step that can be undone.
    ///
    /// # Errors
    /// Here and below: what the editor throws.
    pub fn set_text(&self, text: &str) -> Result<(), JsValue> {
        self.set_text_with(text, js(&Undo { undo: true })?)
    }

    /// Underlines these findings, and no others.
    ///
    /// # Errors
    /// As above.
    pub fn set_diagnostics(&self, findings: &[Finding<'_>]) -> Result<(), JsValue> {
        self.set_diagnostics_list(js(findings)?)
    }

    /// Marks these rules in the margin, and no others.
    ///
    /// # Errors
    /// As above.
    pub fn set_rules(&self, rules: &[RuleMark]) -> Result<(), JsValue> {
        self.set_rules_list(js(rules)?)
    }

    /// Lights the lines from the first to the second, or none.
    ///
    /// # Errors
    /// As above.
    pub fn light(&self, lines: Option<(u32, u32)>) -> Result<(), JsValue> {
        self.light_lines(match lines {
            Some((from, to)) => js(&Lines { from, to })?,
            None => JsValue::NULL,
        })
    }
}

/// Where the module is: the page names it, so that only a page with an editor fetches it.
fn module_url() -> Option<String> {
    let document = web_sys::window()?.document()?;
    let name = document.get_element_by_id("editor-module")?.get_attribute("content")?;
    Some(web_sys::Url::new_with_base(&name, &document.base_uri().ok()??).ok()?.href())
}

fn js(value: &(impl Serialize + ?Sized)) -> Result<JsValue, JsValue> {
    Ok(serde_wasm_bindgen::to_value(value)?)
}
