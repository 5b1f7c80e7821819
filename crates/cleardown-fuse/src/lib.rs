//! The rim to /dev/fuse: the kernel's FUSE protocol, sessions that can be adopted, notifications.
