//! Prints the OpenAPI document: `cargo xtask codegen` keeps it in `host/src/http/openapi.json`.

fn main() -> Result<(), serde_json::Error> {
    println!("{}", serde_json::to_string_pretty(&api::openapi::document())?);
    Ok(())
}
