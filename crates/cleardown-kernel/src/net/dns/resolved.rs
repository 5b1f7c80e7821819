//! Name servers through systemd-resolved (org.freedesktop.resolve1(5)): per link, and forgotten with the link.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use zbus::wire::{DynamicType, Type};
use zbus::{Connection, OwnedVariant};

use super::Dns;
use crate::deadline;

const NAME: &str = "org.freedesktop.resolve1";
const PATH: &str = "/org/freedesktop/resolve1";
const MANAGER: &str = "org.freedesktop.resolve1.Manager";

/// Enough for a local service that works; the caller's patience may be less.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn is_running(bus: Option<&str>, patience: Duration) -> bool {
    let found = talk(bus, patience, async |resolved| {
        let bus = "org.freedesktop.DBus";
        resolved.call::<_, bool>(bus, "/org/freedesktop/DBus", bus, "NameHasOwner", &(NAME,)).await
    });
    found.unwrap_or(false)
}

pub(super) fn set(bus: Option<&str>, dns: &Dns, patience: Duration) -> io::Result<()> {
    let index = index(dns)?;
    let servers: Vec<(i32, Vec<u8>)> = dns.servers.iter().map(|server| wire(*server)).collect();
    let mut domains: Vec<(String, bool)> = dns.search.iter().map(|domain| (domain.clone(), false)).collect();
    if dns.takes_all {
        // The root as a routing domain: no other link is asked for anything.
        domains.push((".".into(), true));
    }
    let takes_all = dns.takes_all;
    talk(bus, patience, async move |resolved| {
        resolved.order("SetLinkDNS", &(index, servers)).await?;
        resolved.order("SetLinkDomains", &(index, domains)).await?;
        resolved.order("SetLinkDefaultRoute", &(index, takes_all)).await
    })
}

pub(super) fn revert(bus: Option<&str>, dns: &Dns, patience: Duration) -> io::Result<()> {
    let index = index(dns)?;
    let outcome = talk(bus, patience, async move |resolved| resolved.order("RevertLink", &(index,)).await);
    match outcome {
        // It forgets links that are gone, and everything when it is gone itself.
        Err(_) if dns.interface.is_gone()? => Ok(()),
        other => other,
    }
}

pub(super) fn is_reverted(bus: Option<&str>, dns: &Dns, patience: Duration) -> io::Result<bool> {
    let index = index(dns)?;
    let outcome = talk(bus, patience, async move |resolved| {
        let servers: Vec<(i32, i32, Vec<u8>)> = resolved.property("DNS").await?;
        let domains: Vec<(i32, String, bool)> = resolved.property("Domains").await?;
        Ok(servers.iter().all(|server| server.0 != index) && domains.iter().all(|domain| domain.0 != index))
    });
    match outcome {
        Err(_) if dns.interface.is_gone()? => Ok(true),
        other => other,
    }
}

fn index(dns: &Dns) -> io::Result<i32> {
    i32::try_from(dns.interface.index).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// An address family and an address.
fn wire(server: IpAddr) -> (i32, Vec<u8>) {
    match server {
        IpAddr::V4(v4) => (libc::AF_INET, v4.octets().to_vec()),
        IpAddr::V6(v6) => (libc::AF_INET6, v6.octets().to_vec()),
    }
}

struct Resolved(Connection);

impl Resolved {
    async fn order<B: Serialize + DynamicType + Sync>(&self, method: &str, body: &B) -> io::Result<()> {
        self.call(NAME, PATH, MANAGER, method, body).await
    }

    async fn property<R: TryFrom<OwnedVariant, Error: std::fmt::Display>>(
        &self,
        name: &str,
    ) -> io::Result<R> {
        let body = (MANAGER, name);
        let value: OwnedVariant =
            self.call(NAME, PATH, "org.freedesktop.DBus.Properties", "Get", &body).await?;
        R::try_from(value).map_err(failed)
    }

    async fn call<B, R>(&self, to: &str, path: &str, interface: &str, method: &str, body: &B) -> io::Result<R>
    where
        B: Serialize + DynamicType + Sync,
        R: DeserializeOwned + Type,
    {
        let reply = self.0.call_method(Some(to), path, Some(interface), method, body).await;
        reply.map_err(failed)?.body().deserialize().map_err(failed)
    }
}

fn failed(error: impl std::fmt::Display) -> io::Error {
    io::Error::other(format!("systemd-resolved: {error}"))
}

/// A conversation on a thread and a runtime of its own: callers may be anywhere, and nobody waits longer than agreed.
fn talk<T: Send + 'static>(
    bus: Option<&str>,
    patience: Duration,
    conversation: impl AsyncFnOnce(Resolved) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let bus = bus.map(str::to_owned);
    let patience = patience.min(PATIENCE);
    let work = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let whole = async {
                let builder = match &bus {
                    None => zbus::connection::Builder::system(),
                    Some(address) => zbus::connection::Builder::address(address.as_str()),
                };
                conversation(Resolved(builder.build().await.map_err(failed)?)).await
            };
            tokio::time::timeout(patience, whole).await.map_err(|_| io::ErrorKind::TimedOut)?
        })
    };
    deadline::run(patience + Duration::from_millis(100), work, drop)?
}
