//! Changing an entry by words: `network.metric=5`.

use cleardown_core::link::Entry;
use cleardown_core::{Error, ErrorKind, Result};
use toml::{Table, Value};

/// The entry with these settings (`key=value`, the key as in its file, the value as in TOML or a plain word), and
/// without those in `unset`.
///
/// # Errors
/// [`ErrorKind::BadParameter`]: a key is none, or its value does not fit.
pub fn changed(entry: &Entry, set: &[String], unset: &[String]) -> Result<Entry> {
    let mut table = Table::try_from(entry).map_err(|e| bad("the entry", &e.to_string()))?;
    for key in unset {
        remove(&mut table, key)?;
    }
    for setting in set {
        let (key, value) = setting.split_once('=').ok_or_else(|| bad(setting, "write key=value"))?;
        put(&mut table, key.trim(), value.trim())?;
    }
    let changed: Entry =
        table.clone().try_into().map_err(|e: toml::de::Error| bad("the settings", e.message()))?;
    match unknown(&table, &changed).first() {
        Some(key) => Err(bad(key, "an entry has no such key")),
        None => Ok(changed),
    }
}

/// The keys of an entry's file that mean nothing in this version; perhaps they are misspelt.
pub fn unknown_keys(text: &str, entry: &Entry) -> Vec<String> {
    toml::from_str::<Table>(text).map_or_else(|_| Vec::new(), |table| unknown(&table, entry))
}

fn put(table: &mut Table, key: &str, value: &str) -> Result<()> {
    let (inner, name) = inside(table, key)?;
    let text = format!("value = {value}");
    let value = match toml::from_str::<Table>(&text).ok().and_then(|mut table| table.remove("value")) {
        Some(value) => value,
        // A word without quotes, as people type it in a shell.
        None => Value::String(value.to_owned()),
    };
    inner.insert(name.to_owned(), value);
    Ok(())
}

fn remove(table: &mut Table, key: &str) -> Result<()> {
    let (inner, name) = inside(table, key.trim())?;
    inner.remove(name);
    Ok(())
}

/// The table that a dotted key is in, and its last part.
fn inside<'a, 'k>(table: &'a mut Table, key: &'k str) -> Result<(&'a mut Table, &'k str)> {
    match key.split_once('.') {
        None => Ok((table, key)),
        Some((outer, name)) => {
            let inner = table.entry(outer).or_insert_with(|| Value::Table(Table::new()));
            inner
                .as_table_mut()
                .map(|inner| (inner, name))
                .ok_or_else(|| bad(key, "an entry has no such key"))
        }
    }
}

/// The keys that the entry did not take.
fn unknown(given: &Table, taken: &Entry) -> Vec<String> {
    let Ok(taken) = Table::try_from(taken) else { return Vec::new() };
    let mut unknown = Vec::new();
    for (key, value) in given {
        match (value, taken.get(key)) {
            (Value::Table(given), Some(Value::Table(taken))) => {
                let left =
                    given.iter().filter(|(name, value)| !taken.contains_key(*name) && !is_empty(value));
                unknown.extend(left.map(|(name, _)| format!("{key}.{name}")));
            }
            (value, None) if !is_empty(value) => unknown.push(key.clone()),
            _ => {}
        }
    }
    unknown
}

/// What is left out of a file.
fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty)
}

fn bad(what: &str, why: &str) -> Error {
    ErrorKind::BadParameter(format!("{what}: {}", why.trim_end())).into()
}

#[cfg(test)]
mod tests {
    use cleardown_core::link::{AuthMethod, Device, Dialling, Network, Ppp};

    use super::*;

    fn entry() -> Entry {
        Entry {
            name: "office".parse().unwrap(),
            user: Some("eve".into()),
            device: Device::Tcp { address: "h:1".into() },
            ppp: Ppp::default(),
            network: Network::default(),
            dialling: Dialling::default(),
        }
    }

    fn with(set: &[&str], unset: &[&str]) -> Result<Entry> {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        changed(&entry(), &owned(set), &owned(unset))
    }

    #[test]
    fn words_change_an_entry() {
        let set = [
            "network.metric=5",
            "ppp.auth=[\"pap\"]",
            "device.address = ras:2000",
            "network.routes=[]",
            "user=bob",
        ];
        let changed = with(&set, &[]).unwrap();
        assert_eq!(changed.network.metric, Some(5));
        assert_eq!(changed.ppp.auth, [AuthMethod::Pap]);
        assert_eq!(changed.device, Device::Tcp { address: "ras:2000".into() });
        assert_eq!(changed.user.as_deref(), Some("bob"));
        assert_eq!(with(&[], &["user"]).unwrap().user, None);
    }

    #[test]
    fn misspelt_keys_are_found() {
        let text = "name = \"office\"\ncolour = 1\n[device]\ntype = \"tcp\"\naddress = \"h:1\"\n[network]\nmetrik = 5\nroutes = []\n";
        assert_eq!(unknown_keys(text, &entry()), ["colour", "network.metrik"]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let said: Vec<String> = [
            with(&["network.metrik=5"], &[]),
            with(&["colour=red"], &[]),
            with(&["ppp.mru=big"], &[]),
            with(&["ppp"], &[]),
            with(&["name.x=1"], &[]),
            with(&[], &["device"]),
        ]
        .into_iter()
        .map(|outcome| outcome.unwrap_err().to_string())
        .collect();
        insta::assert_snapshot!(said.join("\n"), @r#"
        network.metrik: an entry has no such key
        colour: an entry has no such key
        the settings: invalid type: string "big", expected u16
        ppp: write key=value
        name.x: an entry has no such key
        the settings: missing field `device`
        "#);
    }
}
