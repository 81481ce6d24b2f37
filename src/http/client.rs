//! One client for every call: HTTP/1.1, no redirects, bounded in time and
//! size, with retries where they can do no harm.

use std::cell::Cell;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime};

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use tokio::time::{sleep, sleep_until};
use url::Url;

use crate::context::{Environment, Settings};
use crate::error::{Failure, Kind, Result};
use crate::http::broken::{Broken, Cause, Way, broken};
use crate::http::clocks::Clocks;
use crate::http::encoding;
use crate::http::endpoint::{Endpoint, authority};
use crate::http::log::WireLog;
use crate::http::retry::{AttemptLimit, AttemptOutcome, Effect, backoff, parse_retry_after, policy};
use crate::http::tls;
use crate::interrupt::{ANSWER_GRACE, Interrupt};
use crate::redactor::Redactor;
use crate::spinner::Spinner;

/// The largest answer that is read, in bytes: 100,000 accounts are 35 MB.
const MAX_BODY: usize = 256 * 1024 * 1024;

/// How long what has arrived is taken in once the time is over: a process that
/// was stopped finds the answer and the end of its time together.
const DRAIN: Duration = Duration::from_millis(500);

/// How long to wait for a connection, within the timeout of the command.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A request, ready to be sent as often as its effect allows.
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// The headers, a credential among them marked as sensitive.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// What sending it twice would do.
    pub effect: Effect,
    /// How often it is tried at most.
    pub tries: AttemptLimit,
    /// What an answer means by the protocol: its status, headers and body.
    pub read_outcome: fn(StatusCode, &HeaderMap, &[u8]) -> AttemptOutcome,
}

/// A server's answer, whole.
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// What it means.
    pub ending: AttemptOutcome,
    /// Whether an earlier try of the same request may have been carried out.
    pub repeated: bool,
}

/// The client.
pub struct Client {
    http: reqwest::Client,
    timeout: Duration,
    /// What is left of the timeout while nothing is sent: a person who is
    /// asked something in between may take as long as they like.
    left: Cell<Duration>,
    log: WireLog,
    redactor: Redactor,
    connect_timeout: Duration,
    interrupt: Interrupt,
    /// Whether all is on loopback, where no proxy is used.
    is_local: bool,
    /// The variables that hosts come from.
    origins: Vec<(String, String)>,
    spinner: Spinner,
    /// At the last answer that had a `Date`.
    clocks: Cell<Option<Clocks>>,
}

