//! The fixed memory kept for a caller: sums that decay with time, and sets of what was seen lately.

use std::f64::consts::LN_2;

use super::highs::Highs;
use super::model::Model;
use super::recent::Recent;
use super::shape::{Shape, Surface};
use super::targets::Try;

/// What a caller did is half forgotten after a day: an attacker who tries one password in an hour still adds up to thirty, and
/// last week's mistakes do not count today.
const HALF_LIFE: f64 = 24.0 * 3600.0;
/// Whose first days can be compared with what comes then: of what goes by so much is not forgotten after three days. Seconds.
const KNOWN_FOR: f32 = (0.875 * HALF_LIFE / LN_2) as f32;
/// Time constants of what happens at once, and of what goes on for a while. Seconds.
const MOMENT: f64 = 10.0;
const WHILE: f64 = 300.0;
/// The same of what goes on for longer than any visit of a person's. Seconds.
const LONG_WHILE: f64 = 3600.0;
/// What is left of a moment is what is left of a while to this power.
const MOMENTS: i32 = (WHILE / MOMENT) as i32;
/// The sums grow older at most so often: of what they forget, a twentieth of a percent waits for it. Seconds.
const AGEING: f64 = 60.0;
/// A longer pause ends a visit: it says nothing about the pace. Thirty minutes is what web analytics use. Seconds.
const VISIT: f64 = 1800.0;
/// Access logs count in seconds; shorter gaps are all the same. Seconds.
const SHORTEST_GAP: f64 = 0.25;
/// An asset counts as so much of a request in the pace: browsers fetch dozens at once.
const ASSET_WEIGHT: f32 = 0.1;
/// A request that takes longer counts as one of an hour: nobody waits for that. Seconds.
const LONGEST: f64 = 3600.0;
/// Pages do not send again what they send by themselves more often than that. Seconds.
const LEAST_BEACON: f64 = 1.0;
/// How much of a missing page a missing asset is.
const MISSING_ASSET: f32 = 0.2;
/// How much the referer of a visit's first page and of an asset count, beside those of later pages; and that of an asset in a visit
/// without a page: pictures are looked at elsewhere too, and are what some programs collect.
const ARRIVAL_REFERER: f32 = 0.5;
const ASSET_REFERER: f32 = 0.2;
const LONE_REFERER: f32 = 0.5;
/// Ids this close to the one before are next to it.
const NEXT_TO: u64 = 3;

/// A request and its answer, as far as they are known.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// When it was sent, in seconds since any fixed moment.
    pub time: f64,
    /// The method.
    pub method: &'a [u8],
    /// The host; empty if not known.
    pub host: &'a [u8],
    /// Path and query, as sent.
    pub target: &'a [u8],
    /// The template of the endpoint that it goes to, if one was learnt.
    pub endpoint: Option<&'a str>,
    /// Whether it names the page it came from; None if header fields are not known.
    pub referer: Option<bool>,
    /// The answer's status; zero if there was none.
    pub status: u16,
    /// Bytes of the answer's body.
    pub bytes: u64,
    /// Seconds that the server took.
    pub duration: Option<f64>,
}

/// Whether a referer names another place than the one that is asked for. Nobody comes from where they go: some programs send the
/// URL itself.
pub fn comes_from_elsewhere(referer: &[u8], target: &[u8]) -> bool {
    let itself = target.len() > 1 && referer.ends_with(target);
    !referer.is_empty() && !itself
}

