//! `index.html` and everything it names: the links that Trunk understands become links to files with hashes.

use super::bind::Bound;
use super::split::{COMMON, LINK, PROGRAM, Split};
use super::{Site, asset_name};
use crate::error::{Error, Result, While};
use crate::workspace;
use std::fs;
use std::path::Path;

/// Routes that a host of plain files must find as a page of their own.
const PAGES: [&str; 2] = ["index.html", "playground/index.html"];

/// Writes the page, its files, and the program.
///
/// # Errors
/// When the page names what is not there.
pub(super) fn write(site: &mut Site, web: &Path, bound: &Bound, split: Option<&Split>) -> Result<()> {
    let mut program = bound.js.clone();
    for (path, content) in &bound.snippets {
        let named = format!("./{path}");
        // An unused function is not imported.
        if program.contains(&named) {
            let name = path.rsplit('/').next().unwrap_or(path);
            program = program.replace(&named, &beside(&site.asset(name, content.as_bytes())?));
        }
    }
    if let Some(at) = program.find("./snippets/") {
        let named: String = program.chars().skip(at).take_while(|char| *char != '"').collect();
        return Err(Error::new(format!("the program imports `{named}`, which wasm-bindgen did not give")));
    }
    let module = site.asset("web.wasm", &bound.wasm)?;
    let Linked { program, parts, common } = match split {
        Some(split) => linked(site, program, split)?,
        None => Linked { program: site.asset("web.js", program.as_bytes())?, parts: None, common: None },
    };
    let boot = format!(
        "import start from \"{}\";\nstart({{ module_or_path: new URL(\"{}\", import.meta.url) }});\n",
        beside(&program),
        beside(&module),
    );
    let boot = site.asset("boot.js", boot.as_bytes())?;

    let html = workspace::read_text(&web.join("index.html"))?;
    let html = html.replace("<base data-trunk-public-url ", "<base ");
    let mut lines = Vec::new();
    let mut files: Vec<(String, String)> = Vec::new();
    for line in html.lines() {
        let Some(link) = line.trim().strip_prefix("<link data-trunk ") else {
            lines.push(line.to_owned());
            continue;
        };
        let href =
            attribute(link, "href").ok_or_else(|| Error::new(format!("a link without `href`: {line}")))?;
        match attribute(link, "rel").as_deref() {
            Some("rust") => {
                for script in [Some(&program), parts.as_ref()].into_iter().flatten() {
                    lines.push(format!("    <link rel=\"modulepreload\" href=\"{script}\">"));
                }
                for module in [Some(&module), common.as_ref()].into_iter().flatten() {
                    lines.push(format!(
                        "    <link rel=\"preload\" href=\"{module}\" as=\"fetch\" type=\"application/wasm\" crossorigin>"
                    ));
                }
                lines.push(format!("    <script type=\"module\" src=\"{boot}\"></script>"));
            }
            Some("css") => {
                let asset = site.asset(&href, &read(&web.join(&href))?)?;
                lines.push(format!("    <link rel=\"stylesheet\" href=\"{asset}\">"));
            }
            Some("icon") => {
                let asset = site.asset(&href, &read(&web.join(&href))?)?;
                lines.push(format!("    <link rel=\"icon\" href=\"{asset}\" type=\"image/svg+xml\">"));
            }
            Some("copy-file") => {
                let name = href.rsplit('/').next().unwrap_or(&href).to_owned();
                let asset = site.asset(&name, &read(&web.join(&href))?)?;
                files.push((name, asset));
            }
            _ => {
                return Err(Error::new(format!(
                    "web/index.html has a link that nothing here understands: {line}"
                )));
            }
        }
    }
    let mut html = lines.join("\n");
    html.push('\n');
    for (name, asset) in files {
        html = replaced(&html, &format!("\"{name}\""), &format!("\"{asset}\""), "web/index.html")?;
    }
    PAGES.iter().try_for_each(|name| site.page(name, html.as_bytes()))
}

/// The scripts of the program, and what every page needs of its parts.
struct Linked {
    program: String,
    parts: Option<String>,
    common: Option<String>,
}

/// Writes the parts and the two scripts that name each other: the program, and the one that fetches parts for it.
fn linked(site: &mut Site, program: String, split: &Split) -> Result<Linked> {
    let mut link = split.link.clone();
    let mut preloaded = None;
    for (name, module) in &split.files {
        let short = name.trim_start_matches("split_");
        let asset = site.asset(&format!("{short}.wasm"), module)?;
        let named = format!("\"./{name}.wasm\"");
        link = replaced(&link, &named, &format!("\"{}\"", beside(&asset)), "the script of the parts")?;
        if name == COMMON {
            preloaded = Some(asset);
        }
    }
    // Each needs the other's name, so one of them is named by what both say before they do.
    let name = asset_name("parts.js", format!("{program}{link}").as_bytes());
    // Only where it is loaded from: in the list of imports it keeps the name that the module has for it.
    let (loads, loads_asset) = (format!("from \"{LINK}\""), format!("from \"{}\"", beside(&name)));
    let program = replaced(&program, &loads, &loads_asset, "the program")?;
    let program = site.asset("web.js", program.as_bytes())?;
    let link = replaced(&link, PROGRAM, &beside(&program), "the script of the parts")?;
    site.page(&name, link.as_bytes())?;
    Ok(Linked { program, parts: Some(name), common: preloaded })
}

/// The name of an asset as another asset calls it.
fn beside(asset: &str) -> String {
    format!("./{}", asset.trim_start_matches("assets/"))
}

fn replaced(text: &str, from: &str, to: &str, place: &str) -> Result<String> {
    if text.contains(from) {
        return Ok(text.replace(from, to));
    }
    Err(Error::new(format!("{place} does not name `{from}`")))
}

fn attribute(link: &str, name: &str) -> Option<String> {
    let (_, rest) = link.split_once(&format!("{name}=\""))?;
    rest.split_once('"').map(|(value, _)| value.to_owned())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).while_trying_to(|| format!("read `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found_by_name() {
        let link = r#"rel="css" href="style.css">"#;
        assert_eq!(attribute(link, "href").as_deref(), Some("style.css"));
        assert_eq!(attribute(link, "id"), None);
    }

    #[test]
    fn a_page_that_does_not_name_its_file_is_refused() {
        assert!(replaced("a b", "c", "d", "it").is_err());
        assert_eq!(replaced("a b", "b", "c", "it").unwrap(), "a c");
    }
}
