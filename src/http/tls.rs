//! TLS with ring: the bundled Mozilla roots first. The operating system's
//! store costs milliseconds to read, so it is read only when they do not
//! suffice, as behind a company's own authority, and no more of it than need be.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
#[cfg(not(target_os = "macos"))]
use rustls_native_certs::load_certs_from_paths;
use rustls_native_certs::{CertificateResult, load_native_certs};

use crate::context::Environment;
use crate::error::{Failure, Result};
use crate::input::document::read_limited;

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
    if let Some(path) = env.path("SSL_CERT_FILE") {
        // A whole system's bundle may hold a certificate that nobody can use.
        let (usable, _) = roots.add_parsable_certificates(read_file("SSL_CERT_FILE", &path)?);
        if usable == 0 {
            return Err(unusable("SSL_CERT_FILE", &path));
        }
    }
    with_roots(roots)
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

fn with_roots(roots: RootCertStore) -> Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let bundled = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .map_err(unexpected)?;
    let verifier = Verifier { bundled, stores: Default::default(), provider: Arc::clone(&provider) };
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
    let bytes = read_limited(path).map_err(|error| unusable(name, path).source(error))?;
    let bytes = bytes.ok_or_else(|| unusable(name, path).hint("it is over 1 MiB"))?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<std::result::Result<_, _>>()
        .map_err(|error| unusable(name, path).source(error))?;
    if certificates.is_empty() {
        return Err(unusable(name, path).hint("it holds no PEM certificate (-----BEGIN CERTIFICATE-----)"));
    }
    Ok(certificates)
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

/// Checks against the bundled roots, then against the operating system's.
#[derive(Debug)]
struct Verifier {
    bundled: Arc<WebPkiServerVerifier>,
    stores: [OnceLock<Option<Arc<WebPkiServerVerifier>>>; 2],
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    /// The operating system's roots, read at the first need: those in its one
    /// file, then all that it has, which may be in hundreds. Left out is what
    /// is not there.
    fn stores(&self) -> impl Iterator<Item = &Arc<WebPkiServerVerifier>> {
        self.stores.iter().zip([in_one_file, load_native_certs]).filter_map(|(store, load)| {
            store
                .get_or_init(|| {
                    let mut roots = RootCertStore::empty();
                    // Among many there may be one that nobody can use.
                    roots.add_parsable_certificates(load().certs);
                    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
                        .build()
                        .ok()
                })
                .as_ref()
        })
    }
}

/// The certificates in the system's one file. None where a variable names
/// others, which takes the place of all that the system has.
#[cfg(not(target_os = "macos"))]
fn in_one_file() -> CertificateResult {
    if ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| std::env::var_os(name).is_some()) {
        return CertificateResult::default();
    }
    load_certs_from_paths(openssl_probe::probe().cert_file.as_deref(), None)
}

/// There is no such file.
#[cfg(target_os = "macos")]
fn in_one_file() -> CertificateResult {
    CertificateResult::default()
}

/// Whether other roots may tell otherwise. Two authorities may share a name:
/// then the signature is bad. And a chain may lead on to an authority that has
/// expired, past one that is trusted.
fn is_open(error: &rustls::Error) -> bool {
    use CertificateError as Bad;
    let rustls::Error::InvalidCertificate(bad) = error else { return false };
    matches!(bad, Bad::UnknownIssuer | Bad::BadSignature | Bad::Expired | Bad::ExpiredContext { .. })
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
        let mut verdict = verify(&self.bundled);
        let mut stores = self.stores();
        while verdict.as_ref().is_err_and(is_open)
            && let Some(store) = stores.next()
        {
            let next = verify(store);
            // That the authority is unknown says less than anything else.
            if !matches!(next, Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer))) {
                verdict = next;
            }
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
