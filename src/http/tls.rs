//! TLS with ring: which certificates a server's certificate is checked against.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, KeyProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::SigningKey;
use rustls::{CertificateError, ClientConfig, RootCertStore};
use rustls_native_certs::{load_certs_from_paths, load_native_certs};

use crate::context::Environment;
use crate::http::error::{CertificateProblem, CertificateSource, SetupError};
use crate::input::document::read_at_most;

const FILE_VARIABLE: &str = "SSL_CERT_FILE";
const DIRECTORY_VARIABLE: &str = "SSL_CERT_DIR";

/// A system's bundle is a few hundred KiB.
const MAX_CERTIFICATE_FILE: u64 = 16 * 1024 * 1024;

/// A set of authorities that are trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// Those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, and no others, as for
    /// OpenSSL, curl and Go.
    Named,
    /// Mozilla's, which are built in.
    Bundled,
    /// The operating system's, which take milliseconds to read.
    System,
}

impl Store {
    /// The one that is tried first.
    pub fn first(env: &Environment) -> Self {
        let is_named = [FILE_VARIABLE, DIRECTORY_VARIABLE].iter().any(|name| env.var_os(name).is_some());
        if is_named { Self::Named } else { Self::Bundled }
    }

    /// The one that may know an authority that this one does not.
    pub fn next(self) -> Option<Self> {
        match self {
            Self::Bundled => Some(Self::System),
            Self::Named | Self::System => None,
        }
    }

    /// What the log calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Named => "the certificates of SSL_CERT_FILE and SSL_CERT_DIR",
            Self::Bundled => "the built-in certificates",
            Self::System => "the system's certificates",
        }
    }

    fn roots(self, env: &Environment) -> Result<RootCertStore, SetupError> {
        let mut roots = RootCertStore::empty();
        match self {
            Self::Bundled => roots.roots = webpki_roots::TLS_SERVER_ROOTS.to_vec(),
            // One of many may be unusable.
            Self::System => {
                roots.add_parsable_certificates(load_native_certs().certs);
            }
            Self::Named => {
                if let Some(path) = env.path(FILE_VARIABLE) {
                    let unusable = unusable(CertificateSource::File, &path);
                    let (usable, _) = roots.add_parsable_certificates(read_file(&path).map_err(unusable)?);
                    if usable == 0 {
                        return Err(unusable(CertificateProblem::Unusable));
                    }
                }
                let directories = env.var_os(DIRECTORY_VARIABLE).unwrap_or_default();
                for directory in std::env::split_paths(&directories).filter(|path| !path.as_os_str().is_empty()) {
                    roots.add_parsable_certificates(load_certs_from_paths(None, Some(&directory)).certs);
                }
                if roots.is_empty() {
                    let path = env.path(DIRECTORY_VARIABLE).unwrap_or_default();
                    return Err(unusable(CertificateSource::Directory, &path)(CertificateProblem::Unusable));
                }
            }
        }
        Ok(roots)
    }
}

/// A configuration that trusts a store, and the authorities in `ca_file` beside it.
///
/// # Errors
/// A file cannot be read or holds no certificate that can be used.
pub fn client_config(store: Store, ca_file: Option<&Path>, env: &Environment) -> Result<ClientConfig, SetupError> {
    let mut roots = store.roots(env)?;
    if let Some(path) = ca_file {
        let unusable = unusable(CertificateSource::Flag, path);
        for certificate in read_file(path).map_err(unusable)? {
            roots.add(certificate).map_err(|error| unusable(CertificateProblem::Error(error.into())))?;
        }
    }
    with_roots(roots)
}

/// A configuration for plain http alone, which the client wants all the same.
///
/// # Errors
/// The library refuses its own defaults.
pub fn unused_config() -> Result<ClientConfig, SetupError> {
    with_roots(RootCertStore::empty())
}

/// Loads no private key: the client has no certificate, and what signs with one stays
/// out of the binary.
#[derive(Debug)]
struct NoKeys;

impl KeyProvider for NoKeys {
    fn load_private_key(&self, _key: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, rustls::Error> {
        Err(rustls::Error::General("client certificates are not supported".to_owned()))
    }
}

fn with_roots(roots: RootCertStore) -> Result<ClientConfig, SetupError> {
    let provider = CryptoProvider { key_provider: &NoKeys, ..ring::default_provider() };
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| SetupError::Tls(error.into()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Whether another store may accept what was refused. Two authorities may share a
/// name: then the signature is bad. And a chain may lead to an authority that has
/// expired, past one that is trusted.
pub fn may_be_accepted_by_another_store(error: &rustls::Error) -> bool {
    use CertificateError as Bad;
    let rustls::Error::InvalidCertificate(bad) = error else { return false };
    matches!(bad, Bad::UnknownIssuer | Bad::BadSignature | Bad::Expired | Bad::ExpiredContext { .. })
}

fn unusable(source: CertificateSource, path: &Path) -> impl Fn(CertificateProblem) -> SetupError + Copy {
    move |problem| SetupError::Certificates { source, path: path.to_owned(), problem }
}

fn read_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateProblem> {
    let bytes = File::open(path).and_then(|file| read_at_most(MAX_CERTIFICATE_FILE, file));
    let bytes = bytes.map_err(|error| CertificateProblem::Error(error.into()))?.ok_or(CertificateProblem::TooLarge)?;
    let pem = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| CertificateProblem::Error(error.into()))?;
    if certificates.is_empty() { Err(CertificateProblem::Empty) } else { Ok(certificates) }
}
