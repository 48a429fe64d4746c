//! What whoever learns is told of a request: where it went, how it was answered, what kinds of data went through it.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use weir_inspect::behaviour::comes_from_elsewhere;
use weir_inspect::detector::Category;
use weir_inspect::graphql::{self, Operation};
use weir_inspect::path::is_json;
use weir_inspect::shape::Schema;
use weir_proto as proto;
use weir_reassembly::time::Time;

use super::transaction::Request;
use super::{Dir, Feed, report};

/// What a request is remembered by beside what events say.
#[derive(Debug, Default)]
pub struct Noted {
    /// When its head was complete.
    pub begun: Time,
    /// The kind of credential that it carries; empty: none.
    pub credential: &'static str,
    /// Kinds of data found in the request and in its answer, by the direction's index.
    found: [Found; 2],
    /// From here on the URL holds something that nobody may read in a log.
    hidden: Cell<Option<u32>>,
    /// It goes to GraphQL, and this reads what it asks for.
    graphql: Option<Box<RefCell<graphql::Reader>>>,
    /// Its bodies, if the record tells their shapes.
    bodies: Option<Box<Bodies>>,
}

/// Longest body that is kept for its shape, in bytes: a longer one has none.
const BODY: usize = 16 << 10;

/// The bodies of a request and its answer, by the direction's index.
#[derive(Debug)]
struct Bodies {
    /// None: it is no JSON, is coded, or was too long.
    kept: [RefCell<Option<Vec<u8>>>; 2],
    /// Counts those in use.
    _token: Arc<()>,
}

/// A bit for each [`Category`].
type Found = Cell<u16>;

impl Noted {
    /// A header field of the request.
    pub fn field(&mut self, name: &[u8], value: &[u8]) {
        let named = |names: &[&[u8]]| names.iter().any(|n| name.eq_ignore_ascii_case(n));
        let scheme = |scheme: &[u8]| {
            value.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
        };
        let kind = match () {
            () if named(&[b"authorization"]) && scheme(b"bearer ") => "bearer",
            () if named(&[b"authorization"]) && scheme(b"basic ") => "basic",
            () if named(&[b"authorization"]) => "authorization",
            () if named(&[
                b"x-api-key",
                b"api-key",
                b"apikey",
                b"x-auth-token",
                b"x-access-token",
            ]) =>
            {
                "api-key"
            }
            () if named(&[b"cookie"]) => "cookie",
            () => return,
        };
        // A cookie may stand beside the credential that counts.
        if self.credential.is_empty() || self.credential == "cookie" {
            self.credential = kind;
        }
    }

    /// Something of this category was found in a direction.
    pub fn found(&self, dir: Dir, category: Category) {
        let [sent, received] = &self.found;
        let cell = if dir == Dir::ToServer { sent } else { received };
        cell.set(cell.get() | 1 << category as u16);
    }

    /// Data begins there in the decoded URL. As sent it begins there or later.
    pub fn hide_url_from(&self, at: u64) {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        self.hidden.set(Some(self.hidden.get().map_or(at, |earlier| earlier.min(at))));
    }

