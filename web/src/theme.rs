//! Light or dark: as the system prefers, unless the user chose.

use gloo::storage::{LocalStorage, Storage as _};

const KEY: &str = "faramesh-theme";

/// The user's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// As the system says.
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Theme; 3] = [Theme::System, Theme::Light, Theme::Dark];

    /// The word in the page.
    pub fn as_str(self) -> &'static str {
        match self {
            Theme::System => "system",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }

    /// The theme for a word; the system's for any other.
    pub fn from_word(word: &str) -> Self {
        Theme::ALL.into_iter().find(|theme| theme.as_str() == word).unwrap_or(Theme::System)
    }

    /// The earlier choice.
    pub fn chosen() -> Self {
        LocalStorage::get::<String>(KEY).map_or(Theme::System, |word| Theme::from_word(&word))
    }

    /// Chooses it, for now and for later.
    pub fn choose(self) {
        // Where nothing may be stored, the choice holds for this page.
        _ = LocalStorage::set(KEY, self.as_str());
        self.apply();
    }

    fn apply(self) {
        let root = web_sys::window().and_then(|window| window.document()?.document_element());
        if let Some(root) = root {
            _ = root.set_attribute("data-theme", self.as_str());
        }
    }
}

/// Applies the earlier choice.
pub fn apply_chosen() {
    Theme::chosen().apply();
}
