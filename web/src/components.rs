//! Parts that several pages use: small components with plain data and signals for props.

pub mod badges;
pub mod chart;
pub mod code_editor;
pub mod connection;
pub mod copy;
pub mod diagnostics;
pub mod dialog;
pub mod diff;
pub mod explanation;
pub mod isolated;
pub mod json;
pub mod link;
pub mod resource;
pub mod table;
pub mod theme_choice;
pub mod toast;
pub mod truth;

pub use badges::{OutcomeBadge, RiskMeter, StatusBadge};
pub use code_editor::{CodeEditor, RuleMark};
pub use connection::ConnectionSign;
pub use copy::{CopyButton, Hash};
pub use diagnostics::DiagnosticList;
pub use dialog::Dialog;
pub use diff::Diff;
pub use explanation::{ExplanationView, RuleLink};
pub use isolated::Isolated;
pub use json::Json;
pub use link::Link;
pub use resource::{Empty, FailureView, Resource};
pub use table::{Column, Matrix, Scroll, Table};
pub use theme_choice::ThemeChoice;
pub use toast::{Toasts, ToastsView};
pub use truth::TruthBadge;
