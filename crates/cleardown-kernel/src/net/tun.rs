//! TUN interfaces (the kernel's Documentation/networking/tuntap.rst).

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use cleardown_core::{Error, Result};
use rustix::fs::{Mode, OFlags, open};
use rustix::ioctl::{IntegerSetter, Opcode, Updater, ioctl, opcode};

use super::Interface;
use super::interface;

const TUNSETIFF: Opcode = opcode::write::<libc::c_int>(b'T', 202);
const TUNGETIFF: Opcode = opcode::read::<libc::c_uint>(b'T', 210);

const TUNSETOFFLOAD: Opcode = opcode::write::<libc::c_uint>(b'T', 208);

const IFF_TUN: u16 = 0x0001;
const IFF_NO_PI: u16 = 0x1000;
/// A `struct virtio_net_hdr` before each packet.
const IFF_VNET_HDR: u16 = 0x4000;
/// Refuse a name that exists, for example somebody's persistent interface.
const IFF_TUN_EXCL: u16 = 0x8000;

/// Whoever reads makes checksums and segments of TCP. Not where congestion is notified (TUN_F_TSO_ECN): that is rare.
const OFFLOADS: usize = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
const TUN_F_CSUM: usize = 0x01;
const TUN_F_TSO4: usize = 0x02;
const TUN_F_TSO6: usize = 0x04;

/// `struct ifreq` as these two calls use it: a name and flags.
#[repr(C)]
struct Named {
    name: [u8; libc::IFNAMSIZ],
    flags: u16,
    rest: [u8; 22],
}

/// A TUN interface of our own: packets without further headers, each read or write one packet.
///
/// It lives as long as any duplicate of its descriptor, unless it is deleted ([`Interface::delete`]): so a crash
/// of everybody leaves nothing.
#[derive(Debug)]
pub struct Tun {
    descriptor: OwnedFd,
    interface: Interface,
}

impl Tun {
    /// Makes an interface, down and without addresses (not even the link-local one that the kernel would give it).
    /// The name may hold one `%d`, for which the kernel puts the first free number; `cd%d` is ours by custom.
    /// It cannot be journalled before it has its name, and need not be: it dies with this process until its
    /// descriptor is handed on.
    ///
    /// # Errors
    /// [`cleardown_core::ErrorKind::Os`]: `EBUSY`, the name is taken; `EPERM`, CAP_NET_ADMIN is missing; `ENOENT`
    /// and `ENODEV`, the kernel has no TUN; `EINVAL`, a bad name.
    pub fn create(name: &str) -> Result<Self> {
        Tun::make(name, 0).map_err(|error| Error::os(format!("making the network interface {name}"), &error))
    }

    /// The same, for one who takes long TCP segments apart, and may hand over such. Each packet has a
    /// `struct virtio_net_hdr` before it, in the byte order of this machine.
    ///
    /// # Errors
    /// As [`Tun::create`].
    pub fn create_offloading(name: &str) -> Result<Self> {
        let offload = |tun: Tun| {
            // SAFETY: TUNSETOFFLOAD takes its argument by value.
            unsafe { ioctl(&tun.descriptor, IntegerSetter::<TUNSETOFFLOAD>::new_usize(OFFLOADS))? };
            Ok(tun)
        };
        let made = Tun::make(name, IFF_VNET_HDR).and_then(offload);
        made.map_err(|error| Error::os(format!("making the network interface {name}"), &error))
    }

    /// Whether this is the descriptor of an interface from [`Tun::create_offloading`].
    pub fn offloads(descriptor: &impl AsFd) -> bool {
        let Ok(mut answer) = Named::new("", 0) else { return false };
        // SAFETY: TUNGETIFF writes one `struct ifreq`, which `Named` has the size and layout of.
        let asked = unsafe { ioctl(descriptor, Updater::<TUNGETIFF, Named>::new(&mut answer)) };
        asked.is_ok() && answer.flags & IFF_VNET_HDR != 0
    }

    fn make(name: &str, more: u16) -> io::Result<Self> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let descriptor = open("/dev/net/tun", flags, Mode::empty())?;
        let mut request = Named::new(name, IFF_TUN | IFF_NO_PI | IFF_TUN_EXCL | more)?;
        // SAFETY: TUNSETIFF reads and writes one `struct ifreq`, which `Named` has the size and layout of.
        unsafe { ioctl(&descriptor, Updater::<TUNSETIFF, Named>::new(&mut request))? };
        let interface = Interface::named(&request.name()?)?.ok_or(io::ErrorKind::NotFound)?;
        interface::forbid_automatic_addresses(&interface)?;
        interface::ignore_router_advertisements(&interface);
        Ok(Tun { descriptor, interface })
    }

    /// Takes over the descriptor of an interface, for example one that a worker hands back.
    ///
    /// # Errors
    /// [`cleardown_core::ErrorKind::Os`]: it is no TUN descriptor (`ENOTTY`, `EBADFD`), or its interface has been
    /// deleted (`EBADFD`, `ENOENT`).
    pub fn adopt(descriptor: OwnedFd) -> Result<Self> {
        Tun::of(descriptor).map_err(|error| Error::os("taking over a network interface", &error))
    }

    fn of(descriptor: OwnedFd) -> io::Result<Self> {
        let mut answer = Named::new("", 0)?;
        // SAFETY: TUNGETIFF writes one `struct ifreq`, which `Named` has the size and layout of.
        unsafe { ioctl(&descriptor, Updater::<TUNGETIFF, Named>::new(&mut answer))? };
        let interface = Interface::named(&answer.name()?)?.ok_or(io::ErrorKind::NotFound)?;
        Ok(Tun { descriptor, interface })
    }

    /// Which interface it is.
    pub fn interface(&self) -> &Interface {
        &self.interface
    }

    /// A further descriptor of the same interface; non-blocking, closed on exec.
    ///
    /// # Errors
    /// What fcntl(2) answers.
    pub fn duplicate(&self) -> io::Result<OwnedFd> {
        Ok(rustix::io::fcntl_dupfd_cloexec(&self.descriptor, 0)?)
    }
}

impl AsFd for Tun {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl From<Tun> for OwnedFd {
    fn from(tun: Tun) -> OwnedFd {
        tun.descriptor
    }
}

impl Named {
    fn new(name: &str, flags: u16) -> io::Result<Self> {
        let mut named = Named { name: [0; libc::IFNAMSIZ], flags, rest: [0; 22] };
        // The last byte ends the name.
        if name.len() >= named.name.len() || name.contains('\0') {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        named.name[..name.len()].copy_from_slice(name.as_bytes());
        Ok(named)
    }

    fn name(&self) -> io::Result<String> {
        let name = self.name.split(|b| *b == 0).next().unwrap_or_default();
        String::from_utf8(name.to_vec()).map_err(|_| io::ErrorKind::InvalidData.into())
    }
}
