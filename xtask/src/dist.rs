//! `cargo xtask dist`: everything that a release consists of, in `target/dist`, for Linux on x86-64.
//!
//! The program is linked statically with musl, so one file runs on every distribution; the Python wheel carries the
//! same file. Nothing is published from here. `--check` installs each artifact as its user would, and uses it.

mod check;
mod sbom;

use crate::error::{Error, Result, While};
use crate::test::js;
use crate::test::python::Python;
use crate::toolchain::{self, WASM_TARGET};
use crate::workspace::{self, Workspace};
use crate::{dashboard, process, wasm};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) use check::run as check;

const TARGET: &str = "x86_64-unknown-linux-musl";
/// What C compilers and linkers call that target, and the Debian package that has it.
const MUSL: [(&str, &str); 1] = [("musl-gcc", "musl-tools")];
/// A program without shared libraries runs on every Linux, whichever C library it has.
const WHEEL_TAG: &str = "py3-none-manylinux_2_17_x86_64.musllinux_1_1_x86_64";
/// The largest archive that a person should have to download.
const MAX_ARCHIVE_BYTES: u64 = 20 * 1024 * 1024;
/// The files in the archive next to the program.
const DOCUMENTS: [&str; 4] = ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"];

/// Builds all artifacts.
///
/// # Errors
/// When one cannot be built, or the archive is too large.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    if std::env::consts::OS != "linux" || std::env::consts::ARCH != "x86_64" {
        return Err(Error::new("`cargo xtask dist` builds for Linux on x86-64, and only there"));
    }
    let artifacts = Artifacts::of(workspace)?;
    toolchain::ensure_target(&workspace.root, TARGET)?;
    toolchain::ensure_programs(&MUSL)?;
    wasm::run(workspace)?;
    dashboard::run(workspace, dashboard::Profile::Release)?;
    let program = program(workspace)?;

    if artifacts.folder.exists() {
        fs::remove_dir_all(&artifacts.folder)
            .while_trying_to(|| format!("remove `{}`", artifacts.folder.display()))?;
    }
    let staged = workspace.target.join("dist.staged");
    stage(workspace, &artifacts, &program, &staged)?;
    archive(&artifacts, &staged)?;
    wheel(workspace, &artifacts, &staged.join(&artifacts.stem).join("faramesh"))?;
    npm(workspace, &artifacts)?;
    process::say("listing the components of the program (CycloneDX)");
    sbom::write(workspace, &artifacts.sbom)?;
    sums(&artifacts)?;

    for path in artifacts.all() {
        println!("{:>12} bytes  {}", size(path)?, path.display());
    }
    let archive = size(&artifacts.archive)?;
    if archive > MAX_ARCHIVE_BYTES {
        return Err(Error::new(format!(
            "the archive has {archive} bytes, which is over the limit of {MAX_ARCHIVE_BYTES}"
        )));
    }
    Ok(())
}

/// Where everything goes.
struct Artifacts {
    folder: PathBuf,
    /// The name of the archive without its ending, and of the one folder in it.
    stem: String,
    archive: PathBuf,
    wheel: PathBuf,
    npm: PathBuf,
    sbom: PathBuf,
    sums: PathBuf,
}

impl Artifacts {
    fn of(workspace: &Workspace) -> Result<Self> {
        let version = version(&workspace.root)?;
        let folder = workspace.target.join("dist");
        let stem = format!("faramesh-{version}-{TARGET}");
        Ok(Artifacts {
            archive: folder.join(format!("{stem}.tar.gz")),
            wheel: folder.join(format!("faramesh-{version}-{WHEEL_TAG}.whl")),
            npm: folder.join(format!("faramesh-{version}.tgz")),
            sbom: folder.join(format!("faramesh-{version}.cdx.json")),
            sums: folder.join("SHA256SUMS"),
            folder,
            stem,
        })
    }

    /// All of them but the sums.
    fn all(&self) -> [&Path; 4] {
        [&self.archive, &self.wheel, &self.npm, &self.sbom]
    }
}

