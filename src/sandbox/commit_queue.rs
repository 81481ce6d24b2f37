//! Group commit for a store in a file. A thread processes all waiting requests in one
//! transaction, and answers them after it is committed. So they wait for the disk
//! only once.

use std::io;
use std::sync::Arc;
use std::thread;

use axum::body::Body;
use axum::http::Response;
use tokio::sync::{mpsc, oneshot};

use crate::sandbox::store::Store;

/// In requests.
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
                    // It fails if the client has closed the connection.
                    let _ = reply.send(response);
                }
            }
        };
        thread::Builder::new().name("commit-queue".to_owned()).spawn(run).map(|_| Self(sender))
    }

    /// Processes a request and returns its response after the changes are committed. `None` if they
    /// could not be committed.
    pub async fn submit(&self, work: impl FnOnce() -> Response<Body> + Send + 'static) -> Option<Response<Body>> {
        let (reply, response) = oneshot::channel();
        self.0.send(Job { work: Box::new(work), reply }).ok()?;
        response.await.ok()
    }
}
