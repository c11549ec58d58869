//! Changing one policy through the API: under a condition, whole, recorded, and in force before the answer.

use std::sync::Arc;
use std::time::Instant;

use engine::policy::PolicySource;
use engine::principal::Principal;

use super::folder::Listing;
use super::settle::Settling;
use super::{
    InForce, Policies, PolicyError, Precondition, change, compile, holds, names, unreadable, within_limit,
};

impl Policies {
    /// Writes a policy file and activates the set with it. The first part of the answer says whether the file is new.
    ///
    /// # Errors
    /// When the file is not the one that the caller believes it to be, the set with the new one has errors, or it
    /// cannot be written or recorded. The old file is then in its place.
    pub async fn put(
        &self,
        name: &str,
        content: Vec<u8>,
        expected: Option<Precondition>,
        by: &Principal,
    ) -> Result<(bool, Arc<InForce>), PolicyError> {
        let expected = expected.ok_or(PolicyError::PreconditionRequired)?;
        if !names::is_policy_name(name) {
            return Err(PolicyError::BadName(name.to_owned()));
        }
        let mut settling = self.turn.lock().await;
        let listing = self.read().await?;
        let old = listing.sources.iter().find(|source| source.name == name).cloned();
        holds(expected, old.as_ref())?;
        let mut after = self.others(name, &listing, &mut settling)?;
        after.push(PolicySource { name: name.to_owned(), content });
        after.sort_by(|a, b| a.name.cmp(&b.name));
        let in_force = self.change(name, after, old.clone(), by).await?;
        Ok((old.is_none(), in_force))
    }

    /// Deletes a policy file and activates the set without it.
    ///
    /// # Errors
    /// As [`Policies::put`], and when there is no such file.
    pub async fn delete(
        &self,
        name: &str,
        expected: Option<Precondition>,
        by: &Principal,
    ) -> Result<Arc<InForce>, PolicyError> {
        let expected = expected.ok_or(PolicyError::PreconditionRequired)?;
        let mut settling = self.turn.lock().await;
        let listing = self.read().await?;
        let Some(old) = listing.sources.iter().find(|source| source.name == name).cloned() else {
            return Err(PolicyError::NotFound(name.to_owned()));
        };
        holds(expected, Some(&old))?;
        let after = self.others(name, &listing, &mut settling)?;
        self.change(name, after, Some(old), by).await
    }

    /// The other files of the set after a change of `name`: those in force, since an unfinished change of the folder
    /// must not be activated with this one. With none in force, those in the folder, if it is not changing.
    fn others(
        &self,
        name: &str,
        listing: &Listing,
        settling: &mut Settling,
    ) -> Result<Vec<PolicySource>, PolicyError> {
        let in_force = self.in_force();
        let without = |sources: &[PolicySource]| {
            sources.iter().filter(|source| source.name != name).cloned().collect::<Vec<_>>()
        };
        if !in_force.sources.is_empty() {
            return Ok(without(&in_force.sources));
        }
        if !listing.mistakes.is_empty() {
            return Err(PolicyError::NotRead(listing.mistakes.clone()));
        }
        let (others, now) = (without(&listing.sources), Instant::now());
        settling.looked(Ok(listing), now);
        match others.is_empty() || settling.left(now).is_zero() {
            true => Ok(others),
            false => Err(PolicyError::Unsettled),
        }
    }

    /// Writes the one file in which `after` differs from the folder. The set is compiled before anything is
    /// written, and the file put back when the set cannot be recorded.
    async fn change(
        &self,
        name: &str,
        after: Vec<PolicySource>,
        old: Option<PolicySource>,
        by: &Principal,
    ) -> Result<Arc<InForce>, PolicyError> {
        let (pool, loaded) = compile(&self.module, &after).await?;
        let Some(pool) = pool else { return Err(PolicyError::Invalid(Box::new(loaded))) };
        let new = after.iter().find(|source| source.name == name).map(|source| source.content.clone());
        self.write(name, new).await?;
        match self.swap(pool, loaded, after, by).await {
            Ok(in_force) => Ok(in_force),
            Err(error) => {
                self.write(name, old.map(|source| source.content)).await?;
                Err(error)
            }
        }
    }

    async fn read(&self) -> Result<Listing, PolicyError> {
        self.reader.read().await.map_err(|error| unreadable(&self.folder, &error))
    }

    pub(super) async fn write(&self, name: &str, content: Option<Vec<u8>>) -> Result<(), PolicyError> {
        let (folder, name) = (self.folder.clone(), name.to_owned());
        within_limit(move || {
            let result = match content {
                Some(content) => change::write(&folder, &name, &content),
                None => change::remove(&folder, &name),
            };
            result.map_err(|error| PolicyError::NotChanged { name, error })
        })
        .await?
    }
}