    /// As much of a URL as may be read: all of it, or without a query that holds data, or up to data in its path.
    pub fn readable<'u>(&self, url: &'u [u8]) -> &'u [u8] {
        let Some(at) = self.hidden.get() else { return url };
        let query = url.iter().position(|b| matches!(b, b'?' | b'#')).unwrap_or(url.len());
        url.get(..query.min(at as usize)).unwrap_or_default()
    }

    /// It goes to GraphQL.
    pub fn asks_graphql(&mut self, reader: graphql::Reader) {
        self.graphql = Some(Box::new(RefCell::new(reader)));
    }

    /// The shapes of its bodies are told.
    pub fn tell_shapes(&mut self, token: Arc<()>) {
        self.bodies = Some(Box::new(Bodies { kept: Default::default(), _token: token }));
    }

    /// Whether they are.
    pub fn tells_shapes(&self) -> bool {
        self.bodies.is_some()
    }

    /// A message begins; `readable`: its body is seen without coding.
    pub fn begin_body(&self, dir: Dir, content_type: &[u8], readable: bool) {
        if let Some(kept) = self.kept(dir) {
            let is_kept = readable && is_json(content_type);
            kept.replace(is_kept.then(Vec::new));
        }
    }

    fn kept(&self, dir: Dir) -> Option<&RefCell<Option<Vec<u8>>>> {
        self.bodies.as_ref()?.kept.get(dir as usize)
    }

    fn shape(&self, dir: Dir) -> Vec<u8> {
        let body = self.kept(dir).and_then(RefCell::take).unwrap_or_default();
        // A struct of texts and numbers can't fail.
        Schema::read(&body).and_then(|schema| serde_json::to_vec(&schema).ok()).unwrap_or_default()
    }

    /// The next bytes of a body, its coding undone.
    pub fn read(&self, dir: Dir, bytes: &[u8]) {
        if let Some(kept) = self.kept(dir)
            && let Ok(mut kept) = kept.try_borrow_mut()
        {
            kept.take_if(|body| body.len() + bytes.len() > BODY);
            if let Some(body) = kept.as_mut() {
                body.extend_from_slice(bytes);
            }
        }
        if let (Some(reader), Dir::ToServer) = (&self.graphql, dir)
            && let Ok(mut reader) = reader.try_borrow_mut()
        {
            reader.feed(bytes);
        }
    }

    /// What it asks GraphQL for, as far as that was read.
    pub fn operation(&self) -> Option<Operation> {
        self.graphql.as_ref()?.try_borrow().ok()?.operation()
    }

    fn names(&self, dir: Dir) -> Vec<String> {
        let [sent, received] = &self.found;
        let bits = if dir == Dir::ToServer { sent.get() } else { received.get() };
        let data = |c: &Category| *c != Category::Attacks && bits & 1 << *c as u16 != 0;
        Category::ALL.into_iter().filter(data).map(|c| c.name().to_owned()).collect()
    }
}

/// Tells a request and its answer to whoever learns, if it is in the sample.
pub fn access(feed: &mut Feed<'_>, request: &Request) {
    let weight = match (feed.cx.sampling.take(feed.now), &request.noted.bodies) {
        (Some(weight), _) => weight,
        (None, Some(_)) if feed.cx.sampling.is_on() => feed.cx.sampling.take_anyway(),
        (None, _) => return,
    };
    if feed.cx.records.len() >= feed.cx.settings.limits.records {
        return feed.cx.sampling.give_back(weight);
    }
    let noted = &request.noted;
    let began = if noted.begun == Time(0) { feed.now } else { noted.begun };
    let record = proto::Access {
        timestamp_us: feed.cx.wall_clock(began),
        flow_id: feed.conn.id,
        src: Some(report::endpoint(feed.conn.client)),
        dst: Some(report::endpoint(feed.conn.server)),
        http: Some(proto::Http {
            // Where pages and answers point to may hold tokens.
            http_refer: String::new(),
            redirect: String::new(),
            ..report::http(request)
        }),
        grpc: report::grpc(request),
        service: report::service(feed, request),
        duration_us: feed.now.since(began).as_micros() as u64,
        credential: noted.credential.to_owned(),
        identity: report::identity(feed, request),
        sent: noted.names(Dir::ToServer),
        received: noted.names(Dir::ToClient),
        weight,
        referer: comes_from_elsewhere(&request.referer, &request.url),
        request_shape: noted.shape(Dir::ToServer),
        response_shape: noted.shape(Dir::ToClient),
    };
    feed.cx.records.push_back(record);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_credential_that_counts() {
        let mut noted = Noted::default();
        noted.field(b"Cookie", b"a=b");
        assert_eq!(noted.credential, "cookie");
        noted.field(b"AUTHORIZATION", b"bearer x");
        noted.field(b"cookie", b"a=b");
        assert_eq!(noted.credential, "bearer");
    }

    #[test]
    fn no_data_in_a_url() {
        let url = b"/people/123-45-6789?ssn=123-45-6789";
        let noted = Noted::default();
        assert_eq!(noted.readable(url), url);
        noted.hide_url_from(24);
        assert_eq!(noted.readable(url), b"/people/123-45-6789");
        noted.hide_url_from(8);
        assert_eq!(noted.readable(url), b"/people/");
    }

    #[test]
    fn categories_by_direction() {
        let noted = Noted::default();
        noted.found(Dir::ToServer, Category::Pci);
        noted.found(Dir::ToClient, Category::SecretsNamed);
        noted.found(Dir::ToClient, Category::Attacks);
        assert_eq!(noted.names(Dir::ToServer), ["pci"]);
        assert_eq!(noted.names(Dir::ToClient), ["secrets-named"]);
    }
}
