//! `grpc-client HOST get NUMBER` or `grpc-client HOST list FIRST COUNT`: asks the order service.
//!
//! Prints each order as a line of JSON and, if the call ends otherwise than well, a last line with `code` and `message`.

use std::process::ExitCode;

use serde_json::json;
use tonic::Status;
use weir_tests::orders::{GetRequest, ListRequest, Order, OrdersClient, PORT};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match call(&words).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(status) => {
            let code = format!("{:?}", status.code());
            println!("{}", json!({ "code": code, "message": status.message() }));
            ExitCode::FAILURE
        }
    }
}

async fn call(words: &[&str]) -> Result<(), Status> {
    let number = |word: &str| {
        word.parse().map_err(|_| Status::invalid_argument(format!("{word} is not a number")))
    };
    let connect = |host: &str| {
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        OrdersClient::connect(format!("http://{host}:{PORT}"))
    };
    let refused = |e: tonic::transport::Error| Status::unavailable(e.to_string());
    match *words {
        [host, "get", n] => {
            let mut client = connect(host).await.map_err(refused)?;
            print(&client.get(GetRequest { number: number(n)? }).await?.into_inner());
        }
        [host, "list", first, count] => {
            let mut client = connect(host).await.map_err(refused)?;
            let request = ListRequest { first: number(first)?, count: number(count)? };
            let mut orders = client.list(request).await?.into_inner();
            while let Some(order) = orders.message().await? {
                print(&order);
            }
        }
        _ => return Err(Status::invalid_argument("HOST get NUMBER | HOST list FIRST COUNT")),
    }
    Ok(())
}

fn print(order: &Order) {
    println!(
        "{}",
        json!({
            "number": order.number, "customer": order.customer, "note": order.note,
            "card": order.card, "ssn": order.ssn, "aws_key": order.aws_key,
        })
    );
}
