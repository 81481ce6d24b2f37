//! The environment inside the sandbox: a directory with links and credentials,
//! the variables that point there, and commands that run with them.

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

use crate::context::Environment;
use crate::error::{Failure, Result};
use crate::interrupt::Signals;
use crate::names::Program;
use crate::output::private_file;
use crate::sandbox::namespace::caller::{ADMIN, MEMBER};
use crate::sandbox::server::Clouds;
use crate::secret::Secret;
use crate::text::shell::quoted;

/// Of the credentials that the sandbox hands out.
const CREDENTIAL_LIFETIME: Duration = Duration::from_secs(30 * 86_400);

/// Variables that would give programs another credential or identity than the sandbox's.
const REMOVED: [&str; 5] = [
    "NSC_TOKEN_SPEC",
    "NSC_TOKEN_SPEC_FILE",
    "NSC_IMPERSONATE_TENANT_ID",
    "NSC_IMPERSONATION_SPEC_FILE",
    "NSCALE_SERVICE_TOKEN_FILE",
];

/// The variables that name a server of either cloud. The sandbox takes all of them, because official
/// programs send their credential to each.
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

/// Both spellings are set, because programs read only one, and not the same.
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// Dropping it removes the directory.
pub struct ShellEnvironment {
    directory: TempDir,
    address: SocketAddr,
    organization_id: String,
    service_token: Secret,
    /// The limit of open files for commands inside.
    descriptors: Rlimit,
}

impl ShellEnvironment {
    /// Creates the directory, with links for the program's names in `bin` and a file for each
    /// credential.
    pub fn new(clouds: &Clouds, address: SocketAddr, descriptors: Rlimit) -> Result<Self> {
        let namespace = &clouds.namespace;
        let session = namespace.session_token(ADMIN, CREDENTIAL_LIFETIME);
        let session = session.map_err(|_| Failure::unexpected("the sandbox's store failed"))?;
        let create = || -> io::Result<TempDir> {
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
                ("admin.json", json!({ "bearer_token": namespace.tenant_token(ADMIN, CREDENTIAL_LIFETIME) })),
                ("member.json", json!({ "bearer_token": namespace.tenant_token(MEMBER, CREDENTIAL_LIFETIME) })),
                ("session.json", json!({ "session_token": session })),
            ];
            for (name, content) in tokens {
                private_file::replace(&directory.path().join(name), format!("{content}\n").as_bytes())?;
            }
            Ok(directory)
        };
        let directory =
            create().map_err(|error| Failure::unexpected("cannot create the sandbox's directory").source(error))?;
        let administrator = clouds.nscale.administrator();
        Ok(Self {
            directory,
            address,
            organization_id: administrator.organization_id.clone(),
            service_token: Secret::new(&administrator.token),
            descriptors,
        })
    }

    /// The address that clients inside use. Where the sandbox listens on all interfaces, that is
    /// the loopback address.
    fn client_address(&self) -> SocketAddr {
        let ip = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        SocketAddr::new(ip, self.address.port())
    }

    /// The variables that replace those of the user. `PATH` and [`NO_PROXY`] are extended instead.
    fn variables(&self) -> Vec<(&'static str, OsString)> {
        let endpoint = OsString::from(format!("http://{}", self.client_address()));
        let mut variables: Vec<_> = ENDPOINTS.iter().map(|name| (*name, endpoint.clone())).collect();
        variables.extend([
            ("NSC_TOKEN_FILE", self.directory.path().join("admin.json").into()),
            // Otherwise the official program asks a real server for its newest version.
            ("NS_DO_NOT_UPDATE", "1".into()),
            ("NSCALE_ORGANIZATION_ID", self.organization_id.as_str().into()),
            ("NSCALE_SERVICE_TOKEN", self.service_token.expose().into()),
            ("NSCRED_SANDBOX", self.directory.path().into()),
        ]);
        variables
    }

    /// The hosts that [`NO_PROXY`] gains.
    fn local_hosts(&self) -> String {
        let ip = self.client_address().ip();
        let other = if ip == Ipv4Addr::LOCALHOST { String::new() } else { format!(",{ip}") };
        format!("localhost,127.0.0.1{other}")
    }

    fn bin(&self) -> PathBuf {
        self.directory.path().join("bin")
    }

    /// Shell commands that set the variables.
    pub fn exports(&self) -> String {
        let mut text = format!("unset {}\n", REMOVED.join(" "));
        for (name, value) in self.variables() {
            text.push_str(&format!("export {name}={}\n", quoted(&value)));
        }
        // Each extends its own value, or that of the other spelling where it has none.
        let [one, other] = NO_PROXY;
        for (name, other) in [(one, other), (other, one)] {
            let hosts = self.local_hosts();
            text.push_str(&format!("export {name}=\"${{{name}:-${{{other}:-localhost}}}},{hosts}\"\n"));
        }
        text.push_str(&format!("export PATH={}:\"$PATH\"\n", quoted(self.bin().as_os_str())));
        text
    }

    /// Runs a command inside. Returns its exit code, or 128 plus the number of the signal that ended
    /// it.
    pub async fn run(&self, command: &[OsString], env: &Environment, signals: &mut Signals) -> Result<u8> {
        let [name, arguments @ ..] = command else { return Err(Failure::usage("there is no command to run")) };
        let old = env.var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(self.bin()).chain(std::env::split_paths(&old)))
            .map_err(|error| Failure::unexpected("cannot add the sandbox's directory to the PATH").source(error))?;
        let mut inside = Command::new(name);
        inside.args(arguments).env("PATH", path).envs(self.variables());
        for name in REMOVED {
            inside.env_remove(name);
        }
        let [one, other] = NO_PROXY;
        for (name, other) in [(one, other), (other, one)] {
            let mut hosts = env.var_os(name).or_else(|| env.var_os(other)).unwrap_or_else(|| "localhost".into());
            hosts.push(format!(",{}", self.local_hosts()));
            inside.env(name, hosts);
        }
        // The command gets the limit that this process started with.
        let own = getrlimit(Resource::Nofile);
        let _ = setrlimit(Resource::Nofile, self.descriptors);
        let child = inside.spawn();
        let _ = setrlimit(Resource::Nofile, own);
        let child =
            child.map_err(|error| Failure::usage(format!("cannot run {}", name.to_string_lossy())).source(error))?;
        wait(child, signals).await.map_err(|error| Failure::unexpected("cannot wait for the command").source(error))
    }
}

/// Waits for the command. Ctrl-C is left to the command, since the terminal sends it to both;
/// SIGTERM and SIGHUP are passed on.
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
        // The command may have ended in between.
        let _ = rustix::process::kill_process(pid, signal);
    }
}
