//! Limit on the open files of this process.

/// Raises the soft limit of open files to `wanted`, or to the hard limit if that is lower; returns the limit that holds
/// afterwards, `None` if the system has none or does not tell.
#[cfg(target_os = "linux")]
pub fn raise_limit(wanted: u64) -> Option<u64> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    let wanted = soft.max(hard.min(wanted));
    match setrlimit(Resource::RLIMIT_NOFILE, wanted, hard) {
        Ok(()) => Some(wanted),
        Err(error) => {
            tracing::debug!(%error, soft, hard, "cannot raise the limit of open files");
            Some(soft)
        }
    }
}

/// Returns `None`: the limit of other systems is not known.
#[cfg(not(target_os = "linux"))]
pub fn raise_limit(_: u64) -> Option<u64> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn raised_limit_is_the_one_that_holds() {
        let raised = raise_limit(2_000).unwrap();
        let (soft, hard) =
            nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!(raised, soft);
        assert!(soft >= hard.min(2_000));
    }
}
