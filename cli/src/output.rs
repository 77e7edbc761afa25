//! Where text goes: standard output, standard error, files. A reader who stops reading is no error.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};

/// Why the program stops.
#[derive(Debug)]
pub enum Problem {
    /// The input cannot be used; says why, in one line.
    Input(String),
    /// Nobody reads the standard output any more.
    Closed,
}

/// Where an output goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Standard output, written `-`.
    Standard,
    /// The file of this name.
    File(String),
}

impl From<String> for Place {
    fn from(text: String) -> Place {
        if text == "-" {
            Place::Standard
        } else {
            Place::File(text)
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Standard => f.write_str("-"),
            Place::File(path) => f.write_str(path),
        }
    }
}

/// A place that is written to.
pub struct Sink {
    place: Place,
    writer: BufWriter<Box<dyn Write>>,
}

impl Sink {
    /// Opens a place; a file that is there is emptied.
    pub fn open(place: &Place) -> Result<Sink, Problem> {
        let writer: Box<dyn Write> = match place {
            Place::Standard => Box::new(io::stdout()),
            Place::File(path) => Box::new(File::create(path).map_err(|it| failed(place, &it))?),
        };
        Ok(Sink {
            place: place.clone(),
            writer: BufWriter::with_capacity(1 << 16, writer),
        })
    }

    /// Writes text as it is.
    pub fn write(&mut self, text: &str) -> Result<(), Problem> {
        self.writer
            .write_all(text.as_bytes())
            .map_err(|it| failed(&self.place, &it))
    }

    /// Writes what is left.
    pub fn finish(mut self) -> Result<(), Problem> {
        self.writer.flush().map_err(|it| failed(&self.place, &it))
    }
}

fn failed(place: &Place, error: &io::Error) -> Problem {
    if error.kind() == ErrorKind::BrokenPipe {
        return Problem::Closed;
    }
    let name = match place {
        Place::Standard => "the standard output".to_owned(),
        Place::File(path) => clusterscope_core::error::quote(path),
    };
    Problem::Input(format!("{name} cannot be written: {error}"))
}

/// Writes to standard output.
pub fn print(text: &str) -> Result<(), Problem> {
    let mut sink = Sink::open(&Place::Standard)?;
    sink.write(text)?;
    sink.finish()
}

/// Writes to standard error; should even that be closed, there is nobody left to tell.
pub fn print_aside(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Says on standard error why the program stops.
pub fn complain(message: &str) {
    print_aside(&format!("clusterscope: {message}\n"));
}