/// The one version that all parts have.
fn version(root: &Path) -> Result<String> {
    let manifest = workspace::read_text(&root.join("Cargo.toml"))?;
    manifest
        .lines()
        .find_map(|line| line.strip_prefix("version = \""))
        .and_then(|rest| rest.strip_suffix('"'))
        .map(str::to_owned)
        .ok_or_else(|| Error::new("Cargo.toml does not say which version this is"))
}

/// Compiles the program.
fn program(workspace: &Workspace) -> Result<PathBuf> {
    process::say(&format!("building faramesh for {TARGET}; the first time takes some minutes"));
    process::run(
        process::cargo()
            .args(["build", "--release", "--locked", "--bin", "faramesh", "--target", TARGET])
            .current_dir(&workspace.root),
    )?;
    Ok(workspace.target.join(TARGET).join("release/faramesh"))
}

/// Lays out the contents of the archive.
fn stage(workspace: &Workspace, artifacts: &Artifacts, program: &Path, staged: &Path) -> Result<()> {
    let folder = staged.join(&artifacts.stem);
    if staged.exists() {
        fs::remove_dir_all(staged).while_trying_to(|| format!("remove `{}`", staged.display()))?;
    }
    for folder in [&folder, &artifacts.folder] {
        fs::create_dir_all(folder).while_trying_to(|| format!("make `{}`", folder.display()))?;
    }
    // Symbols are two fifths of the file, and a backtrace without them still names the version.
    process::run(Command::new("strip").arg("-o").arg(folder.join("faramesh")).arg(program))?;
    for name in DOCUMENTS {
        let from = workspace.root.join(name);
        fs::copy(&from, folder.join(name)).while_trying_to(|| format!("copy `{}`", from.display()))?;
    }
    Ok(())
}

/// Packs the archive, with the same bytes for the same files.
fn archive(artifacts: &Artifacts, staged: &Path) -> Result<()> {
    process::say(&format!("packing {}", artifacts.archive.display()));
    process::run(
        Command::new("tar")
            .args(["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--mode=go-w"])
            .args(["--use-compress-program", "gzip -9n", "-cf"])
            .arg(&artifacts.archive)
            .arg("-C")
            .arg(staged)
            .arg(&artifacts.stem),
    )
}

fn wheel(workspace: &Workspace, artifacts: &Artifacts, program: &Path) -> Result<()> {
    process::say(&format!("building {}", artifacts.wheel.display()));
    let python = Python::make(&workspace.target.join("tools/python"))?;
    process::run(
        python
            .module("pip")
            .args(["wheel", "--quiet", "--no-deps", "--wheel-dir"])
            .arg(&artifacts.folder)
            .arg(workspace.root.join("python"))
            .env("FARAMESH_BINARY", program)
            .env("FARAMESH_WHEEL_TAG", WHEEL_TAG),
    )
}

fn npm(workspace: &Workspace, artifacts: &Artifacts) -> Result<()> {
    process::say(&format!("packing {}", artifacts.npm.display()));
    let folder = workspace.root.join("pkg");
    js::ensure_node()?;
    js::install(&folder)?;
    process::run(js::npm(&folder).args(["pack", "--silent", "--pack-destination"]).arg(&artifacts.folder))
}

/// Writes `SHA256SUMS`, in the form that `sha256sum --check` reads.
fn sums(artifacts: &Artifacts) -> Result<()> {
    let mut lines = String::new();
    for path in artifacts.all() {
        let bytes = fs::read(path).while_trying_to(|| format!("read `{}`", path.display()))?;
        let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        lines.push_str(&format!("{digest}  {name}\n"));
    }
    fs::write(&artifacts.sums, lines).while_trying_to(|| format!("write `{}`", artifacts.sums.display()))
}

fn size(path: &Path) -> Result<u64> {
    fs::metadata(path)
        .map(|metadata| metadata.len())
        .while_trying_to(|| format!("look at `{}`", path.display()))
}
