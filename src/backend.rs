//! backend
use std::io;
use std::path::Path;

pub fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("network").enable_all().build()
}
pub async fn interrupted() {
    let _ = tokio::signal::ctrl_c().await;
}
pub fn film_name(path: &Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}
