//! What of a request matters for anomalies.

use serde_json::Value;
use weir_inspect::behaviour::template;
use weir_inspect::request::Request;

use super::sketch::hash;

/// Parts of a path that tell where credentials are checked.
const CREDENTIALS: [&str; 11] = [
    "login", "logon", "signin", "sign-in", "sign_in", "auth", "token", "session", "password",
    "otp", "2fa",
];
/// Fields of a login's body that name the account.
const ACCOUNTS: [&str; 8] =
    ["username", "user", "email", "login", "account", "phone", "user_name", "userName"];
/// A longer body is no login form.
const MAX_LOGIN: usize = 4096;

/// How a request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Well, or not recorded.
    Ok,
    /// Credentials were right.
    LoggedIn,
    /// Credentials were wrong or missing.
    AuthFailure,
    /// No such thing, or a request that nobody's program sends: 400, 404, 405, 410, 414, 501.
    Missing,
    /// Another error of the client (409, 429…).
    ClientError,
    /// An error of the server.
    ServerError,
}

/// A request as the engine counts it.
#[derive(Clone, Debug)]
pub struct Observation {
    /// Seconds since the Unix epoch.
    pub ts: f64,
    /// The host, in lower case and without its port.
    pub service: String,
    /// Method and path template.
    pub endpoint: String,
    /// Hash of the path as it was sent.
    pub path: u64,
    /// The client's address without its port; empty if it is not known.
    pub source: String,
    /// Hash of the account that it was about.
    pub account: Option<u64>,
    /// How it was answered.
    pub outcome: Outcome,
    /// Bytes of the answer.
    pub bytes: u64,
    /// The service that asks, if that is known.
    pub caller: Option<String>,
    /// Sensitive data was found in it or in its answer.
    pub sensitive: bool,
    /// So many requests it stands for.
    pub weight: u64,
    /// Microseconds until the answer's end, if they were measured.
    pub micros: Option<u64>,
}

impl Observation {
    /// Takes what matters from a request; the error says what is missing.
    pub fn new(request: &Request) -> Result<Observation, String> {
        let ts = request.ts.ok_or("no `ts`: anomalies are told from when requests came")?;
        if !(0.0..1e11).contains(&ts) {
            return Err(format!("`ts` is {ts}, and not seconds since 1970"));
        }
        let path = request.url.split(['?', '#']).next().unwrap_or_default();
        let host = request.host.as_deref().or(request.dst.as_deref()).unwrap_or("-");
        let response = request.response.as_ref();
        let asks_credentials = request.method != "GET" && is_credentials(path);
        let length = |r: &weir_inspect::request::Response| match r.length {
            0 => r
                .headers
                .iter()
                .find(|(n, _)| n.eq_ignore_ascii_case("content-length"))
                .map_or(0, |(_, v)| v.parse().unwrap_or(0)),
            known => known,
        };
        Ok(Observation {
            ts,
            service: without_port(host).to_ascii_lowercase(),
            endpoint: format!("{} {}", request.method, template(path)),
            path: hash(path.as_bytes()),
            source: without_port(request.src.as_deref().unwrap_or_default()).to_owned(),
            account: account(request, asks_credentials).map(|a| hash(a.as_bytes())),
            outcome: response.map_or(Outcome::Ok, |r| outcome(r.status, asks_credentials)),
            bytes: response.map_or(0, length),
            caller: request.caller.clone(),
            sensitive: !request.sent.is_empty() || !request.received.is_empty(),
            weight: u64::from(request.weight.max(1)),
            micros: response.and_then(|r| r.duration).map(|d| (d.clamp(0.0, 1e6) * 1e6) as u64),
        })
    }
}

/// Whether credentials are checked there, by the looks of a path or endpoint.
pub(super) fn is_credentials(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    CREDENTIALS.iter().any(|word| path.contains(word))
}

/// Where credentials are checked, servers refuse wrong ones with any status of the 400s.
fn outcome(status: u16, asks_credentials: bool) -> Outcome {
    match status {
        429 => Outcome::ClientError,
        401 | 407 => Outcome::AuthFailure,
        400..=499 if asks_credentials => Outcome::AuthFailure,
        400 | 404 | 405 | 410 | 414 | 501 => Outcome::Missing,
        400..=499 => Outcome::ClientError,
        500.. => Outcome::ServerError,
        _ if asks_credentials => Outcome::LoggedIn,
        _ => Outcome::Ok,
    }
}

/// Who logs in; elsewhere, who is logged in.
fn account(request: &Request, asks_credentials: bool) -> Option<String> {
    if asks_credentials && !request.body.is_empty() && request.body.len() <= MAX_LOGIN {
        if let Ok(Value::Object(fields)) = serde_json::from_slice(&request.body) {
            let named = ACCOUNTS.iter().find_map(|name| fields.get(*name)?.as_str());
            if let Some(named) = named {
                return Some(named.to_owned());
            }
        }
        let form = std::str::from_utf8(&request.body).unwrap_or_default();
        let mut pairs = form.split('&').filter_map(|pair| pair.split_once('='));
        if let Some((_, value)) = pairs.find(|(name, _)| ACCOUNTS.contains(name)) {
            return Some(value.to_owned());
        }
    }
    request.user.clone()
}

/// `10.0.0.1:80`, `[::1]:80`, `shop.example:8080` without the port.
fn without_port(address: &str) -> &str {
    if let Some(rest) = address.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    match address.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.bytes().all(|b| b.is_ascii_digit()) => {
            host
        }
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observed(line: &str) -> Observation {
        Observation::new(&Request::parse(line.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn a_login_is_told_with_its_account() {
        let json = observed(
            r#"{"ts":1,"method":"POST","url":"/api/login?a","host":"Shop:80","src":"10.0.0.1:5","status":403,"body":"{\"email\":\"a@b\"}"}"#,
        );
        assert_eq!((&*json.service, &*json.source), ("shop", "10.0.0.1"));
        assert_eq!(json.outcome, Outcome::AuthFailure);
        let form = observed(
            r#"{"ts":1,"method":"POST","url":"/sessions","status":302,"body":"x=1&email=a@b"}"#,
        );
        assert_eq!((form.account, form.outcome), (json.account, Outcome::LoggedIn));
        let other = observed(r#"{"ts":1,"method":"GET","url":"/u/17","status":404,"user":"a@b"}"#);
        assert_eq!((other.account, other.outcome), (json.account, Outcome::Missing));
        assert_eq!(other.endpoint, "GET /u/{id}");
    }

    #[test]
    fn a_request_without_a_time_is_refused() {
        for line in [r#"{"method":"GET","url":"/"}"#, r#"{"ts":1e15,"method":"GET","url":"/"}"#] {
            let request = Request::parse(line.as_bytes()).unwrap();
            assert!(Observation::new(&request).unwrap_err().contains("`ts`"));
        }
    }

    #[test]
    fn ports_are_left_out() {
        for (text, host) in
            [("a:80", "a"), ("[::1]:80", "::1"), ("::1", "::1"), ("", ""), ("a", "a")]
        {
            assert_eq!(without_port(text), host);
        }
    }
}
