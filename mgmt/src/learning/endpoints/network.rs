//! A small neural network: bags of hashed character n-grams, each the sum of their embeddings, beside some numbers, through
//! one hidden layer, to one logit.
//!
//! ```text
//!   bag 1 ─► Σ embedding / √n ─┐
//!   bag 2 ─► Σ embedding / √n ─┼─► hidden (ReLU) ─► logit
//!   numbers ───────────────────┘
//! ```

/// Name and version of the file.
const MAGIC: &[u8; 8] = b"WEIRNET1";

/// How large a network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Rows of the embedding; n-grams are hashed to them.
    pub buckets: usize,
    /// Numbers in a row.
    pub dim: usize,
    /// Bags in an input.
    pub bags: usize,
    /// Plain numbers in an input.
    pub numbers: usize,
    /// Units of the hidden layer.
    pub hidden: usize,
}

impl Shape {
    /// Inputs of the hidden layer.
    pub fn inputs(&self) -> usize {
        self.bags * self.dim + self.numbers
    }
}

/// What is judged.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// Buckets of n-grams.
    pub bags: Vec<Vec<u32>>,
    /// About -4 to 4 each.
    pub numbers: Vec<f32>,
}

/// Weights.
#[derive(Clone, Debug)]
pub struct Network {
    /// How large it is.
    pub shape: Shape,
    /// `buckets` rows of `dim`.
    pub embedding: Vec<f32>,
    /// `hidden` rows of `inputs`.
    pub weights: Vec<f32>,
    /// One for each hidden unit.
    pub biases: Vec<f32>,
    /// One for each hidden unit, and a bias at the end.
    pub output: Vec<f32>,
}

impl Network {
    /// The input of the hidden layer.
    pub fn joined(&self, input: &Input, into: &mut Vec<f32>) {
        into.clear();
        for bag in input.bags.iter().take(self.shape.bags) {
            let start = into.len();
            into.resize(start + self.shape.dim, 0.0);
            let scale = 1.0 / (bag.len().max(1) as f32).sqrt();
            for bucket in bag {
                let sum = into.iter_mut().skip(start);
                sum.zip(self.row(*bucket)).for_each(|(s, e)| *s += e * scale);
            }
        }
        into.extend(input.numbers.iter().take(self.shape.numbers));
        into.resize(self.shape.inputs(), 0.0);
    }

    /// The hidden layer after ReLU.
    pub fn hidden(&self, joined: &[f32], into: &mut Vec<f32>) {
        into.clear();
        let rows = self.weights.chunks_exact(self.shape.inputs().max(1)).zip(&self.biases);
        into.extend(rows.map(|(row, bias)| (bias + dot(row, joined)).max(0.0)));
    }

    /// What comes out of the hidden layer.
    pub fn sum(&self, hidden: &[f32]) -> f32 {
        self.output.last().copied().unwrap_or(0.0) + dot(&self.output, hidden)
    }

    /// Positive: more likely than not.
    pub fn logit(&self, input: &Input) -> f32 {
        let (mut joined, mut hidden) = (Vec::new(), Vec::new());
        self.joined(input, &mut joined);
        self.hidden(&joined, &mut hidden);
        self.sum(&hidden)
    }

    fn row(&self, bucket: u32) -> &[f32] {
        let start = bucket as usize % self.shape.buckets.max(1) * self.shape.dim;
        self.embedding.get(start..start + self.shape.dim).unwrap_or_default()
    }

    /// Appends it as a file holds it: name, shape (u32, little endian), then each tensor as a scale (f32) and 8-bit weights.
    pub fn write(&self, file: &mut Vec<u8>) {
        file.extend(MAGIC);
        let Shape { buckets, dim, bags, numbers, hidden } = self.shape;
        for size in [buckets, dim, bags, numbers, hidden] {
            file.extend((size as u32).to_le_bytes());
        }
        for tensor in [&self.embedding, &self.weights, &self.biases, &self.output] {
            let largest = tensor.iter().fold(0.0f32, |m, w| m.max(w.abs()));
            let scale = (largest / 127.0).max(f32::MIN_POSITIVE);
            file.extend(scale.to_le_bytes());
            file.extend(tensor.iter().map(|w| (w / scale).round() as i8 as u8));
        }
    }

    /// Reads what [`Network::write`] wrote, and moves on behind it. None if it is something else.
    pub fn read(file: &mut &[u8]) -> Option<Network> {
        if file.split_off(..MAGIC.len())? != MAGIC {
            return None;
        }
        let mut size = || Some(u32::from_le_bytes(*file.split_off(..4)?.first_chunk()?) as usize);
        let shape = Shape {
            buckets: size()?,
            dim: size()?,
            bags: size()?,
            numbers: size()?,
            hidden: size()?,
        };
        let mut tensor = |length: usize| {
            let scale = f32::from_le_bytes(*file.split_off(..4)?.first_chunk()?);
            let weights = file.split_off(..length)?;
            Some(weights.iter().map(|w| f32::from(*w as i8) * scale).collect::<Vec<f32>>())
        };
        Some(Network {
            shape,
            embedding: tensor(shape.buckets.checked_mul(shape.dim)?)?,
            weights: tensor(shape.hidden.checked_mul(shape.inputs())?)?,
            biases: tensor(shape.hidden)?,
            output: tensor(shape.hidden + 1)?,
        })
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The logistic function.
pub fn probability(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let shape = Shape { buckets: 4, dim: 2, bags: 1, numbers: 1, hidden: 2 };
        let network = Network {
            shape,
            embedding: vec![1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0],
            weights: vec![1.0, 0.0, 0.0, 0.0, 1.0, 1.0],
            biases: vec![0.0, -1.0],
            output: vec![1.0, 2.0, -0.5],
        };
        // Bucket 1 is (0, 1); hidden: 0 and 1 + 3 - 1.
        let input = Input { bags: vec![vec![1]], numbers: vec![3.0] };
        assert_eq!(network.logit(&input), 2.0 * 3.0 - 0.5);
        let mut file = Vec::new();
        network.write(&mut file);
        let mut rest = file.as_slice();
        let again = Network::read(&mut rest).unwrap();
        assert!(rest.is_empty() && (again.logit(&input) - 5.5).abs() < 0.1);
        for end in 0..file.len() {
            assert!(Network::read(&mut file.get(..end).unwrap()).is_none());
        }
    }
}
