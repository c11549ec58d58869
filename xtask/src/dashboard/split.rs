//! Cuts the compiled dashboard into the module that starts and parts that are fetched later.
//!
//! `web/src/parts.rs` says where to cut. The linker leaves relocations in the module, from which the tool works out
//! the functions and data that each part needs. For each set of parts that share something it makes a module of its
//! own: some seventy small ones, of which a page needs half. They are put into one file, so that a page costs few
//! requests and one compression; only what is large stays a file by itself.

use crate::error::{Error, Result, While};
use crate::wasm::sections;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use wasm_split_cli_support::{Options, transform};

/// The ES module that fetches parts, as the starting module imports it.
pub(super) const LINK: &str = "./__wasm_split.js";
/// The ES module of the starting module, as [`LINK`] imports it.
pub(super) const PROGRAM: &str = "./web.js";
/// The file of small shared modules, as [`LINK`] names it.
pub(super) const COMMON: &str = "common";
/// A shared module of so many bytes is a file by itself.
const LARGE: usize = 64 * 1024;
/// Gives a module out of the common file, as `fetch` would. A file that did not arrive is fetched again.
const PACKED: &str = r#"let pack;
function packed(from, to) {
    pack ??= fetch(new URL("./common.wasm", import.meta.url)).then((answer) => {
        if (!answer.ok) throw new Error(`the common part: status ${answer.status}`);
        return answer.arrayBuffer();
    });
    pack.catch(() => (pack = undefined));
    const headers = { "content-type": "application/wasm" };
    return pack.then((bytes) => new Response(bytes.slice(from, to), { headers }));
}
"#;

/// The dashboard in parts.
pub(super) struct Split {
    /// The file with the module that starts, which wasm-bindgen still has to see.
    pub(super) main: PathBuf,
    /// The ES module that fetches the other modules.
    pub(super) link: String,
    /// The files of the other modules, by the name that `link` has for each.
    pub(super) files: BTreeMap<String, Vec<u8>>,
    /// For each part the files that showing it takes.
    pub(super) needs: BTreeMap<String, Vec<String>>,
}

/// Cuts the module at `path`; what it writes on the way is in `folder`.
///
/// # Errors
/// When the module has no relocations, or the tool does not understand it.
pub(super) fn split(path: &Path, folder: &Path) -> Result<Split> {
    let cannot = || format!("split `{}`", path.display());
    let input = fs::read(path).while_trying_to(cannot)?;
    if folder.exists() {
        fs::remove_dir_all(folder).while_trying_to(cannot)?;
    }
    fs::create_dir_all(folder).while_trying_to(cannot)?;
    let main = folder.join("web.wasm");
    let mut options = Options::new(&input);
    options.output_dir = folder;
    options.main_out_path = &main;
    options.link_name = LINK;
    options.main_module = PROGRAM;
    options.emit_dwarf = false;
    let made = transform(options).map_err(|error| Error::new(format!("{}: {error:#}", cannot())))?;

    let mut link = fs::read_to_string(folder.join(LINK)).while_trying_to(cannot)?;
    let (mut files, mut common, mut packed) = (BTreeMap::new(), Vec::new(), Vec::new());
    let mut paths = made.split_modules;
    paths.sort();
    for path in paths {
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        let module = fs::read(&path).while_trying_to(cannot)?;
        let module = sections::strip(&module)?.wasm;
        if name.starts_with("split_") || module.len() >= LARGE {
            files.insert(name, module);
            continue;
        }
        let fetched = format!("fetch(new URL(\"./{name}.wasm\", import.meta.url))");
        if !link.contains(&fetched) {
            return Err(Error::new(format!("the script of the parts does not fetch `{name}`")));
        }
        let from = common.len();
        common.extend(module);
        link = link.replace(&fetched, &format!("packed({from}, {})", common.len()));
        packed.push(name);
    }
    link.push_str(PACKED);
    files.insert(COMMON.to_owned(), common);
    let mut needs: BTreeMap<String, Vec<String>> = made.prefetch_map.into_iter().collect();
    for needed in needs.values_mut() {
        let all = needed.len();
        needed.retain(|name| !packed.contains(name));
        if needed.len() < all {
            needed.push(COMMON.to_owned());
        }
    }
    Ok(Split { main: main.clone(), link, files, needs })
}
