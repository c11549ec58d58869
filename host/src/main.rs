//! The `faramesh` program: reads its arguments and calls one command. It decides nothing itself.

fn main() {}
