//! TLS with ring: the bundled Mozilla roots first. The operating system's
//! store costs milliseconds to read, so it is read only when they do not
//! suffice, as behind a company's own authority, and no more of it than is needed.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    CryptoProvider, KeyProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::SigningKey;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
#[cfg(not(target_os = "macos"))]
use rustls_native_certs::load_certs_from_paths;
use rustls_native_certs::{CertificateResult, load_native_certs};

use crate::context::Environment;
use crate::http::error::{CertificateProblem, CertificateSource, SetupError};
use crate::input::document::read_limited;

/// A client configuration that trusts the bundled roots, those in the given
/// files, and at need those of the operating system.
///
/// # Errors
/// A file cannot be read or holds no certificate that can be used.
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
        // A whole system's bundle may hold a certificate that cannot be used.
        let (usable, _) = roots.add_parsable_certificates(read_file(&path).map_err(unusable)?);
        if usable == 0 {
            return Err(unusable(CertificateProblem::Unusable));
        }
    }
    with_roots(roots)
}

/// A configuration for plain http alone, which the client wants all the same.
///
/// # Errors
/// The library refuses its own defaults.
pub fn unused_config() -> Result<ClientConfig, SetupError> {
    let config = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()
        .map_err(refused)?;
    Ok(config.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// ring, without what signs with a private key: the client has no certificate.
fn provider() -> CryptoProvider {
    CryptoProvider { key_provider: &NoKeys, ..ring::default_provider() }
}

#[derive(Debug)]
struct NoKeys;

impl KeyProvider for NoKeys {
    fn load_private_key(&self, _key: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, rustls::Error> {
        Err(rustls::Error::General("client certificates are not supported".to_owned()))
    }
}

fn with_roots(roots: RootCertStore) -> Result<ClientConfig, SetupError> {
    let provider = provider();
    let algorithms = provider.signature_verification_algorithms;
    let verifier = Verifier { bundled: roots, stores: Default::default(), algorithms };
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .map_err(refused)?;
    Ok(config.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

fn refused(error: impl std::error::Error + Send + Sync + 'static) -> SetupError {
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

/// Checks against the bundled roots, then against the operating system's. No lists of
/// revoked certificates are read: nothing here could give any.
#[derive(Debug)]
struct Verifier {
    bundled: RootCertStore,
    stores: [OnceLock<RootCertStore>; 2],
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    /// The operating system's roots, read when they are first needed: those in
    /// its one bundle, then all that it has, which may be hundreds of files.
    fn stores(&self) -> impl Iterator<Item = &RootCertStore> {
        self.stores.iter().zip([load_bundle, load_native_certs]).map(|(store, load)| {
            store.get_or_init(|| {
                let mut roots = RootCertStore::empty();
                // One of many may be unusable.
                roots.add_parsable_certificates(load().certs);
                roots
            })
        })
    }
}

/// The system's one bundle. Nothing where a variable names other certificates,
/// which replace all that the system has.
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

/// Whether other roots may change the verdict. Two authorities may share a name:
/// then the signature is bad. And a chain may lead to an authority that has
/// expired, past one that is trusted.
fn may_change(error: &rustls::Error) -> bool {
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
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.algorithms.all;
        let verify = |roots: &RootCertStore| {
            verify_server_cert_signed_by_trust_anchor(&certificate, roots, intermediates, now, algorithms)?;
            verify_server_name(&certificate, server_name)?;
            Ok(ServerCertVerified::assertion())
        };
        let mut verdict = verify(&self.bundled);
        let mut stores = self.stores();
        while verdict.as_ref().is_err_and(may_change)
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
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
