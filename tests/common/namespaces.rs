//! A server and a viewer in network namespaces of their own, with a router between them.
//!
//! Each namespace lives as long as its holder, a process that ends when its input is closed: nothing stays if a test is
//! killed. A user without privileges needs user namespaces; where the system refuses both, [`Network::new`] returns the
//! reason.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// Address of the server.
pub const SERVER_ADDRESS: &str = "10.77.1.2";

/// A network namespace.
pub struct Namespace {
    holder: Child,
    has_user_namespace: bool,
}

/// The way in which the network is interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// The viewer's interface is down, as without a cable: sending fails, and its routes are gone.
    LinkDown,
    /// The router discards all packets without a message.
    Blackhole,
}

/// Two namespaces that are joined by a router in a third one.
pub struct Network {
    pub server: Namespace,
    pub viewer: Namespace,
    router: Namespace,
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Errors are ignored: the holder may have ended already.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

impl Namespace {
    /// Starts a holder with this command, which must print a line when the namespace exists.
    fn start(mut command: Command, has_user_namespace: bool) -> Result<Self, String> {
        command.args(["sh", "-c", "echo ready; exec cat"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let holder = command.spawn().map_err(|error| format!("unshare or nsenter: {error}"))?;
        let mut namespace = Self { holder, has_user_namespace };
        let mut line = String::new();
        let _ = BufReader::new(namespace.holder.stdout.take().unwrap()).read_line(&mut line);
        if line.is_empty() {
            let errors = BufReader::new(namespace.holder.stderr.take().unwrap()).lines();
            return Err(errors.map_while(Result::ok).collect::<Vec<_>>().join(" "));
        }
        Ok(namespace)
    }

    /// Returns a namespace of a user who may create one, with a user namespace if necessary.
    fn first() -> Result<Self, String> {
        let unshare = |options: &[&str]| {
            let mut command = Command::new("unshare");
            command.args(options);
            command
        };
        Self::start(unshare(&["--net"]), false)
            .or_else(|_| Self::start(unshare(&["--user", "--map-root-user", "--net"]), true))
    }

    /// Returns another namespace, in the same user namespace.
    fn sibling(&self) -> Result<Self, String> {
        let mut command = Command::new("nsenter");
        command.args(self.entry(false)).args(["unshare", "--net"]);
        Self::start(command, self.has_user_namespace)
    }

    fn entry(&self, is_net: bool) -> Vec<String> {
        let mut options = vec!["--target".to_owned(), self.holder.id().to_string()];
        if self.has_user_namespace {
            options.extend(["--user".to_owned(), "--preserve-credentials".to_owned()]);
        }
        if is_net {
            options.push("--net".to_owned());
        }
        options
    }

    /// Returns a command that runs a program in this namespace.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(self.entry(true)).arg(program);
        command
    }

    /// Runs a shell script in this namespace.
    fn run(&self, script: &str) -> Result<(), String> {
        let output = self.command("sh").args(["-ec", script]).output().map_err(|error| error.to_string())?;
        let words = String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(()) } else { Err(format!("{script}: {}", words.trim())) }
    }
}

impl Network {
    /// Creates the namespaces and joins them.
    ///
    /// # Errors
    /// Returns the reason for which the system refuses that.
    pub fn new() -> Result<Self, String> {
        let router = Namespace::first()?;
        let (server, viewer) = (router.sibling()?, router.sibling()?);
        for (end, name, network) in [(&server, "server", 1), (&viewer, "viewer", 2)] {
            let router_end = format!("to-{name}");
            router.run(&format!(
                "ip link add {router_end} type veth peer name {name} netns {}\n\
                 ip addr add 10.77.{network}.1/24 dev {router_end}\n\
                 ip link set {router_end} up",
                end.holder.id()
            ))?;
            end.run(&format!(
                "ip link set lo up\n\
                 ip addr add 10.77.{network}.2/24 dev {name}\n\
                 ip link set {name} up\n\
                 ip route add default via 10.77.{network}.1"
            ))?;
        }
        let network = Self { server, viewer, router };
        network.forward(true)?;
        Ok(network)
    }

    /// Sets the maximum length of the packets that the server sends, in bytes.
    pub fn set_server_mtu(&self, mtu: u32) {
        self.server.run(&format!("ip link set server mtu {mtu}")).unwrap();
    }

    fn forward(&self, is_on: bool) -> Result<(), String> {
        self.router.run(&format!("echo {} > /proc/sys/net/ipv4/ip_forward", u8::from(is_on)))
    }

    /// Interrupts the network.
    pub fn interrupt(&self, outage: Outage) {
        match outage {
            Outage::LinkDown => self.viewer.run("ip link set viewer down"),
            Outage::Blackhole => self.forward(false),
        }
        .unwrap();
    }

    /// Restores the network.
    pub fn restore(&self, outage: Outage) {
        match outage {
            Outage::LinkDown => self.viewer.run("ip link set viewer up; ip route add default via 10.77.2.1"),
            Outage::Blackhole => self.forward(true),
        }
        .unwrap();
    }
}
