//! What is remembered from one start to the next.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Dark, light, or as the system has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum ThemeChoice {
    #[default]
    System,
    Dark,
    Light,
}

/// A text that names no theme.
#[derive(Debug)]
pub struct UnknownTheme;

impl fmt::Display for UnknownTheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a theme is dark, light or system")
    }
}

impl std::error::Error for UnknownTheme {}

impl FromStr for ThemeChoice {
    type Err = UnknownTheme;

    fn from_str(text: &str) -> Result<Self, UnknownTheme> {
        match text {
            "system" => Ok(Self::System),
            "dark" => Ok(Self::Dark),
            "light" => Ok(Self::Light),
            _ => Err(UnknownTheme),
        }
    }
}
