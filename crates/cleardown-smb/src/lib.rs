//! The SMB provider: SMB 2.1 to 3.1.1 behind the Share trait.
