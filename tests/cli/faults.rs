//! Every command under every fault, in both forms of output: the exit code,
//! the words, what is on standard output, and how often it was asked for.

use std::collections::VecDeque;
use std::sync::Mutex;

use serde_json::Value;

use crate::sandbox::Sandbox;
use crate::support::{GRANT, Run, World};

/// What repeating a request would do, which decides the outcome of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Read,
    Change,
    Mint,
}
use Effect::{Change, Mint, Read};

/// A command line, the operation that fails, and its effect.
const COMMANDS: [(&str, &str, Effect); 10] = [
    ("token list", "token.list", Read),
    ("token create --name new --grant GRANT", "token.create", Mint),
    ("token refresh --token_id TOKEN", "token.refresh", Change),
    ("token revoke --token_id TOKEN", "token.revoke", Change),
    ("serviceaccounts list", "sa.list", Read),
    ("serviceaccounts get --id ACCOUNT", "sa.list", Read),
    ("serviceaccounts create --file new.json --yes", "sa.create", Mint),
    ("serviceaccounts update --id ACCOUNT --file new.json --yes", "sa.update", Change),
    ("serviceaccounts rotate --id ACCOUNT --yes", "sa.rotate", Mint),
    ("serviceaccounts delete --id ACCOUNT --yes", "sa.delete", Change),
];

