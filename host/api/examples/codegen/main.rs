//! Prints what others need to know of the wire, for `cargo xtask codegen`: `openapi` the OpenAPI document, `engine.ts`
//! and `api.ts` the types of the JavaScript package, `python` those of the Python package.

mod python;
mod typescript;

use api::openapi;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = openapi::engine_schemas();
    match std::env::args().nth(1).as_deref() {
        Some("openapi") => println!("{}", serde_json::to_string_pretty(&openapi::document())?),
        Some("engine.ts") => print!("{}", typescript::module(&engine, None)),
        Some("api.ts") => {
            let mut own = openapi::api_schemas();
            own.retain(|name, _| !engine.contains_key(name));
            print!("{}", typescript::module(&own, Some((&engine, "./wire.js"))));
        }
        Some("python") => {
            let mut all = openapi::api_schemas();
            all.extend(engine);
            print!("{}", python::module(&all)?);
        }
        other => return Err(format!("nothing is called {other:?}").into()),
    }
    Ok(())
}
