//! The `faramesh` program: the command line of [`cli`], with an allocator.

use std::ffi::c_long;
use std::process::ExitCode;

/// Deciding and recording make many small texts, which this allocator hands out in about half the time. It serves
/// SQLite too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long freed memory stays with the program, in milliseconds.
///
/// The allocator's own second is long enough for lists of large actions to leave hundreds of megabytes behind.
const FREED_MEMORY_STAYS_MS: c_long = 10;

/// `mi_option_purge_delay` of mimalloc 3, which the bindings do not name.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

fn main() -> ExitCode {
    // SAFETY: this sets one number of the allocator, and no other thread runs yet.
    #[allow(unsafe_code, reason = "the allocator has no other way to be told")]
    unsafe {
        libmimalloc_sys::mi_option_set(PURGE_DELAY, FREED_MEMORY_STAYS_MS);
    }
    cli::main()
}
