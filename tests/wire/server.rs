//! A server that says exactly what it is told, byte by byte, and keeps what
//! it was sent. It shares no line with the product.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};

/// What came in.
#[derive(Clone, Debug)]
pub struct Request {
    pub line: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Server {
    /// A server that never answers, and the news of each request.
    pub fn silent() -> (Self, mpsc::Receiver<()>) {
        let (news, heard) = mpsc::channel();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                read(&mut BufReader::new(&stream)).unwrap();
                open.push(stream);
                if news.send(()).is_err() {
                    return;
                }
            }
        });
        (Self { url, requests: Arc::default(), trials: Arc::default() }, heard)
    }
}

/// The server. It answers the requests in the order of its answers, and closes
/// the connection unheard once they are used up.
///
/// Trials of a token that it has just minted stand beside that: they have
/// answers of their own, after which all are taken.
pub struct Server {
    pub url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    trials: Arc<Mutex<Trials>>,
}

#[derive(Default)]
struct Trials {
    answers: VecDeque<String>,
    made: usize,
    news: Option<mpsc::Sender<()>>,
}

/// Whether it is a trial, by the tokens that the fixtures mint.
fn is_trial(request: &Request) -> bool {
    request.line == "GET /oauth2/v2/userinfo HTTP/1.1"
        && request.headers.get("authorization").is_some_and(|value| value.contains(".NEWkey."))
}

/// A JSON answer with a status.
pub fn json(status: u16, body: &str) -> String {
    answer(status, "Content-Type: application/json\r\n", body)
}

/// An answer with a status and further header lines.
pub fn answer(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} Whatever\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

impl Server {
    pub fn start(answers: impl IntoIterator<Item = String>) -> Self {
        Self::gated(answers).0
    }

    /// A server that tells of the first request, and answers it only once the
    /// gate is dropped.
    pub fn gated(answers: impl IntoIterator<Item = String>) -> (Self, mpsc::Receiver<()>, mpsc::Sender<()>) {
        Self::with(answers.into_iter().map(String::into_bytes).collect())
    }

    /// A server whose answers are no text.
    pub fn of_bytes(answers: Vec<Vec<u8>>) -> Self {
        Self::with(answers).0
    }

    fn with(mut answers: Vec<Vec<u8>>) -> (Self, mpsc::Receiver<()>, mpsc::Sender<()>) {
        let (news, heard) = mpsc::channel();
        let (gate, opened) = mpsc::channel();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        answers.reverse();
        let kept = Arc::clone(&requests);
        let trials = Arc::<Mutex<Trials>>::default();
        let tried = Arc::clone(&trials);
        // It ends with the test's process, which has its own for each binary.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), &mut answers, &kept, &tried, || {
                    // Nobody listens to the news where there is no gate.
                    if news.send(()).is_ok() {
                        let _ = opened.recv();
                    }
                });
            }
        });
        (Self { url, requests, trials }, heard, gate)
    }

    /// How many of the requests might change something.
    pub fn changes(&self) -> usize {
        self.requests.lock().unwrap().iter().filter(|request| !request.line.starts_with("GET ")).count()
    }

    /// Answers the trials of a minted token so, in this order.
    pub fn answer_trials(&self, answers: impl IntoIterator<Item = String>) {
        self.trials.lock().unwrap().answers.extend(answers);
    }

    /// The news of each trial.
    pub fn hear_trials(&self) -> mpsc::Receiver<()> {
        let (news, heard) = mpsc::channel();
        self.trials.lock().unwrap().news = Some(news);
        heard
    }

    /// How many trials there were.
    pub fn trials(&self) -> usize {
        self.trials.lock().unwrap().made
    }

    /// All requests, of which there are this many.
    #[track_caller]
    pub fn requests(&self, count: usize) -> Vec<Request> {
        let requests = self.requests.lock().unwrap().clone();
        assert_eq!(requests.len(), count, "{requests:#?}");
        requests
    }
}

fn serve(
    stream: TcpStream,
    answers: &mut Vec<Vec<u8>>,
    kept: &Mutex<Vec<Request>>,
    tried: &Mutex<Trials>,
    pass: impl Fn(),
) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    while let Some(request) = read(&mut reader) {
        let answer = if is_trial(&request) {
            let mut trials = tried.lock().unwrap();
            trials.made += 1;
            let _ = trials.news.as_ref().map(|news| news.send(()));
            Some(trials.answers.pop_front().unwrap_or_else(|| json(200, "{}")).into_bytes())
        } else {
            kept.lock().unwrap().push(request);
            pass();
            answers.pop()
        };
        let Some(answer) = answer else { return };
        let has = |part: &[u8]| answer.windows(part.len()).any(|it| it == part);
        if writer.write_all(&answer).is_err() || !answer.starts_with(b"HTTP/1.1 ") || has(b"Connection: close") {
            return;
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let headers: BTreeMap<String, String> = lines[1..]
        .iter()
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { line: lines[0].clone(), headers, body: String::from_utf8(body).unwrap() })
}
