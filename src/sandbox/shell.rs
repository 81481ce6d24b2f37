//! The world inside the sandbox: a directory with links and credentials, the
//! variables that point there, and a command that runs in it.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::error::{Failure, Result};
use crate::interrupt::Signals;
use crate::names::Program;
use crate::output::private_file;
use crate::sandbox::auth::{ADMIN, MEMBER};
use crate::sandbox::server::Sides;
use crate::secret::Secret;
use crate::text::shell::quoted;

/// How long the credentials of the sandbox's own users live.
const LIFETIME: Duration = Duration::from_secs(30 * 86_400);

/// What is taken away: with these, programs would be somebody else, or hold
/// another credential, than inside.
const REMOVED: [&str; 5] = [
    "NSC_TOKEN_SPEC",
    "NSC_TOKEN_SPEC_FILE",
    "NSC_IMPERSONATE_TENANT_ID",
    "NSC_IMPERSONATION_SPEC_FILE",
    "NSCALE_SERVICE_TOKEN_FILE",
];

/// The variables that name a server of either cloud, whatever it serves: official
/// programs send their credential to each of them.
const ENDPOINTS: [&str; 8] = [
    "NSC_IAM_ENDPOINT",
    "NSC_GLOBAL_ENDPOINT",
    "NSC_ENDPOINT",
    "NSCALE_IDENTITY_SERVICE_API_ENDPOINT",
    "NSCALE_REGION_SERVICE_API_ENDPOINT",
    "NSCALE_COMPUTE_SERVICE_API_ENDPOINT",
    "NSCALE_RESERVATION_SERVICE_API_ENDPOINT",
    "NSCALE_STORAGE_SERVICE_API_ENDPOINT",
];

/// The variables that name hosts which need no proxy. Programs read either
/// first, and go by that alone.
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// The directory and the variables. Dropping it removes the directory.
pub struct World {
    directory: TempDir,
    address: SocketAddr,
    organization_id: String,
    service_token: Secret,
    /// The limit of open files that a command inside begins with.
    descriptors: Rlimit,
}

impl World {
    /// Makes the directory: `bin` with a link for each name, and a token file
    /// for each user. `descriptors` is the limit of open files that a command
    /// inside begins with.
    ///
    /// # Errors
    /// Unexpected: a file cannot be written.
    pub fn new(sides: &Sides, address: SocketAddr, descriptors: Rlimit) -> Result<Self> {
        let namespace = &sides.namespace;
        let session = namespace.session_token(ADMIN, LIFETIME);
        let session = session.map_err(|_| Failure::unexpected("the sandbox's store failed"))?;
        let make = || -> io::Result<TempDir> {
            let directory = tempfile::Builder::new()
                .prefix("nscred-sandbox-")
                .permissions(Permissions::from_mode(0o700))
                .tempdir()?;
            let bin = directory.path().join("bin");
            fs::create_dir(&bin)?;
            let exe = std::env::current_exe()?;
            for program in Program::ALL {
                symlink(&exe, bin.join(program.name()))?;
            }
            let tokens = [
                ("admin.json", json!({ "bearer_token": namespace.tenant_token(ADMIN, LIFETIME) })),
                ("member.json", json!({ "bearer_token": namespace.tenant_token(MEMBER, LIFETIME) })),
                ("session.json", json!({ "session_token": session })),
            ];
            for (name, content) in tokens {
                private_file::replace(&directory.path().join(name), format!("{content}\n").as_bytes())?;
            }
            Ok(directory)
        };
        let directory =
            make().map_err(|error| Failure::unexpected("the sandbox's directory cannot be made").source(error))?;
        let administrator = sides.nscale.administrator();
        Ok(Self {
            directory,
            address,
            organization_id: administrator.organization_id.clone(),
            service_token: Secret::new(&administrator.token),
            descriptors,
        })
    }

    /// Where the sandbox is reached. What listens everywhere is called where
    /// nobody else listens in.
    fn called(&self) -> SocketAddr {
        let ip = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        SocketAddr::new(ip, self.address.port())
    }

