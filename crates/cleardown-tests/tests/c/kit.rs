//! The installed C interface, and programs that are compiled with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use cleardown_tests::{Answer, Machine, Protocol, Running, Server, Who, eventually};

pub(crate) use cleardown_tests::installation as prefix;

/// A file of the project.
pub(crate) fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// A Python example, where everybody may read it.
pub(crate) fn python(name: &str) -> PathBuf {
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::copy(project("examples/python").join(name), &copy).unwrap();
    copy
}

/// How a program is compiled.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct How {
    /// With -fshort-wchar -DUNICODE.
    pub(crate) unicode: bool,
    /// As C++.
    pub(crate) cpp: bool,
    /// Warnings are mistakes: not for sources that are not ours.
    pub(crate) strict: bool,
    /// For this version of Windows (WINVER); 0: the newest.
    pub(crate) version: u32,
    /// With AddressSanitizer (which finds leaks too) and UndefinedBehaviorSanitizer.
    pub(crate) sanitized: bool,
}

/// Strictly, as C with strings of bytes.
pub(crate) const C: How = How { unicode: false, cpp: false, strict: true, version: 0, sanitized: false };
/// Strictly, as C with wide strings.
pub(crate) const UNICODE: How = How { unicode: true, ..C };
/// Strictly, as C with strings of bytes, watched over by sanitizers.
pub(crate) const SANITIZED: How = How { sanitized: true, ..C };

/// Compiles a program exactly as the documentation says, and gives its path.
#[track_caller]
pub(crate) fn compile(source: &Path, how: How) -> PathBuf {
    // Once each: another test may be running it.
    static COMPILED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
    let mut compiled = COMPILED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let stem = source.file_stem().unwrap().to_string_lossy();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c-programs");
    fs::create_dir_all(&folder).unwrap();
    let program = folder.join(format!(
        "{stem}-{}{}{}{:x}",
        u8::from(how.unicode),
        u8::from(how.cpp),
        u8::from(how.sanitized),
        how.version
    ));
    if compiled.contains(&program) {
        return program;
    }
    let compiler = if how.cpp { "c++ -x c++" } else { "cc" };
    let unicode = if how.unicode { "-fshort-wchar -DUNICODE" } else { "" };
    let strict = if how.strict { "-Wall -Wextra -Werror" } else { "-w" };
    let sanitize = if how.sanitized { "-g -fsanitize=address,undefined -fno-sanitize-recover" } else { "" };
    let version = if how.version == 0 { String::new() } else { format!("-DWINVER={:#x}", how.version) };
    let lib = prefix().join("lib");
    let script = format!(
        "{compiler} {unicode} {version} {sanitize} {strict} $(pkg-config --cflags --libs mpr rasapi32) '{}' -o '{}' -Wl,-rpath,'{}'",
        source.display(),
        program.display(),
        lib.display()
    );
    let output = Command::new("sh")
        .args(["-c", &script])
        .env("PKG_CONFIG_PATH", lib.join("pkgconfig"))
        .output()
        .expect("sh starts");
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
    compiled.push(program.clone());
    program
}

/// An example of the project.
#[track_caller]
pub(crate) fn example(name: &str) -> PathBuf {
    compile(&project("examples/c").join(name), C)
}

/// A user's machine and a Samba server.
pub(crate) struct Stage {
    pub(crate) machine: Machine,
    pub(crate) server: Server,
}

impl Stage {
    /// An ordinary user: drives are mounted below their own home folder.
    pub(crate) fn new() -> Stage {
        Stage { machine: Machine::new(Who::User), server: Server::start_for(Protocol::Smb, Who::User) }
    }

    /// `\\127.0.0.1:PORT\files`.
    pub(crate) fn remote(&self) -> String {
        self.server.remote().replace("smb:", "").replace('/', "\\")
    }

    /// `\\127.0.0.1:PORT`.
    pub(crate) fn server_name(&self) -> String {
        let remote = self.remote();
        remote.rsplit_once('\\').map_or(remote.clone(), |(server, _)| server.to_owned())
    }

    /// Runs a program as the user, with `password` as its standard input.
    pub(crate) fn run(&self, program: &Path, args: &[&str]) -> Answer {
        self.run_with(program, args, self.password())
    }

    /// The password of the server's user.
    pub(crate) fn password(&self) -> &str {
        match &self.server {
            Server::Smb(_, _, user) => &user.password,
            Server::Sftp(_) => "",
        }
    }

    /// The same with another password.
    pub(crate) fn run_with(&self, program: &Path, args: &[&str], password: &str) -> Answer {
        let file = self.machine.file("password", format!("{password}\n"));
        let words: Vec<String> = args.iter().map(|arg| format!("'{arg}'")).collect();
        let script = format!("exec '{}' {} < '{}'", program.display(), words.join(" "), file.display());
        self.machine.script(&script).answer()
    }

    /// Connects a drive through the example, remembered if wanted.
    pub(crate) fn connect(&self, name: &str, remember: bool) -> PathBuf {
        let remote = self.remote();
        let mut args = vec![name, &remote, "eve"];
        args.extend(remember.then_some("remember"));
        self.run(&example("connect_drive.c"), &args).ok();
        self.machine.path("home/Network").join(name.trim_end_matches(':'))
    }

    /// Has the user hold a file on a drive open, after writing a word to it, until the answer is dropped.
    pub(crate) fn hold(&self, file: &Path) -> Running {
        let holding =
            self.machine.script(&format!("exec 3> '{}'; echo kept >&3; exec sleep 1000", file.display()));
        let behind = self.server.folder().join(file.file_name().unwrap());
        eventually("the file is open", || fs::read(&behind).is_ok_and(|content| content == b"kept\n"));
        holding
    }

    /// What is in the profile.
    pub(crate) fn remembered(&self) -> Vec<String> {
        let list = self.machine.run(&["list", "--remembered", "--json"]).ok().json();
        let all = list["connections"].as_array().unwrap().iter().filter(|c| c["remembered"] == true);
        all.map(|c| c["name"].as_str().unwrap().to_owned()).collect()
    }
}

/// Runs a program that needs no server.
pub(crate) fn run_alone(machine: &Machine, program: &Path, args: &[&str]) -> Answer {
    let mut command = machine.program(program);
    command.args(args);
    Running::start(command).answer()
}
