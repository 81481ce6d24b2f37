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

/// Of the credentials in the sandbox's directory.
const CREDENTIAL_LIFETIME: Duration = Duration::from_secs(30 * 86_400);

/// Variables that would make programs use another credential or identity than the sandbox's.
const REMOVED: [&str; 5] = [
    "NSC_TOKEN_SPEC",
    "NSC_TOKEN_SPEC_FILE",
    "NSC_IMPERSONATE_TENANT_ID",
    "NSC_IMPERSONATION_SPEC_FILE",
    "NSCALE_SERVICE_TOKEN_FILE",
];

/// The variables for servers of either cloud. All of them name the sandbox, because official
/// programs send their credential to each server.
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

/// Both spellings are set, because each program reads only one of them.
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// Dropping it removes the directory.
pub struct ShellEnvironment {
    directory: TempDir,
    address: SocketAddr,
    organization_id: String,
    service_token: Secret,
    /// The limit of open files for commands in the sandbox.
    descriptor_limit: Rlimit,
}

impl ShellEnvironment {
    /// Creates the directory, with links for the program's names in `bin` and a file for each
    /// credential.
    pub fn new(clouds: &Clouds, address: SocketAddr, descriptor_limit: Rlimit) -> Result<Self> {
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
            descriptor_limit,
        })
    }

    /// The address that clients in the sandbox use: the loopback address if it listens on all
    /// interfaces.
    fn client_address(&self) -> SocketAddr {
        let ip = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        SocketAddr::new(ip, self.address.port())
    }

    /// The variables that replace the user's. `PATH` and [`NO_PROXY`] are extended instead.
    fn variables(&self) -> Vec<(&'static str, OsString)> {
        let endpoint = OsString::from(format!("http://{}", self.client_address()));
        let mut variables: Vec<_> = ENDPOINTS.iter().map(|name| (*name, endpoint.clone())).collect();
        variables.extend([
            ("NSC_TOKEN_FILE", self.directory.path().join("admin.json").into()),
            // Otherwise the official program looks for updates on a real server.
            ("NS_DO_NOT_UPDATE", "1".into()),
            ("NSCALE_ORGANIZATION_ID", self.organization_id.as_str().into()),
            ("NSCALE_SERVICE_TOKEN", self.service_token.expose().into()),
            ("NSCRED_SANDBOX", self.directory.path().into()),
        ]);
        variables
    }

    /// The hosts that are added to [`NO_PROXY`].
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
        // Each extends its own value, or that of the other spelling if it is not set.
        let [upper, lower] = NO_PROXY;
        for (name, other) in [(upper, lower), (lower, upper)] {
            let hosts = self.local_hosts();
            text.push_str(&format!("export {name}=\"${{{name}:-${{{other}:-localhost}}}},{hosts}\"\n"));
        }
        text.push_str(&format!("export PATH={}:\"$PATH\"\n", quoted(self.bin().as_os_str())));
        text
    }

    /// Runs a command in the sandbox. Returns its exit code, or 128 plus the number of the signal
    /// that ended it.
    pub async fn run(&self, command: &[OsString], env: &Environment, signals: &mut Signals) -> Result<u8> {
        let [name, arguments @ ..] = command else { return Err(Failure::usage("there is no command to run")) };
        let old = env.var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(self.bin()).chain(std::env::split_paths(&old)))
            .map_err(|error| Failure::unexpected("cannot add the sandbox's directory to the PATH").source(error))?;
        let mut command = Command::new(name);
        command.args(arguments).env("PATH", path).envs(self.variables());
        for name in REMOVED {
            command.env_remove(name);
        }
        let [upper, lower] = NO_PROXY;
        for (name, other) in [(upper, lower), (lower, upper)] {
            let mut hosts = env.var_os(name).or_else(|| env.var_os(other)).unwrap_or_else(|| "localhost".into());
            hosts.push(format!(",{}", self.local_hosts()));
            command.env(name, hosts);
        }
        // The command gets the limit that this process started with.
        let own_limit = getrlimit(Resource::Nofile);
        let _ = setrlimit(Resource::Nofile, self.descriptor_limit);
        let child = command.spawn();
        let _ = setrlimit(Resource::Nofile, own_limit);
        let child =
            child.map_err(|error| Failure::usage(format!("cannot run {}", name.to_string_lossy())).source(error))?;
        wait(child, signals).await.map_err(|error| Failure::unexpected("cannot wait for the command").source(error))
    }
}

/// Waits for the command. SIGTERM and SIGHUP are forwarded to it. Ctrl-C is ignored, because the
/// terminal sends it to the command too.
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
        // It fails if the command has just ended.
        let _ = rustix::process::kill_process(pid, signal);
    }
}
