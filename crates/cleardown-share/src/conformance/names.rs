//! Names.

use super::room::{Room, fails, how};
use crate::share::Capabilities;
use crate::share::Disposition::CreateNew;

const AWKWARD: &[&str] = &[
    " leading",
    "trailing ",
    "trailing.",
    "...",
    ".hidden",
    "-dash",
    "~",
    "tab\there",
    "new\nline",
    "\u{1}control",
    "a:b",
    "quo\"te",
    "'",
    "back\\slash",
    "pipe|",
    "star*",
    "ask?",
    "<angle>",
    "$dollar `tick`",
    "100%",
    "CON",
    "nul.txt",
    "\u{fc}ml\u{e4}ut",
    "e\u{301} decomposed",
    "\u{e9} composed",
    "\u{65e5}\u{672c}\u{8a9e}",
    "\u{1f600}",
    "\u{f026} private use",
];

async fn round_trips(room: &Room<'_>, name: &[u8]) {
    let path = room.path(name);
    let shown = String::from_utf8_lossy(name).into_owned();
    let file = room.share.open(&path, how(CreateNew)).await.unwrap_or_else(|e| panic!("{shown:?}: {e}")).file;
    file.close().await.unwrap();
    assert!(room.share.stat(&path).await.is_ok(), "{shown:?}");
    assert!(room.entries().await.iter().any(|entry| entry.name == name), "{shown:?} is not listed");
}

pub async fn awkward_names_round_trip(room: &Room<'_>) {
    for name in AWKWARD {
        round_trips(room, name.as_bytes()).await;
    }
    round_trips(room, &[b'n'; 255]).await;
    round_trips(room, "\u{65e5}".repeat(85).as_bytes()).await;
    assert_eq!(room.entries().await.len(), AWKWARD.len() + 2);
    for entry in room.entries().await {
        room.share.remove_file(&room.path(&entry.name)).await.unwrap();
    }
    assert!(room.entries().await.is_empty());
}

pub async fn names_differing_in_case(room: &Room<'_>) {
    room.file("Case", b"upper").await;
    if room.share.capabilities().contains(Capabilities::CASE_INSENSITIVE) {
        fails(room.share.open(&room.path("case"), how(CreateNew)).await, &[libc::EEXIST]);
    } else {
        room.file("case", b"lower").await;
        assert_eq!(room.content("Case").await, b"upper");
    }
}

pub async fn names_that_are_no_text(room: &Room<'_>) {
    let path = room.path(b"no \xff text");
    match room.share.open(&path, how(CreateNew)).await {
        Ok(opened) => {
            opened.file.close().await.unwrap();
            assert_eq!(room.entries().await[0].name, b"no \xff text");
        }
        Err(error) => {
            println!("not applicable: the protocol's names are text");
            assert!([libc::EILSEQ, libc::EINVAL].contains(&error.errno), "{error}");
        }
    }
}

pub async fn names_have_a_longest(room: &Room<'_>) {
    let long = room.path([b'n'; 256]);
    fails(room.share.open(&long, how(CreateNew)).await, &[libc::ENAMETOOLONG]);
    fails(room.share.create_dir(&long, 0o755).await, &[libc::ENAMETOOLONG]);
}
