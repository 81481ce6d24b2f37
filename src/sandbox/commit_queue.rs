//! Requests on a store in a file: carried out on a thread of their own, as
//! many together as are waiting, and answered once the file has what they
//! changed. The disk is waited for once for all of them, and nothing but they
//! waits for it.

use std::io;
use std::sync::Arc;
use std::thread;

use axum::body::Body;
use axum::http::Response;
use tokio::sync::{mpsc, oneshot};

use crate::sandbox::store::Store;

/// The most requests that are carried out together.
const MOST: usize = 256;

/// A request that waits.
struct Waiting {
    work: Box<dyn FnOnce() -> Response<Body> + Send>,
    reply: oneshot::Sender<Response<Body>>,
}

/// The way to the thread.
pub struct CommitQueue(mpsc::UnboundedSender<Waiting>);

impl CommitQueue {
    /// Starts the thread, which ends with the last way to it.
    ///
    /// # Errors
    /// There can be no further thread.
    pub fn start(store: Arc<Store>) -> io::Result<Self> {
        let (sender, mut waiting) = mpsc::unbounded_channel::<Waiting>();
        let submit = move || {
            while let Some(first) = waiting.blocking_recv() {
                let others = std::iter::from_fn(|| waiting.try_recv().ok()).take(MOST - 1);
                let mut together = std::iter::once(first).chain(others);
                let mut replies = Vec::new();
                let kept = store.transaction(|| {
                    let next = together.next().map(|Waiting { work, reply }| replies.push((reply, work())));
                    next.is_some()
                });
                // Where it was not kept, nobody is told that it was.
                for (reply, answer) in replies.into_iter().filter(|_| kept.is_ok()) {
                    // Whoever asked may have gone.
                    let _ = reply.send(answer);
                }
            }
        };
        thread::Builder::new().name("commit-queue".to_owned()).spawn(submit).map(|_| Self(sender))
    }

    /// Carries a request out, and gives its answer once that holds; none
    /// where the file did not take the changes.
    pub async fn submit(&self, work: impl FnOnce() -> Response<Body> + Send + 'static) -> Option<Response<Body>> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Waiting { work: Box::new(work), reply }).ok()?;
        answer.await.ok()
    }
}
