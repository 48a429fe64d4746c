//! How well payment cards are told from numbers that look like them: bodies made for it, and what the scanner says of them.

pub mod generate;
pub mod judge;
pub mod numbers;
