//! The network providers that programs see: one for each protocol.

use cleardown_core::{Code, Remote, Scheme};

use crate::Failure;
use crate::memory::Str;
use crate::text::Unit;

/// WNNC_NET_SMB, which programs also know as WNNC_NET_LANMAN.
pub(crate) const NET_SMB: u32 = 0x0002_0000;
/// Our own number: Windows has none for SFTP.
pub(crate) const NET_SFTP: u32 = 0x00fe_0000;

/// All protocols.
pub(crate) const ALL: [Scheme; 2] = [Scheme::Smb, Scheme::Sftp];

/// A provider's name; without a protocol, the name of the whole.
pub(crate) fn name(scheme: Option<Scheme>) -> &'static str {
    match scheme {
        Some(Scheme::Smb) => "Cleardown SMB",
        Some(Scheme::Sftp) => "Cleardown SFTP",
        None => "Cleardown",
    }
}

/// The type of network of a provider.
pub(crate) fn net_type(scheme: Scheme) -> u32 {
    match scheme {
        Scheme::Smb => NET_SMB,
        Scheme::Sftp => NET_SFTP,
    }
}

/// The provider that the caller names; none when the choice is ours. Windows' own name for its SMB is understood.
///
/// # Errors
/// 1204: no provider has this name.
pub(crate) fn wanted<C: Unit>(name: Str<C>) -> Result<Option<Scheme>, Failure> {
    let Some(text) = name.read(256).map_err(|_| Code::BAD_PROVIDER)?.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if text.eq_ignore_ascii_case("Microsoft Windows Network") {
        return Ok(Some(Scheme::Smb));
    }
    let known = ALL.into_iter().find(|scheme| self::name(Some(*scheme)).eq_ignore_ascii_case(&text));
    known.map(Some).ok_or_else(|| Code::BAD_PROVIDER.into())
}

/// A remote name as Windows programs write it: `\\server\share\folder`, and a URL where there is no such form.
pub(crate) fn remote_name(remote: &Remote) -> String {
    match remote.scheme {
        Scheme::Smb => {
            let path = if remote.path.is_empty() { String::new() } else { format!("/{}", remote.path) };
            format!("//{}/{}{path}", remote.authority(), remote.share).replace('/', "\\")
        }
        Scheme::Sftp => Remote { user: None, ..remote.clone() }.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remote_names_look_as_programs_expect() {
        let shown = |text: &str| remote_name(&text.parse().unwrap());
        assert_eq!(shown("smb://eve@fs1:1445/my%20share/a/b"), r"\\fs1:1445\my share\a\b");
        assert_eq!(shown("//fs1/x"), r"\\fs1\x");
        assert_eq!(shown("sftp://eve@nas/srv"), "sftp://nas/srv");
    }
}