/// Faults, one after another where there is a +, and for each effect the exit
/// code and the number of requests, unless [`EXCEPTIONS`] has others.
const FAULTS: [(&str, [(i32, usize); 3]); 64] = [
    // Empty responses, as from a gateway.
    ("400", [(1, 1), (1, 1), (1, 1)]),
    ("401", [(1, 1), (1, 1), (1, 1)]),
    ("403", [(1, 1), (1, 1), (1, 1)]),
    ("404", [(1, 1), (1, 1), (1, 1)]),
    ("408", [(7, 4), (8, 4), (8, 1)]),
    ("418", [(1, 1), (1, 1), (1, 1)]),
    ("429", [(7, 4), (7, 4), (8, 1)]),
    ("429x1", [(0, 2), (0, 2), (8, 1)]),
    ("429:0", [(7, 4), (7, 4), (7, 4)]),
    ("429:0x1", [(0, 2), (0, 2), (0, 2)]),
    ("429:3600", [(7, 1), (7, 1), (7, 1)]),
    ("500", [(1, 1), (8, 1), (8, 1)]),
    ("501", [(1, 1), (1, 1), (1, 1)]),
    ("502", [(7, 4), (8, 4), (8, 1)]),
    ("503", [(7, 4), (8, 4), (8, 1)]),
    ("503:0x2", [(0, 3), (0, 3), (8, 1)]),
    ("504", [(7, 4), (8, 4), (8, 1)]),
    ("acted-502x1", [(0, 2), (0, 2), (8, 1)]),
    ("acted-503:0x1", [(0, 2), (0, 2), (8, 1)]),
    // HTML pages, as from a web filter.
    ("html-401", [(1, 1), (1, 1), (1, 1)]),
    ("html-403", [(1, 1), (1, 1), (1, 1)]),
    ("html-404", [(1, 1), (1, 1), (1, 1)]),
    ("html-407", [(1, 1), (1, 1), (1, 1)]),
    ("html-429", [(7, 4), (7, 4), (8, 1)]),
    ("html-429:0", [(7, 4), (7, 4), (7, 4)]),
    ("html-500", [(1, 1), (8, 1), (8, 1)]),
    ("html-503", [(7, 4), (8, 4), (8, 1)]),
    // The API's own errors.
    ("code=canceled", [(1, 1), (8, 1), (8, 1)]),
    ("code=unknown", [(1, 1), (8, 1), (8, 1)]),
    ("code=invalid_argument", [(1, 1), (1, 1), (1, 1)]),
    ("code=deadline_exceeded", [(7, 4), (8, 4), (8, 1)]),
    ("code=not_found", [(5, 1), (5, 1), (5, 1)]),
    ("code=already_exists", [(6, 1), (6, 1), (6, 1)]),
    ("code=permission_denied", [(3, 1), (3, 1), (3, 1)]),
    ("code=resource_exhausted", [(7, 4), (7, 4), (8, 1)]),
    ("code=resource_exhausted:0", [(7, 4), (7, 4), (7, 4)]),
    ("code=resource_exhausted:0x1", [(0, 2), (0, 2), (0, 2)]),
    ("code=resource_exhausted:3600", [(7, 1), (7, 1), (7, 1)]),
    ("code=failed_precondition", [(6, 1), (6, 1), (6, 1)]),
    ("code=aborted", [(6, 1), (6, 1), (6, 1)]),
    ("code=out_of_range", [(1, 1), (1, 1), (1, 1)]),
    ("code=unimplemented", [(1, 1), (1, 1), (1, 1)]),
    ("code=internal", [(1, 1), (8, 1), (8, 1)]),
    ("code=internal:1", [(1, 1), (8, 1), (8, 1)]),
    ("code=unavailable", [(7, 4), (8, 4), (8, 1)]),
    ("code=unavailablex1", [(0, 2), (0, 2), (8, 1)]),
    ("acted-code=unavailablex1", [(0, 2), (0, 2), (8, 1)]),
    ("code=data_loss", [(1, 1), (8, 1), (8, 1)]),
    ("code=unauthenticated", [(4, 1), (4, 1), (4, 1)]),
    // An earlier attempt may have been processed.
    ("code=unavailablex1+code=permission_denied", [(3, 2), (8, 2), (8, 1)]),
    ("code=unavailablex1+code=not_found", [(5, 2), (5, 2), (8, 1)]),
    ("code=unavailablex1+html-404", [(1, 2), (8, 2), (8, 1)]),
    ("429:0x1+code=permission_denied", [(3, 2), (3, 2), (3, 2)]),
    ("429:0x1+503", [(7, 4), (8, 4), (8, 2)]),
    // Connections and bodies.
    ("drop", [(7, 4), (8, 4), (8, 1)]),
    ("dropx1", [(0, 2), (0, 2), (8, 1)]),
    ("dropx1+429", [(7, 4), (8, 4), (8, 1)]),
    ("truncatex1", [(0, 2), (0, 2), (8, 1)]),
    ("stall", [(7, 1), (8, 1), (0, 1)]),
    ("gzip", [(0, 1), (0, 1), (0, 1)]),
    ("garbage", [(1, 1), (8, 1), (8, 1)]),
    ("redirect", [(1, 1), (1, 1), (1, 1)]),
    ("hang", [(7, 1), (8, 1), (8, 1)]),
    ("slow=20", [(0, 1), (0, 1), (0, 1)]),
];

/// Where one command differs from the others of its effect: fault,
/// operation or its prefix, exit code, requests.
const EXCEPTIONS: [(&str, &str, (i32, usize)); 10] = [
    // It is gone, which may be what the earlier attempt did.
    ("code=unavailablex1+code=not_found", "token.revoke", (0, 2)),
    ("code=unavailablex1+code=not_found", "sa.delete", (0, 2)),
    // This API has no such code, only its status.
    ("code=failed_precondition", "sa.", (1, 1)),
    // A conflict changed nothing, and is retried.
    ("code=already_exists", "sa.rotate", (6, 4)),
    ("code=already_exists", "sa.delete", (6, 4)),
    ("code=already_exists", "sa.update", (6, 4)),
    ("code=aborted", "sa.rotate", (6, 4)),
    ("code=aborted", "sa.delete", (6, 4)),
    ("code=aborted", "sa.update", (6, 4)),
    // The secret is in the first half of this answer.
    ("truncatex1", "token.create", (0, 1)),
];

