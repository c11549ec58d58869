//! What several pages use: small parts with plain data and signals for props.

pub mod badges;
pub mod connection;
pub mod copy;
pub mod diagnostics;
pub mod dialog;
pub mod diff;
pub mod json;
pub mod resource;
pub mod toast;

pub use badges::{OutcomeBadge, RiskMeter, StatusBadge};
pub use connection::ConnectionSign;
pub use copy::{CopyButton, Hash};
pub use diagnostics::DiagnosticList;
pub use dialog::Dialog;
pub use diff::Diff;
pub use json::Json;
pub use resource::{Empty, FailureView, Resource};
pub use toast::{Toasts, ToastsView};
