//! What links left that nobody can end any more.

use std::collections::HashMap;
use std::path::Path;

use cleardown_core::{Error, Result};

use super::dns;
use super::interface::interfaces;
use super::route::our_routes;

/// Removes what belongs to links whose interfaces do not exist: lines in resolv.conf(5), which outlive a power failure,
/// and routes around links, should their journal have been lost. What belongs to a live link is not touched,
/// whichever daemon has it.
///
/// # Errors
/// [`cleardown_core::ErrorKind::Os`], with what was tried.
pub fn sweep(resolv_conf: &Path) -> Result<()> {
    let failed = |error| Error::os("looking for what old links left", &error);
    let all = interfaces().map_err(failed)?;
    let names: HashMap<u32, &str> =
        all.iter().map(|details| (details.interface.index, details.interface.name.as_str())).collect();
    let routes = our_routes().map_err(failed)?;
    // A route around a link has the link's index as its metric; a route into a link is gone with the link.
    let around = |index: u32| all.iter().any(|d| d.interface.index == index && !d.is_a_tunnel());
    for route in routes.iter().filter(|route| around(route.interface.index)) {
        if !route.metric.is_some_and(|index| names.contains_key(&index)) {
            route
                .remove()
                .map_err(|error| Error::os(format!("removing the route to {}", route.to), &error))?;
        }
    }
    dns::sweep(resolv_conf, |name, index| names.get(&index) == Some(&name))
}
