//! What is known, as a file: so that the next recording need not be learnt from its beginning.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Engine;

/// Files of another version are refused.
const VERSION: u32 = 2;

#[derive(Serialize)]
struct Model<'a> {
    version: u32,
    engine: &'a Engine,
}

#[derive(Deserialize)]
struct Stored {
    version: u32,
    engine: Engine,
}

/// Reads what was known; nothing, if the file is not there yet.
pub fn load(path: &Path) -> io::Result<Engine> {
    let file = match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Engine::default()),
        file => file?,
    };
    let stored: Stored = serde_json::from_reader(BufReader::new(file))?;
    if stored.version != VERSION {
        let why = format!("a model of version {}, not {VERSION}", stored.version);
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    Ok(stored.engine)
}

/// Writes what is known, whole or not at all.
pub fn save(engine: &Engine, path: &Path) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let mut file = BufWriter::new(File::create(&beside)?);
    serde_json::to_writer(&mut file, &Model { version: VERSION, engine })?;
    file.flush()?;
    fs::rename(beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_model_is_refused() {
        let path = std::env::temp_dir().join(format!("weir-model-{}", std::process::id()));
        assert!(load(&path).is_ok());
        save(&Engine::default(), &path).unwrap();
        assert!(load(&path).is_ok());
        for text in ["", "{}", r#"{"version":1,"engine":{}}"#] {
            fs::write(&path, text).unwrap();
            assert!(load(&path).is_err(), "{text}");
        }
        let other = serde_json::to_string(&Model { version: 3, engine: &Engine::default() });
        fs::write(&path, other.unwrap()).unwrap();
        assert!(load(&path).unwrap_err().to_string().contains("version 3"));
        fs::remove_file(path).unwrap();
    }
}
