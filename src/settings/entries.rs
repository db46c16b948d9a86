//! Servers and certificates in the settings file. Sans-I/O.

use toml_edit::{Table, TableLike};

use super::problem::IgnoredValue;
use super::tables::{Entry, text, write_text};
use super::values::KnownServer;
use crate::session::{Dialect, ParseFingerprintError, PortSpelling, TrustedCertificate};

impl Entry for KnownServer {
    const KEY: &'static str = "servers";

    fn address(&self) -> &str {
        &self.address
    }

    fn read(table: Option<&dyn TableLike>) -> Result<Self, IgnoredValue> {
        let (table, address) = with_address(table, "a server")?;
        let dialect = match table.get("dialect") {
            None => Ok(Dialect::default()),
            Some(item) => {
                let all = [Dialect::Standard, Dialect::Classroom, Dialect::Http];
                all.into_iter().find(|dialect| item.as_str() == Some(dialect.as_str())).ok_or(IgnoredValue {
                    key: ".dialect".to_owned(),
                    rule: "a dialect is standard, classroom or http".to_owned(),
                })
            }
        };
        let port_spelling = text(table, "port_spelling");
        let port_spelling = PortSpelling::ALL.into_iter().find(|known| port_spelling == Some(known.as_str()));
        Ok(Self { address, dialect: dialect?, port_spelling: port_spelling.unwrap_or_default() })
    }

    fn write(&self, table: &mut Table) {
        write_text(table, "address", &self.address);
        write_text(table, "dialect", self.dialect.as_str());
        let is_default = self.port_spelling == PortSpelling::default();
        if !is_default || text(table, "port_spelling").is_some() {
            write_text(table, "port_spelling", self.port_spelling.as_str());
        }
    }
}

impl Entry for TrustedCertificate {
    const KEY: &'static str = "certificates";

    fn address(&self) -> &str {
        &self.address
    }

    fn read(table: Option<&dyn TableLike>) -> Result<Self, IgnoredValue> {
        let (table, address) = with_address(table, "a certificate")?;
        let fingerprint =
            text(table, "sha256").unwrap_or_default().parse().map_err(|error: ParseFingerprintError| {
                IgnoredValue { key: ".sha256".to_owned(), rule: error.to_string() }
            })?;
        Ok(Self { address, fingerprint })
    }

    fn write(&self, table: &mut Table) {
        write_text(table, "address", &self.address);
        if text(table, "sha256").and_then(|known| known.parse().ok()) != Some(self.fingerprint) {
            write_text(table, "sha256", &self.fingerprint.to_string());
        }
    }
}

/// Returns the table and its address.
fn with_address<'a>(
    table: Option<&'a dyn TableLike>,
    noun: &str,
) -> Result<(&'a dyn TableLike, String), IgnoredValue> {
    let found = table.and_then(|table| {
        Some((table, text(table, "address").filter(|address| !address.is_empty())?.to_owned()))
    });
    let rule = || format!("{noun} has an address like \"lab.example:8554\"");
    found.ok_or_else(|| IgnoredValue { key: String::new(), rule: rule() })
}
