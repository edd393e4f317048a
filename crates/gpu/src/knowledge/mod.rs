//! What is known without asking the cluster: data files with their sources, embedded.

pub(crate) mod cuda;
pub(crate) mod dcgm;
pub(crate) mod kinds;
pub(crate) mod nvlink;
pub(crate) mod signature;
pub(crate) mod xid;

use serde::de::DeserializeOwned;

/// Reads an embedded file. Tests hold that every one parses and has all its entries; a broken one would be empty.
fn embedded<T: DeserializeOwned + Default>(text: &str) -> T {
    serde_saphyr::from_str(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_embedded_file_parses() {
        fn check<T: serde::de::DeserializeOwned>(name: &str, text: &str) {
            let read: Result<T, _> = serde_saphyr::from_str(text);
            assert!(read.is_ok(), "{name}: {:?}", read.err());
        }
        check::<super::xid::Catalogue>("xid", super::xid::FILE);
        check::<super::xid::Sxids>("sxid", super::xid::SXID_FILE);
        check::<super::nvlink::Rules>("nvlink5", super::nvlink::FILE);
        check::<super::dcgm::Actions>("dcgm", super::dcgm::FILE);
        check::<super::cuda::Errors>("cuda", super::cuda::FILE);
        check::<super::signature::Signatures>("signatures", super::signature::FILE);
        check::<super::kinds::Table>("kinds", super::kinds::FILE);
    }
}
