//! TLS with ring: the bundled Mozilla roots first. The operating system's
//! store costs milliseconds to read, so it is read only when they do not
//! suffice, as behind a company's own authority, and no more of it than need be.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_native_certs::{CertificateResult, load_certs_from_paths, load_native_certs};

use crate::context::Environment;
use crate::error::{Failure, Result};
use crate::input::document::read_limited;

/// The variable that names further certificates to trust.
const BUNDLE_VARIABLE: &str = "SSL_CERT_FILE";

/// A client configuration that trusts the bundled roots, those in the given
/// files, and at need those of the operating system.
///
/// # Errors
/// Usage: a file cannot be read or holds no certificate.
pub fn client_config(ca_file: Option<&Path>, env: &Environment) -> Result<ClientConfig> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = ca_file {
        for certificate in read_file("--ca-file", path)? {
            roots.add(certificate).map_err(|error| unusable("--ca-file", path).source(error))?;
        }
    }
    let bundle = env.path(BUNDLE_VARIABLE);
    if let Some(path) = &bundle {
        // It may be a whole system's: looked at now, and read at need.
        let bytes = read(BUNDLE_VARIABLE, path)?;
        certificates(&bytes)
            .next()
            .unwrap_or(Err(Error::NoItemsFound))
            .map_err(no_certificate(BUNDLE_VARIABLE, path))?;
    }
    with_roots(roots, bundle)
}

/// A configuration for plain http alone: the client wants one all the same.
///
/// # Errors
/// Unexpected: the library refuses its own defaults.
pub fn unused_config() -> Result<ClientConfig> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unexpected)?;
    Ok(config.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

fn with_roots(roots: RootCertStore, bundle: Option<PathBuf>) -> Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let bundled = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .map_err(unexpected)?;
    let verifier = Verifier { bundled, bundle, stores: Default::default(), provider: Arc::clone(&provider) };
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(unexpected)?;
    Ok(config.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

fn unexpected(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::unexpected("TLS cannot be set up").source(error)
}

fn unusable(name: &str, path: &Path) -> Failure {
    Failure::usage(format!("{name}: {} cannot be used as a certificate file", path.display()))
}

fn read_file(name: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let bytes = read(name, path)?;
    let all: Vec<_> =
        certificates(&bytes).collect::<std::result::Result<_, _>>().map_err(no_certificate(name, path))?;
    if all.is_empty() { Err(no_certificate(name, path)(Error::NoItemsFound)) } else { Ok(all) }
}

fn read(name: &str, path: &Path) -> Result<Vec<u8>> {
    let bytes = read_limited(path).map_err(|error| unusable(name, path).source(error))?;
    bytes.ok_or_else(|| unusable(name, path).hint("it is over 1 MiB"))
}

fn certificates(pem: &[u8]) -> impl Iterator<Item = std::result::Result<CertificateDer<'static>, Error>> {
    CertificateDer::pem_slice_iter(pem)
}

fn no_certificate(name: &str, path: &Path) -> impl Fn(Error) -> Failure {
    move |error| match error {
        Error::NoItemsFound => unusable(name, path).hint("it holds no PEM certificate (-----BEGIN CERTIFICATE-----)"),
        error => unusable(name, path).source(error),
    }
}

/// What went wrong with a handshake, in words.
pub fn explain(error: &rustls::Error) -> String {
    use CertificateError as Bad;
    let rustls::Error::InvalidCertificate(bad) = error else { return error.to_string() };
    match bad {
        Bad::UnknownIssuer => "its certificate is from an unknown authority".to_owned(),
        Bad::ExpiredContext { not_after, .. } => {
            format!("its certificate expired on {}, or the clock of this machine is wrong", date(*not_after))
        }
        Bad::Expired => "its certificate has expired".to_owned(),
        Bad::NotValidYetContext { not_before, .. } => {
            format!("its certificate is valid from {} on, or the clock of this machine is wrong", date(*not_before))
        }
        Bad::NotValidYet => "its certificate is not valid yet".to_owned(),
        Bad::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
            format!("its certificate is for another name: {}", presented.join(", "))
        }
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => "its certificate is for another name".to_owned(),
        Bad::BadSignature => "its certificate is not signed by the authority that it names".to_owned(),
        other => format!("its certificate cannot be used ({other})"),
    }
}

/// The day of a time, in UTC.
fn date(time: UnixTime) -> String {
    let time = i64::try_from(time.as_secs()).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map(|time| time.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
}

/// Checks against the bundled roots; an unknown issuer is looked for among
/// the operating system's.
#[derive(Debug)]
struct Verifier {
    bundled: Arc<WebPkiServerVerifier>,
    bundle: Option<PathBuf>,
    stores: [OnceLock<Option<Arc<WebPkiServerVerifier>>>; 2],
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    /// The operating system's roots, read at the first need: those in its one
    /// file, then all that it has, which may be in hundreds. Left out is what
    /// is not there.
    fn stores(&self) -> impl Iterator<Item = &Arc<WebPkiServerVerifier>> {
        let loads: [fn(Option<&Path>) -> CertificateResult; 2] = [in_one_file, |_| load_native_certs()];
        self.stores.iter().zip(loads).filter_map(|(store, load)| {
            store
                .get_or_init(|| {
                    let mut roots = RootCertStore::empty();
                    // Among many there may be one that nobody can use.
                    roots.add_parsable_certificates(load(self.bundle.as_deref()).certs);
                    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
                        .build()
                        .ok()
                })
                .as_ref()
        })
    }
}

/// The certificates in the bundle, or in the system's.
fn in_one_file(bundle: Option<&Path>) -> CertificateResult {
    match bundle {
        Some(bundle) => load_certs_from_paths(Some(bundle), None),
        #[cfg(not(target_os = "macos"))]
        None => load_certs_from_paths(openssl_probe::probe().cert_file.as_deref(), None),
        #[cfg(target_os = "macos")]
        None => CertificateResult::default(),
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        let verify = |verifier: &WebPkiServerVerifier| {
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        // Two authorities may share a name: then the signature is bad.
        let is_strange = |error: &rustls::Error| {
            matches!(
                error,
                rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature)
            )
        };
        let mut verdict = verify(&self.bundled);
        let mut stores = self.stores();
        while verdict.as_ref().is_err_and(is_strange)
            && let Some(store) = stores.next()
        {
            verdict = verify(store);
        }
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.bundled.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.bundled.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.bundled.supported_verify_schemes()
    }
}
