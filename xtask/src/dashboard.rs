//! `cargo xtask dashboard`: builds the pages at `/ui` into `target/dashboard`.
//!
//! The same `web/index.html` that Trunk reads, and without what Trunk adds to it: an inline script, which the
//! dashboard's Content-Security-Policy forbids. Files have their hash in their name, so a browser may keep them for
//! ever, and lie there compressed as well. The result is also a site of its own: the playground needs no server.

mod bind;
mod page;
mod split;

use crate::error::{Error, Result, While};
use crate::process;
use crate::test::js;
use crate::toolchain::{self, WASM_TARGET};
use crate::wasm::compile::{neutral_names, renaming};
use crate::workspace::{self, Workspace};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The page that people see first.
const FIRST: &str = "overview";
/// All modules that the first page takes, in KiB after brotli: a person waits for them before anything is seen.
const FIRST_VIEW_KIB: usize = 350;
/// How many KiB after brotli each page takes besides the module that starts, by the names in `web/src/parts.rs`.
/// A module that several pages share counts for each of them.
const PART_KIB: [(&str, usize); 7] = [
    ("overview", 165),
    ("actions", 225),
    ("approvals", 200),
    ("policies", 220),
    ("policy_editor", 385),
    ("playground", 320),
    ("audit", 170),
];
/// Files that are smaller than this are not worth compressing.
const WORTH_COMPRESSING: usize = 1024;
/// The sources of the dashboard.
const SOURCES: &[&str] = &[
    "web",
    "engine",
    "policies/policy.schema.json",
    "policies/support-agent.yaml",
    "policies/support-agent.test.yaml",
    "xtask/src/dashboard",
    "xtask/src/dashboard.rs",
    "Cargo.toml",
    "Cargo.lock",
    ".cargo",
    "rust-toolchain.toml",
];

/// Builds `target/dashboard`, unless nothing changed.
///
/// # Errors
/// When a build fails, or the module is too large.
pub(crate) fn run(workspace: &Workspace, profile: Profile) -> Result<()> {
    // One at a time: both would write into the same folders, and the second then finds all there.
    let path = workspace.target.join("dashboard.lock");
    let cannot = || format!("lock `{}`", path.display());
    fs::create_dir_all(&workspace.target).while_trying_to(cannot)?;
    let lock = File::create(&path).while_trying_to(cannot)?;
    lock.lock().while_trying_to(cannot)?;

    let folder = workspace.dashboard();
    let stamp = folder.join(".built");
    if is_fresh(workspace, &stamp, profile)? {
        return Ok(());
    }
    process::say("building target/dashboard");
    toolchain::ensure_wasm_target(&workspace.root)?;
    // The stamp gets its time before the build starts: a file saved during the build is newer than it.
    let started = workspace.target.join("dashboard.started");
    write(&started, profile.as_str().as_bytes())?;
    editor(workspace)?;
    let module = compile(workspace, profile)?;
    // Cutting takes longer than all the rest of a quick build.
    let split = match profile {
        Profile::Release => Some(split::split(&module, &workspace.target.join("web/parts"))?),
        Profile::Dev => None,
    };
    let bound = bind::bind(split.as_ref().map_or(&module, |split| &split.main))?;

    // A folder of its own until it is whole, so that a build that fails leaves the last good one.
    let new = workspace.target.join("dashboard.new");
    if new.exists() {
        fs::remove_dir_all(&new).while_trying_to(|| format!("remove `{}`", new.display()))?;
    }
    let mut site = Site { folder: new.clone(), compresses: profile == Profile::Release };
    let web = workspace.root.join("web");
    page::write(&mut site, &web, &bound, split.as_ref())?;
    if let Some(split) = &split {
        weigh(&bound, split)?;
    }
    fs::rename(&started, new.join(".built")).while_trying_to(|| format!("write `{}`", stamp.display()))?;
    if folder.exists() {
        fs::remove_dir_all(&folder).while_trying_to(|| format!("remove `{}`", folder.display()))?;
    }
    fs::rename(&new, &folder).while_trying_to(|| format!("write `{}`", folder.display()))
}

/// How much time to take for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// The shipped build: small and fast.
    Release,
    /// For developing the dashboard.
    Dev,
}

impl Profile {
    fn as_str(self) -> &'static str {
        match self {
            Profile::Release => "dashboard",
            Profile::Dev => "dev",
        }
    }
}

