//! Links: PPP as a sans-I/O protocol, transports and engines.
