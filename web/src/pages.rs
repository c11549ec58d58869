//! The pages: a file for each.

pub mod actions;
pub mod approvals;
pub mod audit;
pub mod login;
pub mod not_found;
pub mod overview;
pub mod playground;
pub mod policies;
pub mod policy_editor;

pub use actions::Actions;
pub use approvals::Approvals;
pub use audit::Audit;
pub use login::{LogIn, Login};
pub use not_found::NotFound;
pub use overview::Overview;
pub use playground::Playground;
pub use policies::Policies;
pub use policy_editor::PolicyEditor;