/// Prints how large each part is, and holds it against its budget.
fn weigh(bound: &bind::Bound, split: &split::Split) -> Result<()> {
    let sizes: BTreeMap<&str, usize> = split
        .files
        .iter()
        .map(|(name, module)| Ok((name.as_str(), compressed(module)?.len())))
        .collect::<Result<_>>()?;
    let start = compressed(&bound.wasm)?.len();
    let mut over = Vec::new();
    let mut weigh = |name: &str, size: usize, kib: usize| {
        println!("dashboard: {name} has {size} bytes with brotli, of {}", kib * 1024);
        if size > kib * 1024 {
            over.push(format!("{name} has {size} bytes with brotli, which is over its budget of {kib} KiB"));
        }
    };
    for (part, needs) in &split.needs {
        let budget = PART_KIB.iter().find(|(name, _)| name == part);
        let (_, kib) = budget.ok_or_else(|| Error::new(format!("the part `{part}` has no budget")))?;
        let size = needs.iter().filter_map(|file| sizes.get(file.as_str())).sum();
        weigh(part, size, *kib);
        if part == FIRST {
            weigh("the first view", start + size, FIRST_VIEW_KIB);
        }
    }
    if over.is_empty() { Ok(()) } else { Err(Error::new(over.join("; "))) }
}

/// The site as it is written, file by file.
struct Site {
    folder: PathBuf,
    /// Whether files lie there compressed as well; that takes longer than all the rest of a quick build.
    compresses: bool,
}

impl Site {
    /// Writes a file under its own name.
    fn page(&mut self, name: &str, content: &[u8]) -> Result<()> {
        self.file(name, content)
    }

    /// Writes a file under a name with its hash, and gives that name.
    fn asset(&mut self, name: &str, content: &[u8]) -> Result<String> {
        let path = asset_name(name, content);
        self.file(&path, content)?;
        Ok(path)
    }

    fn file(&self, name: &str, content: &[u8]) -> Result<()> {
        let path = self.folder.join(name);
        write(&path, content)?;
        if self.compresses && content.len() >= WORTH_COMPRESSING {
            let mut compressed_name = path.into_os_string();
            compressed_name.push(".br");
            write(Path::new(&compressed_name), &compressed(content)?)?;
        }
        Ok(())
    }
}

/// The name of an asset with this content: with its hash, so that a browser may keep it for ever.
fn asset_name(name: &str, content: &[u8]) -> String {
    let hash: String = Sha256::digest(content).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let (stem, kind) = name.rsplit_once('.').unwrap_or((name, "bin"));
    format!("assets/{stem}-{hash}.{kind}")
}

fn is_fresh(workspace: &Workspace, stamp: &Path, profile: Profile) -> Result<bool> {
    let Ok(built) = fs::read_to_string(stamp) else { return Ok(false) };
    // The shipped build also serves for work on other parts.
    if built != profile.as_str() && built != Profile::Release.as_str() {
        return Ok(false);
    }
    let at = workspace::modified(stamp)?;
    for source in SOURCES {
        if workspace::last_change(&workspace.root.join(source))? >= at {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Builds the code editor, which is JavaScript.
fn editor(workspace: &Workspace) -> Result<()> {
    js::ensure_node()?;
    js::build_folder(&workspace.root.join("web/editor"))
}

fn compile(workspace: &Workspace, profile: Profile) -> Result<PathBuf> {
    // A folder of its own: other builds need not wait for this one.
    let target = workspace.target.join("web");
    let mut cargo = process::cargo();
    cargo
        .args(["rustc", "-p", "web", "--bin", "web", "--locked", "--target", WASM_TARGET])
        .args(["--profile", profile.as_str()])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(&workspace.root);
    if profile == Profile::Release {
        // The module contains the location of each panic, but need not contain the folders of this machine.
        let names = neutral_names(&workspace.root, &target)?;
        // The same as in `.cargo/config.toml`, which these flags replace.
        let erased = ["--cfg", "erase_components"].map(OsString::from);
        let flags: Vec<OsString> = erased.into_iter().chain(renaming(&names)).collect();
        cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join(OsStr::new("\u{1f}")));
    }
    if profile == Profile::Release {
        // The relocations are what tells the parts from each other; dependencies need no other flags for that.
        cargo.args(["--features", "split", "--", "-Clink-arg=--emit-relocs"]);
    }
    process::run(&mut cargo)?;
    let folder = if profile == Profile::Dev { "debug" } else { profile.as_str() };
    Ok(target.join(WASM_TARGET).join(folder).join("web.wasm"))
}

fn compressed(content: &[u8]) -> Result<Vec<u8>> {
    const QUALITY: u32 = 11;
    const WINDOW: u32 = 24;
    let mut out = Vec::new();
    let mut writer = brotli::CompressorWriter::new(&mut out, 1 << 16, QUALITY, WINDOW);
    writer.write_all(content).while_trying_to(|| "compress a file of the dashboard".into())?;
    drop(writer);
    Ok(out)
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    let cannot = || format!("write `{}`", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).while_trying_to(cannot)?;
    }
    File::create(path).and_then(|mut file| file.write_all(content)).while_trying_to(cannot)
}
