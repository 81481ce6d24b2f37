//! TLS with ring. Certificates are checked against the bundled Mozilla roots first: to
//! read those of the operating system takes milliseconds, so they are read only if the
//! bundled ones do not suffice, as behind a company's own authority.

use std::path::Path;
use std::sync::{Arc, OnceLock};

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
use crate::http::error::{CertificateProblem, CertificateSource, SetupError};
use crate::input::document::read_limited;

/// A client configuration that trusts the bundled roots, those in `ca_file` and
/// `SSL_CERT_FILE`, and those of the operating system.
///
/// # Errors
/// A file cannot be read, or contains no certificate that can be used.
pub fn client_config(ca_file: Option<&Path>, env: &Environment) -> Result<ClientConfig, SetupError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = ca_file {
        let unusable = unusable(CertificateSource::Flag, path);
        for certificate in read_file(path).map_err(unusable)? {
            roots.add(certificate).map_err(|error| unusable(CertificateProblem::Error(error.into())))?;
        }
    }
    if let Some(path) = env.path("SSL_CERT_FILE") {
        let unusable = unusable(CertificateSource::Variable, &path);
        // The bundle of a whole system may contain an unusable certificate.
        let (usable, _) = roots.add_parsable_certificates(read_file(&path).map_err(unusable)?);
        if usable == 0 {
            return Err(unusable(CertificateProblem::Unusable));
        }
    }
    with_roots(roots)
}

/// A configuration for a client that makes no TLS connection, but requires one.
///
/// # Errors
/// The library rejects its own defaults.
pub fn unused_config() -> Result<ClientConfig, SetupError> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(setup_error)?;
    Ok(config.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

fn with_roots(roots: RootCertStore) -> Result<ClientConfig, SetupError> {
    let provider = Arc::new(ring::default_provider());
    let bundled = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .map_err(setup_error)?;
    let verifier = Verifier { bundled, stores: Default::default(), provider: Arc::clone(&provider) };
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(setup_error)?;
    Ok(config.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

fn setup_error(error: impl std::error::Error + Send + Sync + 'static) -> SetupError {
    SetupError::Tls(error.into())
}

fn unusable(source: CertificateSource, path: &Path) -> impl Fn(CertificateProblem) -> SetupError + Copy {
    move |problem| SetupError::Certificates { source, path: path.to_owned(), problem }
}

fn read_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateProblem> {
    let bytes = read_limited(path).map_err(|error| CertificateProblem::Error(error.into()))?;
    let bytes = bytes.ok_or(CertificateProblem::TooLarge)?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| CertificateProblem::Error(error.into()))?;
    if certificates.is_empty() { Err(CertificateProblem::Empty) } else { Ok(certificates) }
}

/// Checks against the bundled roots, then against those of the operating system.
#[derive(Debug)]
struct Verifier {
    bundled: Arc<WebPkiServerVerifier>,
    stores: [OnceLock<Option<Arc<WebPkiServerVerifier>>>; 2],
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    /// The roots of the operating system, each read on first use: those in its bundle,
    /// then all, which may be in hundreds of files.
    fn stores(&self) -> impl Iterator<Item = &Arc<WebPkiServerVerifier>> {
        self.stores.iter().zip([load_bundle, load_native_certs]).filter_map(|(store, load)| {
            store
                .get_or_init(|| {
                    let mut roots = RootCertStore::empty();
                    // Some may be unusable.
                    roots.add_parsable_certificates(load().certs);
                    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
                        .build()
                        .ok()
                })
                .as_ref()
        })
    }
}

/// The bundle of the operating system. Empty if a variable names other certificates,
/// which replace those of the system.
#[cfg(not(target_os = "macos"))]
fn load_bundle() -> CertificateResult {
    if ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| std::env::var_os(name).is_some()) {
        return CertificateResult::default();
    }
    load_certs_from_paths(openssl_probe::probe().cert_file.as_deref(), None)
}

#[cfg(target_os = "macos")]
fn load_bundle() -> CertificateResult {
    CertificateResult::default()
}

/// Whether the check may pass with other roots. If two authorities have the same name,
/// the signature is bad; and a chain may end at an expired authority although another in
/// it is trusted.
fn may_pass_with_other_roots(error: &rustls::Error) -> bool {
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
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verify = |verifier: &WebPkiServerVerifier| {
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        let mut result = verify(&self.bundled);
        let mut stores = self.stores();
        while result.as_ref().is_err_and(may_pass_with_other_roots)
            && let Some(store) = stores.next()
        {
            let next = verify(store);
            // Any other error is more specific than an unknown authority.
            if !matches!(next, Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer))) {
                result = next;
            }
        }
        result
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.bundled.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.bundled.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.bundled.supported_verify_schemes()
    }
}