macro_rules! sums {
    ($($(#[doc = $doc:literal])* $name:ident,)+) => {
        /// Sums that decay with [`HALF_LIFE`].
        #[derive(Clone, Debug, Default)]
        pub(super) struct Sums {
            $($(#[doc = $doc])* pub $name: f32,)+
        }

        impl Sums {
            fn decay(&mut self, by: f32) {
                $(self.$name *= by;)+
            }
        }
    };
}

sums! {
    requests,
    pages,
    /// Of visits with a page: what is fetched without one belongs to none.
    assets,
    /// What could have named the page it came from, by weight: an arrival and an asset count less.
    referable,
    /// Of that, what named none.
    unreferred,
    /// 404, 410.
    missing,
    /// 400–499 but for missing, refused and 429.
    client_errors,
    server_errors,
    logins,
    login_failures,
    /// 401, 403 outside of logins.
    refused,
    /// HEAD, OPTIONS and other methods that pages and their forms do not use.
    methods,
    odd,
    robots,
    feeds,
    /// Visits of one page and nothing else.
    lone,
    with_id,
    new_ids,
    /// Not asked for before, or not there, and next to the one before.
    next_ids,
    new_templates,
    new_urls,
    /// Of requests that are no assets: the same template as before.
    repeats,
    calls,
    gaps,
    /// Of the natural logarithms of the gaps in seconds.
    gap_sum,
    gap_squares,
    timed,
    seconds,
    /// Seconds that went by.
    elapsed,
    bytes,
    /// Steps of a site that the model knows, and how surprising they were together (nats).
    steps,
    surprise,
}

/// What is kept of a caller: about a kilobyte, whatever it does. What each request touches lies together, in front.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub struct Identity {
    /// Requests within [`MOMENT`] and within [`WHILE`].
    pub(super) burst: f32,
    pub(super) pace: f32,
    /// The same within [`LONG_WHILE`]; it grows older with the sums.
    pub(super) lasting: f32,
    /// Server's seconds and bytes within [`WHILE`].
    pub(super) work: f32,
    pub(super) drawn: f32,
    /// A page is counted when the next one is asked for: what belongs to it comes after it.
    page_is_open: bool,
    /// It has logged in.
    let_in: bool,
    /// In this visit: whether a page was asked for, whether it is all that was, and the assets before it.
    saw_page: bool,
    is_lone: bool,
    loose_assets: f32,
    /// Kinds that it looked like so far, a bit each.
    pub(super) kinds: u16,
    last: Option<f64>,
    /// When the sums last grew older.
    aged: f64,
    last_call: Option<f64>,
    last_template: u64,
    last_post: u64,
    last_number: u64,
    pub(super) sums: Sums,
    /// Of the server's time that it takes.
    pub(super) highs: Highs,
    urls: Recent<32>,
    ids: Recent<64>,
    templates: Recent<32>,
}

/// What of a request was not seen lately.
#[derive(Clone, Copy)]
struct News {
    url: bool,
    id: bool,
    template: bool,
    exists: bool,
}

impl Identity {
    /// Takes a request into account. A time before the last one's counts as the last one's. What it tried if it was to log in.
    pub fn observe(&mut self, seen: &Seen<'_>, model: &Model) -> Option<Try> {
        let shape = Shape::at(seen.method, seen.host, seen.target, seen.endpoint);
        let news = self.news(&shape, seen.status);
        self.pass_time(seen.time);
        // A part of a file that was asked for before (206) is no choice of the caller's either.
        let fetched = shape.surface == Surface::Asset || seen.status == 206;
        let weight = if fetched { ASSET_WEIGHT } else { 1.0 };
        self.burst += weight;
        self.pace += weight;
        self.lasting += weight;
        let duration = seen.duration.map(|seconds| seconds.clamp(0.0, LONGEST) as f32);
        // What was refused would have taken as long as the rest: who is stopped does not look better for it.
        let refused = seen.status == 0 && self.sums.timed > 0.0;
        let usual = if refused { self.sums.seconds / self.sums.timed } else { 0.0 };
        self.work += duration.unwrap_or(usual);
        self.drawn += seen.bytes as f32;
        self.sums.requests += 1.0;
        self.sums.bytes += seen.bytes as f32;
        if let Some(duration) = duration {
            self.sums.timed += 1.0;
            self.sums.seconds += duration;
        }
        let tried = self.answer(&shape, seen);
        self.target(&shape, seen, news);
        if fetched {
            self.is_not_lone();
            let (to, weight) = match self.saw_page {
                true => (&mut self.sums.assets, ASSET_REFERER),
                false => (&mut self.loose_assets, LONE_REFERER),
            };
            *to += 1.0;
            if !shape.icon {
                self.refer(seen, weight);
            }
        } else {
            self.call(&shape, seen, model, news.template);
        }
        tried
    }

    /// Failed logins, as far as they are not forgotten.
    pub fn failed_logins(&self) -> f32 {
        self.sums.login_failures
    }

    /// Whether it has logged in.
    pub fn was_let_in(&self) -> bool {
        self.let_in
    }

    /// Requests so far, as far as they are not forgotten.
    pub fn requests(&self) -> f32 {
        self.sums.requests
    }

    /// What was not seen lately. First of all: this memory is spread, and all of it is waited for at once.
    fn news(&mut self, shape: &Shape, status: u16) -> News {
        // What does not exist is no object: those who try are known by that.
        let exists = !matches!(status, 404 | 410);
        let template = !self.templates.holds(shape.template);
        let url = self.urls.insert(shape.url);
        let id = shape.id.is_some_and(|id| exists && self.ids.insert(id));
        News { url, id, template, exists }
    }

    fn pass_time(&mut self, time: f64) {
        let time = if time.is_finite() { time } else { self.last.unwrap_or(0.0) };
        let Some(last) = self.last else {
            (self.last, self.aged) = (Some(time), time);
            return;
        };
        let elapsed = (time - last).max(0.0);
        let now = last + elapsed;
        self.last = Some(now);
        if elapsed == 0.0 {
            return;
        }
        if elapsed >= VISIT {
            (self.saw_page, self.is_lone, self.loose_assets) = (false, false, 0.0);
        }
        if now - self.aged >= AGEING {
            self.grow_older(now - self.aged);
            self.aged = now;
            match self.taken() {
                Some(taken) => self.highs.take(taken, now),
                None => self.highs.begin(self.sums.seconds / self.sums.elapsed, now),
            }
        }
        let while_ = ((-elapsed / WHILE) as f32).exp();
        self.burst *= while_.powi(MOMENTS);
        self.pace *= while_;
        self.work *= while_;
        self.drawn *= while_;
    }

    /// By so many seconds.
    fn grow_older(&mut self, elapsed: f64) {
        self.lasting *= (-elapsed / LONG_WHILE).exp() as f32;
        let left = (-elapsed / HALF_LIFE).exp2();
        self.sums.decay(left as f32);
        // What went by while it was silent is forgotten like what it did.
        self.sums.elapsed += ((1.0 - left) * HALF_LIFE / LN_2) as f32;
    }

    /// Of the server's seconds, a second of the day before; none: it is not known for three days.
    pub(super) fn taken(&self) -> Option<f32> {
        (self.sums.elapsed >= KNOWN_FOR).then(|| self.sums.seconds / self.sums.elapsed)
    }

    fn answer(&mut self, shape: &Shape, seen: &Seen<'_>) -> Option<Try> {
        let sums = &mut self.sums;
        let failed = match seen.status {
            401 | 403 | 429 => true,
            status => matches!(status, 400 | 404 | 422 | 423),
        };
        let before = (sums.logins, sums.login_failures);
        match seen.status {
            _ if shape.login => {
                sums.logins += 1.0;
                sums.login_failures += f32::from(failed);
            }
            401 | 403 => sums.refused += 1.0,
            // Browsers look for icons that many sites do not have.
            404 | 410 if shape.surface == Surface::Asset => sums.missing += MISSING_ASSET,
            404 | 410 => sums.missing += 1.0,
            429 => {}
            400..=499 => sums.client_errors += 1.0,
            500.. => sums.server_errors += 1.0,
            _ => {}
        }
        let let_in = shape.login && matches!(seen.status, 200..400);
        let at_last = let_in && !self.let_in && before.1 > 0.0;
        self.let_in |= let_in;
        (shape.login && (failed || let_in)).then_some(Try {
            target: shape.template,
            failed,
            first: before.0 == 0.0,
            at_last,
        })
    }

    fn target(&mut self, shape: &Shape, seen: &Seen<'_>, news: News) {
        let sums = &mut self.sums;
        let usual = match shape.surface {
            Surface::Api => !matches!(seen.method, b"HEAD" | b"TRACE" | b"CONNECT"),
            _ => matches!(seen.method, b"GET" | b"POST"),
        };
        sums.methods += f32::from(!usual);
        sums.odd += f32::from(shape.odd);
        sums.robots += f32::from(shape.robots);
        sums.feeds += f32::from(shape.feed);
        sums.new_urls += f32::from(news.url);
        if shape.id.is_none() {
            return;
        }
        sums.with_id += 1.0;
        sums.new_ids += f32::from(news.id);
        let unseen = news.id || !news.exists;
        if let Some(number) = shape.number {
            let apart = number.abs_diff(self.last_number);
            sums.next_ids += f32::from(unseen && (1..=NEXT_TO).contains(&apart));
            self.last_number = number;
        }
    }

    /// Whether it names where it comes from, where that can be known.
    fn refer(&mut self, seen: &Seen<'_>, weight: f32) {
        if let Some(refers) = seen.referer {
            self.sums.referable += weight;
            self.sums.unreferred += if refers { 0.0 } else { weight };
        }
    }

    /// Counts the page that was open: what belongs to it has been asked for by now, or never will be. For a caller that is not
    /// expected to send more.
    pub fn close_page(&mut self) {
        self.sums.pages += f32::from(std::mem::take(&mut self.page_is_open));
    }

    /// A request that somebody chose to send: no asset of a page.
    fn call(&mut self, shape: &Shape, seen: &Seen<'_>, model: &Model, is_new: bool) {
        let now = self.last.unwrap_or(seen.time);
        let gap = self.last_call.map(|last| now - last).filter(|gap| *gap < VISIT);
        let reads = shape.surface == Surface::Page && matches!(seen.method, b"GET" | b"HEAD");
        if !reads {
            self.is_not_lone();
        }
        if seen.method == b"POST" {
            // What a page sends by itself, each so many seconds, says nothing of who reads it.
            let again = std::mem::replace(&mut self.last_post, shape.template) == shape.template;
            let rests = gap.is_some_and(|gap| gap >= LEAST_BEACON);
            if shape.surface == Surface::Page && again && rests {
                return;
            }
        }
        if reads {
            self.page(seen);
        }
        let sums = &mut self.sums;
        sums.calls += 1.0;
        sums.new_templates += f32::from(is_new);
        if is_new {
            self.templates.insert(shape.template);
        }
        sums.repeats += f32::from(shape.template == self.last_template);
        if let Some(gap) = gap {
            let gap = (gap.max(SHORTEST_GAP) as f32).ln();
            sums.gaps += 1.0;
            sums.gap_sum += gap;
            sums.gap_squares += gap * gap;
        }
        let before = if gap.is_some() { self.last_template } else { 0 };
        if let Some(surprise) = model.surprise(before, shape.template) {
            sums.steps += 1.0;
            sums.surprise += surprise;
        }
        self.last_call = Some(now);
        self.last_template = shape.template;
    }

    fn page(&mut self, seen: &Seen<'_>) {
        // People arrive by bookmarks too.
        let arrives = self.sums.pages == 0.0 && !self.page_is_open;
        self.refer(seen, if arrives { ARRIVAL_REFERER } else { 1.0 });
        self.close_page();
        self.page_is_open = true;
        let begins = !self.saw_page && self.loose_assets == 0.0;
        match begins {
            true => self.sums.lone += 1.0,
            false => self.is_not_lone(),
        }
        self.is_lone = begins;
        // Logs say when an answer was sent, or ended: a page may come after what belongs to it.
        self.saw_page = true;
        self.sums.assets += std::mem::take(&mut self.loose_assets);
    }

    /// This visit is more than a page.
    fn is_not_lone(&mut self) {
        if std::mem::take(&mut self.is_lone) {
            self.sums.lone = (self.sums.lone - 1.0).max(0.0);
        }
    }

    /// Whether pages were asked for at all.
    pub(super) fn reads_pages(&self) -> bool {
        self.sums.pages > 0.0 || self.page_is_open
    }
}
