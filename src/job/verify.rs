//! Checks everything that must hold of a job, and its records against it. Reads all of it; changes nothing.

use std::collections::HashSet;
use std::fs::File;
use std::io::ErrorKind::InvalidData;
use std::io::{self, BufRead, BufReader, Read};

use super::manifest::Manifest;
use super::text::Text;
use super::{Kept, Kind};
use crate::error::Error;
use crate::frontier::store::DiskState;
use crate::sink::{sqlite, warc};

/// One thing that was checked: what, and what was found or is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was checked.
    pub what: String,
    /// What was found, or what is wrong.
    pub how: Result<String, String>,
}

/// The numbers that a run noted, as far as they can be checked against the rest.
#[derive(Clone, Copy, Debug, Default)]
pub struct Numbers {
    /// Seeds and admitted links.
    pub came_in: u64,
    /// URLs with an outcome.
    pub settled: u64,
    /// Seeds that were dropped without a record.
    pub dropped: u64,
    /// Seeds of which it is not decided whether they are new.
    pub seeds_open: u64,
    /// Of those with an outcome, seeds that never were URLs of their own: bad lines and repeated ones.
    pub no_urls: u64,
}

/// Checks a job.
///
/// # Errors
/// When something cannot be read; what can be read and is wrong is a [`Finding`].
pub fn verify(state: &mut DiskState, manifest: &Manifest, numbers: Numbers) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    let mut note = |what: &str, how| findings.push(Finding { what: what.to_owned(), how });
    let stock = state.stock();
    let io = |why| Error::Io("cannot read the frontier".into(), why);

    let (mut pending, mut urls) = (Vec::new(), Vec::new());
    state
        .pending(|seq, url| {
            pending.push(seq);
            urls.push(url.to_owned());
        })
        .map_err(io)?;
    note(
        "URLs that wait can be read, as many as are counted",
        same(pending.len() as u64, stock.waiting + stock.out),
    );
    pending.sort_unstable();
    let repeated = pending.windows(2).filter(|pair| pair[0] == pair[1]).count();
    note("each waits once", none(repeated, "wait more than once"));

    let mut unseen = 0;
    for url in &urls {
        unseen += usize::from(state.was_seen(url).map_err(io)? == Some(false));
    }
    note("each of them is among the URLs seen", none(unseen, "are not"));
    drop(urls);

    let left = stock.waiting + stock.out + stock.aside + numbers.seeds_open;
    let balance = same(numbers.came_in, numbers.settled + numbers.dropped + left);
    note("what came in = what came out + what is left", balance);
    if let (Some(seen), 0) = (stock.seen, stock.undecided) {
        let ours = numbers.came_in - numbers.dropped - numbers.no_urls - stock.aside;
        note("as many URLs were seen as were admitted", same(seen, ours));
    }
    for (output, length) in manifest.outputs.iter().zip(state.outputs.clone()) {
        check_output(output, length, numbers.settled, &pending, &mut note)?;
    }
    Ok(findings)
}

fn same(found: u64, expected: u64) -> Result<String, String> {
    match found == expected {
        true => Ok(found.to_string()),
        false => Err(format!("{found} and {expected} differ")),
    }
}

fn none(count: usize, what: &str) -> Result<String, String> {
    if count == 0 { Ok("yes".into()) } else { Err(format!("{count} {what}")) }
}

/// One output: as many records as outcomes, none twice, none of a URL that waits.
fn check_output(
    output: &Kept,
    length: u64,
    settled: u64,
    pending: &[u64],
    note: &mut impl FnMut(&str, Result<String, String>),
) -> Result<(), Error> {
    let name = output.path.display();
    let io = |why| Error::Io(format!("cannot read `{name}`"), why);
    if output.kind.length(&output.path).map_err(io)? < length {
        note(&format!("`{name}` is whole"), Err(format!("it is shorter than {length}")));
        return Ok(());
    }
    if output.kind == Kind::Archive {
        let found = match warc::check(&output.path, length) {
            Ok(warc::Checked { records, broken: 0 }) => Ok(format!("{records} records")),
            Ok(warc::Checked { broken, .. }) => {
                Err(format!("of {broken} the digest is another than they say"))
            }
            Err(why) if why.kind() == InvalidData => Err(why.to_string()),
            Err(why) => return Err(io(why)),
        };
        note(&format!("`{name}` can be read, and has the digests that it says"), found);
        return Ok(());
    }
    // Others can be read by people, or hold their records in a form of their own.
    let Some(records) = Records::of(output, length).map_err(io)? else { return Ok(()) };
    note(&format!("`{name}` has as many records as URLs have outcomes"), same(records.count, settled));
    note(&format!("`{name}` can be read"), none(records.broken, "records cannot be read"));
    if !records.seqs.is_empty() {
        let again = records.seqs.iter().filter(|seq| pending.binary_search(seq).is_ok()).count();
        note(&format!("`{name}` has no record of a URL that waits"), none(again, "of them have one"));
        let distinct: HashSet<_> = records.seqs.iter().collect();
        let twice = records.seqs.len() - distinct.len();
        note(&format!("`{name}` has one record of each"), none(twice, "have more"));
    }
    Ok(())
}

/// What the records of a file say.
#[derive(Default)]
struct Records {
    count: u64,
    broken: usize,
    /// Their numbers, where they have them.
    seqs: Vec<u64>,
}

impl Records {
    fn of(Kept { path, kind }: &Kept, length: u64) -> io::Result<Option<Self>> {
        if *kind == Kind::Rows {
            let sqlite::Rows { count, seqs, damage } = sqlite::read(path, length)?;
            return Ok(Some(Self { count, seqs, broken: damage }));
        }
        if Text::of(path).is_none() {
            return Ok(None);
        }
        let file = File::open(path)?.take(length);
        Ok(match Text::open(path, file)? {
            Some((Text::Lines, text)) => Some(Self::of_lines(text)?),
            Some((Text::Table(delimiter), text)) => Some(Self::of_table(text, delimiter)?),
            None => None,
        })
    }

    fn of_lines(file: impl Read) -> io::Result<Self> {
        #[derive(serde::Deserialize)]
        struct Line {
            seq: Option<u64>,
        }
        let mut records = Self::default();
        for line in BufReader::with_capacity(256 << 10, file).split(b'\n') {
            records.count += 1;
            match serde_json::from_slice::<Line>(&line?) {
                Ok(line) => records.seqs.extend(line.seq),
                Err(_) => records.broken += 1,
            }
        }
        Ok(records)
    }

    fn of_table(file: impl Read, delimiter: u8) -> io::Result<Self> {
        let mut records = Self::default();
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(file);
        let column = reader.headers()?.iter().position(|name| name == "seq");
        for record in reader.records() {
            records.count += 1;
            match record {
                Ok(record) => {
                    let seq: Option<u64> = column.and_then(|column| record.get(column)?.parse().ok());
                    records.seqs.extend(seq);
                }
                Err(_) => records.broken += 1,
            }
        }
        Ok(records)
    }
}
