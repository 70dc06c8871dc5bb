//! The synthetic web on a thread of its own, so that it answers while a test waits for a process.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use gannet::origin::{Origin, Site};
use tokio::sync::oneshot;

/// A running [`Origin`]. When dropped it is stopped, and fails the test if it panicked.
pub(crate) struct Web {
    origin: Option<Arc<Origin>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Web {
    pub(crate) fn start(site: Site) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (send, started) = mpsc::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let origin = Origin::start(site, SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
                let origin = Arc::new(origin);
                send.send(Arc::clone(&origin)).unwrap();
                let _ = stopped.await;
                Arc::into_inner(origin).expect("the test let go of it").stop().await;
            });
        });
        Self { origin: Some(started.recv().unwrap()), stop: Some(stop), thread: Some(thread) }
    }

    /// A site of one host with defaults.
    pub(crate) fn plain() -> Self {
        Self::start(Site { record: true, ..Site::default() })
    }

    /// A URL on the first host.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addresses()[0])
    }

    /// A list of `/p/1` … `/p/N`.
    pub(crate) fn list(&self, pages: u64) -> String {
        (1..=pages).map(|n| self.url(&format!("/p/{n}\n"))).collect()
    }

    /// Requests to a path of the first host.
    pub(crate) fn hits(&self, path: &str) -> usize {
        let url = self.url(path);
        self.log().iter().filter(|hit| hit.url == url).count()
    }
}

impl Deref for Web {
    type Target = Origin;

    fn deref(&self) -> &Origin {
        self.origin.as_ref().expect("it runs until it is dropped")
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.origin = None;
        drop(self.stop.take());
        let joined = self.thread.take().map(JoinHandle::join);
        if !thread::panicking() {
            assert!(matches!(joined, Some(Ok(()))), "the origin panicked");
        }
    }
}
