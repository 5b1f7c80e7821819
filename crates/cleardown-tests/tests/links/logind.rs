//! A stand-in of systemd-logind on a system bus of its own, for a machine that has neither.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cleardown_tests::eventually;
use tokio::runtime::Runtime;

const NAME: &str = "org.freedesktop.login1";
const PATH: &str = "/org/freedesktop/login1";
const FOLDER: &str = "/run/dbus";

/// Both are gone when this is dropped.
pub(crate) struct Logind {
    runtime: Runtime,
    connection: zbus::Connection,
    is_asked_to_wait: Arc<AtomicBool>,
    bus: Child,
}

struct Manager(Arc<AtomicBool>);

#[zbus::interface(name = "org.freedesktop.login1.Manager")]
impl Manager {
    fn inhibit(&self, _what: &str, _who: &str, _why: &str, _mode: &str) -> zbus::OwnedFd {
        self.0.store(true, Ordering::Relaxed);
        OwnedFd::from(File::open("/dev/null").unwrap()).into()
    }

    #[zbus(property, name = "InhibitDelayMaxUSec")]
    fn longest_delay(&self) -> u64 {
        5_000_000
    }
}

impl Logind {
    pub(crate) fn start() -> Logind {
        assert!(!fs::exists(FOLDER).unwrap(), "this machine has a bus");
        fs::create_dir_all(FOLDER).unwrap();
        let (socket, config) = (format!("{FOLDER}/system_bus_socket"), format!("{FOLDER}/test.conf"));
        let text = format!(
            "<busconfig><type>system</type><listen>unix:path={socket}</listen><policy context='default'><allow user='*'/>\
             <allow send_destination='*'/><allow own='*'/><allow receive_sender='*'/></policy></busconfig>"
        );
        fs::write(&config, text).unwrap();
        let mut bus = Command::new("dbus-daemon");
        let bus = bus.arg("--nofork").arg(format!("--config-file={config}")).spawn().unwrap();
        eventually("the bus listens", || fs::exists(&socket).unwrap());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let (runtime, is_asked_to_wait) = (runtime.unwrap(), Arc::<AtomicBool>::default());
        let manager = Manager(Arc::clone(&is_asked_to_wait));
        let connection = runtime.block_on(async {
            let builder = zbus::connection::Builder::system().name(NAME).serve_at(PATH, manager);
            builder.build().await.unwrap()
        });
        Logind { runtime, connection, is_asked_to_wait, bus }
    }

    /// Somebody wants to know when the machine sleeps.
    pub(crate) fn is_asked_to_wait(&self) -> bool {
        self.is_asked_to_wait.load(Ordering::Relaxed)
    }

    /// Says that the machine is about to sleep, or has slept.
    pub(crate) fn say(&self, sleeps: bool) {
        let interface = "org.freedesktop.login1.Manager";
        let said = self.connection.emit_signal(None::<&str>, PATH, interface, "PrepareForSleep", &sleeps);
        self.runtime.block_on(said).unwrap();
    }
}

impl Drop for Logind {
    fn drop(&mut self) {
        let _ = self.bus.kill();
        let _ = self.bus.wait();
        let _ = fs::remove_dir_all(FOLDER);
    }
}
