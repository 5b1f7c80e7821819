//! krb5.conf(5): the few relations that a client needs.

use std::path::{Path, PathBuf};

/// How deep files may include each other.
const DEEPEST: u32 = 4;
/// No krb5.conf is anywhere near this long, in bytes.
const LONGEST: u64 = 1 << 20;

/// What the machine says about Kerberos. Where a relation is given twice, the first counts, as in libkrb5.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Conf {
    pub(super) default_realm: Option<String>,
    default_cache: Option<String>,
    /// Realms with their KDCs, `host` or `host:port`.
    realms: Vec<(String, Vec<String>)>,
}

impl Conf {
    /// The files that `KRB5_CONFIG` names, else `/etc/krb5.conf`. What cannot be read is left out.
    pub(super) fn load() -> Conf {
        let mut conf = Conf::default();
        match std::env::var_os("KRB5_CONFIG") {
            Some(paths) => std::env::split_paths(&paths).for_each(|path| conf.add_file(&path, DEEPEST)),
            None => conf.add_file(Path::new("/etc/krb5.conf"), DEEPEST),
        }
        conf
    }

    #[cfg(test)]
    pub(super) fn parse(text: &str) -> Conf {
        let mut conf = Conf::default();
        conf.add(text, 0);
        conf
    }

    fn add_file(&mut self, path: &Path, depth: u32) {
        if std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() <= LONGEST)
            && let Ok(bytes) = std::fs::read(path)
        {
            self.add(&String::from_utf8_lossy(&bytes), depth);
        }
    }

    fn add(&mut self, text: &str, depth: u32) {
        let (mut section, mut group) = (String::new(), None::<String>);
        for line in text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
                (section, group) = (name.to_ascii_lowercase(), None);
            } else if let Some(path) = line.strip_prefix("includedir ") {
                self.include_folder(Path::new(path.trim()), depth);
            } else if let Some(path) = line.strip_prefix("include ").filter(|_| depth > 0) {
                self.add_file(Path::new(path.trim()), depth - 1);
            } else if line.starts_with('}') {
                group = None;
            } else if let Some((key, value)) = line.split_once('=').filter(|_| !line.starts_with(['#', ';']))
            {
                let (key, value) = (key.trim(), value.trim().trim_matches('"'));
                if value.starts_with('{') {
                    group = Some(key.to_owned());
                    if section == "realms" && !self.has_realm(key) {
                        self.realms.push((key.into(), Vec::new()));
                    }
                } else {
                    self.relation(&section, group.as_deref(), key, value);
                }
            }
        }
    }

    fn relation(&mut self, section: &str, group: Option<&str>, key: &str, value: &str) {
        let first = |slot: &mut Option<String>| _ = slot.get_or_insert_with(|| value.to_owned());
        match (section, group, key) {
            ("libdefaults", None, "default_realm") => first(&mut self.default_realm),
            ("libdefaults", None, "default_ccache_name") => first(&mut self.default_cache),
            ("realms", Some(realm), "kdc") => {
                if let Some((_, kdcs)) = self.realms.iter_mut().find(|(name, _)| name == realm) {
                    kdcs.push(value.into());
                }
            }
            _ => {}
        }
    }

    /// Files whose names libkrb5 takes: letters, digits, dashes and underscores, or the ending `.conf`.
    fn include_folder(&mut self, folder: &Path, depth: u32) {
        if depth == 0 {
            return;
        }
        let is_wanted = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or(".");
            let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
            plain || (name.ends_with(".conf") && !name.starts_with('.'))
        };
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_wanted).collect();
        paths.sort();
        for path in paths {
            self.add_file(&path, depth - 1);
        }
    }

    pub(super) fn has_realm(&self, realm: &str) -> bool {
        self.realms.iter().any(|(name, _)| name == realm)
    }

    /// The KDCs of a realm, of which there is always one: the realm's own name leads to one in Active Directory.
    pub(super) fn kdcs(&self, realm: &str) -> Vec<String> {
        let listed = self.realms.iter().find(|(name, kdcs)| name == realm && !kdcs.is_empty());
        listed.map_or_else(|| vec![realm.to_lowercase()], |(_, kdcs)| kdcs.clone())
    }

    /// The cache that is used when none is named: `KRB5CCNAME`, `default_ccache_name`, or the one in `/tmp`.
    pub(super) fn usual_cache(&self) -> String {
        let uid = rustix::process::getuid().as_raw().to_string();
        let given = std::env::var("KRB5CCNAME").ok().filter(|name| !name.is_empty());
        let name = given.or_else(|| self.default_cache.clone());
        let name = name.unwrap_or_else(|| "FILE:/tmp/krb5cc_%{uid}".into());
        ["%{uid}", "%{euid}", "%{USERID}"].iter().fold(name, |name, word| name.replace(word, &uid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_as_people_write_it_is_understood() {
        let conf = Conf::parse(
            "# a comment\n[libdefaults]\n\tdefault_realm = EXAMPLE.COM\n default_realm = LATER\n; more\n\
             default_ccache_name = FILE:/run/user/%{uid}/krb5cc\n[realms]\n EXAMPLE.COM = {\n  kdc = kdc1\n\
             kdc = \"kdc2:8888\"\n  admin_server = kdc1\n }\n OTHER = {\n }\n[domain_realm]\n .x = { kdc = no }\n",
        );
        assert_eq!(conf.default_realm.as_deref(), Some("EXAMPLE.COM"));
        assert_eq!(conf.kdcs("EXAMPLE.COM"), ["kdc1", "kdc2:8888"]);
        assert_eq!(conf.kdcs("OTHER"), ["other"]);
        assert_eq!(conf.kdcs("AD.EXAMPLE.COM"), ["ad.example.com"]);
        assert!(conf.has_realm("OTHER") && !conf.has_realm("AD.EXAMPLE.COM"));
        let me = rustix::process::getuid().as_raw();
        assert_eq!(conf.default_cache.as_deref(), Some("FILE:/run/user/%{uid}/krb5cc"));
        if std::env::var_os("KRB5CCNAME").is_none() {
            assert_eq!(conf.usual_cache(), format!("FILE:/run/user/{me}/krb5cc"));
        }
    }

    #[test]
    fn files_include_others_and_never_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let main = dir.path().join("krb5.conf");
        std::fs::create_dir(dir.path().join("d")).unwrap();
        std::fs::write(dir.path().join("d/realm.conf"), "[realms]\n R = {\n kdc = k\n }\n").unwrap();
        std::fs::write(dir.path().join("d/realm.conf~"), "[realms]\n NO = {\n }\n").unwrap();
        let text = format!("include {}\nincludedir {}\n", main.display(), dir.path().join("d").display());
        std::fs::write(&main, text).unwrap();
        let mut conf = Conf::default();
        conf.add_file(&main, DEEPEST);
        assert_eq!(conf.kdcs("R")[0], "k");
        assert!(!conf.has_realm("NO"));
    }

    #[test]
    fn nonsense_is_left_out() {
        for text in
            ["", "[", "]", "}\n}\n=", "[realms]\nkdc = x\n = {\nkdc = y\n", "include", "includedir \n"]
        {
            let conf = Conf::parse(text);
            assert_eq!(conf.default_realm, None, "{text:?}");
        }
    }
}
