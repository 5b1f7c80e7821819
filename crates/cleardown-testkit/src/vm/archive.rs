//! An archive of files as a starting kernel unpacks it (cpio, "newc": the kernel's
//! Documentation/driver-api/early-userspace/buffer-format.rst).

/// An archive under construction; everything in it is root's, and may be run.
pub(super) struct Archive {
    bytes: Vec<u8>,
    files: u32,
}

impl Archive {
    pub(super) fn new() -> Archive {
        Archive { bytes: Vec::new(), files: 0 }
    }

    pub(super) fn folder(&mut self, name: &str) {
        self.entry(name, 0o040_755, &[]);
    }

    pub(super) fn file(&mut self, name: &str, content: &[u8]) {
        self.entry(name, 0o100_755, content);
    }

    pub(super) fn end(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.bytes
    }

    fn entry(&mut self, name: &str, mode: u32, content: &[u8]) {
        self.files += 1;
        let [length, name_length] = [content.len(), name.len() + 1].map(|n| u32::try_from(n).unwrap());
        // Inode, mode, owner, group, links, time, length, four numbers of devices, length of the name, checksum.
        let fields = [self.files, mode, 0, 0, 1, 0, length, 0, 0, 0, 0, name_length, 0];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        for part in [&[name.as_bytes(), &[0]].concat(), content] {
            self.bytes.extend_from_slice(part);
            self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        }
    }
}
