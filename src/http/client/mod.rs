//! The HTTP client: HTTP/1.1, no redirects, limited in time and size, with retries where
//! they do no harm.

mod attempt;
mod connector;

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Method, StatusCode};
use tokio::time::sleep;

use crate::context::{Clock, Context};
use crate::http::client::connector::Connector;
use crate::http::clock_reading::ClockReading;
use crate::http::content::Content;
use crate::http::endpoint::{Endpoint, authority};
use crate::http::error::{Cause, Error, Route, SetupError, TransportError};
use crate::http::log::WireLog;
use crate::http::proxy::Proxy;
use crate::http::retry::{AttemptLimit, AttemptOutcome, Effect, backoff, policy};
use crate::http::tls::Store;
use crate::interrupt::Interrupt;
use crate::redactor::Redactor;
use crate::spinner::Spinner;

/// The largest body that is read, in bytes: 100,000 accounts are 35 MB.
pub const MAX_BODY: usize = 256 * 1024 * 1024;

/// How long to wait for a connection, within the timeout of the command.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A request, which is sent as often as its effect and its limit allow.
pub struct Request<'a> {
    pub method: Method,
    pub endpoint: &'a Endpoint,
    pub path: &'a str,
    /// A credential among them is marked as sensitive.
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub effect: Effect,
    pub limit: AttemptLimit,
    /// The status that counts: the errors of a protocol may have their own.
    pub effective_status: fn(StatusCode, &HeaderMap, &[u8]) -> u16,
}

/// A complete response.
pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub outcome: AttemptOutcome,
    /// How long the server asks to wait.
    pub retry_after: Option<Duration>,
    /// Whether a change may have been carried out, in this attempt or an earlier one,
    /// although this response is not a success.
    pub may_have_been_processed: bool,
}

pub struct Client {
    connector: Connector,
    /// With the store that servers' certificates are checked against.
    http: RefCell<(reqwest::Client, Store)>,
    timeout: Duration,
    /// What is left of the timeout. It counts only the time of requests: a user may take
    /// any time to answer a question between them.
    remaining: Cell<Duration>,
    log: WireLog,
    redactor: Redactor,
    interrupt: Interrupt,
    spinner: Spinner,
    clock: Clock,
    /// At the last response with a `Date`.
    clocks: Cell<Option<ClockReading>>,
}

impl Client {
    /// A client for these endpoints.
    ///
    /// # Errors
    /// A certificate file cannot be used.
    pub fn new(ctx: &Context, endpoints: &[&Endpoint]) -> Result<Self, SetupError> {
        let settings = &ctx.settings;
        // Less than the whole timeout, so that a missing connection is not reported as a
        // missing response.
        let connect_timeout = CONNECT_TIMEOUT.min(settings.timeout / 2);
        let is_local = endpoints.iter().all(|endpoint| endpoint.is_loopback());
        let connector = Connector {
            proxy: if is_local { Proxy::default() } else { Proxy::from_env(&ctx.env)? },
            is_https: endpoints.iter().any(|endpoint| endpoint.is_https()),
            ca_file: settings.ca_file.clone(),
            env: ctx.env.clone(),
            connect_timeout,
        };
        let store = Store::first(&ctx.env);
        let redactor = Redactor::default();
        Ok(Self {
            http: RefCell::new((connector.client(store)?, store)),
            connector,
            timeout: settings.timeout,
            remaining: Cell::new(settings.timeout),
            log: WireLog::new(settings.verbose.then(|| ctx.stderr.clone()), redactor.clone()),
            redactor,
            interrupt: ctx.interrupt.clone(),
            spinner: settings.spinner.clone(),
            clock: ctx.clock,
            clocks: Cell::new(None),
        })
    }

    pub fn log(&self) -> &WireLog {
        &self.log
    }

    /// Removes the secrets of this client's calls from the text of a server.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// The time for the next request.
    pub fn remaining(&self) -> Duration {
        self.remaining.get()
    }

    /// Sets the time for the following requests.
    pub fn set_remaining(&self, time: Duration) {
        self.remaining.set(time);
    }

    /// From here on an interrupt reports the outcome of the last change as unknown, also
    /// during requests that only read.
    pub fn mark_outcome_unknown(&self) {
        self.interrupt.mark_outcome_unknown();
    }

    /// Both clocks at the last response with a `Date`.
    pub fn clocks(&self) -> Option<ClockReading> {
        self.clocks.get()
    }

