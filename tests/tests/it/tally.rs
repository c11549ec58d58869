//! What became of every case on one host: compared, or not to be asked there, and why.

use std::collections::BTreeMap;

use conformance::{Case, cases};

/// The folders of the corpus.
pub(crate) const FOLDERS: [&str; 3] = ["decide", "canonical", "diagnostics"];

/// The count of one host. Nothing of it is printed before everything was tried, so that one run tells all.
pub(crate) struct Tally {
    pub(crate) host: &'static str,
    compared: BTreeMap<&'static str, Vec<String>>,
    /// Folder, case and reason.
    cannot: Vec<(&'static str, String, &'static str)>,
    differences: Vec<(&'static str, String)>,
}

/// What a host did with a case.
pub(crate) enum Tried {
    /// It was asked, and this is what differs.
    Compared(Vec<String>),
    /// The host has no words for what the case asks.
    Cannot(&'static str),
}

impl Tally {
    /// Tries every case of every folder.
    pub(crate) fn of(host: &'static str, mut try_one: impl FnMut(&'static str, &Case) -> Tried) -> Self {
        let mut tally = Tally::empty(host);
        for folder in FOLDERS {
            for case in cases(folder) {
                let tried = try_one(folder, &case);
                tally.add(folder, &case.name, tried);
            }
        }
        tally
    }

    pub(crate) fn empty(host: &'static str) -> Self {
        let (compared, cannot, differences) = Default::default();
        Tally { host, compared, cannot, differences }
    }

    pub(crate) fn add(&mut self, folder: &'static str, case: &str, tried: Tried) {
        match tried {
            Tried::Compared(found) => {
                self.compared.entry(folder).or_default().push(case.to_owned());
                if !found.is_empty() {
                    self.differences.push((folder, format!("{case}:\n    {}", found.join("\n    "))));
                }
            }
            Tried::Cannot(reason) => self.cannot.push((folder, case.to_owned(), reason)),
        }
    }

    /// Fails with every difference of every case of the folder.
    #[track_caller]
    pub(crate) fn assert_same(&self, folder: &str) {
        let told: Vec<_> =
            self.differences.iter().filter(|(of, _)| *of == folder).map(|(_, told)| told.as_str()).collect();
        assert!(
            told.is_empty(),
            "{}: {} cases of {folder} differ:\n{}",
            self.host,
            told.len(),
            told.join("\n")
        );
    }

    /// The names of the cases that were compared.
    pub(crate) fn compared(&self, folder: &str) -> &[String] {
        self.compared.get(folder).map_or(&[], Vec::as_slice)
    }

    /// The cases that the host cannot be asked, by reason.
    pub(crate) fn cannot(&self, folder: &str) -> BTreeMap<&'static str, Vec<&str>> {
        let mut reasons: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (_, case, reason) in self.cannot.iter().filter(|(of, ..)| *of == folder) {
            reasons.entry(*reason).or_default().push(case.as_str());
        }
        reasons
    }
}

/// One difference, or none.
pub(crate) fn differs(what: &str, expected: &str, found: &str) -> Option<String> {
    (expected != found).then(|| format!("{what}: expected {expected}\n    {what}:    found {found}"))
}
