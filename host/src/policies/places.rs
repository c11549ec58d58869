//! Where a change of the policy folder can happen: the folder itself, and every place that a link on the way leads
//! through, such as `..data` of a ConfigMap, a folder that git-sync swaps, or a file in a repository elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// As many links as the system follows.
const MAX_LINKS: usize = 40;

/// The paths whose change can change a policy. None of them leads through a link.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// The folder that holds the policies in the end.
    pub folder: PathBuf,
    /// The path of the folder itself and the links on the way to it.
    pub to_folder: BTreeSet<PathBuf>,
    /// The links on the way to a policy, and the file in the end, with the names of the policies behind them.
    pub linked: BTreeMap<PathBuf, BTreeSet<String>>,
    /// The file that a linked policy is in the end.
    pub ends: BTreeMap<String, PathBuf>,
}

impl Places {
    /// The places of a folder, without those of its policies.
    pub fn of(folder: &Path) -> Self {
        let (links, end) = way(folder);
        let to_folder = links.into_iter().chain([end.clone()]).collect();
        Places { folder: end, to_folder, ..Places::default() }
    }

    /// Adds those of a policy that is a link.
    pub fn add(&mut self, name: &str) {
        let (links, end) = way(&self.folder.join(name));
        for place in links.into_iter().chain([end.clone()]) {
            self.linked.entry(place).or_default().insert(name.to_owned());
        }
        self.ends.insert(name.to_owned(), end);
    }

    /// The folders in which these places are.
    pub fn watched(&self) -> BTreeSet<PathBuf> {
        let places = self.to_folder.iter().chain(self.linked.keys());
        let parents = places.filter_map(|place| place.parent()).map(Path::to_owned);
        parents.chain([self.folder.clone()]).collect()
    }

    /// Whether a change of `path` can change a policy.
    pub fn concerns(&self, path: &Path) -> bool {
        path.parent() == Some(&self.folder) || self.to_folder.contains(path) || self.linked.contains_key(path)
    }

    /// The file that a policy is in the end.
    pub fn end(&self, name: &str) -> PathBuf {
        self.ends.get(name).cloned().unwrap_or_else(|| self.folder.join(name))
    }
}

/// The links on the way to `path`, each without a link before it, and where the way ends.
fn way(path: &Path) -> (Vec<PathBuf>, PathBuf) {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let parts = |path: &Path| -> Vec<PathBuf> {
        path.components().rev().map(|part| PathBuf::from(part.as_os_str())).collect()
    };
    let mut ahead = parts(&absolute);
    let (mut links, mut at) = (Vec::new(), PathBuf::new());
    while let Some(part) = ahead.pop() {
        match part.components().next() {
            Some(Component::ParentDir) => {
                at.pop();
                continue;
            }
            Some(Component::CurDir) | None => continue,
            _ => at.push(&part),
        }
        if links.len() < MAX_LINKS
            && let Ok(target) = fs::read_link(&at)
        {
            links.push(at.clone());
            at.pop();
            ahead.extend(parts(&target));
        }
    }
    (links, at)
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_link_on_the_way_is_a_place() {
        let place = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(place.path()).unwrap();
        for folder in ["releases/1/policies/..2026", "repository"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        symlink("releases/1", root.join("current")).unwrap();
        let folder = root.join("releases/1/policies");
        symlink("..2026", folder.join("..data")).unwrap();
        symlink("..data/a.yaml", folder.join("a.yaml")).unwrap();
        symlink("../../../repository/b.yaml", folder.join("b.yaml")).unwrap();
        let mut places = Places::of(&root.join("current/policies"));
        places.add("a.yaml");
        places.add("b.yaml");
        assert_eq!(places.folder, folder);
        assert!(places.concerns(&root.join("current")));
        assert!(places.concerns(&folder.join("new.yaml")));
        assert!(!places.concerns(&root.join("releases/2")));
        assert_eq!(places.end("a.yaml"), folder.join("..2026/a.yaml"));
        assert_eq!(places.end("b.yaml"), root.join("repository/b.yaml"));
        assert_eq!(places.end("c.yaml"), folder.join("c.yaml"));
        assert!(places.linked[&folder.join("..data")].contains("a.yaml"));
        assert!(places.concerns(&root.join("repository/b.yaml")));
        let watched = places.watched();
        for expected in
            [&folder, &root.join("repository"), &root, &folder.join("..2026"), &root.join("releases/1")]
        {
            assert!(watched.contains(expected), "{expected:?} is not in {watched:?}");
        }
    }

    #[test]
    fn links_that_lead_round_in_a_circle_come_to_an_end() {
        let place = tempfile::tempdir().unwrap();
        symlink("b", place.path().join("a")).unwrap();
        symlink("a", place.path().join("b")).unwrap();
        assert_eq!(way(&place.path().join("a")).0.len(), MAX_LINKS);
    }
}
