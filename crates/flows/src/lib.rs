//! Network flows: a client for Hubble's Observer API, a lenient reader for flow files, bounded aggregation with stated coverage, and the flow tools.
