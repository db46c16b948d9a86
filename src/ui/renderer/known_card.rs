//! Search for graphics cards, and its result, which is kept for the next start in the cache folder of the user.
//!
//! The search takes longer than opening the window, and a bad driver can end the process that loads it. So another
//! process searches, while the window is open.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use std::{env, fs, thread};

use etcetera::BaseStrategy as _;

use super::choice::{self, Choice, KnownCard, Reason, System};
use crate::command_line::{GRAPHICS_CARD_COMMAND, RendererOption};

/// Name of the file in the cache folder of the program.
const FILE_NAME: &str = "graphics-card.json";

/// Devices of graphics cards on Linux: the beginning of the names of render nodes, and devices of drivers without
/// these.
const DEVICES: [&str; 3] = ["renderD", "nvidia0", "dxg"];

/// Folders in which the drivers for Vulkan are named.
const DRIVER_FOLDERS: [&str; 3] =
    ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d"];

/// Time after which the search begins with the next frame, if no picture was shown.
const SEARCH_DELAY: Duration = Duration::from_secs(3);

/// Time after which graphics cards are searched for again where there was none: a driver may have been installed.
const NONE_KNOWN_FOR: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Exit status of a search that has found no graphics card.
const NONE_FOUND: i32 = 1;

/// Work that waits for a frame of this process.
static WAITING: Mutex<Option<Waiting>> = Mutex::new(None);

/// True while there is such work; saves locking the mutex for each frame.
static IS_WAITING: AtomicBool = AtomicBool::new(false);

struct Waiting {
    since: Instant,
    path: PathBuf,
    work: Work,
}

enum Work {
    /// Search for graphics cards of this system, after a frame by software.
    Search(String),
    /// Keep what is known about the graphics card, after a frame that it has drawn.
    Confirm(KnownCard),
    /// Forget what is known, after a frame of whatever the system prefers, so that the next start searches.
    Forget,
}

/// Chooses the renderer of the process.
pub fn choose(option: RendererOption) {
    let path = etcetera::choose_base_strategy().ok();
    let path = path.map(|strategy| strategy.cache_dir().join("reelay").join(FILE_NAME));
    let system = describe_system(Path::new("/dev"), &DRIVER_FOLDERS.map(Path::new));
    let known = path.as_deref().and_then(load).filter(|known| is_current(known, &system, seconds_now()));
    let chosen = choice::choose(
        option,
        System {
            is_supported: cfg!(feature = "gpu"),
            may_have_card: !cfg!(target_os = "linux") || DEVICES.iter().any(|device| system.contains(device)),
            known: known.clone(),
        },
    );
    tracing::debug!(?chosen, "renderer of the window");
    let work = match (&chosen, known) {
        (Choice::Software(Reason::NotSearched), _) => Some(Work::Search(system)),
        (Choice::Gpu(None), _) => Some(Work::Forget),
        (Choice::Gpu(Some(_)), Some(known)) => Some(Work::Confirm(KnownCard { failed_starts: 0, ..known })),
        _ => None,
    };
    let waiting = work.zip(path).map(|(work, path)| Waiting { since: Instant::now(), path, work });
    IS_WAITING.store(waiting.is_some(), Ordering::Relaxed);
    *lock() = waiting;
    choice::set(chosen);
}

fn lock() -> MutexGuard<'static, Option<Waiting>> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns true if a result is that of this system, and new enough. Times are in seconds since 1970.
fn is_current(known: &KnownCard, system: &str, now: u64) -> bool {
    let age = now.saturating_sub(known.searched_at);
    known.system == system && (known.name.is_some() || age < NONE_KNOWN_FOR.as_secs())
}

fn seconds_now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Counts a start as failed until the graphics card has drawn a frame: its driver may end the process.
#[cfg_attr(not(feature = "gpu"), expect(dead_code))]
pub(super) fn begin_start_with_card() {
    if let Some(Waiting { path, work: Work::Confirm(known), .. }) = &*lock() {
        let before = load(path).map_or(0, |before| before.failed_starts);
        save(path, &KnownCard { failed_starts: before.saturating_add(1), ..known.clone() });
    }
}

/// Handles a frame that the graphics card has drawn, and that is on the screen.
#[cfg_attr(not(feature = "gpu"), expect(dead_code))]
pub(super) fn handle_frame_of_card() {
    match take(|waiting| !matches!(waiting.work, Work::Search(_))) {
        Some(Waiting { path, work: Work::Confirm(known), .. }) => save(&path, &known),
        Some(Waiting { path, .. }) => forget(&path),
        None => {}
    }
}

