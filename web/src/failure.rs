//! The one shape of everything that fails: a request, or something in the page.

use engine::diagnostic::Diagnostic;

/// A request that did not lead to its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The status of the answer; 0 when there was none.
    pub status: u16,
    /// The stable code of the problem; `unreachable` when there was no answer.
    pub code: String,
    /// The problem in words.
    pub detail: String,
    /// The findings, where policies are the problem.
    pub diagnostics: Vec<Diagnostic>,
}

impl Failure {
    /// Something that failed in the page, and not at the server.
    pub fn here(code: &str, detail: impl Into<String>) -> Self {
        Failure { status: 0, code: code.to_owned(), detail: detail.into(), diagnostics: Vec::new() }
    }

    /// Whether asking again may help.
    pub fn is_passing(&self) -> bool {
        self.code == "unreachable" || self.status == 503
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}
