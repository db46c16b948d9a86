//! Screen saver of the desktop, which is kept away while a film plays.
//!
//! On Linux this is the service `org.freedesktop.ScreenSaver` of the session bus. A desktop without it, and any other
//! error, is a debug message only.

use tokio::sync::watch;

/// Keeps the screen saver away while the value is true. Ends with the sender of the values.
pub async fn follow(wanted: watch::Receiver<bool>) {
    follow_with(wanted, &mut DesktopScreenSaver).await;
}

/// Screen saver that can be kept away.
trait ScreenSaver {
    /// Inhibition in force, which ends when it is released.
    type Inhibition;

    /// Keeps the screen saver away; `None` if that is not possible.
    async fn inhibit(&mut self) -> Option<Self::Inhibition>;

    /// Lets the screen saver come again.
    async fn release(&mut self, inhibition: Self::Inhibition);
}

async fn follow_with(mut wanted: watch::Receiver<bool>, screen_saver: &mut impl ScreenSaver) {
    while wanted.wait_for(|wanted| *wanted).await.is_ok() {
        let inhibition = screen_saver.inhibit().await;
        let is_closed = wanted.wait_for(|wanted| !*wanted).await.is_err();
        if let Some(inhibition) = inhibition {
            screen_saver.release(inhibition).await;
        }
        if is_closed {
            return;
        }
    }
}

/// Screen saver of the desktop.
struct DesktopScreenSaver;

#[cfg(target_os = "linux")]
impl ScreenSaver for DesktopScreenSaver {
    type Inhibition = bus::Inhibition;

    async fn inhibit(&mut self) -> Option<bus::Inhibition> {
        match bus::inhibit().await {
            Ok(inhibition) => Some(inhibition),
            Err(error) => {
                tracing::debug!(%error, "cannot keep the screen saver away");
                None
            }
        }
    }

    async fn release(&mut self, inhibition: bus::Inhibition) {
        if let Err(error) = bus::release(inhibition).await {
            tracing::debug!(%error, "cannot release the screen saver");
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl ScreenSaver for DesktopScreenSaver {
    type Inhibition = std::convert::Infallible;

    async fn inhibit(&mut self) -> Option<Self::Inhibition> {
        None
    }

    async fn release(&mut self, inhibition: Self::Inhibition) {
        match inhibition {}
    }
}

/// Idle Inhibition Service of freedesktop.org.
#[cfg(target_os = "linux")]
mod bus {
    use std::time::Duration;

    use thiserror::Error;
    use zbus::Connection;

    const SERVICE: &str = "org.freedesktop.ScreenSaver";
    const PATH: &str = "/org/freedesktop/ScreenSaver";

    /// Name of the program and reason, which desktops show.
    const REQUEST: (&str, &str) = ("Reelay", "A film is playing");

    /// Time for a response of the session bus or of the service.
    const TIMEOUT: Duration = Duration::from_secs(5);

    /// Number that the service has given, and the connection for which it is valid.
    pub struct Inhibition {
        connection: Connection,
        cookie: u32,
    }

    /// Error of a call.
    #[derive(Debug, Error)]
    pub enum BusError {
        #[error("{0}")]
        Bus(#[from] zbus::Error),
        #[error("there is no response")]
        Timeout(#[from] tokio::time::error::Elapsed),
    }

    pub async fn inhibit() -> Result<Inhibition, BusError> {
        let connection = tokio::time::timeout(TIMEOUT, Connection::session()).await??;
        let call = connection.call_method(Some(SERVICE), PATH, Some(SERVICE), "Inhibit", &REQUEST);
        let cookie = tokio::time::timeout(TIMEOUT, call).await??.body().deserialize()?;
        Ok(Inhibition { connection, cookie })
    }

    pub async fn release(inhibition: Inhibition) -> Result<(), BusError> {
        let Inhibition { connection, cookie } = inhibition;
        let call = connection.call_method(Some(SERVICE), PATH, Some(SERVICE), "UnInhibit", &cookie);
        tokio::time::timeout(TIMEOUT, call).await??;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    /// Screen saver that reports each call, and may refuse.
    struct Reporting {
        calls: mpsc::UnboundedSender<&'static str>,
        refuses: bool,
    }

    impl ScreenSaver for Reporting {
        type Inhibition = ();

        async fn inhibit(&mut self) -> Option<()> {
            self.calls.send("inhibit").unwrap();
            (!self.refuses).then_some(())
        }

        async fn release(&mut self, (): ()) {
            self.calls.send("release").unwrap();
        }
    }

    async fn calls_of(refuses: bool) -> Vec<&'static str> {
        let (wanted, receiver) = watch::channel(false);
        let (calls, mut called) = mpsc::unbounded_channel();
        let following =
            tokio::spawn(async move { follow_with(receiver, &mut Reporting { calls, refuses }).await });
        wanted.send_replace(true);
        let mut all = vec![called.recv().await.unwrap()];
        wanted.send_replace(false);
        if !refuses {
            all.push(called.recv().await.unwrap());
            wanted.send_replace(true);
            all.push(called.recv().await.unwrap());
        }
        drop(wanted);
        following.await.unwrap();
        while let Ok(call) = called.try_recv() {
            all.push(call);
        }
        all
    }

    #[tokio::test]
    async fn screen_saver_is_kept_away_while_that_is_wanted() {
        assert_eq!(calls_of(false).await, ["inhibit", "release", "inhibit", "release"]);
    }

    #[tokio::test]
    async fn nothing_is_released_that_was_refused() {
        assert_eq!(calls_of(true).await, ["inhibit"]);
    }
}
