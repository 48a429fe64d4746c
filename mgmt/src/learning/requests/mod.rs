//! Recorded requests as a stream, whatever they were recorded as. The form is told from the first bytes:
//!
//! | first bytes | form | read |
//! |---|---|---|
//! | `1f 8b` | gzip of one of the others | as a stream |
//! | a magic number of pcap or pcapng | capture | by `weir-dataplane replay`, whose events are requests |
//! | `{"log"` | HAR | whole, up to [`MAX_HAR`] |
//! | `{` with `event_type` in the first line | EVE events | a line at a time; only `http` is a request |
//! | `{` | requests as JSON lines | a line at a time |
//! | else | access log (common or combined) | a line at a time |

mod access_log;
pub mod call;
mod capture;
mod eve;
mod har;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use weir_inspect::request::Request;

/// Most bytes of a HAR file, which is one JSON document; a longer one is an error.
pub const MAX_HAR: u64 = 512 << 20;
/// Most bytes of a line, 16 MiB: a request whose body is that long. A longer one is an error.
pub const MAX_LINE: u64 = 16 << 20;
/// Of these first bytes the form is told.
const HEAD: usize = 4096;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Why recorded requests can't be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file can't be opened or read.
    #[error("can't read {file}: {source}")]
    Read {
        /// The file as it was named.
        file: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A line is no request. What comes after it can still be read.
    #[error("{file}: line {line}: {problem}")]
    Line {
        /// The file as it was named.
        file: String,
        /// Its number, from 1.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// The file as a whole is not what its first bytes promise.
    #[error("{file}: {problem}")]
    Format {
        /// The file as it was named.
        file: String,
        /// What is wrong.
        problem: String,
    },
}

/// A line's form.
type Parse = fn(&[u8]) -> Result<Option<Request>, String>;

enum Source {
    Lines { lines: Box<dyn BufRead>, parse: Parse },
    Har(std::vec::IntoIter<Result<Request, String>>),
    Capture(capture::Replay),
}

/// The requests of a file, in its order. Lines that are well formed and hold no request (an empty line, a log's line of a
/// connection that sent none) are passed over and counted.
pub struct Requests {
    file: String,
    source: Source,
    line: u64,
    buffer: Vec<u8>,
    passed_over: u64,
}

impl Requests {
    /// Opens a file, or standard input for `-`.
    pub fn open(path: &Path) -> Result<Requests, Error> {
        if path == Path::new("-") {
            return Requests::read("standard input", io::stdin());
        }
        let file = path.display().to_string();
        let opened = File::open(path);
        let opened = opened.map_err(|source| Error::Read { file: file.clone(), source })?;
        Requests::read(&file, opened)
    }

    /// Reads from anything; `name` is for error messages.
    pub fn read(name: &str, mut input: impl Read + 'static) -> Result<Requests, Error> {
        let unread = |source| Error::Read { file: name.to_owned(), source };
        let mut head = head(&mut input).map_err(unread)?;
        let mut input: Box<dyn Read> = Box::new(input);
        if head.starts_with(&GZIP) {
            input = Box::new(MultiGzDecoder::new(Cursor::new(head).chain(input)));
            head = self::head(&mut input).map_err(unread)?;
        }
        let source = Source::new(name, &head, Box::new(Cursor::new(head.clone()).chain(input)))?;
        let file = name.to_owned();
        Ok(Requests { file, source, line: 0, buffer: Vec::new(), passed_over: 0 })
    }

    /// Number of the line (of a HAR file: the entry) that was read last, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Lines so far that held no request.
    pub fn passed_over(&self) -> u64 {
        self.passed_over
    }

    fn next_line(&mut self) -> Option<Result<Request, Error>> {
        loop {
            let (lines, parse): (&mut dyn BufRead, Parse) = match &mut self.source {
                Source::Lines { lines, parse } => (lines, *parse),
                Source::Capture(replay) => (&mut replay.events, eve::parse),
                Source::Har(_) => return None,
            };
            self.buffer.clear();
            match lines.take(MAX_LINE + 1).read_until(b'\n', &mut self.buffer) {
                Ok(0) => return None,
                Ok(_) => self.line += 1,
                Err(source) => return Some(Err(Error::Read { file: self.file.clone(), source })),
            }
            let line = self.buffer.trim_ascii();
            let parsed = if self.buffer.len() as u64 > MAX_LINE {
                Err(format!("longer than {} MiB", MAX_LINE >> 20))
            } else if line.is_empty() {
                continue;
            } else {
                parse(line)
            };
            match parsed {
                Ok(Some(request)) => return Some(Ok(with_host_apart(request))),
                Ok(None) => self.passed_over += 1,
                Err(problem) => {
                    let (file, line) = (self.file.clone(), self.line);
                    return Some(Err(Error::Line { file, line, problem }));
                }
            }
        }
    }
}

impl Iterator for Requests {
    type Item = Result<Request, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Source::Har(entries) = &mut self.source {
            self.line += 1;
            let (file, number) = (&self.file, self.line);
            let problem = |what| Error::Format {
                file: file.clone(),
                problem: format!("entry {number}: {what}"),
            };
            return Some(entries.next()?.map(with_host_apart).map_err(problem));
        }
        let next = self.next_line();
        if let (None, Source::Capture(replay)) = (&next, &mut self.source) {
            let ended = replay.end();
            let failed = |problem| Error::Format { file: self.file.clone(), problem };
            return ended.err().map(|problem| Err(failed(problem)));
        }
        next
    }
}

impl Source {
    fn new(name: &str, head: &[u8], mut input: Box<dyn Read>) -> Result<Source, Error> {
        let wrong = |problem| Error::Format { file: name.to_owned(), problem };
        let text = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(head).trim_ascii_start();
        let first_line = text.split(|b| *b == b'\n').next().unwrap_or_default();
        if capture::is_capture(head) {
            return Ok(Source::Capture(capture::Replay::start(&mut *input).map_err(wrong)?));
        }
        if har::is_har(text) {
            let mut document = Vec::new();
            let read = input.take(MAX_HAR + 1).read_to_end(&mut document);
            read.map_err(|source| Error::Read { file: name.to_owned(), source })?;
            if document.len() as u64 > MAX_HAR {
                return Err(wrong(format!("a HAR file of more than {} MiB", MAX_HAR >> 20)));
            }
            return Ok(Source::Har(har::parse(&document).map_err(wrong)?.into_iter()));
        }
        let parse: Parse = match text.first() {
            Some(b'{') if first_line.windows(12).any(|w| w == b"\"event_type\"") => eve::parse,
            Some(b'{') => |line| {
                let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
                Request::parse(line).map(Some)
            },
            _ => access_log::parse,
        };
        Ok(Source::Lines { lines: Box::new(BufReader::new(input)), parse })
    }
}

/// Up to [`HEAD`] bytes.
fn head(input: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    input.take(HEAD as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Where the target is in absolute form (RFC 9112 §3.2.2), its authority becomes the host.
fn with_host_apart(mut request: Request) -> Request {
    let rest = ["http://", "https://"].iter().find_map(|s| request.url.strip_prefix(s));
    if let Some(rest) = rest {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(end);
        let host = host.rsplit('@').next().unwrap_or(host).to_owned();
        let slash = if path.starts_with('/') { "" } else { "/" };
        let url = format!("{slash}{path}");
        request.host = request.host.or(Some(host));
        request.url = url;
    }
    request
}

#[cfg(test)]
mod tests;
