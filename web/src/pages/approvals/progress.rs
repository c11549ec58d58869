//! How far the answers for several actions have come: what the sending writes and the page shows.

/// How far the answers for several actions have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Which answer.
    pub approve: bool,
    /// How many get it.
    pub all: u64,
    /// How many of them the server has answered.
    pub answered: u64,
    /// Whether somebody wants no more to be sent.
    pub stopped: bool,
}
