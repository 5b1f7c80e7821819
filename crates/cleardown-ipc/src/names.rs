//! The names that programs use: bus name, object paths, interfaces, errors.

/// The well-known bus name.
pub const BUS_NAME: &str = "org.cleardown.Cleardown1";
/// The manager object.
pub const MANAGER_PATH: &str = "/org/cleardown/Cleardown1";
/// Its interface.
pub const MANAGER: &str = "org.cleardown.Manager1";
/// The folder of the connection objects; each is named by its id.
pub const CONNECTIONS_PATH: &str = "/org/cleardown/Cleardown1/connection";
/// Their interface.
pub const CONNECTION: &str = "org.cleardown.Connection1";
/// What every error name starts with; the kind in camel case follows.
pub const ERROR_PREFIX: &str = "org.cleardown.Error.";

/// The object path of the connection `id`.
pub fn connection_path(id: &str) -> String {
    format!("{CONNECTIONS_PATH}/{id}")
}
