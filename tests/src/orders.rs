//! The gRPC order service of the demo and the tests, and what its answers should be.

use std::pin::Pin;

use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use crate::bodies::{aws_key, card, ssn};
use crate::rng::Rng;

#[allow(missing_docs, clippy::all)]
mod generated {
    tonic::include_proto!("shop.v1");
}

pub use generated::orders_client::OrdersClient;
pub use generated::orders_server::{Orders, OrdersServer};
pub use generated::{GetRequest, ListRequest, Order};

/// The port on which the service listens.
pub const PORT: u16 = 50_051;

/// Order `number`, always the same: of each four orders one is clean, one holds a card number, one a social
/// security number, one an AWS key.
pub fn order(number: u32) -> Order {
    let mut rng = Rng::new(u64::from(number));
    let mut order = Order {
        number,
        customer: rng.choice(&["Ana Diaz", "Jun Ueda", "Nora Smith"]).to_owned(),
        note: "express, approved".to_owned(),
        ..Order::default()
    };
    match number % 4 {
        1 => order.card = card(&mut rng),
        2 => order.ssn = ssn(&mut rng),
        3 => order.aws_key = aws_key(&mut rng),
        _ => (),
    }
    order
}

/// The service.
#[derive(Debug, Default)]
pub struct Shop;

#[tonic::async_trait]
impl Orders for Shop {
    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Order>, Status> {
        Ok(Response::new(order(request.into_inner().number)))
    }

    type ListStream = Pin<Box<dyn Stream<Item = Result<Order, Status>> + Send>>;

    async fn list(
        &self,
        request: Request<ListRequest>,
    ) -> Result<Response<Self::ListStream>, Status> {
        let ListRequest { first, count } = request.into_inner();
        let orders = (first..first.saturating_add(count)).map(|n| Ok(order(n)));
        Ok(Response::new(Box::pin(tokio_stream::iter(orders))))
    }
}
