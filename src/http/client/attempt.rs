//! One attempt at a request.

use std::time::{Duration, Instant};

use reqwest::header::RETRY_AFTER;
use tokio::time::{sleep, sleep_until};
use url::Url;

use super::{Client, MAX_BODY, Request, Response, remaining_until};
use crate::http::clock_reading::ClockReading;
use crate::http::content::MAX_EXCERPT;
use crate::http::encoding;
use crate::http::error::{BadResponse, Cause, TransportError};
use crate::http::retry::{AttemptOutcome, Effect, parse_retry_after};
use crate::http::tls;
use crate::interrupt::RESPONSE_GRACE_PERIOD;

/// How long a response that has already arrived is still read after the deadline: for a
/// process that was suspended, both may be due at once.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(500);

impl Client {
    pub(super) async fn attempt(
        &self,
        request: &Request<'_>,
        attempt: u32,
        deadline: Instant,
    ) -> Result<Response, TransportError> {
        let url = request.endpoint.join(request.path);
        self.log.request(&request.method, &url, attempt);
        let started = Instant::now();
        self.interrupt.set_in_flight(request.effect != Effect::Read);
        let result = self.send_once(request, url, deadline).await;
        self.interrupt.set_in_flight(false);
        if let Err(error) = &result {
            self.log.no_response(error.outcome, started.elapsed());
        }
        result
    }

    async fn send_once(&self, request: &Request<'_>, url: Url, deadline: Instant) -> Result<Response, TransportError> {
        let started = Instant::now();
        if remaining_until(deadline).is_zero() {
            return Err(TransportError { outcome: AttemptOutcome::NotSent, cause: Cause::Timeout(self.timeout) });
        }
        let transport_error = |error| {
            let is_proxied = self.proxy(request.endpoint).is_some();
            TransportError::new(error, is_proxied, self.connector.connect_timeout, self.timeout)
        };
        let out_of_time = self.out_of_time(request.effect, deadline);
        tokio::pin!(out_of_time);
        let mut first_error = None;
        let mut response = loop {
            let http = self.http.borrow().0.clone();
            let sent = http.request(request.method.clone(), url.clone()).headers(request.headers.clone());
            let sending = sent.body(request.body.clone()).send();
            let result = tokio::select! {
                biased;
                result = sending => result,
                cause = &mut out_of_time => return Err(TransportError::no_response(cause)),
            };
            match result.map_err(transport_error) {
                Ok(response) => break response,
                // Nothing was sent yet.
                Err(error) if self.trusts_another_store(&error) => first_error = Some(error),
                // That the authority is unknown says less than anything else.
                Err(error) if error.is_unknown_authority() => return Err(first_error.unwrap_or(error)),
                Err(error) => return Err(error),
            }
        };
        let now = self.clock.now();
        self.clocks.set(ClockReading::of_response(response.headers(), now).or(self.clocks.get()));
        let status = response.status();
        // Even a part of the body may contain the secret, which exists nowhere else.
        let may_hold_secret = request.effect == Effect::Mint && status.is_success();
        if !may_hold_secret && response.content_length().is_some_and(|length| length > MAX_BODY as u64) {
            return Err(TransportError::no_response(Cause::TooLarge));
        }
        let mut body = Vec::new();
        loop {
            let error = tokio::select! {
                biased;
                chunk = response.chunk() => match chunk {
                    Ok(Some(chunk)) => {
                        body.extend_from_slice(&chunk[..chunk.len().min(MAX_BODY - body.len() + 1)]);
                        if body.len() <= MAX_BODY {
                            continue;
                        }
                        TransportError::no_response(Cause::TooLarge)
                    }
                    Ok(None) => break,
                    Err(error) => transport_error(error),
                },
                cause = &mut out_of_time => TransportError::no_response(cause),
            };
            if may_hold_secret && !body.is_empty() {
                break;
            }
            return Err(error);
        }
        if request.endpoint.is_https() {
            self.log.store(self.http.borrow().1);
        }
        self.log.response(status.as_u16(), started.elapsed(), response.headers());
        let mut headers = std::mem::take(response.headers_mut());
        let body = encoding::decode(&mut headers, body, MAX_BODY + 1);
        if status.is_success()
            && let Some(name) = encoding::unknown(&headers)
        {
            let why = BadResponse::Encoding(self.redactor.excerpt(&name, MAX_EXCERPT));
            return Err(TransportError::no_response(Cause::BadResponse(why)));
        }
        if body.len() > MAX_BODY && !may_hold_secret {
            return Err(TransportError::no_response(Cause::TooLarge));
        }
        let retry_after = headers.get(RETRY_AFTER).and_then(|value| parse_retry_after(value.to_str().ok()?, now));
        let effective_status = (request.effective_status)(status, &headers, &body);
        let outcome = AttemptOutcome::of_status(effective_status, retry_after.is_some());
        Ok(Response { status, headers, body, outcome, retry_after, may_have_been_processed: false })
    }

    /// Goes on to the next store of certificates, where that may know the authority
    /// that the last one did not.
    fn trusts_another_store(&self, error: &TransportError) -> bool {
        let Cause::Tls(tls) = &error.cause else { return false };
        let store = self.http.borrow().1.next().filter(|_| tls::may_be_accepted_by_another_store(tls));
        let Some(store) = store else { return false };
        let Ok(client) = self.connector.client(store) else { return false };
        self.http.replace((client, store));
        true
    }

    /// Returns when the response is no longer waited for: at the deadline, or for a change
    /// after an interrupt and its grace period.
    async fn out_of_time(&self, effect: Effect, deadline: Instant) -> Cause {
        let interrupted = async {
            match effect {
                Effect::Read => std::future::pending().await,
                Effect::Change | Effect::Mint => self.interrupt.requested().await,
            }
            sleep(RESPONSE_GRACE_PERIOD).await;
        };
        let cause = tokio::select! {
            () = sleep_until(deadline.into()) => Cause::Timeout(self.timeout),
            () = interrupted => Cause::Interrupted,
        };
        sleep(DRAIN_TIMEOUT).await;
        cause
    }
}
