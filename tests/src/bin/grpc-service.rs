//! Serves the order service on all addresses until it is killed.

use std::net::{Ipv6Addr, SocketAddr};

use weir_tests::orders::{OrdersServer, PORT, Shop};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), tonic::transport::Error> {
    let address = SocketAddr::from((Ipv6Addr::UNSPECIFIED, PORT));
    tonic::transport::Server::builder().add_service(OrdersServer::new(Shop)).serve(address).await
}