/// A command under a fault.
#[derive(Clone, Copy, Debug)]
struct Cell {
    line: &'static str,
    operation: &'static str,
    fault: &'static str,
    is_json: bool,
    code: i32,
    requests: usize,
}

fn cells() -> VecDeque<Cell> {
    let mut cells = VecDeque::new();
    for (line, operation, effect) in COMMANDS {
        for (fault, outcomes) in FAULTS {
            let is_meant = |of: &str, place: &str| of == fault && operation.starts_with(place);
            let exception = EXCEPTIONS.iter().find(|(of, place, _)| is_meant(of, place)).map(|(.., outcome)| *outcome);
            let (mut code, requests) = exception.unwrap_or(outcomes[effect as usize]);
            for is_json in [false, true] {
                // An incomplete body cannot be shown as JSON, and is kept.
                if is_json && effect == Mint && code == 0 && ["truncatex1", "stall"].contains(&fault) {
                    code = 1;
                }
                cells.push_back(Cell { line, operation, fault, is_json, code, requests });
            }
        }
    }
    cells
}

impl Cell {
    /// Whether a line of the log is a request of the operation.
    fn is_counted(&self, request: &str) -> bool {
        let (method, path) = request.split_once(' ').unwrap();
        let in_accounts = path.contains("/serviceaccounts");
        match self.operation {
            "token.create" => path.ends_with("/CreateRevokableToken"),
            "token.list" => path.ends_with("/ListRevokableTokens"),
            "token.refresh" => path.ends_with("/RefreshRevokableToken"),
            "token.revoke" => path.ends_with("/RevokeRevokableToken"),
            "sa.list" => in_accounts && method == "GET",
            "sa.create" => path.ends_with("/serviceaccounts") && method == "POST",
            "sa.update" => in_accounts && method == "PUT",
            "sa.rotate" => path.ends_with("/rotate"),
            "sa.delete" => in_accounts && method == "DELETE",
            other => panic!("{other}"),
        }
    }

