//! A pseudo-terminal, for what a person sees and types.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Pid;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

/// A command that runs at a terminal of its own.
pub struct Terminal {
    screen: File,
    child: Child,
    shown: String,
    read: usize,
    /// How the terminal treated what is typed before anybody used it.
    pub initial: LocalModes,
}

impl Terminal {
    pub fn start(mut command: Command, columns: u16) -> Self {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&controller).unwrap();
        unlockpt(&controller).unwrap();
        let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&controller, size).unwrap();
        let name = ptsname(&controller, Vec::new()).unwrap();
        let flags = rustix::fs::OFlags::NOCTTY.bits() as i32;
        let user = File::options().read(true).write(true).custom_flags(flags).open(name.to_str().unwrap());
        let user: OwnedFd = user.unwrap().into();
        command.env("TERM", "xterm");
        command.stdin(user.try_clone().unwrap()).stdout(user.try_clone().unwrap()).stderr(user);
        let initial = tcgetattr(&controller).unwrap().local_modes;
        let child = command.spawn().unwrap();
        // The command holds the other end now, and nobody else.
        drop(command);
        Self { screen: controller.into(), child, shown: String::new(), read: 0, initial }
    }

    /// As [`Terminal::start`], with the terminal as the one that `/dev/tty`
    /// leads to.
    pub fn in_session(command: &Command, columns: u16) -> Self {
        let mut session = Command::new("setsid");
        // Whoever runs the tests may ignore Ctrl-C, which would be inherited.
        session
            .args(["--ctty", "--wait", "env", "--default-signal=INT"])
            .arg(command.get_program())
            .args(command.get_args())
            .env_clear();
        session.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        session.current_dir(command.get_current_dir().unwrap());
        Self::start(session, columns)
    }

    pub fn type_in(&mut self, text: &str) {
        self.screen.write_all(text.as_bytes()).unwrap();
    }

    /// Waits until this is shown, behind what was waited for before.
    #[track_caller]
    pub fn expect(&mut self, text: &str) {
        loop {
            if let Some(at) = self.shown[self.read..].find(text) {
                self.read += at + text.len();
                return;
            }
            assert!(self.see(), "{text:?} never came behind {:?}", &self.shown[self.read..]);
        }
    }

    /// Reads on; `false` where there is no more.
    fn see(&mut self) -> bool {
        let mut ready = [PollFd::new(&self.screen, PollFlags::IN)];
        let longest = Timespec { tv_sec: 60, tv_nsec: 0 };
        let count = poll(&mut ready, Some(&longest)).unwrap();
        assert!(count > 0, "nothing more is shown behind {:?}", &self.shown[self.read..]);
        let mut buffer = [0; 4096];
        // A terminal whose other end is closed ends in an error, not in nothing.
        let Ok(count @ 1..) = self.screen.read(&mut buffer) else { return false };
        self.shown.push_str(&String::from_utf8_lossy(&buffer[..count]));
        true
    }

    /// How the terminal treats what is typed.
    pub fn mode(&self) -> LocalModes {
        tcgetattr(&self.screen).unwrap().local_modes
    }

    /// The process that was started.
    pub fn id(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Takes the terminal away.
    pub fn hang_up(self) -> Child {
        self.child
    }

    /// All that was shown until the command ended, and its exit code.
    pub fn finish(mut self) -> (String, i32) {
        while self.see() {}
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        (self.shown.replace("\r\n", "\n"), code)
    }
}
