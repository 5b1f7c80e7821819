//! What the Linux kernel knows: mounts, holders, processes, and the journal of intent.