/// Handles a frame that was drawn by software, and that is on the screen; `has_picture` is true if it has a new picture
/// of the video.
pub(super) fn handle_software_frame(has_picture: bool) {
    let is_due = |waiting: &Waiting| {
        matches!(waiting.work, Work::Search(_)) && (has_picture || waiting.since.elapsed() >= SEARCH_DELAY)
    };
    let Some(Waiting { path, work: Work::Search(system), .. }) = take(is_due) else { return };
    let searching = move || match search() {
        Ok(name) => save(&path, &KnownCard { system, name, failed_starts: 0, searched_at: seconds_now() }),
        Err(error) => tracing::debug!(%error, "cannot search for graphics cards"),
    };
    if let Err(error) = thread::Builder::new().name("graphics cards".to_owned()).spawn(searching) {
        tracing::debug!(%error, "cannot search for graphics cards");
    }
}

/// Removes and returns the work that waits, if it is due.
fn take(is_due: impl FnOnce(&Waiting) -> bool) -> Option<Waiting> {
    if !IS_WAITING.load(Ordering::Relaxed) {
        return None;
    }
    let taken = lock().take_if(|waiting| is_due(waiting));
    IS_WAITING.store(taken.is_none(), Ordering::Relaxed);
    taken
}

/// Returns the name of the graphics card that another process of this program finds; `None` if it finds none.
fn search() -> io::Result<Option<String>> {
    let mut command = Command::new(env::current_exe()?);
    let output = command.arg(GRAPHICS_CARD_COMMAND).stdin(Stdio::null()).stderr(Stdio::null()).output()?;
    let name = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    match output.status.code() {
        Some(0) if !name.is_empty() => Ok(Some(name)),
        Some(NONE_FOUND) => Ok(None),
        // It was ended, perhaps by a driver. That says nothing about the next start.
        _ => Err(io::Error::other(format!("the search ended with {}", output.status))),
    }
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
        // Another window may write its own.
        let temporary = path.with_extension(process::id().to_string());
        fs::write(&temporary, serde_json::to_vec(known)?)?;
        fs::rename(temporary, path)
    };
    if let Err(error) = write() {
        tracing::debug!(%error, path = %path.display(), "cannot keep what is known about the graphics card");
    }
}

fn forget(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != ErrorKind::NotFound
    {
        tracing::debug!(%error, path = %path.display(), "cannot forget what is known about the graphics card");
    }
}

/// Returns the version of the program, and the devices and drivers of the system. If it changes, graphics cards are
/// searched for again.
fn describe_system(devices: &Path, drivers: &[&Path]) -> String {
    let render_nodes = names_in(&devices.join("dri")).filter(|name| name.starts_with(DEVICES[0]));
    let others = DEVICES[1..].iter().filter(|name| devices.join(name).exists());
    let mut names: Vec<_> = render_nodes.chain(others.map(|name| (*name).to_owned())).collect();
    names.extend(drivers.iter().flat_map(|folder| names_in(folder)));
    names.sort_unstable();
    [&[env!("CARGO_PKG_VERSION").to_owned()], &names[..]].concat().join(" ")
}

fn names_in(folder: &Path) -> impl Iterator<Item = String> + use<> {
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
        let describe = || describe_system(folder.path(), &[&drivers]);
        let empty = describe();
        assert_eq!(empty, env!("CARGO_PKG_VERSION"));
        for (folder, name) in [(&devices, "card0"), (&devices, "renderD128"), (&drivers, "radeon.json")] {
            fs::create_dir_all(folder).unwrap();
            fs::write(folder.join(name), "").unwrap();
        }
        fs::write(folder.path().join("dxg"), "").unwrap();
        assert_eq!(describe(), format!("{empty} dxg radeon.json renderD128"));
    }

    #[test]
    fn known_card_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join(FILE_NAME);
        assert_eq!(load(&path), None);
        let known = KnownCard {
            system: "1".to_owned(),
            name: Some("Arc".to_owned()),
            failed_starts: 1,
            searched_at: 5,
        };
        save(&path, &known);
        assert_eq!(load(&path), Some(known.clone()));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing else is left");
        let day = 24 * 3_600;
        assert!(is_current(&known, "1", 5 + 400 * day) && !is_current(&known, "2", 5));
        let none = KnownCard { name: None, ..known };
        assert!(is_current(&none, "1", 5 + 6 * day) && !is_current(&none, "1", 5 + 8 * day));
        fs::write(&path, "{").unwrap();
        assert_eq!(load(&path), None);
    }
}
