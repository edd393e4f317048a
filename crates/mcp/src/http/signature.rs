//! Signatures of tokens, checked by ring: the one cryptography in this program.
//!
//! `jsonwebtoken` does the parsing and the checks of claims and takes its cryptography from outside. Its own choices are
//! aws-lc, a second provider beside ring, and pure Rust with the crate `rsa`, whose advisory RUSTSEC-2023-0071 is open.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{Error, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::signature as ring;

/// What a token may be signed with. Shared secrets are not among them: whoever checks such a token can make one.
pub(super) const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: refuse_to_sign,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes ring the provider. A second time changes nothing.
pub(super) fn install() {
    let _ = PROVIDER.install_default();
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that the provider asks for")]
fn refuse_to_sign(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    Err(ErrorKind::InvalidAlgorithm.into())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that the provider asks for")]
fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    if ALGORITHMS.contains(algorithm) && key.family() == algorithm.family() {
        return Ok(Box::new(Ring { algorithm: *algorithm, key: key.clone() }));
    }
    Err(ErrorKind::InvalidAlgorithm.into())
}

struct Ring {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl JwtVerifier for Ring {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Verifier<Vec<u8>> for Ring {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        let checked = match self.key.kind() {
            DecodingKeyKind::RsaModulusExponent { n, e } => {
                let key = ring::RsaPublicKeyComponents { n, e };
                key.verify(rsa(self.algorithm)?, message, signature)
            }
            DecodingKeyKind::SecretOrDer(bytes) => {
                let parameters: &'static dyn ring::VerificationAlgorithm = match self.algorithm {
                    Algorithm::ES256 => &ring::ECDSA_P256_SHA256_FIXED,
                    Algorithm::ES384 => &ring::ECDSA_P384_SHA384_FIXED,
                    Algorithm::EdDSA => &ring::ED25519,
                    other => rsa(other)?,
                };
                ring::UnparsedPublicKey::new(parameters, bytes).verify(message, signature)
            }
        };
        checked.map_err(|_| Error::new())
    }
}

fn rsa(algorithm: Algorithm) -> std::result::Result<&'static ring::RsaParameters, Error> {
    Ok(match algorithm {
        Algorithm::RS256 => &ring::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RS384 => &ring::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RS512 => &ring::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::PS256 => &ring::RSA_PSS_2048_8192_SHA256,
        Algorithm::PS384 => &ring::RSA_PSS_2048_8192_SHA384,
        Algorithm::PS512 => &ring::RSA_PSS_2048_8192_SHA512,
        _ => return Err(Error::new()),
    })
}
