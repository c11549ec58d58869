//! The tests of a policy: the file `STEM.test.yaml` next to it. It is not a policy and never in force, so a change of
//! it is not recorded; it is still written as carefully as a policy. The tests are not run here.

use std::path::Path;
use std::str;

use engine::diagnostic::{Code, Diagnostic, Severity};
use engine::policy::PolicySource;
use engine::span::{LineIndex, Span};
use engine::suite;

use super::{Policies, PolicyError, Precondition, blocking, folder, holds, names, within_limit};

const ENDING: &str = ".test.yaml";
const SHORT_ENDING: &str = ".test.yml";

impl Policies {
    /// The file of tests of a policy.
    ///
    /// # Errors
    /// [`PolicyError::NoTests`] if there is none.
    pub async fn tests(&self, policy: &str) -> Result<PolicySource, PolicyError> {
        let found = if names::is_policy_name(policy) { self.find_tests(policy).await?.1 } else { None };
        found.ok_or_else(|| PolicyError::NoTests(policy.to_owned()))
    }

    /// Writes the file of tests of a policy that is in the folder. The first part of the answer says whether it is
    /// new.
    ///
    /// # Errors
    /// When there is no such policy, the file is not the one that the caller believes it to be, or the tests cannot
    /// be read. The old file is then in its place.
    pub async fn put_tests(
        &self,
        policy: &str,
        content: Vec<u8>,
        expected: Option<Precondition>,
    ) -> Result<(bool, PolicySource), PolicyError> {
        let expected = expected.ok_or(PolicyError::PreconditionRequired)?;
        if !names::is_policy_name(policy) {
            return Err(PolicyError::BadName(policy.to_owned()));
        }
        let _turn = self.turn.lock().await;
        let file = self.folder.join(policy);
        if !within_limit(move || file.is_file()).await? {
            return Err(PolicyError::NotFound(policy.to_owned()));
        }
        let (name, old) = self.find_tests(policy).await?;
        holds(expected, old.as_ref())?;
        let new = PolicySource { name, content };
        let read = new.clone();
        blocking(move || readable(&read)).await??;
        self.write(&new.name, Some(new.content.clone())).await?;
        Ok((old.is_none(), new))
    }

    /// Deletes the file of tests of a policy, which need not be there any more, and gives the file's name.
    ///
    /// # Errors
    /// As [`Policies::put_tests`], and when there is no such file.
    pub async fn delete_tests(
        &self,
        policy: &str,
        expected: Option<Precondition>,
    ) -> Result<String, PolicyError> {
        let expected = expected.ok_or(PolicyError::PreconditionRequired)?;
        let _turn = self.turn.lock().await;
        let old = self.tests(policy).await?;
        holds(expected, Some(&old))?;
        self.write(&old.name, None).await?;
        Ok(old.name)
    }

    /// The name that the file of tests has or would have, and the file.
    async fn find_tests(&self, policy: &str) -> Result<(String, Option<PolicySource>), PolicyError> {
        let stem = policy.rsplit_once('.').map_or(policy, |(stem, _)| stem);
        let (long, short) = (format!("{stem}{ENDING}"), format!("{stem}{SHORT_ENDING}"));
        let folder = self.folder.clone();
        within_limit(move || {
            for name in [&long, &short] {
                if let Some(found) = read(&folder, name)? {
                    return Ok((name.clone(), Some(found)));
                }
            }
            Ok((long, None))
        })
        .await?
    }
}

fn read(folder: &Path, name: &str) -> Result<Option<PolicySource>, PolicyError> {
    match folder::read_one(folder, name) {
        Ok(content) => Ok(Some(PolicySource { name: name.to_owned(), content })),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(PolicyError::Folder(format!("cannot read `{name}`: {error}"))),
    }
}

/// Whether `faramesh policy test` could read the file.
fn readable(file: &PolicySource) -> Result<(), PolicyError> {
    let invalid = |found| PolicyError::InvalidTests(Box::new(found));
    let text = str::from_utf8(&file.content).map_err(|error| invalid(not_utf8(file, error.valid_up_to())))?;
    suite::read(&file.name, text).map(|_| ()).map_err(PolicyError::InvalidTests)
}

fn not_utf8(file: &PolicySource, at: usize) -> Diagnostic {
    let before = file.content.get(..at).and_then(|bytes| str::from_utf8(bytes).ok()).unwrap_or_default();
    let place = LineIndex::new(before).position(at);
    Diagnostic {
        code: Code::NotUtf8,
        column: place.column,
        end_column: place.column,
        end_line: place.line,
        file: file.name.clone(),
        help: Some("save the file as UTF-8".to_owned()),
        line: place.line,
        message: "the file is not UTF-8".to_owned(),
        severity: Severity::Error,
        span: Span { start: at, end: at },
    }
}
