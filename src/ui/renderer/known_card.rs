//! Search for graphics cards, and its result, which is kept for the next start in the cache folder of the user.
//!
//! The search takes longer than opening the window, and a bad driver can end the process that loads it. So another process
//! searches, while the window is open.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use etcetera::BaseStrategy as _;

use super::choice::{self, Choice, KnownCard, Reason, System};
use crate::command_line::{GRAPHICS_CARD_COMMAND, RendererOption};

/// Name of the file in the cache folder of the program.
const FILE_NAME: &str = "graphics-card.json";

/// Folders in which the drivers for Vulkan are named.
const DRIVER_FOLDERS: [&str; 3] =
    ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d"];

/// Time after which a search is ended.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(20);

/// Time after which the search begins, if no picture was shown.
const SEARCH_DELAY: Duration = Duration::from_secs(3);

/// Start of the process that waits for its first frame, and what to do then.
static STARTED: Mutex<Option<Started>> = Mutex::new(None);

/// True until nothing is to be done after a frame; saves locking the mutex for each.
static IS_WAITING: AtomicBool = AtomicBool::new(false);

struct Started {
    at: Instant,
    path: PathBuf,
    then: Then,
}

enum Then {
    /// Search for graphics cards of this system.
    Search(String),
    /// Remember that the graphics card works.
    Keep(KnownCard),
}

/// Chooses the renderer of the process.
pub fn choose(option: RendererOption) {
    let path = etcetera::choose_base_strategy().ok();
    let path = path.map(|strategy| strategy.cache_dir().join("reelay").join(FILE_NAME));
    let system = describe_system(Path::new("/dev/dri"), &DRIVER_FOLDERS.map(Path::new));
    let known = path.as_deref().and_then(load).filter(|known| known.system == system);
    let chosen = choice::choose(
        option,
        System {
            is_supported: cfg!(feature = "gpu"),
            may_have_card: !cfg!(target_os = "linux") || system.contains("renderD"),
            known: known.clone(),
        },
    );
    tracing::debug!(?chosen, "renderer of the window");
    if let Some(path) = path {
        let then = match (&chosen, known) {
            (Choice::Software(Reason::NotSearched), _) => Some(Then::Search(system)),
            (Choice::Gpu(_), Some(known)) => {
                save(
                    &path,
                    &KnownCard { failed_starts: known.failed_starts.saturating_add(1), ..known.clone() },
                );
                Some(Then::Keep(KnownCard { failed_starts: 0, ..known }))
            }
            _ => None,
        };
        IS_WAITING.store(then.is_some(), Ordering::Relaxed);
        let started = then.map(|then| Started { at: Instant::now(), path, then });
        *STARTED.lock().unwrap_or_else(PoisonError::into_inner) = started;
    }
    choice::set(chosen);
}

/// Handles a frame of the window that is on the screen.
pub(super) fn handle_presented(has_picture: bool) {
    if !IS_WAITING.load(Ordering::Relaxed) {
        return;
    }
    let mut waiting = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    let is_due = |started: &mut Started| match started.then {
        Then::Search(_) => has_picture || started.at.elapsed() >= SEARCH_DELAY,
        Then::Keep(_) => true,
    };
    let Some(Started { path, then, .. }) = waiting.take_if(is_due) else { return };
    IS_WAITING.store(false, Ordering::Relaxed);
    match then {
        Then::Keep(known) => save(&path, &known),
        Then::Search(system) => {
            let searching = move || match search() {
                Ok(name) => save(&path, &KnownCard { system, name, failed_starts: 0 }),
                Err(error) => tracing::debug!(%error, "cannot search for graphics cards"),
            };
            if let Err(error) = thread::Builder::new().name("graphics cards".to_owned()).spawn(searching) {
                tracing::debug!(%error, "cannot search for graphics cards");
            }
        }
    }
}

/// Returns the name of the graphics card that another process of this program finds; `None` if it finds none, or if it is
/// ended by a driver.
fn search() -> io::Result<Option<String>> {
    let mut command = Command::new(env::current_exe()?);
    command.arg(GRAPHICS_CARD_COMMAND).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    let deadline = Instant::now() + SEARCH_TIMEOUT;
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None if Instant::now() < deadline => thread::sleep(Duration::from_millis(50)),
            None => return end(child).map(|()| None),
        }
    };
    let mut name = String::new();
    if let Some(output) = child.stdout.take() {
        output.take(1_000).read_to_string(&mut name)?;
    }
    let name = name.trim();
    Ok((status.success() && !name.is_empty()).then(|| name.to_owned()))
}

fn end(mut child: Child) -> io::Result<()> {
    child.kill()?;
    child.wait().map(|_| ())
}

fn load(path: &Path) -> Option<KnownCard> {
    let json = fs::read(path).ok()?;
    serde_json::from_slice(&json)
        .inspect_err(|error| tracing::debug!(%error, "cannot read known graphics card"))
        .ok()
}

fn save(path: &Path, known: &KnownCard) {
    let write = || -> io::Result<()> {
        fs::create_dir_all(path.parent().unwrap_or(path))?;
        let temporary = path.with_extension("new");
        fs::write(&temporary, serde_json::to_vec(known)?)?;
        fs::rename(temporary, path)
    };
    if let Err(error) = write() {
        tracing::debug!(%error, path = %path.display(), "cannot keep what is known about the graphics card");
    }
}

/// Returns the version of the program, and the devices and drivers of the system. If it changes, graphics cards are searched
/// for again.
fn describe_system(devices: &Path, drivers: &[&Path]) -> String {
    let mut names: Vec<_> = names_in(devices).filter(|name| name.starts_with("renderD")).collect();
    names.extend(drivers.iter().flat_map(|folder| names_in(folder)));
    names.sort_unstable();
    [&[env!("CARGO_PKG_VERSION").to_owned()], &names[..]].concat().join(" ")
}

fn names_in(folder: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_is_described_by_its_devices_and_drivers() {
        let folder = tempfile::tempdir().unwrap();
        let (devices, drivers) = (folder.path().join("dri"), folder.path().join("icd.d"));
        let describe = || describe_system(&devices, &[&drivers]);
        let empty = describe();
        assert_eq!(empty, env!("CARGO_PKG_VERSION"));
        for (folder, name) in [(&devices, "card0"), (&devices, "renderD128"), (&drivers, "radeon.json")] {
            fs::create_dir_all(folder).unwrap();
            fs::write(folder.join(name), "").unwrap();
        }
        assert_eq!(describe(), format!("{empty} radeon.json renderD128"));
    }

    #[test]
    fn known_card_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join(FILE_NAME);
        assert_eq!(load(&path), None);
        let known = KnownCard { system: "1".to_owned(), name: Some("Arc".to_owned()), failed_starts: 1 };
        save(&path, &known);
        assert_eq!(load(&path), Some(known));
        fs::write(&path, "{").unwrap();
        assert_eq!(load(&path), None);
    }
}