impl Client {
    /// A client for these endpoints.
    ///
    /// # Errors
    /// Usage: a certificate file cannot be used.
    pub fn new(settings: &Settings, env: &Environment, interrupt: &Interrupt, endpoints: &[&Endpoint]) -> Result<Self> {
        let config = if endpoints.iter().any(|endpoint| endpoint.is_https()) {
            tls::client_config(settings.ca_file.as_deref(), env)?
        } else {
            tls::unused_config()?
        };
        // Below the whole, so that a connection that does not come about is not
        // taken for an answer that does not.
        let connect_timeout = CONNECT_TIMEOUT.min(settings.timeout / 2);
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(config)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(connect_timeout)
            .user_agent(concat!("nscred/", env!("CARGO_PKG_VERSION")))
            // What is called loopback stays there, whatever a resolver says.
            .resolve_to_addrs(
                "localhost",
                &[SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))],
            );
        let is_local = endpoints.iter().all(|endpoint| endpoint.is_loopback());
        builder = if is_local { builder.no_proxy() } else { builder };
        let http =
            builder.build().map_err(|error| Failure::unexpected("the HTTP client cannot be set up").source(error))?;
        let redactor = Redactor::default();
        Ok(Self {
            http,
            timeout: settings.timeout,
            left: Cell::new(settings.timeout),
            log: WireLog::new(settings.verbose, redactor.clone()),
            redactor,
            connect_timeout,
            interrupt: interrupt.clone(),
            is_local,
            origins: endpoints
                .iter()
                .filter_map(|endpoint| Some((endpoint.authority(), endpoint.variable()?.to_owned())))
                .collect(),
            spinner: settings.spinner.clone(),
            clocks: Cell::new(None),
        })
    }

    /// Where the calls are logged.
    pub fn log(&self) -> &WireLog {
        &self.log
    }

    /// What keeps secrets out of whatever a server makes it show.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// What is left of the timeout for the next request.
    pub fn remaining(&self) -> Duration {
        self.left.get()
    }

    /// Gives what follows a time of its own, whatever is left of the timeout.
    pub fn allow(&self, time: Duration) {
        self.left.set(time);
    }

    /// The clocks at the last answer that told the server's.
    pub fn clocks(&self) -> Option<Clocks> {
        self.clocks.get()
    }

    /// Sends a request, again where that can do no harm, until an answer
    /// comes that is not a passing trouble.
    ///
    /// # Errors
    /// Temporary: no answer, nothing changed. Outcome unknown: a change was
    /// sent and no answer came. Refused: the server redirected.
    pub async fn send(&self, request: &Request) -> Result<Response> {
        let deadline = Instant::now() + self.left.get();
        // What changes something is begun only while there is time to tell
        // whether it was sent, and to wait for its answer.
        if request.effect != Effect::Read && self.left.get() < self.connect_timeout {
            let limit = humantime::format_duration(self.timeout);
            return Err(Failure::new(
                Kind::Temporary,
                format!("what came before took most of {limit}, so the change was not begun"),
            )
            .hint("allow more time with --timeout 2m"));
        }
        let what = format!("waiting for {}", authority(&request.url));
        let result = self.spinner.during(&what, self.send_until(request, deadline)).await;
        self.left.set(remaining_until(deadline));
        result
    }

    /// Waits before a change is sent again, as long as the timeout lets it;
    /// `false` where it does not, or the command was asked to end.
    pub async fn pause(&self, tries: u32) -> bool {
        let wait = backoff(tries, None);
        if wait + self.connect_timeout >= self.left.get() || self.interrupt.is_requested() {
            return false;
        }
        sleep(wait).await;
        self.left.set(self.left.get() - wait);
        true
    }

    async fn send_until(&self, request: &Request, deadline: Instant) -> Result<Response> {
        let mut repeated = false;
        let mut tries = 1;
        loop {
            let outcome = self.attempt(request, tries, deadline).await;
            let (ending, asked) = match &outcome {
                Ok(answer) => (answer.ending, retry_after(&answer.headers)),
                Err(broken) => (broken.ending, None),
            };
            let permanent = outcome.as_ref().is_err_and(|broken| broken.cause.is_permanent());
            let wait = backoff(tries, asked);
            // Only while there is time to tell whether it was sent.
            let needed = wait + self.connect_timeout;
            let policy = policy(request.effect, ending);
            let is_break =
                outcome.as_ref().map_or(ending == AttemptOutcome::NoResponse, |answer| answer.status.as_u16() == 502);
            let allowed =
                policy.again && request.tries.allows_another(tries, is_break) && !self.interrupt.is_requested();
            if allowed && !permanent && needed < remaining_until(deadline) {
                repeated |= policy.may_have_been_processed;
                self.interrupt.set_in_flight(repeated && request.effect != Effect::Read);
                let was_asked_to_end = tokio::select! {
                    () = sleep(wait) => false,
                    () = self.interrupt.requested() => true,
                };
                self.interrupt.set_in_flight(false);
                if !was_asked_to_end {
                    tries += 1;
                    continue;
                }
            }
            return match outcome {
                Ok(answer) if answer.status.is_redirection() => Err(redirected(request, &answer, &self.redactor)),
                Ok(answer) => Ok(Response { repeated, ..answer }),
                Err(broken) => Err(self.explain(request, broken, repeated)),
            };
        }
    }

    async fn attempt(
        &self,
        request: &Request,
        attempt: u32,
        deadline: Instant,
    ) -> std::result::Result<Response, Broken> {
        self.log.request(&request.method, &request.url, attempt);
        let started = Instant::now();
        self.interrupt.set_in_flight(request.effect != Effect::Read);
        let outcome = self.send_once(request, deadline).await;
        self.interrupt.set_in_flight(false);
        if let Err(broken) = &outcome {
            let why = if broken.ending == AttemptOutcome::NotSent { "no connection" } else { "no answer" };
            self.log.failure(why, started.elapsed());
        }
        outcome
    }

    async fn send_once(&self, request: &Request, deadline: Instant) -> std::result::Result<Response, Broken> {
        let started = Instant::now();
        if remaining_until(deadline).is_zero() {
            return Err(Broken { ending: AttemptOutcome::NotSent, cause: Cause::Timeout });
        }
        let no_answer = |cause| Broken { ending: AttemptOutcome::NoResponse, cause };
        let out_of_time = self.out_of_time(request.effect, deadline);
        tokio::pin!(out_of_time);
        let sending = self
            .http
            .request(request.method.clone(), request.url.clone())
            .headers(request.headers.clone())
            .body(request.body.clone())
            .send();
        let mut response = tokio::select! {
            biased;
            response = sending => response.map_err(broken)?,
            cause = &mut out_of_time => return Err(no_answer(cause)),
        };
        self.clocks.set(Clocks::at_answer(response.headers()).or(self.clocks.get()));
        let status = response.status();
        // Whatever comes of it may hold the secret, and that may be all there is.
        let is_precious = request.effect == Effect::Mint && status.is_success();
        // Told beforehand or not, it is not read further than this.
        if !is_precious && response.content_length().is_some_and(|length| length > MAX_BODY as u64) {
            return Err(no_answer(Cause::TooLarge));
        }
        let mut body = Vec::new();
        loop {
            let stopped_by = tokio::select! {
                biased;
                chunk = response.chunk() => match chunk {
                    Ok(Some(chunk)) => {
                        body.extend_from_slice(&chunk[..chunk.len().min(MAX_BODY - body.len() + 1)]);
                        if body.len() <= MAX_BODY {
                            continue;
                        }
                        no_answer(Cause::TooLarge)
                    }
                    Ok(None) => break,
                    Err(error) => broken(error),
                },
                cause = &mut out_of_time => no_answer(cause),
            };
            if is_precious && !body.is_empty() {
                break;
            }
            return Err(stopped_by);
        }
        self.log.answer(status.as_u16(), started.elapsed(), response.headers());
        let mut headers = std::mem::take(response.headers_mut());
        let body = encoding::decode(&mut headers, body, MAX_BODY + 1);
        if status.is_success()
            && let Some(encoding) = encoding::unknown(&headers)
        {
            return Err(no_answer(Cause::Encoding(encoding)));
        }
        if body.len() > MAX_BODY && !is_precious {
            return Err(no_answer(Cause::TooLarge));
        }
        let ending = (request.read_outcome)(status, &headers, &body);
        Ok(Response { status, headers, body, ending, repeated: false })
    }

    /// Waits until the answer is not waited for any longer: the time is over, or
    /// the command was asked to end, and the grace that a change has is over too.
    async fn out_of_time(&self, effect: Effect, deadline: Instant) -> Cause {
        let asked_to_end = async {
            match effect {
                Effect::Read => std::future::pending().await,
                Effect::Change | Effect::Mint => self.interrupt.requested().await,
            }
            sleep(ANSWER_GRACE).await;
        };
        let cause = tokio::select! {
            () = sleep_until(deadline.into()) => Cause::Timeout,
            () = asked_to_end => Cause::Interrupted,
        };
        sleep(DRAIN).await;
        cause
    }

    /// One sentence for a request that was given up.
    fn explain(&self, request: &Request, broken: Broken, repeated: bool) -> Failure {
        let is_unsent = broken.ending == AttemptOutcome::NotSent;
        let way = Way {
            host: authority(&request.url),
            proxy: self.proxy(&request.url),
            timeout: self.timeout,
            connect_timeout: self.connect_timeout,
            redactor: self.redactor.clone(),
        };
        let failure = broken.explain(way, request.effect, repeated);
        match is_unsent {
            true => self.way(&request.url).into_iter().fold(failure, Failure::hint),
            false => failure,
        }
    }

    /// What leads to an address, as a hint: the variables of proxies, or the one
    /// that the address itself comes from.
    pub fn way(&self, url: &Url) -> Option<String> {
        if self.proxy(url).is_some() {
            let hint =
                "proxies come from HTTPS_PROXY, HTTP_PROXY and ALL_PROXY; NO_PROXY names the hosts that need none";
            return Some(hint.to_owned());
        }
        let host = authority(url);
        let (_, variable) = self.origins.iter().find(|(known, _)| *known == host)?;
        Some(format!("the address comes from {variable}"))
    }

    /// The proxy on the way to an address, without the login in its own.
    fn proxy(&self, url: &Url) -> Option<String> {
        if self.is_local {
            return None;
        }
        let proxy = Matcher::from_env().intercept(&url.as_str().parse().ok()?)?;
        let uri = proxy.uri();
        let port = uri.port().map(|port| format!(":{port}")).unwrap_or_default();
        Some(format!("{}{port}", uri.host()?))
    }
}

fn remaining_until(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// How long a server asks to wait.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    parse_retry_after(headers.get(RETRY_AFTER)?.to_str().ok()?, SystemTime::now())
}

fn redirected(request: &Request, answer: &Response, redactor: &Redactor) -> Failure {
    let target = answer
        .headers
        .get(LOCATION)
        .and_then(|location| location.to_str().ok())
        .and_then(|location| request.url.join(location).ok())
        .map_or_else(|| "elsewhere".to_owned(), |url| redactor.clean(&authority(&url)));
    Failure::new(
        Kind::Refused,
        format!(
            "{} redirects to {target}, which is not followed: the credential would go with it",
            authority(&request.url)
        ),
    )
    .http_status(answer.status.as_u16())
}
