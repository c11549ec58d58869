//! `docs/CLI.md` is what the grammar says.

#[allow(dead_code, reason = "its `main` is for `cargo xtask codegen`")]
#[path = "../../examples/reference.rs"]
mod page;

#[test]
fn the_page_of_the_command_line_is_what_the_grammar_says() {
    let kept = include_str!("../../../../docs/CLI.md");
    assert!(kept == page::page(), "docs/CLI.md is stale; run `cargo xtask codegen`");
}
