//! The D-Bus interface: service side, proxies and the bus shim. The only crate that names zbus types.
