//! Links from the kernel itself.

use std::path::PathBuf;

use super::scope::Scope;

/// Loop devices whose image lies on a target: (target, device, path).
pub(super) fn loop_devices(scope: &Scope<'_>) -> Vec<(usize, String, String)> {
    let Ok(devices) = std::fs::read_dir("/sys/block") else { return Vec::new() };
    let image = |device: std::fs::DirEntry| {
        let name = device.file_name().into_string().ok().filter(|name| name.starts_with("loop"))?;
        let path = std::fs::read_to_string(device.path().join("loop/backing_file")).ok()?;
        let path = path.trim_end_matches('\n');
        Some((scope.target_of_path(&PathBuf::from(path))?, name, path.to_owned()))
    };
    devices.filter_map(|device| image(device.ok()?)).collect()
}