    /// The variables that lead into the sandbox, whatever they held before;
    /// `PATH` and [`NO_PROXY`] apart, which keep what they hold.
    fn variables(&self) -> Vec<(&'static str, OsString)> {
        let endpoint = OsString::from(format!("http://{}", self.called()));
        let mut variables: Vec<_> = ENDPOINTS.iter().map(|name| (*name, endpoint.clone())).collect();
        variables.extend([
            ("NSC_TOKEN_FILE", self.directory.path().join("admin.json").into()),
            // The official program asks a server for its newest version.
            ("NS_DO_NOT_UPDATE", "1".into()),
            ("NSCALE_ORGANIZATION_ID", self.organization_id.as_str().into()),
            ("NSCALE_SERVICE_TOKEN", self.service_token.expose().into()),
            ("NSCRED_SANDBOX", self.directory.path().into()),
        ]);
        variables
    }

    /// The hosts that need no proxy inside.
    fn local_hosts(&self) -> String {
        let ip = self.called().ip();
        let other = if ip == Ipv4Addr::LOCALHOST { String::new() } else { format!(",{ip}") };
        format!("localhost,127.0.0.1{other}")
    }

    /// The directory with the links.
    fn bin(&self) -> PathBuf {
        self.directory.path().join("bin")
    }

    /// Shell commands that lead into the sandbox.
    pub fn exports(&self) -> String {
        let mut text = format!("unset {}\n", REMOVED.join(" "));
        for (name, value) in self.variables() {
            text.push_str(&format!("export {name}={}\n", quoted(&value)));
        }
        // The shell's own, or the other's where that is all there is.
        let [one, other] = NO_PROXY;
        for (name, other) in [(one, other), (other, one)] {
            let hosts = self.local_hosts();
            text.push_str(&format!("export {name}=\"${{{name}:-${{{other}:-localhost}}}},{hosts}\"\n"));
        }
        text.push_str(&format!("export PATH={}:\"$PATH\"\n", quoted(self.bin().as_os_str())));
        text
    }

    /// Runs a command inside and gives its exit code: its own, or 128 and the
    /// number of the signal that ended it.
    ///
    /// # Errors
    /// Usage: it cannot be started.
    pub async fn run(&self, command: &[OsString], signals: &mut Signals) -> Result<u8> {
        let [name, arguments @ ..] = command else { return Err(Failure::usage("there is no command to run")) };
        let old = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(self.bin()).chain(std::env::split_paths(&old)))
            .map_err(|error| Failure::unexpected("the sandbox's directory cannot be put on the PATH").source(error))?;
        let mut inside = Command::new(name);
        inside.args(arguments).env("PATH", path).envs(self.variables());
        for name in REMOVED {
            inside.env_remove(name);
        }
        let [one, other] = NO_PROXY;
        for (name, other) in [(one, other), (other, one)] {
            let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
            let mut hosts = set(name).or_else(|| set(other)).unwrap_or_else(|| "localhost".into());
            hosts.push(format!(",{}", self.local_hosts()));
            inside.env(name, hosts);
        }
        // It begins with what was given to this process, not with what this
        // process gave itself.
        let own = getrlimit(Resource::Nofile);
        let _ = setrlimit(Resource::Nofile, self.descriptors);
        let child = inside.spawn();
        let _ = setrlimit(Resource::Nofile, own);
        let child =
            child.map_err(|error| Failure::usage(format!("{} cannot be run", name.to_string_lossy())).source(error))?;
        wait(child, signals)
            .await
            .map_err(|error| Failure::unexpected("the command cannot be waited for").source(error))
    }
}

/// Waits for the command. Ctrl-C is the command's to answer, since the
/// terminal sends it to both; a request to end is passed on.
async fn wait(mut child: Child, signals: &mut Signals) -> io::Result<u8> {
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            () = signals.interrupt.recv() => {}
            () = signals.quit.recv() => {}
            () = signals.terminate.recv() => pass_on(&child, rustix::process::Signal::TERM),
            () = signals.hang_up.recv() => pass_on(&child, rustix::process::Signal::HUP),
        }
    };
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    Ok(u8::try_from(code).unwrap_or(1))
}

fn pass_on(child: &Child, signal: rustix::process::Signal) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        // It may have ended in between, which is what was asked for.
        let _ = rustix::process::kill_process(pid, signal);
    }
}
