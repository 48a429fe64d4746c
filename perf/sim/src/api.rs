//! Three APIs and what people do with them. The same shape with other endpoints, ids, times and workflows: what is learnt on one is
//! judged on the others.

/// Which ids an endpoint's path takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ids {
    /// None.
    None,
    /// So many objects that all may see; some are more popular.
    Public(u64),
    /// So many objects of each person's own.
    Own(u64),
}

/// An endpoint.
#[derive(Debug)]
pub struct Endpoint {
    /// The method.
    pub method: &'static str,
    /// The path; `{id}` where an id goes.
    pub path: &'static str,
    /// Its ids.
    pub ids: Ids,
    /// Median server time.
    pub seconds: f64,
    /// Median size of an answer.
    pub bytes: f64,
}

/// An API.
#[derive(Debug)]
pub struct Api {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its host.
    pub host: &'static str,
    /// What stands in front of the number in an id.
    pub id_prefix: &'static str,
    /// The first logs in, the second is the list that people begin with, the last one is dear (server time).
    pub endpoints: &'static [Endpoint],
    /// From endpoint, to endpoint, weight. What is left to a total of ten ends the visit.
    pub steps: &'static [(usize, usize, f64)],
}

impl Api {
    /// The endpoint that logs in.
    pub fn login(&self) -> &Endpoint {
        self.at(0)
    }

    /// The endpoint that takes the most server time.
    pub fn dear(&self) -> &Endpoint {
        self.at(self.endpoints.len().saturating_sub(1))
    }

    /// The endpoint at a place.
    pub fn at(&self, place: usize) -> &Endpoint {
        self.endpoints.get(place).unwrap_or(&NONE)
    }

    /// A path with its id in it.
    pub fn url(&self, endpoint: &Endpoint, id: u64) -> String {
        endpoint.path.replace("{id}", &format!("{}{id}", self.id_prefix))
    }
}

const NONE: Endpoint = get("/", Ids::None, 0.01, 100.0);

const fn get(path: &'static str, ids: Ids, seconds: f64, bytes: f64) -> Endpoint {
    Endpoint { method: "GET", path, ids, seconds, bytes }
}

const fn post(path: &'static str, ids: Ids, seconds: f64, bytes: f64) -> Endpoint {
    Endpoint { method: "POST", path, ids, seconds, bytes }
}

/// All of them.
pub const ALL: [&Api; 3] = [&SHOP, &CLINIC, &FLEET];

/// A shop.
pub static SHOP: Api = Api {
    name: "shop",
    host: "shop.example",
    id_prefix: "",
    endpoints: &[
        post("/api/auth/login", Ids::None, 0.08, 400.0),
        get("/api/products", Ids::None, 0.05, 9_000.0),
        get("/api/products/{id}", Ids::Public(2_000), 0.02, 2_500.0),
        get("/api/search?q=shoes", Ids::None, 0.12, 6_000.0),
        get("/api/cart", Ids::None, 0.02, 900.0),
        post("/api/cart/items", Ids::None, 0.03, 300.0),
        post("/api/orders", Ids::None, 0.15, 500.0),
        get("/api/orders", Ids::None, 0.05, 4_000.0),
        get("/api/orders/{id}", Ids::Own(12), 0.03, 3_000.0),
        get("/api/users/{id}/profile", Ids::Own(1), 0.02, 1_200.0),
        post("/api/reports/export", Ids::None, 1.6, 60_000.0),
    ],
    steps: &[
        (0, 1, 6.0),
        (0, 9, 3.0),
        (1, 2, 5.0),
        (1, 3, 3.0),
        (1, 4, 1.0),
        (2, 2, 2.0),
        (2, 1, 3.0),
        (2, 5, 2.0),
        (2, 3, 1.0),
        (3, 2, 6.0),
        (3, 3, 2.0),
        (4, 6, 3.0),
        (4, 1, 3.0),
        (4, 2, 1.0),
        (5, 4, 5.0),
        (5, 1, 3.0),
        (6, 7, 4.0),
        (6, 8, 3.0),
        (7, 8, 7.0),
        (7, 1, 1.0),
        (8, 7, 4.0),
        (8, 1, 2.0),
        (9, 7, 4.0),
        (9, 1, 3.0),
        (9, 10, 0.2),
    ],
};

