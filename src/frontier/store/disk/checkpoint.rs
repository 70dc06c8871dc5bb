//! The checkpoint: what the other files of the frontier mean at one moment, namely the beginning of one journal
//! segment. Replaced as a whole, so there is always one.

use std::hash::Hasher as _;
use std::io;
use std::path::Path;

use siphasher::sip::SipHasher13;

use super::bytes::{Damaged, Reader, put, put_bytes};
use super::files;

/// The version of all files of the frontier; any other is refused.
pub(crate) const VERSION: u32 = 2;
const MAGIC: &[u8; 8] = b"gannetCP";
const NAME: &str = "checkpoint";

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Checkpoint {
    /// The first journal segment that says more than this.
    pub(super) segment: u64,
    /// Which URLs were seen.
    pub(super) seen: SeenFile,
    /// Generation and length of the file of groups.
    pub(super) hosts: (u64, u64),
    /// Failed entries that are kept.
    pub(super) failed: u64,
    /// The length of each output.
    pub(super) outputs: Vec<u64>,
    /// What the run noted.
    pub(super) note: Vec<u8>,
    /// The state of the queues.
    pub(super) queues: Vec<u8>,
    /// The state of [`Core`](super::core::Core).
    pub(super) core: Vec<u8>,
    /// What the merge before it decided and no run has heard; see [`Merged`](super::keeper::Merged).
    pub(super) unheard: Vec<u8>,
}

/// The file of fingerprints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum SeenFile {
    /// None: repeated URLs are wanted, or nothing was seen yet.
    #[default]
    None,
    /// Runs of fingerprints, to be read into memory: so many bytes count.
    Runs(u64),
    /// One sorted file, of this generation.
    Sorted(u64),
}

impl Checkpoint {
    /// The one in this directory, if there is any.
    pub(super) fn read(directory: &Path) -> io::Result<Option<Self>> {
        let path = directory.join(NAME);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(why) => return Err(why),
        };
        let invalid =
            |why: &str| io::Error::new(io::ErrorKind::InvalidData, format!("`{}` {why}", path.display()));
        let front = bytes.get(..20).ok_or_else(|| invalid("is damaged: it is too short"))?;
        if &front[..8] != MAGIC {
            return Err(invalid("is no checkpoint of gannet"));
        }
        let version = u32::from_le_bytes([front[8], front[9], front[10], front[11]]);
        if version != VERSION {
            return Err(invalid(&format!("is of format {version}; this gannet reads format {VERSION}")));
        }
        if front[12..] != checksum(&[&bytes[20..]]) {
            return Err(invalid("is damaged: its checksum is wrong"));
        }
        Self::parse(Reader(&bytes[20..])).map(Some).map_err(|_| invalid("is damaged"))
    }

    fn parse(mut reader: Reader<'_>) -> Result<Self, Damaged> {
        let segment = reader.number()?;
        let seen = match (reader.byte()?, reader.number()?) {
            (0, _) => SeenFile::None,
            (1, length) => SeenFile::Runs(length),
            (2, generation) => SeenFile::Sorted(generation),
            _ => return Err(Damaged),
        };
        let hosts = (reader.number()?, reader.number()?);
        let failed = reader.number()?;
        let outputs = (0..reader.number()?).map(|_| reader.number()).collect::<Result<_, _>>()?;
        let mut bytes = || Ok(reader.bytes()?.to_vec());
        let (note, queues, core, unheard) = (bytes()?, bytes()?, bytes()?, bytes()?);
        Ok(Self { segment, seen, hosts, failed, outputs, note, queues, core, unheard })
    }

    /// Puts this one in the place of the one before.
    pub(super) fn publish(&self, directory: &Path, sync: bool) -> io::Result<()> {
        let mut front = Vec::new();
        put(&mut front, self.segment);
        let (kind, number) = match self.seen {
            SeenFile::None => (0, 0),
            SeenFile::Runs(length) => (1, length),
            SeenFile::Sorted(generation) => (2, generation),
        };
        front.push(kind);
        [number, self.hosts.0, self.hosts.1, self.failed].iter().for_each(|n| put(&mut front, *n));
        put(&mut front, self.outputs.len() as u64);
        self.outputs.iter().for_each(|length| put(&mut front, *length));
        put_bytes(&mut front, &self.note);
        put(&mut front, self.queues.len() as u64);
        let mut between = Vec::new();
        put(&mut between, self.core.len() as u64);
        let mut last = Vec::new();
        put_bytes(&mut last, &self.unheard);
        // With many groups the parts are long: nothing copies them.
        let body = [&front[..], &self.queues, &between, &self.core, &last];
        let head = [&MAGIC[..], &VERSION.to_le_bytes(), &checksum(&body)].concat();
        files::write_atomically(&directory.join(NAME), &[&[&head[..]], &body[..]].concat(), sync)
    }
}

fn checksum(body: &[&[u8]]) -> [u8; 8] {
    let mut hasher = SipHasher13::new();
    body.iter().for_each(|part| hasher.write(part));
    hasher.finish().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_refused_and_another_version_is_named() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Checkpoint::read(directory.path()).unwrap(), None);
        let checkpoint = Checkpoint {
            segment: 7,
            seen: SeenFile::Sorted(3),
            hosts: (1, 2),
            failed: 4,
            outputs: vec![5, 6],
            note: b"note".to_vec(),
            queues: b"queues".to_vec(),
            core: b"core".to_vec(),
            unheard: b"unheard".to_vec(),
        };
        checkpoint.publish(directory.path(), true).unwrap();
        assert_eq!(Checkpoint::read(directory.path()).unwrap(), Some(checkpoint));
        let path = directory.path().join(NAME);
        let good = std::fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 4;
            std::fs::write(&path, &bad).unwrap();
            let why = Checkpoint::read(directory.path()).unwrap_err().to_string();
            assert_eq!(why.contains("format"), (8..12).contains(&at), "byte {at}: {why}");
            std::fs::write(&path, &good[..at]).unwrap();
            assert!(Checkpoint::read(directory.path()).is_err());
        }
    }
}
