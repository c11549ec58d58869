//! Runs tests that were compiled to WebAssembly, in Node or in a browser: the runner of wasm-bindgen, built here in the
//! version that the tests are built with, so that it need not be installed.

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    match wasm_bindgen_cli::wasm_bindgen_test_runner::run_cli_with_args(std::env::args_os()) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}

/// The runner starts such tests and is not one itself.
#[cfg(target_arch = "wasm32")]
fn main() {}