/// A clinic.
pub static CLINIC: Api = Api {
    name: "clinic",
    host: "clinic.example",
    id_prefix: "",
    endpoints: &[
        post("/v1/session", Ids::None, 0.12, 700.0),
        get("/v1/patients/{id}/summary", Ids::Own(3), 0.06, 5_000.0),
        get("/v1/patients/{id}/results", Ids::Own(3), 0.09, 14_000.0),
        get("/v1/doctors", Ids::None, 0.03, 7_000.0),
        get("/v1/doctors/{id}/slots", Ids::Public(150), 0.07, 2_000.0),
        post("/v1/appointments", Ids::None, 0.10, 400.0),
        get("/v1/appointments/{id}", Ids::Own(6), 0.02, 800.0),
        get("/v1/messages", Ids::None, 0.04, 3_000.0),
        get("/v1/messages/{id}", Ids::Own(30), 0.02, 1_500.0),
        post("/v1/messages", Ids::None, 0.05, 200.0),
        get("/v1/patients/{id}/images/archive", Ids::Own(3), 2.2, 900_000.0),
    ],
    steps: &[
        (0, 1, 5.0),
        (0, 7, 4.0),
        (1, 2, 4.0),
        (1, 7, 2.0),
        (1, 3, 2.0),
        (2, 2, 1.0),
        (2, 1, 3.0),
        (2, 10, 0.3),
        (3, 4, 8.0),
        (4, 4, 4.0),
        (4, 3, 2.0),
        (4, 5, 2.0),
        (5, 6, 6.0),
        (6, 1, 3.0),
        (7, 8, 7.0),
        (7, 1, 1.0),
        (8, 8, 3.0),
        (8, 7, 3.0),
        (8, 9, 2.0),
        (9, 7, 4.0),
        (10, 2, 5.0),
    ],
};

/// Vehicles of many companies.
pub static FLEET: Api = Api {
    name: "fleet",
    host: "fleet.example",
    id_prefix: "VH-00",
    endpoints: &[
        post("/rest/oauth/token", Ids::None, 0.05, 900.0),
        get("/rest/vehicles", Ids::None, 0.08, 20_000.0),
        get("/rest/vehicles/{id}", Ids::Own(40), 0.02, 1_800.0),
        get("/rest/vehicles/{id}/position", Ids::Own(40), 0.01, 250.0),
        get("/rest/vehicles/{id}/trips?page=1", Ids::Own(40), 0.10, 12_000.0),
        get("/rest/drivers", Ids::None, 0.04, 6_000.0),
        get("/rest/drivers/{id}", Ids::Own(25), 0.02, 1_000.0),
        post("/rest/vehicles/{id}/commands", Ids::Own(40), 0.20, 150.0),
        get("/rest/alerts", Ids::None, 0.05, 3_000.0),
        get("/rest/reports/{id}", Ids::Own(5), 1.2, 80_000.0),
    ],
    steps: &[
        (0, 1, 7.0),
        (0, 8, 2.0),
        (1, 2, 4.0),
        (1, 3, 3.0),
        (1, 5, 1.0),
        (2, 3, 3.0),
        (2, 4, 3.0),
        (2, 1, 1.0),
        (3, 3, 5.0),
        (3, 2, 1.0),
        (3, 1, 2.0),
        (4, 2, 3.0),
        (4, 1, 3.0),
        (4, 9, 0.2),
        (5, 6, 7.0),
        (6, 5, 4.0),
        (6, 1, 2.0),
        (7, 3, 6.0),
        (8, 2, 6.0),
        (8, 7, 1.0),
        (9, 1, 4.0),
    ],
};
