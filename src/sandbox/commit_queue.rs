//! Group commit for a store in a file. A thread carries out the requests that are
//! waiting in one transaction, and they are answered once the file has their
//! changes: one wait for the disk for all of them.

use std::io;
use std::sync::Arc;
use std::thread;

use axum::body::Body;
use axum::http::Response;
use tokio::sync::{mpsc, oneshot};

use crate::sandbox::store::Store;

/// Requests in one transaction.
const MAX_BATCH: usize = 256;

struct Job {
    work: Box<dyn FnOnce() -> Response<Body> + Send>,
    reply: oneshot::Sender<Response<Body>>,
}

pub struct CommitQueue(mpsc::UnboundedSender<Job>);

impl CommitQueue {
    /// Starts the thread, which ends when the queue is dropped.
    pub fn start(store: Arc<Store>) -> io::Result<Self> {
        let (sender, mut jobs) = mpsc::unbounded_channel::<Job>();
        let run = move || {
            while let Some(first) = jobs.blocking_recv() {
                let others = std::iter::from_fn(|| jobs.try_recv().ok()).take(MAX_BATCH - 1);
                let mut batch = std::iter::once(first).chain(others);
                let mut responses = Vec::new();
                let committed = store.transaction(|| {
                    let next = batch.next().map(|Job { work, reply }| responses.push((reply, work())));
                    next.is_some()
                });
                // Without a commit the replies are dropped, and `submit` returns `None`.
                for (reply, response) in responses.into_iter().filter(|_| committed.is_ok()) {
                    // The client may have gone.
                    let _ = reply.send(response);
                }
            }
        };
        thread::Builder::new().name("commit-queue".to_owned()).spawn(run).map(|_| Self(sender))
    }

    /// Carries out a request and returns its response once the changes are committed; `None` where
    /// they could not be.
    pub async fn submit(&self, work: impl FnOnce() -> Response<Body> + Send + 'static) -> Option<Response<Body>> {
        let (reply, response) = oneshot::channel();
        self.0.send(Job { work: Box::new(work), reply }).ok()?;
        response.await.ok()
    }
}
