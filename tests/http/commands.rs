//! `reelay probe` with cameras over HTTP and HTTPS.
