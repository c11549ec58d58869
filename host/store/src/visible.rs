//! The store as one caller sees it.
//!
//! Each caller sees everything, or the actions that it sent itself and their records. Which of the two is for the host
//! to say; how it shows in each verb is said here and nowhere else.

use engine::principal::Principal;
use serde::Deserialize;

use super::{About, ActionRow, Filter, Page, Store, StoreError, StoredRecord};

/// How much a caller sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// All actions and all records.
    Everything,
    /// The actions that this principal sent, and their records.
    SentBy(Principal),
}

impl Sight {
    /// Whether it reaches the action that `sender` sent.
    pub fn reaches(&self, sender: &Principal) -> bool {
        match self {
            Sight::Everything => true,
            Sight::SentBy(principal) => principal.is_sender(sender),
        }
    }
}

/// The part of a store that a caller sees.
pub struct Visible<'a> {
    store: &'a dyn Store,
    sight: Sight,
}

impl<'a> Visible<'a> {
    /// What `sight` reaches of `store`.
    pub fn new(store: &'a dyn Store, sight: Sight) -> Self {
        Visible { store, sight }
    }

    /// One action.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also for an action that is out of sight.
    pub async fn action(&self, id_or_prefix: &str) -> Result<ActionRow, StoreError> {
        let row = self.store.action(id_or_prefix.to_owned()).await?;
        if self.sight.reaches(&row.principal) { Ok(row) } else { Err(StoreError::NotFound) }
    }

    /// A page of actions.
    ///
    /// # Errors
    /// As [`Store::actions`].
    pub async fn actions(&self, filter: Filter) -> Result<Page, StoreError> {
        self.store.actions(filter, self.sight.clone()).await
    }

    /// Whether a record that was just committed is in sight, by what it is about.
    pub fn shows(&self, about: Option<&About>) -> bool {
        match about {
            Some(about) => self.sight.reaches(&about.principal),
            None => self.sight == Sight::Everything,
        }
    }

    /// The action that decides whether a stored record is in sight: none where the record is about none.
    pub fn subject(record: &StoredRecord) -> Option<String> {
        #[derive(Deserialize)]
        struct Told {
            action_id: Option<String>,
        }
        serde_json::from_str::<Told>(&record.body).ok()?.action_id
    }

    /// Whether records about this action, or about none, are in sight.
    ///
    /// # Errors
    /// When the action cannot be read.
    pub async fn shows_records_of(&self, action_id: Option<&str>) -> Result<bool, StoreError> {
        match (&self.sight, action_id) {
            (Sight::Everything, _) => Ok(true),
            (Sight::SentBy(_), None) => Ok(false),
            (Sight::SentBy(_), Some(id)) => match self.action(id).await {
                Ok(_) => Ok(true),
                Err(StoreError::NotFound) => Ok(false),
                Err(error) => Err(error),
            },
        }
    }
}
