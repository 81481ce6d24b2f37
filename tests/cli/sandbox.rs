//! A sandbox for each test, as its own process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::ops::{Deref, DerefMut};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::support::World;

/// A running sandbox and a world whose variables point to it.
pub struct Sandbox {
    world: World,
    server: Child,
    /// `127.0.0.1:port`.
    pub address: String,
}

impl Sandbox {
    pub fn start() -> Self {
        Self::with(World::new(), &[])
    }

    /// A sandbox in an existing world, with further flags.
    pub fn with(world: World, flags: &[&str]) -> Self {
        let mut command = world.command("nscred");
        command.args(["sandbox", "--listen", "127.0.0.1:0"]).args(flags);
        Self::from_command(world, command)
    }

    /// A sandbox that a shell starts.
    pub fn in_shell(script: &str) -> Self {
        let world = World::new();
        let command = world.shell(script);
        Self::from_command(world, command)
    }

    fn from_command(mut world: World, mut command: Command) -> Self {
        let mut server = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        // The line with PATH is the last: the sandbox is ready.
        for line in BufReader::new(server.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if line.starts_with("unset ") || line.to_lowercase().starts_with("export no_proxy=") {
                continue;
            }
            let (name, value) = line.strip_prefix("export ").unwrap().split_once('=').unwrap();
            if name == "PATH" {
                let address = world.get("NSC_IAM_ENDPOINT").trim_start_matches("http://").to_owned();
                return Self { world, server, address };
            }
            world.set(name, value.trim_matches('\''));
        }
        panic!("the sandbox ended: {:?}", server.wait());
    }

    /// Kills the server and returns the world.
    pub fn kill(mut self) -> World {
        self.stop();
        std::mem::replace(&mut self.world, World::new())
    }

    fn stop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }

    /// Creates a token and returns its id and its secret.
    pub fn mint(&self, name: &str, flags: &str) -> (String, String) {
        let made = self.create(name, &format!("{flags} --output json")).json();
        (text(&made["token"]["token_id"]), text(&made["bearer_token"]))
    }

    /// Points `NSC_TOKEN_FILE` at a file with this token.
    pub fn use_token(&mut self, secret: &str) {
        let path = self.write("used.json", json!({ "bearer_token": secret }).to_string());
        self.set("NSC_TOKEN_FILE", path);
    }

    /// Points `NSC_TOKEN_FILE` at one of the sandbox's own credentials.
    pub fn become_user(&mut self, name: &str) {
        let path = format!("{}/{name}.json", self.get("NSCRED_SANDBOX"));
        self.set("NSC_TOKEN_FILE", path);
    }

    pub fn bearer(&self) -> String {
        let content = std::fs::read_to_string(self.get("NSC_TOKEN_FILE")).unwrap();
        let content: Value = serde_json::from_str(&content).unwrap();
        content.as_object().unwrap().values().next().map(text).unwrap()
    }

    pub fn id(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.server)
    }

    /// Sends a request as it is: status, headers, body.
    pub fn raw(&self, request: &str) -> (u16, String, String) {
        self.try_raw(request).unwrap()
    }

    /// As [`Sandbox::raw`], where the server may be killed meanwhile: `None`
    /// where the response is missing or incomplete.
    fn try_raw(&self, request: &str) -> Option<(u16, String, String)> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let head = head.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
        let whole = length.parse() == Ok(body.len());
        let status = head.split(' ').nth(1)?.parse().ok()?;
        whole.then(|| (status, head, body.to_owned()))
    }

    /// Sends JSON by POST: status and body.
    pub fn post(&self, path: &str, bearer: Option<&str>, body: &str) -> (u16, Value) {
        self.try_post(path, bearer, body).unwrap()
    }

    fn try_post(&self, path: &str, bearer: Option<&str>, body: &str) -> Option<(u16, Value)> {
        let authorization = bearer.map(|bearer| format!("Authorization: Bearer {bearer}\r\n")).unwrap_or_default();
        let (status, _, body) = self.try_raw(&format!(
            "POST {path} HTTP/1.1\r\nHost: sandbox\r\n{authorization}Content-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        ))?;
        Some((status, serde_json::from_str(&body).unwrap_or(Value::Null)))
    }

    /// Calls a method of TokenService: status and body.
    pub fn tokens(&self, method: &str, bearer: Option<&str>, body: Value) -> (u16, Value) {
        self.post(&format!("/namespace.cloud.iam.v1beta.TokenService/{method}"), bearer, &body.to_string())
    }

    /// As [`Sandbox::tokens`], where the server may be killed meanwhile.
    pub fn try_tokens(&self, method: &str, bearer: &str, body: &Value) -> Option<(u16, Value)> {
        self.try_post(&format!("/namespace.cloud.iam.v1beta.TokenService/{method}"), Some(bearer), &body.to_string())
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Deref for Sandbox {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl DerefMut for Sandbox {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.world
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
