//! Nothing inside the sandbox reaches the real clouds: what official programs go
//! by, inside a command and behind the lines that lead a shell inside.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::sandbox::Sandbox;
use crate::support::{World, script};

/// An official program that prints its environment.
const OFFICIAL: &str = "#!/bin/sh\nenv\n";

/// A world where both official programs are later on the PATH, and where
/// every variable that matters names a real cloud.
fn world() -> World {
    let mut world = World::new();
    for name in ["nsc", "nscale"] {
        script(&world.path("theirs").join(name), OFFICIAL);
    }
    let path = format!("{}:{}:/usr/bin:/bin", world.path("bin").display(), world.path("theirs").display());
    world.set("PATH", path);
    for name in ENDPOINTS {
        world.set(name, "https://real.example.com");
    }
    for name in REMOVED {
        world.set(name, "somebody else");
    }
    world.set("NO_PROXY", "corp.example.com").set("NS_DO_NOT_UPDATE", "");
    world
}

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

const REMOVED: [&str; 5] = [
    "NSC_TOKEN_SPEC",
    "NSC_TOKEN_SPEC_FILE",
    "NSC_IMPERSONATE_TENANT_ID",
    "NSC_IMPERSONATION_SPEC_FILE",
    "NSCALE_SERVICE_TOKEN_FILE",
];

/// Checks the output of `env` inside.
#[track_caller]
fn assert_inside(env: &str) {
    let env: BTreeMap<&str, &str> = env.lines().filter_map(|line| line.split_once('=')).collect();
    for name in ENDPOINTS {
        assert!(env[name].starts_with("http://127.0.0.1:"), "{name}: {env:#?}");
    }
    for name in REMOVED {
        assert!(!env.contains_key(name), "{name}: {env:#?}");
    }
    assert!(!env["NS_DO_NOT_UPDATE"].is_empty(), "{env:#?}");
    for name in ["NO_PROXY", "no_proxy"] {
        let hosts: Vec<&str> = env[name].split(',').collect();
        for host in ["corp.example.com", "localhost", "127.0.0.1"] {
            assert!(hosts.contains(&host), "{name}: {env:#?}");
        }
        assert!(!hosts.contains(&""), "{name}: {env:#?}");
    }
    assert!(
        env["NSC_TOKEN_FILE"].ends_with("/admin.json") && env["NSCALE_SERVICE_TOKEN"].starts_with("eyJ"),
        "{env:#?}"
    );
}

#[test]
fn official_programs_use_the_sandbox_inside_a_command() {
    for [program, word] in [["nsc", "instance"], ["nscale", "compute"]] {
        assert_inside(&world().run("nscred", ["sandbox", "--", program, word, "list"]).ok());
    }
    let mut bare = world();
    bare.set("NO_PROXY", "");
    let env = bare.run("nscred", ["sandbox", "--", "env"]).ok();
    assert!(env.lines().any(|line| line.starts_with("no_proxy=localhost,")), "{env}");
    // Only the lower-case variable is set.
    bare.set("no_proxy", "corp.example.com");
    assert_inside(&bare.run("nscred", ["sandbox", "--", "env"]).ok());
}

#[test]
fn official_programs_use_the_sandbox_after_its_exports() {
    let world = world();
    let mut server = world.command("nscred");
    server.args(["sandbox", "--listen", "127.0.0.1:0"]);
    let mut server = server.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = String::new();
    let mut reader = BufReader::new(server.stdout.take().unwrap());
    while !lines.contains("export PATH=") {
        assert_ne!(reader.read_line(&mut lines).unwrap(), 0, "{lines}");
    }
    let lines = world.write("lines", lines);
    // In the strictest mode of the shell, and twice.
    let env = world.sh(&format!("set -eu\n. {lines}\nnsc instance list"));
    let again = world.sh(&format!("set -eu\n. {lines}\n. {lines}\nnscale compute list"));
    let bare = world.sh(&format!("set -eu\nunset NO_PROXY\n. {lines}\nnscale compute list"));
    server.kill().unwrap();
    server.wait().unwrap();
    assert_inside(&env.ok());
    assert_inside(&again.ok());
    assert!(bare.ok().lines().any(|line| line.starts_with("no_proxy=localhost,")));
}

#[test]
fn what_is_not_served_is_an_error_in_the_clouds_form() {
    let sandbox = Sandbox::start();
    let service_token = sandbox.get("NSCALE_SERVICE_TOKEN").to_owned();
    for (path, code) in [
        ("/namespace.cloud.compute.v1beta.ComputeService/CreateInstance", "unimplemented".into()),
        ("/namespace.cloud.iam.v1beta.TenantService/GetTenant", "unimplemented".into()),
        ("/nsl.versions.VersionsService/GetLatest", serde_json::json!(12)),
        ("/nsl.vm.api.VMService/GetImageRegistry", 12.into()),
    ] {
        let (status, body) = sandbox.post(path, Some(&sandbox.bearer()), "{}");
        assert_eq!((status, &body["code"]), (501, &code), "{path}: {body}");
    }
    for line in [
        "GET /api/v1/organizations/d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90/regions",
        "GET /api/v1/organizations/d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90/projects/d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90/clusters",
        "GET /api/v2/regions",
        "POST /api/v2/instances",
        "GET /api/v1/filestorage",
        "DELETE /api/v2/reservations/x",
    ] {
        let (status, head, body) = sandbox.raw(&format!(
            "{line} HTTP/1.1\r\nHost: sandbox\r\nAuthorization: Bearer {service_token}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        ));
        assert!(status == 404 && head.contains("content-type: application/json"), "{line}: {head}");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["error"], "not_found", "{line}: {body}");
    }
}
