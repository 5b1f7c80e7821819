//! The SFTP provider behind the Share trait, and the embedded SFTP server of the demo.
