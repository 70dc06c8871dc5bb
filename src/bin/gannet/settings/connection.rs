//! From the flags of connections to the options of the library: files are read and checked.

use std::path::Path;

use gannet::error::Error;
use gannet::fetch::{
    BuildError, CertificateError, ClientCertificate, ConnectionOptions, Protocol, Roots, TlsOptions,
    TlsVersion,
};

use crate::args::{ConnectionArgs, MinTls};
use crate::whole_file;

/// The longest file of certificates, bytes: all of a system are a quarter of a megabyte.
const LONGEST: u64 = 16 * whole_file::MIB;

/// What people are told first.
pub(crate) fn notices(args: &ConnectionArgs) -> Vec<String> {
    let insecure = "certificates are not verified (--insecure): whoever sits on the way can read and change what is fetched";
    args.insecure.then(|| insecure.to_owned()).into_iter().collect()
}

pub(crate) fn connections(args: &ConnectionArgs) -> ConnectionOptions {
    let protocol = match (args.http1, args.http2) {
        (true, _) => Protocol::Http1,
        (false, true) => Protocol::Http2,
        (false, false) => Protocol::Any,
    };
    let max_idle_per_host = args.max_idle_per_host.map(|most| most as usize);
    ConnectionOptions { protocol, keep_alive: args.keep_alive, max_idle_per_host }
}

pub(crate) fn tls(args: &ConnectionArgs) -> Result<TlsOptions, Error> {
    let roots = args
        .cacert
        .as_deref()
        .map(|path| Roots::from_pem(&read("cacert", path)?).map_err(|why| fault("cacert", path, &why)));
    let min_version = match args.min_tls {
        MinTls::V1_2 => TlsVersion::V1_2,
        MinTls::V1_3 => TlsVersion::V1_3,
    };
    Ok(TlsOptions { insecure: args.insecure, roots: roots.transpose()?, client: client(args)?, min_version })
}

fn client(args: &ConnectionArgs) -> Result<Option<ClientCertificate>, Error> {
    let Some(cert) = &args.cert else {
        return match &args.key {
            None => Ok(None),
            Some(_) => Err(Error::Config(
                "`--key` is the key of a certificate\nhint: give that with `--cert FILE`".into(),
            )),
        };
    };
    let chain = read("cert", cert)?;
    let (flag, path, key) = match &args.key {
        Some(path) => ("key", path, read("key", path)?),
        None => ("cert", cert, chain.clone()),
    };
    let certificate = ClientCertificate::from_pem(&chain, &key).map_err(|error| match error {
        CertificateError::Certificate(why) => fault("cert", cert, &why),
        CertificateError::Key(why) => fault(flag, path, &why),
    })?;
    Ok(Some(certificate))
}

fn read(flag: &str, path: &Path) -> Result<Vec<u8>, Error> {
    whole_file::bytes(path, LONGEST)
        .map_err(|why| Error::Config(format!("`--{flag}`: cannot read `{}`: {why}", path.display())))
}

fn fault(flag: &str, path: &Path, why: &BuildError) -> Error {
    Error::Config(format!("`--{flag}`: `{}` {why}", path.display()))
}
