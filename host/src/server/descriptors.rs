//! How many descriptors this process may have, and how many of them are for connections.

/// The descriptors reserved for the policy folder, the database and its readers, the listeners and the log.
#[cfg(unix)]
const RESERVED: u64 = 128;
/// The limit to assume if the system does not state one: the traditional default.
#[cfg(unix)]
const USUAL: u64 = 1024;

/// Asks the system for as many descriptors as it gives, and says how many connections there may be of the `wanted`.
#[cfg(unix)]
pub(super) fn raise(wanted: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let before = getrlimit(Resource::Nofile);
    let needed = u64::try_from(wanted).unwrap_or(u64::MAX).saturating_add(RESERVED);
    // No more than is of use: what this process starts inherits the limit.
    let asked = before.maximum.map_or(needed, |most| most.min(needed));
    if before.current.is_some_and(|current| current < asked) {
        let limit = Rlimit { current: Some(asked), maximum: before.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "the limit of open files cannot be raised");
        }
    }
    let given = getrlimit(Resource::Nofile).current.map_or(needed.max(USUAL), |current| current);
    // Half of few is better than none at all.
    let left = given.saturating_sub(RESERVED).max(given / 2);
    let most = usize::try_from(left).unwrap_or(usize::MAX).min(wanted);
    if most < wanted {
        tracing::warn!(wanted, most, "the limit of open files allows fewer connections");
    }
    most
}

/// On other systems a connection does not use a descriptor.
#[cfg(not(unix))]
pub(super) fn raise(wanted: usize) -> usize {
    wanted
}
