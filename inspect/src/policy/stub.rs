//! Names of the built-in detectors, until the catalogue is there.
use crate::detector::{Category, DetectorId};

#[derive(Debug)]
pub(super) struct Catalog(Vec<(String, Category)>);

pub(super) struct Custom {
    pub name: String,
    pub category: Category,
    pub pattern: String,
    pub literal: bool,
    pub case_insensitive: bool,
    pub max_length: Option<usize>,
}

impl Catalog {
    pub fn builtin() -> Catalog {
        use Category::*;
        let names = [
            (Pci, "payment-card"),
            (Pii, "us-ssn iban email phone"),
            (
                Secrets,
                "aws-access-key gcp-api-key github-token slack-token stripe-key private-key jwt",
            ),
            (Attacks, "sql-injection xss path-traversal command-injection log4shell"),
        ];
        Catalog(
            names.iter().flat_map(|(c, n)| n.split(' ').map(move |n| (n.to_owned(), *c))).collect(),
        )
    }
    pub fn iter(&self) -> impl Iterator<Item = (DetectorId, &str, Category)> {
        self.0.iter().enumerate().map(|(i, (n, c))| (DetectorId(i as u8), n.as_str(), *c))
    }
    pub fn find(&self, name: &str) -> Option<DetectorId> {
        self.iter().find(|d| d.1 == name).map(|d| d.0)
    }
    pub fn add_custom(&mut self, c: Custom) -> Result<DetectorId, String> {
        if !c.literal {
            regex_syntax::Parser::new().parse(&c.pattern).map_err(|e| e.to_string())?;
        }
        let _ = (c.case_insensitive, c.max_length);
        self.0.push((c.name, c.category));
        Ok(DetectorId((self.0.len() - 1) as u8))
    }
}
