//! Settings file on disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError};

use etcetera::BaseStrategy as _;
use toml_edit::{DocumentMut, TomlError};

use super::merge::merge;
use super::problem::SettingsProblem;
use super::values::Settings;
use super::{document, json};

/// Name of the settings file.
const FILE_NAME: &str = "settings.toml";

/// Name of the settings file of versions before TOML, which is read once.
const OLD_FILE_NAME: &str = "settings.json";

/// Maximum number of files that are kept aside under one name.
const MAX_SET_ASIDE: usize = 1_000;

/// Settings, and the problem of their file, if there is one.
#[derive(Debug, Default)]
pub struct LoadedSettings {
    /// Settings that can be used.
    pub settings: Settings,
    /// Problem to show to the user; `None` if the file was read without one, or there is no file.
    pub problem: Option<SettingsProblem>,
}

impl Settings {
    /// Loads the settings of the user. The defaults are used where there are none, or none that can be read.
    pub fn load() -> LoadedSettings {
        let loaded = SettingsStore::open().map(|store| store.load()).unwrap_or_default();
        if let Some(problem) = &loaded.problem {
            tracing::warn!("{problem}");
        }
        loaded
    }

    /// Saves what has changed in the settings of the user since `before`, which was loaded or saved last. What another
    /// window, or the user in an editor, has written since then stays. The file is written aside and renamed, so that
    /// it is complete at any time.
    ///
    /// # Errors
    /// [`io::Error`] if there is no configuration folder, or it cannot be written to.
    pub fn save(&self, before: &Self) -> io::Result<()> {
        SettingsStore::open()
            .ok_or_else(|| io::Error::new(ErrorKind::NotFound, "there is no home folder"))?
            .save_changes(before, self)
    }
}

/// Folder with the settings file.
struct SettingsStore {
    folder: PathBuf,
}

impl SettingsStore {
    /// Store in the configuration folder of the user; `None` if there is no home folder.
    fn open() -> Option<Self> {
        let strategy = etcetera::choose_base_strategy().ok()?;
        Some(Self { folder: strategy.config_dir().join("reelay") })
    }

    fn path(&self) -> PathBuf {
        self.folder.join(FILE_NAME)
    }

    fn load(&self) -> LoadedSettings {
        match fs::read(self.path()) {
            Ok(text) => self.load_toml(&text),
            Err(error) if error.kind() == ErrorKind::NotFound => self.load_old(),
            Err(error) => unusable(self.path(), &error),
        }
    }

    fn load_toml(&self, text: &[u8]) -> LoadedSettings {
        let path = self.path();
        let document = match parse(text) {
            Ok(document) => document,
            Err(reason) => return set_aside_broken(path, reason),
        };
        for (key, _) in document::unknown_keys(&document) {
            tracing::debug!(key, "unknown key in the settings file");
        }
        let (settings, values) = document::read(&document);
        let problem = (!values.is_empty()).then_some(SettingsProblem::Ignored { path, values });
        LoadedSettings { settings, problem }
    }

    /// Loads the file of versions before TOML, writes the TOML file from it and renames it.
    fn load_old(&self) -> LoadedSettings {
        let _writing = lock();
        let path = self.folder.join(OLD_FILE_NAME);
        let text = match fs::read(&path) {
            Ok(text) => text,
            // Another process, or another thread, may have migrated it since this one found no TOML file.
            Err(error) if error.kind() == ErrorKind::NotFound => return self.load_new_again(),
            Err(error) => return unusable(path, &error),
        };
        let (settings, values, document) = match json::convert(&text) {
            Ok(converted) => converted,
            Err(error) => return set_aside_broken(path, error.to_string()),
        };
        let migrated =
            write_atomically(&self.path(), &document.to_string()).and_then(|()| set_aside(&path, "old"));
        if let Err(error) = migrated {
            tracing::warn!(path = %path.display(), %error, "cannot migrate the settings; trying again at the next start");
        }
        let problem = (!values.is_empty()).then_some(SettingsProblem::Ignored { path, values });
        LoadedSettings { settings, problem }
    }

