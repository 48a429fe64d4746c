//! Benchmarks: who is compared, the loads, and what is made of the results.

pub mod attack;
pub mod capture;
pub mod cards;
pub mod contender;
pub mod haproxy;
pub mod load;
pub mod machine;
pub mod openloop;
pub mod random;
pub mod replay;
pub mod report;
