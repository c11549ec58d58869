//! The computations of the pages, and components with logic, tested inside a browser. The look and feel of the pages is
//! tested against a real server in `tests/e2e`.

#![cfg(target_arch = "wasm32")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that panics has failed"
)]

mod actions;
mod approvals;
mod audit;
mod diff;
mod editor;
mod overview;
mod policies;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