    fn load_new_again(&self) -> LoadedSettings {
        match fs::read(self.path()) {
            Ok(text) => self.load_toml(&text),
            Err(_) => LoadedSettings::default(),
        }
    }

    fn save_changes(&self, before: &Settings, settings: &Settings) -> io::Result<()> {
        let _writing = lock();
        fs::create_dir_all(&self.folder)?;
        let _alone = lock_folder(&self.folder);
        let path = self.path();
        let document = match fs::read(&path) {
            Ok(text) => match parse(&text) {
                Ok(document) => Some(document),
                // Edited since it was loaded. It must not be lost.
                Err(_) => {
                    set_aside(&path, "broken")?;
                    None
                }
            },
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let (mut document, settings) = match document {
            Some(document) => {
                let merged = merge(before, settings, document::read(&document).0);
                (document, merged)
            }
            None => (document::template(), settings.clone()),
        };
        document::write(&mut document, &settings);
        write_atomically(&path, &document.to_string())
    }
}

/// Waits until no other thread writes settings. Each write first reads what the one before has written.
fn lock() -> MutexGuard<'static, ()> {
    static WRITING: Mutex<()> = Mutex::new(());
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until no other process writes the settings; unlocked when the file is dropped. `None` where folders cannot be
/// locked: then the later of two writes at the same time prevails.
fn lock_folder(folder: &Path) -> Option<File> {
    let file = File::open(folder).ok()?;
    match file.lock() {
        Ok(()) => Some(file),
        Err(error) => {
            tracing::debug!(%error, "cannot lock the folder of the settings");
            None
        }
    }
}

/// Parses a TOML file.
///
/// # Errors
/// Returns the line and the reason, as text, if the file is not TOML.
fn parse(text: &[u8]) -> Result<DocumentMut, String> {
    let text = std::str::from_utf8(text).map_err(|_| "it is not UTF-8".to_owned())?;
    text.parse().map_err(|error: TomlError| {
        let line = error
            .span()
            .and_then(|span| text.get(..span.start))
            .map(|before| before.matches('\n').count() + 1);
        let reason = error.message().lines().collect::<Vec<_>>().join(", ");
        line.map_or(reason.clone(), |line| format!("line {line}: {reason}"))
    })
}

fn unusable(path: PathBuf, reason: &impl ToString) -> LoadedSettings {
    let problem = SettingsProblem::Unusable { path, reason: reason.to_string() };
    LoadedSettings { settings: Settings::default(), problem: Some(problem) }
}

/// Renames a file that cannot be parsed.
fn set_aside_broken(path: PathBuf, reason: String) -> LoadedSettings {
    match set_aside(&path, "broken") {
        Ok(renamed_to) => {
            let problem = SettingsProblem::SetAside { path, reason, renamed_to };
            LoadedSettings { settings: Settings::default(), problem: Some(problem) }
        }
        Err(error) => unusable(path, &format!("{reason}; renaming it failed: {error}")),
    }
}

/// Renames a file to a free name: `settings.toml.broken`, `settings.toml.broken.2` and so on. Returns that name.
fn set_aside(path: &Path, suffix: &str) -> io::Result<PathBuf> {
    for number in 1..=MAX_SET_ASIDE {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{suffix}"));
        if number > 1 {
            name.push(format!(".{number}"));
        }
        let name = PathBuf::from(name);
        // Creating the file first reserves the name, so that no other file is replaced.
        match OpenOptions::new().write(true).create_new(true).open(&name) {
            Ok(_) => {
                return fs::rename(path, &name).map(|()| name.clone()).inspect_err(|_| {
                    // An empty file that was just created.
                    let _ = fs::remove_file(&name);
                });
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(ErrorKind::AlreadyExists, format!("there are {MAX_SET_ASIDE} files like it")))
}

/// Writes a file aside and renames it. A symbolic link stays, and the file that it points to is replaced.
fn write_atomically(path: &Path, text: &str) -> io::Result<()> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut temporary = path.clone().into_os_string();
    // Another process may save at the same time.
    temporary.push(format!(".{}.new", process::id()));
    let written = write_file(Path::new(&temporary), text, &path).and_then(|()| fs::rename(&temporary, &path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Writes a file to disk, with the permissions of the file that it is going to replace.
fn write_file(temporary: &Path, text: &str, replaced: &Path) -> io::Result<()> {
    let mut file = File::create(temporary)?;
    if let Ok(metadata) = fs::metadata(replaced) {
        file.set_permissions(metadata.permissions())?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::settings::{Controls, ThemePreference};

    /// Store in a new folder, which is removed with the first value.
    fn new_store() -> (TempDir, SettingsStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = SettingsStore { folder: folder.path().join("reelay") };
        (folder, store)
    }

    /// Store whose folder has these files.
    fn store_with(files: &[(&str, &str)]) -> (TempDir, SettingsStore) {
        let (folder, store) = new_store();
        fs::create_dir(&store.folder).unwrap();
        for (name, text) in files {
            fs::write(store.folder.join(name), text).unwrap();
        }
        (folder, store)
    }

    impl SettingsStore {
        /// Saves settings that were the defaults before.
        fn save(&self, settings: &Settings) -> io::Result<()> {
            self.save_changes(&Settings::default(), settings)
        }

        fn read(&self, name: &str) -> String {
            fs::read_to_string(self.folder.join(name)).unwrap()
        }

        fn file_names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.folder).unwrap();
            let mut names: Vec<_> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }
    }

    fn light() -> Settings {
        Settings { theme: ThemePreference::Light, ..Settings::default() }
    }

    #[test]
    fn saved_settings_are_loaded() {
        let (_folder, store) = new_store();
        let loaded = store.load();
        assert_eq!((loaded.settings, loaded.problem), (Settings::default(), None));
        let mut settings = Settings { controls: Controls::Four, playout_delay_ms: 40, ..light() };
        settings.remember_film("/films/talk.mjpeg".into(), jiff::Timestamp::UNIX_EPOCH);
        store.save(&settings).unwrap();
        let loaded = store.load();
        assert_eq!((loaded.settings, loaded.problem), (settings, None));
        assert!(store.read(FILE_NAME).starts_with("# Settings of Reelay."));
        assert_eq!(store.file_names(), [FILE_NAME], "no temporary file stays");
    }

    #[test]
    fn comments_and_unknown_keys_survive_saving() {
        let text = "# mine\ntheme = 'dark' # at night\nvolume = 11\n";
        let (_folder, store) = store_with(&[(FILE_NAME, text)]);
        let loaded = store.load();
        assert_eq!((loaded.settings.theme, loaded.problem), (ThemePreference::Dark, None));
        store.save(&light()).unwrap();
        let saved = store.read(FILE_NAME);
        assert!(saved.starts_with("# mine\ntheme = \"light\" # at night\nvolume = 11\n"), "{saved}");
    }

    #[test]
    fn changes_made_meanwhile_to_other_keys_survive_saving() {
        let (_folder, store) = store_with(&[(FILE_NAME, "theme = 'dark'\n")]);
        store.load();
        fs::write(store.path(), "theme = 'dark'\n# added while the window was open\nvolume = 11\n").unwrap();
        store.save(&light()).unwrap();
        assert!(store.read(FILE_NAME).contains("# added while the window was open\nvolume = 11\n"));
    }

    #[test]
    fn two_windows_keep_the_changes_of_each_other() {
        let (_folder, store) = store_with(&[(FILE_NAME, "theme = 'dark'\n")]);
        let loaded = store.load().settings;
        let opened = |second| jiff::Timestamp::from_second(second).unwrap();
        let (mut first, mut second) = (loaded.clone(), loaded.clone());
        first.remember_film("/films/first.avi".into(), opened(1));
        first.controls = Controls::Four;
        store.save_changes(&loaded, &first).unwrap();
        second.remember_film("/films/second.avi".into(), opened(2));
        second.retransmission = true;
        store.save_changes(&loaded, &second).unwrap();
        let saved = store.load().settings;
        let films: Vec<_> = saved.recents.iter().map(|recent| recent.source.text()).collect();
        assert_eq!(films, ["/films/second.avi", "/films/first.avi"]);
        let expected = (ThemePreference::Dark, Controls::Four, true);
        assert_eq!((saved.theme, saved.controls, saved.retransmission), expected);
    }

    #[test]
    fn wrong_value_costs_only_itself_and_is_reported() {
        let (_folder, store) = store_with(&[(FILE_NAME, "theme = 'purple'\ncontrols = 'four'\n")]);
        let loaded = store.load();
        assert_eq!(loaded.settings, Settings { controls: Controls::Four, ..Settings::default() });
        let sentence = loaded.problem.unwrap().to_string();
        assert!(sentence.contains("theme (a theme is dark, light or system)"), "{sentence}");
        assert_eq!(store.file_names(), [FILE_NAME]);
        assert_eq!(store.read(FILE_NAME), "theme = 'purple'\ncontrols = 'four'\n", "loading writes nothing");
    }

    #[test]
    fn file_that_is_not_toml_is_set_aside_under_a_free_name() {
        let (_folder, store) = store_with(&[]);
        let broken = ["theme = \n", "[[", "a = 1\na = 2\n"];
        let names = ["settings.toml.broken", "settings.toml.broken.2", "settings.toml.broken.3"];
        for (text, name) in broken.iter().zip(names) {
            fs::write(store.path(), text).unwrap();
            let loaded = store.load();
            assert_eq!(loaded.settings, Settings::default());
            let sentence = loaded.problem.unwrap().to_string();
            assert!(sentence.contains(&format!("it was renamed to {name}, and")), "{sentence}");
            assert!(sentence.contains("(line ") && !sentence.contains('\n'), "{sentence}");
            assert_eq!(store.read(name), *text);
        }
        assert_eq!(store.file_names(), names);
        assert_eq!(store.load().problem, None, "the problem is reported once");
        store.save(&light()).unwrap();
        assert_eq!(store.load().settings, light());
    }

    #[test]
    fn file_that_is_not_utf8_is_set_aside() {
        let (_folder, store) = store_with(&[]);
        fs::write(store.path(), b"theme = \"\xff\"").unwrap();
        let sentence = store.load().problem.unwrap().to_string();
        assert!(sentence.contains("not UTF-8"), "{sentence}");
        assert_eq!(store.file_names(), ["settings.toml.broken"]);
    }

    #[test]
    fn file_broken_since_loading_is_set_aside_when_saving() {
        let (_folder, store) = store_with(&[(FILE_NAME, "theme = 'dark'\n")]);
        store.load();
        fs::write(store.path(), "half a line, saved by an edi").unwrap();
        store.save(&light()).unwrap();
        assert_eq!(store.load().settings, light());
        assert_eq!(store.read("settings.toml.broken"), "half a line, saved by an edi");
    }

    #[test]
    fn json_file_is_migrated_once_and_kept() {
        let text =
            r#"{"theme": "light", "volume": 11, "servers": [{"address": "lab:1", "dialect": "classroom"}]}"#;
        let (_folder, store) = store_with(&[(OLD_FILE_NAME, text)]);
        let expected = light();
        for _ in 0..2 {
            let loaded = store.load();
            assert_eq!((loaded.settings, loaded.problem), (expected.clone(), None));
            assert_eq!(store.file_names(), ["settings.json.old", FILE_NAME]);
        }
        assert_eq!(store.read("settings.json.old"), text);
        assert!(store.read(FILE_NAME).contains("volume = 11\n"));
    }

    #[test]
    fn wrong_value_in_json_file_costs_only_itself() {
        let (_folder, store) = store_with(&[(OLD_FILE_NAME, r#"{"theme": "light", "frame_rate": "0"}"#)]);
        let loaded = store.load();
        assert_eq!(loaded.settings, light());
        let sentence = loaded.problem.unwrap().to_string();
        assert!(sentence.contains("settings.json") && sentence.contains("frame_rate ("), "{sentence}");
        assert_eq!(store.load().problem, None, "it is not migrated");
    }

    #[test]
    fn file_that_is_not_json_is_set_aside() {
        let (_folder, store) = store_with(&[(OLD_FILE_NAME, "{")]);
        let loaded = store.load();
        assert_eq!(loaded.settings, Settings::default());
        assert!(loaded.problem.unwrap().to_string().contains("settings.json.broken"));
        assert_eq!(store.file_names(), ["settings.json.broken"]);
    }

    #[test]
    fn toml_file_wins_over_json_file() {
        let json = r#"{"theme": "light"}"#;
        let (_folder, store) = store_with(&[(FILE_NAME, "theme = 'dark'\n"), (OLD_FILE_NAME, json)]);
        assert_eq!(store.load().settings.theme, ThemePreference::Dark);
        assert_eq!(store.read(OLD_FILE_NAME), json, "an older version may still use it");
    }

    #[test]
    fn second_migration_does_not_replace_the_first_old_file() {
        let (_folder, store) = store_with(&[(OLD_FILE_NAME, "{}"), ("settings.json.old", "first")]);
        store.load();
        assert_eq!(store.file_names(), ["settings.json.old", "settings.json.old.2", FILE_NAME]);
        assert_eq!(store.read("settings.json.old"), "first");
    }

    #[test]
    fn file_migrated_by_another_process_is_loaded() {
        let (_folder, store) = store_with(&[(FILE_NAME, "theme = 'light'\n")]);
        // The other process finished after this one missed the TOML file.
        assert_eq!(store.load_old().settings, light());
    }

    #[test]
    fn concurrent_migrations_lose_nothing() {
        let (_folder, store) = store_with(&[(OLD_FILE_NAME, r#"{"theme": "light"}"#)]);
        std::thread::scope(|scope| {
            let loads: Vec<_> = (0..8).map(|_| scope.spawn(|| store.load().settings)).collect();
            for load in loads {
                assert_eq!(load.join().unwrap(), light());
            }
        });
        assert_eq!(store.load().settings, light());
        assert!(store.file_names().contains(&"settings.json.old".to_owned()));
        assert!(!store.file_names().contains(&OLD_FILE_NAME.to_owned()));
    }

    #[test]
    fn concurrent_saves_leave_a_complete_file() {
        let (_folder, store) = new_store();
        std::thread::scope(|scope| {
            for playout_delay_ms in 0..8 {
                let store = &store;
                scope.spawn(move || store.save(&Settings { playout_delay_ms, ..light() }).unwrap());
            }
        });
        let loaded = store.load();
        assert_eq!((loaded.settings.theme, loaded.problem), (ThemePreference::Light, None));
        assert_eq!(store.file_names(), [FILE_NAME]);
    }

    #[test]
    fn folder_that_cannot_be_written_is_an_error_of_saving_only() {
        let (folder, store) = new_store();
        // A file stands where the folder would be; permissions would not stop root.
        fs::write(&store.folder, "in the way").unwrap();
        let loaded = store.load();
        assert_eq!(loaded.settings, Settings::default());
        store.save(&light()).unwrap_err();
        assert_eq!(fs::read_to_string(folder.path().join("reelay")).unwrap(), "in the way");
    }

    #[test]
    fn file_that_cannot_be_read_is_reported_and_kept() {
        let (_folder, store) = store_with(&[]);
        fs::create_dir(store.path()).unwrap();
        let loaded = store.load();
        assert_eq!(loaded.settings, Settings::default());
        let sentence = loaded.problem.unwrap().to_string();
        assert!(sentence.contains("settings.toml cannot be used ("), "{sentence}");
        store.save(&light()).unwrap_err();
        assert!(store.path().is_dir());
    }

    #[test]
    #[cfg(unix)]
    fn symbolic_link_and_permissions_survive_saving() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let (folder, store) = store_with(&[]);
        let linked = folder.path().join("dotfiles.toml");
        fs::write(&linked, "theme = 'dark'\n").unwrap();
        fs::set_permissions(&linked, fs::Permissions::from_mode(0o600)).unwrap();
        symlink(&linked, store.path()).unwrap();
        store.save(&light()).unwrap();
        assert!(fs::symlink_metadata(store.path()).unwrap().is_symlink());
        assert!(fs::read_to_string(&linked).unwrap().contains("theme = \"light\""));
        assert_eq!(fs::metadata(&linked).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
