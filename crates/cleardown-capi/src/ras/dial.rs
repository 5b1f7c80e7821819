//! RasDial.
//!
//! A dial has a thread that talks with the daemon, and, when the caller wants to be notified, one more that does nothing but
//! call back, in order. So a callback may take its time, and may hang up.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use cleardown_client::Secret;
use cleardown_core::link::{Device, Entry, EntryName, RasState};
use cleardown_core::request::{DialRequest, Dialled};
use cleardown_core::view::RasProgress;
use cleardown_core::{Code, Error};
use cleardown_profile::Whose;

use super::book::Book;
use super::entries::joined;
use super::types::{RasDialExtensions, RasDialParams};
use super::{devices, instance, list};
use crate::Failure;
use crate::memory::{Ptr, Str};
use crate::text::{Unit, of_field};

/// The message number that old notifiers get (WM_RASDIALEVENT).
const DIAL_EVENT: u32 = 0xcccd;
/// A dial gets its handle before anything else happens; a daemon that does not give one in this time has a fault.
const HANDLE_PATIENCE: Duration = Duration::from_secs(60);

thread_local! {
    /// This thread is calling back.
    static CALLING_BACK: Cell<bool> = const { Cell::new(false) };
}

/// How the caller is told, with what it wants to be told.
#[derive(Clone, Copy, Debug)]
enum Notifier {
    /// RasDialFunc.
    Plain(extern "C" fn(u32, u32, u32)),
    /// RasDialFunc1.
    WithHandle(extern "C" fn(usize, u32, u32, u32, u32)),
    /// RasDialFunc2; it has the caller's number, and says with 0 that it has heard enough.
    WithId(extern "C" fn(usize, u32, usize, u32, u32, u32, u32) -> u32, usize),
}

/// What a dial knows when it begins.
struct Wish {
    request: DialRequest,
    secret: Option<Secret>,
}

/// RasDial. Without a notifier it returns when the link is connected or the dial has failed; with one, as soon as there is a
/// handle. A handle that was given must be hung up, also after a failure.
///
/// # Errors
/// 87: something is missing, or a handle is there already (no dial is ever paused here), or the notifier is a window. 621, 623,
/// 625, 632, 711; 756: called from a notifier. Otherwise why the dial has failed.
pub fn dial<C: Unit>(
    _extensions: Ptr<RasDialExtensions<C>>,
    path: Str<C>,
    params: Ptr<RasDialParams<C>>,
    kind: u32,
    notifier: usize,
    place: Ptr<usize>,
) -> Result<(), Failure> {
    if place.read() != Some(0) || params.is_null() {
        return Err(Code::INVALID_PARAMETER.into());
    }
    if CALLING_BACK.get() {
        return Err(Code::DIAL_ALREADY_IN_PROGRESS.into());
    }
    let given = list::read_one(params)?;
    let notifier = notifier_of(kind, notifier, given.callback_id)?;
    let wish = wish(path, &given)?;
    let (news, arrived) = channel();
    let Some(notifier) = notifier else {
        let outcome = run(&wish, &mut |progress| {
            let _ = news.send(progress);
        });
        // The last word has the handle also when the dial has failed.
        if let Some(progress) = arrived.try_iter().last() {
            let _ = place.write(usize::try_from(progress.handle).unwrap_or_default());
        }
        let _ = place.write(outcome?);
        return Ok(());
    };
    let handle = start(wish, news, &arrived)?;
    let _ = place.write(usize::try_from(handle.handle).unwrap_or_default());
    let told =
        thread::Builder::new().name("ras-notifier".into()).spawn(move || tell(notifier, handle, &arrived));
    told.map(drop).map_err(|error| Error::os("starting a thread", &error).into())
}

fn notifier_of(kind: u32, address: usize, id: usize) -> Result<Option<Notifier>, Failure> {
    if address == 0 {
        return Ok(None);
    }
    let function = std::ptr::with_exposed_provenance::<()>(address);
    // SAFETY: the caller says with `kind` what it hands over, as documented; it is not NULL.
    unsafe {
        match kind {
            0 => Ok(Some(Notifier::Plain(std::mem::transmute::<*const (), extern "C" fn(u32, u32, u32)>(
                function,
            )))),
            1 => Ok(Some(Notifier::WithHandle(std::mem::transmute::<
                *const (),
                extern "C" fn(usize, u32, u32, u32, u32),
            >(function)))),
            2 => Ok(Some(Notifier::WithId(
                std::mem::transmute::<*const (), extern "C" fn(usize, u32, usize, u32, u32, u32, u32) -> u32>(
                    function,
                ),
                id,
            ))),
            _ => Err(Code::INVALID_PARAMETER.into()),
        }
    }
}

/// What is to be dialled, and as whom.
fn wish<C: Unit>(path: Str<C>, given: &RasDialParams<C>) -> Result<Wish, Failure> {
    let text = |text: Option<String>| text.ok_or(Failure::from(Code::INVALID_PARAMETER));
    let (entry, number) = (text(of_field(given.entry))?, text(of_field(given.phone_number))?);
    let (user, domain) = (text(of_field(given.user))?, text(of_field(given.domain))?);
    let password = text(of_field(given.password))?;
    let book = Book::at(path)?;
    let (dialled, mut secret) = match entry.as_str() {
        "" if number.is_empty() => return Err(Code::CANNOT_FIND_PHONEBOOK_ENTRY.into()),
        "" => (DialRequest::of(Dialled::Given(Box::new(by_number(&book, &number)?))), None),
        name => named(&book, &name.parse().map_err(Failure::from)?)?,
    };
    // What RasGetEntryDialParams gives for a saved password.
    if !password.is_empty() && !password.bytes().all(|byte| byte == b'*') {
        secret = Some(Secret::new(password));
    }
    let number = Some(number).filter(|number| !number.is_empty());
    Ok(Wish { request: DialRequest { user: joined(&domain, &user), number, ..dialled }, secret })
}

