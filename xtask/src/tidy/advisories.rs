//! Known vulnerabilities of the crates in `Cargo.lock`, by the advisories of RustSec.
//!
//! The advisories are those of a snapshot in the repository, since a build machine may reach nothing but the registries.
//! The day of the snapshot is said: later advisories are not known.

use crate::error::{Result, While};
use crate::process;
use crate::workspace::Workspace;
use rustsec::{Database, Lockfile};
use std::fs;
use std::process::Command;

/// RustSec's advisory database as it was on [`SNAPSHOT_DAY`], made from its repository by `git archive`.
const SNAPSHOT: &str = ".ci/advisory-db.tar.gz";
const SNAPSHOT_DAY: &str = "2026-08-21";

/// The findings about the lock file of `workspace`.
///
/// # Errors
/// When the snapshot or the lock file cannot be read.
pub(super) fn check(workspace: &Workspace) -> Result<Vec<String>> {
    process::say(&format!("checking advisories, as of {SNAPSHOT_DAY}"));
    let folder = workspace.target.join("advisory-db");
    if folder.exists() {
        fs::remove_dir_all(&folder).while_trying_to(|| format!("remove `{}`", folder.display()))?;
    }
    fs::create_dir_all(&folder).while_trying_to(|| format!("make `{}`", folder.display()))?;
    let snapshot = workspace.root.join(SNAPSHOT);
    process::run(
        Command::new("tar").arg("-xzf").arg(snapshot).args(["--strip-components", "1", "-C"]).arg(&folder),
    )?;
    let database = Database::open(&folder).while_trying_to(|| format!("read `{SNAPSHOT}`"))?;
    let lock =
        Lockfile::load(workspace.root.join("Cargo.lock")).while_trying_to(|| "read `Cargo.lock`".into())?;
    Ok(findings(&database, &lock))
}

fn findings(database: &Database, lock: &Lockfile) -> Vec<String> {
    database
        .vulnerabilities(lock)
        .iter()
        .map(|found| {
            format!(
                "Cargo.lock: `{} {}` has {}: {}",
                found.package.name, found.package.version, found.advisory.id, found.advisory.title
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADVISORY: &str = r#"```toml
[advisory]
id = "RUSTSEC-2020-0001"
package = "leaky"
date = "2020-01-01"

[versions]
patched = [">= 1.2.0"]
```

# Leaks what it is given
"#;

    fn lock(version: &str) -> Lockfile {
        let package = format!("[[package]]\nname = \"leaky\"\nversion = \"{version}\"\n");
        let source = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
        format!("version = 4\n\n{package}{source}").parse().unwrap()
    }

    #[test]
    fn a_version_with_an_advisory_is_found_and_a_patched_one_is_not() {
        let folder = std::env::temp_dir().join(format!("faramesh-advisories-{}", std::process::id()));
        let crates = folder.join("crates/leaky");
        fs::create_dir_all(&crates).unwrap();
        fs::write(crates.join("RUSTSEC-2020-0001.md"), ADVISORY).unwrap();
        let database = Database::open(&folder).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        let found = findings(&database, &lock("1.1.0"));
        assert_eq!(found, ["Cargo.lock: `leaky 1.1.0` has RUSTSEC-2020-0001: Leaks what it is given"]);
        assert_eq!(findings(&database, &lock("1.2.0")), Vec::<String>::new());
    }
}
