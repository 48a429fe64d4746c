//! The fixed memory kept for a caller: sums that decay with time, and sets of what was seen lately.

use super::model::Model;
use super::recent::Recent;
use super::shape::{Shape, Surface, mixed};

/// What a caller did is half forgotten after a day: an attacker who tries one password in an hour still adds up to thirty, and
/// last week's mistakes do not count today.
const HALF_LIFE: f64 = 24.0 * 3600.0;
/// Time constants of what happens at once, and of what goes on for a while. Seconds.
const MOMENT: f64 = 10.0;
const WHILE: f64 = 300.0;
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
/// How much the referer of a visit's first page and of an asset count, beside those of later pages.
const ARRIVAL_REFERER: f32 = 0.5;
const ASSET_REFERER: f32 = 0.2;
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
    /// Whether it names the page it came from; None if header fields are not known.
    pub referer: Option<bool>,
    /// The answer's status; zero if there was none.
    pub status: u16,
    /// Bytes of the answer's body.
    pub bytes: u64,
    /// Seconds that the server took.
    pub duration: Option<f64>,
}

/// Sums that decay with [`HALF_LIFE`].
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    pub requests: f32,
    pub pages: f32,
    pub assets: f32,
    /// What could have named the page it came from, by weight: an arrival and an asset count less.
    pub referable: f32,
    /// Of that, what named none.
    pub unreferred: f32,
    /// 404, 410.
    pub missing: f32,
    /// 400–499 but for missing, refused and 429.
    pub client_errors: f32,
    pub server_errors: f32,
    pub logins: f32,
    pub login_failures: f32,
    /// 401, 403 outside of logins.
    pub refused: f32,
    /// HEAD, OPTIONS and other methods that pages and their forms do not use.
    pub methods: f32,
    pub odd: f32,
    pub robots: f32,
    pub with_id: f32,
    pub new_ids: f32,
    /// Not asked for before, or not there, and next to the one before.
    pub next_ids: f32,
    pub new_templates: f32,
    pub new_urls: f32,
    /// Of requests that are no assets: the same template as before.
    pub repeats: f32,
    pub calls: f32,
    pub gaps: f32,
    /// Of the natural logarithms of the gaps in seconds.
    pub gap_sum: f32,
    pub gap_squares: f32,
    pub timed: f32,
    pub seconds: f32,
    pub bytes: f32,
    /// Steps of a site that the model knows, and how surprising they were together (nats).
    pub steps: f32,
    pub surprise: f32,
}

impl Sums {
    fn decay(&mut self, by: f32) {
        let Sums {
            requests,
            pages,
            assets,
            referable,
            unreferred,
            missing,
            client_errors,
            server_errors,
            logins,
            login_failures,
            refused,
            methods,
            odd,
            robots,
            with_id,
            new_ids,
            next_ids,
            new_templates,
            new_urls,
            repeats,
            calls,
            gaps,
            gap_sum,
            gap_squares,
            timed,
            seconds,
            bytes,
            steps,
            surprise,
        } = self;
        for sum in [
            requests,
            pages,
            assets,
            referable,
            unreferred,
            missing,
            client_errors,
            server_errors,
            logins,
            login_failures,
            refused,
            methods,
            odd,
            robots,
            with_id,
            new_ids,
            next_ids,
            new_templates,
            new_urls,
            repeats,
            calls,
            gaps,
            gap_sum,
            gap_squares,
            timed,
            seconds,
            bytes,
            steps,
            surprise,
        ] {
            *sum *= by;
        }
    }
}

/// What is kept of a caller: about a kilobyte, whatever it does.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    pub(super) sums: Sums,
    /// Requests within [`MOMENT`] and within [`WHILE`].
    pub(super) burst: f32,
    pub(super) pace: f32,
    /// Server's seconds and bytes within [`WHILE`].
    pub(super) work: f32,
    pub(super) drawn: f32,
    /// A page is counted when the next one is asked for: what belongs to it comes after it.
    page_is_open: bool,
    /// Kinds that it looked like so far, a bit each.
    pub(super) kinds: u16,
    last: Option<f64>,
    last_call: Option<f64>,
    last_template: u64,
    last_post: u64,
    last_number: u64,
    urls: Recent<128>,
    ids: Recent<256>,
    templates: Recent<128>,
}

