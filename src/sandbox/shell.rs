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

use serde_json::json;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::error::{Failure, Result};
use crate::interrupt::Signals;
use crate::names::Program;
use crate::output::private_file;
use crate::output::sanitize::quoted;
use crate::sandbox::auth::{ADMIN, MEMBER};
use crate::sandbox::server::Sides;
use crate::secret::Secret;

/// How long the credentials of the sandbox's own users live.
const LIFETIME: Duration = Duration::from_secs(30 * 86_400);

/// The directory and the variables. Dropping it removes the directory.
pub struct World {
    directory: TempDir,
    address: SocketAddr,
    organization_id: String,
    service_token: Secret,
}

impl World {
    /// Makes the directory: `bin` with a link for each name, and a token file
    /// for each user.
    ///
    /// # Errors
    /// Unexpected: a file cannot be written.
    pub fn new(sides: &Sides, address: SocketAddr) -> Result<Self> {
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
        })
    }

    /// The variables that lead into the sandbox, `PATH` apart.
    pub fn variables(&self) -> Vec<(&'static str, OsString)> {
        // What listens everywhere is called where nobody else listens in.
        let ip = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let endpoint = OsString::from(format!("http://{}", SocketAddr::new(ip, self.address.port())));
        vec![
            ("NSC_IAM_ENDPOINT", endpoint.clone()),
            ("NSC_TOKEN_FILE", self.directory.path().join("admin.json").into()),
            ("NSCALE_IDENTITY_SERVICE_API_ENDPOINT", endpoint),
            ("NSCALE_ORGANIZATION_ID", self.organization_id.as_str().into()),
            ("NSCALE_SERVICE_TOKEN", self.service_token.expose().into()),
            ("NSCRED_SANDBOX", self.directory.path().into()),
        ]
    }

    /// The directory with the links.
    pub fn bin(&self) -> PathBuf {
        self.directory.path().join("bin")
    }

    /// Shell commands that lead into the sandbox.
    pub fn exports(&self) -> String {
        let mut text = String::new();
        for (name, value) in self.variables() {
            text.push_str(&format!("export {name}={}\n", quoted(&value)));
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
        let child = Command::new(name)
            .args(arguments)
            .env("PATH", path)
            .envs(self.variables())
            .spawn()
            .map_err(|error| Failure::usage(format!("{} cannot be run", name.to_string_lossy())).source(error))?;
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