/// An entry of the system's is named; a user's own goes along, with its password.
fn named(book: &Book, name: &EntryName) -> Result<(DialRequest, Option<Secret>), Failure> {
    let found = book.find(name)?;
    let phonebook = Some(book.place(&found));
    let (dialled, secret) = match found.whose {
        Whose::System => (Dialled::Named(found.entry.name), None),
        Whose::User => {
            let secret = book.password(&found.entry.name)?;
            let secret = secret.map(|secret| Secret::new(String::clone(&secret)));
            (Dialled::Given(Box::new(found.entry)), secret)
        }
    };
    Ok((DialRequest { phonebook, ..DialRequest::of(dialled) }, secret))
}

/// An entry for a number alone: with the modem of the phone book's first entry that has one, else with this machine's first.
fn by_number(book: &Book, number: &str) -> Result<Entry, Failure> {
    let name = EntryName::of_number(number)?;
    let modem = book.entries()?.into_iter().find(|found| matches!(found.entry.device, Device::Modem { .. }));
    if let Some(found) = modem {
        return Ok(Entry { name, user: None, ..found.entry });
    }
    let ports = devices::ports();
    let port = ports.iter().find(|(kind, _)| *kind == "modem").or(ports.first());
    let (_, port) = port.ok_or(Code::DEVICE_DOES_NOT_EXIST)?;
    Ok(Entry {
        name,
        user: None,
        device: Device::Modem {
            port: port.clone(),
            number: number.to_owned(),
            init: Vec::new(),
            tone: Default::default(),
            speed: 115_200,
            flow_control: true,
            has_lines: None,
            connect_seconds: 60,
        },
        ppp: Default::default(),
        network: Default::default(),
        dialling: Default::default(),
    })
}

/// Dials, and gives the handle of the link.
fn run(wish: &Wish, news: &mut dyn FnMut(RasProgress)) -> Result<usize, Failure> {
    let Wish { request, secret } = wish;
    let progress = |progress: cleardown_core::view::Progress| progress.ras.into_iter().for_each(&mut *news);
    let connection = instance::operate(async |client| client.dial(request, secret.clone(), progress).await)?;
    let link = connection.link.ok_or(Code::NO_CONNECTION)?;
    Ok(usize::try_from(link.handle).unwrap_or_default())
}

/// Starts the thread that dials, and waits for its first word.
fn start(
    wish: Wish,
    news: Sender<RasProgress>,
    arrived: &Receiver<RasProgress>,
) -> Result<RasProgress, Failure> {
    let (done, outcome) = channel();
    let work = move || {
        let mut last = None;
        let result = run(&wish, &mut |progress| {
            last = Some(progress);
            let _ = news.send(progress);
        });
        // A dial that joins a link which is connected, or fails at once, has no steps to tell of.
        let end = match (&result, last) {
            (Ok(handle), None) => Some((*handle, RasState::Connected, None)),
            (Ok(handle), Some(last)) if last.state != RasState::Connected => {
                Some((*handle, RasState::Connected, None))
            }
            (Err(failure), Some(last)) if last.error.is_none() => {
                Some((usize::try_from(last.handle).unwrap_or_default(), last.state, Some(failure.code())))
            }
            _ => None,
        };
        if let Some((handle, state, error)) = end {
            let handle = u64::try_from(handle).unwrap_or_default();
            let _ = news.send(RasProgress { handle, state, at_ms: 0, error, attempt: 1 });
        }
        let _ = done.send(result.map_err(|failure| failure.code()));
    };
    let thread = thread::Builder::new().name("ras-dial".into()).spawn(work);
    thread.map_err(|error| Error::os("starting a thread", &error))?;
    match arrived.recv_timeout(HANDLE_PATIENCE) {
        Ok(first) => Ok(first),
        Err(RecvTimeoutError::Timeout) => Err(Code::REQUEST_TIMEOUT.into()),
        // It ended without a word: its outcome says why.
        Err(RecvTimeoutError::Disconnected) => match outcome.recv() {
            Ok(Err(code)) => Err(code.into()),
            _ => Err(Code::NO_CONNECTION.into()),
        },
    }
}

/// Calls back until the dial is over. The daemon and the worker both tell of a step, and a hang-up may overtake what the worker has
/// still to tell: so each state is told once, and a dial that was hung up ends with its error, and not before it.
fn tell(notifier: Notifier, first: RasProgress, arrived: &Receiver<RasProgress>) {
    CALLING_BACK.set(true);
    let mut entered = BTreeSet::new();
    for progress in std::iter::once(first).chain(arrived.iter()) {
        let is_news = progress.error.is_some()
            || (progress.state != RasState::Disconnected
                && entered.insert((progress.attempt, progress.state.number())));
        if is_news && !call_back(notifier, progress) {
            return;
        }
    }
}

/// One call; false when the caller has heard enough.
fn call_back(notifier: Notifier, progress: RasProgress) -> bool {
    let handle = usize::try_from(progress.handle).unwrap_or_default();
    let (state, error) = (progress.state.number(), progress.error.map_or(0, |code| code.0));
    match notifier {
        Notifier::Plain(call) => call(DIAL_EVENT, state, error),
        Notifier::WithHandle(call) => call(handle, DIAL_EVENT, state, error, 0),
        Notifier::WithId(call, id) => return call(id, 1, handle, DIAL_EVENT, state, error, 0) != 0,
    }
    true
}