impl Identity {
    /// Takes a request into account. A time before the last one's counts as the last one's.
    pub fn observe(&mut self, seen: &Seen<'_>, model: &Model) {
        let shape = Shape::of(seen.method, seen.host, seen.target);
        self.pass_time(seen.time);
        // A part of a file that was asked for before (206) is no choice of the caller's either.
        let fetched = shape.surface == Surface::Asset || seen.status == 206;
        let weight = if fetched { ASSET_WEIGHT } else { 1.0 };
        self.burst += weight;
        self.pace += weight;
        let duration = seen.duration.map(|seconds| seconds.clamp(0.0, LONGEST) as f32);
        self.work += duration.unwrap_or(0.0);
        self.drawn += seen.bytes as f32;
        self.sums.requests += 1.0;
        self.sums.bytes += seen.bytes as f32;
        if let Some(duration) = duration {
            self.sums.timed += 1.0;
            self.sums.seconds += duration;
        }
        self.answer(&shape, seen);
        self.target(&shape, seen);
        if fetched {
            self.sums.assets += 1.0;
            if !shape.icon {
                self.refer(seen, ASSET_REFERER);
            }
        } else {
            self.call(&shape, seen, model);
        }
    }

    /// Requests so far, as far as they are not forgotten.
    pub fn requests(&self) -> f32 {
        self.sums.requests
    }

    fn pass_time(&mut self, time: f64) {
        let time = if time.is_finite() { time } else { self.last.unwrap_or(0.0) };
        let last = *self.last.get_or_insert(time);
        let elapsed = (time - last).max(0.0);
        self.last = Some(last + elapsed);
        if elapsed == 0.0 {
            return;
        }
        let after = |constant: f64| ((-elapsed / constant) as f32).exp();
        self.sums.decay(after(HALF_LIFE / std::f64::consts::LN_2));
        self.burst *= after(MOMENT);
        let while_ = after(WHILE);
        self.pace *= while_;
        self.work *= while_;
        self.drawn *= while_;
    }

    fn answer(&mut self, shape: &Shape, seen: &Seen<'_>) {
        let sums = &mut self.sums;
        let failed = match seen.status {
            401 | 403 | 429 => true,
            status => shape.login && matches!(status, 400 | 404 | 422 | 423),
        };
        let tried = shape.login && !matches!(seen.method, b"GET" | b"HEAD" | b"OPTIONS");
        match seen.status {
            _ if tried => {
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
    }

    fn target(&mut self, shape: &Shape, seen: &Seen<'_>) {
        let sums = &mut self.sums;
        let usual = match shape.surface {
            Surface::Api => !matches!(seen.method, b"HEAD" | b"TRACE" | b"CONNECT"),
            _ => matches!(seen.method, b"GET" | b"POST"),
        };
        sums.methods += f32::from(!usual);
        sums.odd += f32::from(shape.odd);
        sums.robots += f32::from(shape.robots);
        sums.new_urls += f32::from(self.urls.insert(mixed(shape.url)));
        let Some(id) = shape.id else { return };
        sums.with_id += 1.0;
        // What does not exist is no object: those who try are known by that.
        let exists = !matches!(seen.status, 404 | 410);
        let unseen = !exists || self.ids.insert(mixed(id));
        sums.new_ids += f32::from(exists && unseen);
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
    fn call(&mut self, shape: &Shape, seen: &Seen<'_>, model: &Model) {
        let now = self.last.unwrap_or(seen.time);
        let gap = self.last_call.map(|last| now - last).filter(|gap| *gap < VISIT);
        if seen.method == b"POST" {
            // What a page sends by itself, each so many seconds, says nothing of who reads it.
            let again = std::mem::replace(&mut self.last_post, shape.template) == shape.template;
            let rests = gap.is_some_and(|gap| gap >= LEAST_BEACON);
            if shape.surface == Surface::Page && again && rests {
                return;
            }
        }
        if shape.surface == Surface::Page && matches!(seen.method, b"GET" | b"HEAD") {
            self.page(seen);
        }
        let sums = &mut self.sums;
        sums.calls += 1.0;
        sums.new_templates += f32::from(self.templates.insert(mixed(shape.template)));
        sums.repeats += f32::from(shape.template == self.last_template);
        if let Some(gap) = gap {
            let gap = gap.max(SHORTEST_GAP).ln() as f32;
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
    }

    /// Whether pages were asked for at all.
    pub(super) fn reads_pages(&self) -> bool {
        self.sums.pages > 0.0 || self.page_is_open
    }
}
