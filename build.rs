//! Icon and version of the program for Windows, which are part of the executable there.

use std::env;
use std::io;

/// Icon in all sizes that Windows shows.
const ICON: &str = "packaging/icons/reelay.ico";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed={ICON}");
    println!("cargo::rerun-if-changed=build.rs");
    // The target, which is not the system that this program runs on when one builds for the other.
    if env::var_os("CARGO_CFG_TARGET_OS").is_some_and(|system| system == "windows") {
        // The version and the description are those of Cargo.toml.
        let mut resource = winresource::WindowsResource::new();
        resource.set_icon(ICON).set("LegalCopyright", "The Reelay authors, MIT licence");
        resource.compile()?;
    }
    Ok(())
}