    fn check(&self) {
        let world = World::new();
        let log = world.path("requests.log");
        let faults: Vec<String> = self.fault.split('+').map(|fault| format!("{}={fault}", self.operation)).collect();
        let mut flags: Vec<&str> = faults.iter().flat_map(|fault| ["--fault", fault]).collect();
        flags.extend(["--log", log.to_str().unwrap()]);
        // What the command works on is created by other operations.
        let sandbox = Sandbox::with(world, &flags);
        let (token, account) = (self.token(&sandbox), self.account(&sandbox));
        std::fs::write(&log, "").unwrap();
        sandbox.write("new.json", r#"{"metadata":{"name":"new"},"spec":{"groupIDs":[]}}"#);
        let words = self.line.split(' ').map(|word| match word {
            "GRANT" => GRANT,
            "TOKEN" => &token,
            "ACCOUNT" => &account,
            word => word,
        });
        // Short where nothing is answered, long where a slow machine must not matter.
        let timeout = if ["hang", "stall"].contains(&self.fault) { "1s" } else { "60s" };
        let mut args: Vec<&str> = words.chain(["--timeout", timeout]).collect();
        let has_json = self.is_json && self.operation != "sa.delete";
        if has_json {
            args.extend(if self.operation.starts_with("token.") { &["--output", "json"][..] } else { &["--json"] });
        }
        // Also with the log of requests, where errors are text.
        args.extend((!has_json).then_some("-v"));
        let run = sandbox.run("nscred", &args);
        assert_eq!(run.code, self.code, "{self:?}: {run:#?}");
        let requests = std::fs::read_to_string(&log).unwrap();
        let count = requests.lines().filter(|request| self.is_counted(request)).count();
        assert_eq!(count, self.requests, "{self:?}: {requests}");
        self.check_words(&run, has_json);
        self.check_secrets(&sandbox, &run);
    }

    fn check_words(&self, run: &Run, has_json: bool) {
        if self.code == 0 {
            assert!(!run.stderr.contains("error"), "{self:?}: {run:#?}");
            return;
        }
        assert_eq!(run.stdout, "", "{self:?}");
        let kind = match self.code {
            1 => &["refused", "unexpected"][..],
            3 => &["not_permitted"],
            4 => &["not_authenticated"],
            5 => &["not_found"],
            6 => &["conflict"],
            7 => &["temporary"],
            8 => &["outcome_unknown"],
            other => panic!("{other}"),
        };
        for words in self.words() {
            assert!(run.stderr.contains(words), "{self:?}: no {words:?} in {run:#?}");
        }
        if has_json {
            assert_eq!(run.stderr.lines().count(), 1, "{self:?}: {run:#?}");
            let error: Value = serde_json::from_str(&run.stderr).unwrap();
            assert!(kind.contains(&error["kind"].as_str().unwrap()), "{self:?}: {error}");
            // An unknown outcome comes with a hint.
            assert!(self.code != 8 || !error["hints"].as_array().unwrap().is_empty(), "{self:?}: {error}");
        } else {
            assert!(run.stderr.starts_with("error: ") || run.stderr.contains("\nerror: "), "{self:?}: {run:#?}");
            assert!(self.code != 8 || run.stderr.contains("\nhint: "), "{self:?}: {run:#?}");
        }
    }

    /// Parts of the message.
    fn words(&self) -> Vec<&'static str> {
        // Without a retry the first fault decides.
        let mut faults = self.fault.split('+');
        let last = if self.requests == 1 { faults.next() } else { faults.next_back() }.unwrap();
        let connections = ["drop", "hang", "truncate", "stall", "garbage", "redirect"];
        let is_connection = connections.iter().any(|it| last.contains(it));
        let mut words = Vec::new();
        match self.code {
            8 if self.fault == "truncatex1" => words.push("the secret in it is lost"),
            8 => words.push("its outcome is unknown"),
            7 if !is_connection => words.push("the server cannot answer now"),
            _ => {}
        }
        match last {
            // The commands word these themselves.
            "code=already_exists" | "code=aborted" => {}
            _ if is_connection => {}
            _ if last.contains("html-") => words.push("an HTML page titled"),
            _ if last.contains("code=") => words.push("a fault that was asked for"),
            _ => words.push("without a body"),
        }
        if self.code == 1 && !is_connection && !last.contains("code=") {
            words.push("something other than the API answered");
        }
        words
    }

    /// The credentials are not in the output.
    fn check_secrets(&self, sandbox: &Sandbox, run: &Run) {
        for secret in [sandbox.bearer(), sandbox.get("NSCALE_SERVICE_TOKEN").to_owned()] {
            let end = &secret[secret.len() - 16..];
            assert!(!run.stderr.contains(end) && !run.stdout.contains(end), "{self:?}: {run:#?}");
        }
    }

    /// A token to work on, where the command needs one.
    fn token(&self, sandbox: &Sandbox) -> String {
        if !self.line.contains("TOKEN") {
            return String::new();
        }
        sandbox.mint("old", "").0
    }

    /// An account to work on, where the command needs one.
    fn account(&self, sandbox: &Sandbox) -> String {
        if !self.line.contains("ACCOUNT") {
            return String::new();
        }
        let path = sandbox.write("old.json", r#"{"metadata":{"name":"old"},"spec":{"groupIDs":[]}}"#);
        sandbox.sa(&format!("create --file {path} --yes -q .metadata.id")).ok().trim().to_owned()
    }
}

#[test]
fn every_command_under_every_fault() {
    /// Most of the time they wait between attempts.
    const WORKERS: usize = 24;
    let cells = cells();
    println!("{} cells", cells.len());
    assert_eq!(cells.len(), COMMANDS.len() * FAULTS.len() * 2);
    let cells = Mutex::new(cells);
    let next = || cells.lock().unwrap().pop_front();
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(cell) = next() {
                    cell.check();
                }
            });
        }
    });
}
