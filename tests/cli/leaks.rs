//! A secret is where it was promised and nowhere else: every command, with
//! the log of the wire on, looked through for the secrets that it handles.

use std::path::Path;

use serde_json::Value;

use crate::sandbox::{Sandbox, text};
use crate::support::{GRANT, Run, mode};

/// What of a secret is recognised: its end, which no header of a JWE shares.
fn end(secret: &str) -> &str {
    &secret[secret.len() - 16..]
}

/// Every file below a directory that holds one of the secrets.
fn holders(directory: &Path, secrets: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            found.extend(holders(&path, secrets));
        } else if let Ok(content) = std::fs::read(&path) {
            let content = String::from_utf8_lossy(&content);
            if secrets.iter().any(|secret| content.contains(end(secret))) {
                assert_eq!(mode(&path), 0o600, "{}", path.display());
                found.push(path.file_name().unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn secrets_are_where_they_were_promised_and_nowhere_else() {
    let mut sandbox = Sandbox::start();
    let session = sandbox.get("NSCRED_SANDBOX").to_owned() + "/session.json";
    let session = std::fs::read_to_string(session).unwrap();
    let session: Value = serde_json::from_str(&session).unwrap();
    // The credentials in use: a session that is exchanged, and a service token.
    let mut secrets = vec![text(&session["session_token"]), sandbox.get("NSCALE_SERVICE_TOKEN").to_owned()];
    sandbox.write("login/session.json", session.to_string());
    std::fs::set_permissions(sandbox.path("login/session.json"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .unwrap();
    let login = sandbox.path("login/session.json");
    sandbox.set("NSC_TOKEN_FILE", login.to_str().unwrap());
    let (mut token, mut account) = (String::new(), String::new());
    sandbox.write("sa.json", r#"{"metadata":{"name":"ci"},"spec":{"groupIDs":[]}}"#);
    sandbox.write("new.json", r#"{"metadata":{"name":"ci2"},"spec":{"groupIDs":[]}}"#);
    // Each command, and whether a new secret is promised on standard output.
    for (line, is_promised) in [
        ("token create --name a --grant GRANT", true),
        ("token create --name b --grant GRANT -o json", true),
        ("token create --name c --grant GRANT -o token", true),
        ("token create --name d --grant GRANT -q .bearer_token", true),
        ("token create --name e --grant GRANT --token_file token.json", false),
        ("token create --name a --grant GRANT", false),
        ("auth status", false),
        ("auth status -o json --min-validity 1y", false),
        ("token list", false),
        ("token list -o json --include_revoked", false),
        ("token refresh --token_id TOKEN -o json", false),
        ("token revoke --token_id TOKEN", false),
        ("token revoke --token_id TOKEN", false),
        ("sa create --file sa.json --yes --json", true),
        ("sa create --file sa.json --yes", true),
        ("sa list", false),
        ("sa list --json", false),
        ("sa get --id ACCOUNT --json", false),
        ("sa update --id ACCOUNT --file new.json --yes --json", false),
        ("sa rotate --id ACCOUNT --yes --token-file sa.token", false),
        ("sa rotate --id ACCOUNT --yes", true),
        ("sa rotate --id ACCOUNT --yes -q .status.accessToken", true),
        ("sa rotate --id ACCOUNT", false),
        ("sa delete --id ACCOUNT --yes", false),
        ("sa rotate --id ACCOUNT --yes", false),
    ] {
        let words = line.split(' ').map(|word| match word {
            "GRANT" => GRANT,
            "TOKEN" => &token,
            "ACCOUNT" => &account,
            word => word,
        });
        let run = sandbox.run("nscred", words.chain(["-v"]));
        let new = minted(&run);
        assert_eq!(new.is_some(), is_promised, "{line}: {run:#?}");
        if line.ends_with("-o json") && is_promised {
            let made: Value = serde_json::from_str(&run.stdout).unwrap();
            token = text(&made["token"]["token_id"]);
        }
        if line.ends_with("--json") && is_promised {
            let made: Value = serde_json::from_str(&run.stdout).unwrap();
            account = text(&made["metadata"]["id"]);
        }
        for secret in &secrets {
            let shown = run.stdout.contains(end(secret)) || run.stderr.contains(end(secret));
            assert!(!shown, "{line}: {run:#?}");
        }
        if let Some(new) = new {
            assert!(!run.stderr.contains(end(&new)), "{line}: {run:#?}");
            secrets.push(new);
        }
        assert!(!run.stderr.contains("Bearer "), "{line}: {run:#?}");
    }
    let file: Value = serde_json::from_str(&sandbox.read("token.json")).unwrap();
    secrets.push(text(&file["bearer_token"]));
    secrets.push(sandbox.read("sa.token").trim().to_owned());
    // Of all of them only the login, here and in the sandbox's own directory,
    // and what was asked for are in files. The cache holds what the session
    // was exchanged for.
    assert_eq!(holders(sandbox.directory.path(), &secrets), ["sa.token", "session.json", "session.json", "token.json"]);
    assert_eq!(mode(sandbox.path("login/token.cache")), 0o600);
}

/// The secret on standard output.
fn minted(run: &Run) -> Option<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let mut words = run.stdout.split(|c: char| !is_part(c));
    words.find(|word| word.len() > 40 && (word.starts_with("nsrt_") || word.starts_with("eyJ"))).map(str::to_owned)
}

/// The places that open a secret, so that another one is noticed.
#[test]
fn secrets_are_opened_in_few_places() {
    fn count(directory: &Path) -> Vec<(String, usize)> {
        let mut counts = Vec::new();
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                counts.extend(count(&path));
                continue;
            }
            let source = std::fs::read_to_string(&path).unwrap();
            let product = source.split("#[cfg(test)]").next().unwrap();
            let opened = product.matches(".expose()").count() + product.matches("Secret::expose").count();
            if opened > 0 {
                let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
                counts.push((path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(), opened));
            }
        }
        counts.sort();
        counts
    }
    let opened = count(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let expected = [
        ("delivery/mod.rs", 2),
        ("http/json.rs", 1),
        ("namespace/commands/create.rs", 1),
        ("namespace/credential.rs", 1),
        ("namespace/jwt.rs", 2),
        ("namespace/minted.rs", 1),
        ("namespace/session.rs", 2),
        ("namespace/token_file.rs", 5),
        ("nscale/commands/deliver.rs", 1),
        ("nscale/minted.rs", 1),
        ("redactor.rs", 3),
        ("sandbox/shell.rs", 1),
    ];
    let opened: Vec<(&str, usize)> = opened.iter().map(|(file, count)| (file.as_str(), *count)).collect();
    assert_eq!(opened, expected);
}