    /// Sends a request, and repeats it where [`policy`] allows.
    ///
    /// # Errors
    /// There is no response, or it is a redirect.
    pub async fn send(&self, request: &Request<'_>) -> Result<Response, Error> {
        // A change is started only if there is time to know whether it was sent, and to
        // wait for its response.
        if request.effect != Effect::Read && self.remaining.get() < self.connector.connect_timeout {
            return Err(Error::not_sent(Cause::NoTimeLeft(self.timeout), request.effect, request.endpoint));
        }
        let deadline = Instant::now() + self.remaining.get();
        let result = self.spinner.during(&request.endpoint.authority(), self.send_until(request, deadline)).await;
        self.remaining.set(remaining_until(deadline));
        result
    }

    /// Waits before a change is sent again. `false` if too little of the timeout is left,
    /// or the command was interrupted.
    pub async fn pause(&self, attempts: u32) -> bool {
        let wait = backoff(attempts, None);
        if wait + self.connector.connect_timeout >= self.remaining.get() || self.interrupt.is_requested() {
            return false;
        }
        sleep(wait).await;
        self.remaining.set(self.remaining.get() - wait);
        true
    }

    /// The error for a response that did not come from the API.
    pub fn foreign_response(&self, response: &Response, effect: Effect, endpoint: &Endpoint) -> Error {
        let cause = Cause::Foreign {
            status: response.status.as_u16(),
            content: Content::of(&response.headers, &response.body, &self.redactor),
            retry_after: response.retry_after,
        };
        // Whatever reports success may have forwarded the request.
        let is_success = response.status.is_success() && effect != Effect::Read;
        Error {
            outcome: response.outcome,
            may_have_been_processed: response.may_have_been_processed || is_success,
            route: Route::new(endpoint, self.proxy(endpoint)),
            ..Error::not_sent(cause, effect, endpoint)
        }
    }

    async fn send_until(&self, request: &Request<'_>, deadline: Instant) -> Result<Response, Error> {
        let mut retried_after_send = false;
        let mut attempts = 1;
        loop {
            let result = self.attempt(request, attempts, deadline).await;
            let (outcome, retry_after) = match &result {
                Ok(response) => (response.outcome, response.retry_after),
                Err(error) => (error.outcome, None),
            };
            let policy = policy(request.effect, outcome);
            let may_have_been_processed = retried_after_send || policy.may_have_been_processed;
            if policy.may_retry && !self.interrupt.is_requested() && self.may_retry(request, &result, attempts) {
                let wait = backoff(attempts, retry_after);
                // Only if there is time to know whether it was sent.
                if wait + self.connector.connect_timeout < remaining_until(deadline)
                    && self.wait_to_retry(wait, may_have_been_processed).await
                {
                    retried_after_send = may_have_been_processed;
                    attempts += 1;
                    continue;
                }
            }
            return match result {
                Ok(response) if response.status.is_redirection() => {
                    let cause = self.redirected(request, &response);
                    Err(Error { outcome, may_have_been_processed, ..self.error(cause, request) })
                }
                Ok(response) => Ok(Response { may_have_been_processed, ..response }),
                Err(error) => Err(Error { outcome, may_have_been_processed, ..self.error(error.cause, request) }),
            };
        }
    }

    fn may_retry(&self, request: &Request<'_>, result: &Result<Response, TransportError>, attempts: u32) -> bool {
        let (is_break, is_permanent) = match result {
            Ok(response) => (response.status == StatusCode::BAD_GATEWAY, false),
            Err(error) => (error.outcome == AttemptOutcome::NoResponse, error.is_permanent()),
        };
        !is_permanent && request.limit.allows_another(attempts, is_break)
    }

    /// `false` if the command was interrupted.
    async fn wait_to_retry(&self, wait: Duration, may_have_been_processed: bool) -> bool {
        self.interrupt.set_in_flight(may_have_been_processed);
        let has_waited = tokio::select! {
            () = sleep(wait) => true,
            () = self.interrupt.requested() => false,
        };
        self.interrupt.set_in_flight(false);
        has_waited
    }

    fn error(&self, cause: Cause, request: &Request<'_>) -> Error {
        let route = Route::new(request.endpoint, self.proxy(request.endpoint));
        Error { route, ..Error::not_sent(cause, request.effect, request.endpoint) }
    }

    fn redirected(&self, request: &Request<'_>, response: &Response) -> Cause {
        let location = response.headers.get(LOCATION).and_then(|location| location.to_str().ok());
        let target = location.and_then(|location| request.endpoint.join(request.path).join(location).ok());
        Cause::Redirected {
            status: response.status.as_u16(),
            target: target.map(|url| self.redactor.clean(&authority(&url))),
        }
    }

    /// The address of the proxy before an endpoint, without a login.
    fn proxy(&self, endpoint: &Endpoint) -> Option<String> {
        self.connector.proxy.name_for(&endpoint.join("/"))
    }
}

fn remaining_until(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}
