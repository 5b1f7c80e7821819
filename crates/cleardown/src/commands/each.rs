//! One thing done to each of several remembered drives: `forget`, `remember`, and what `restore` has in common with them.

use cleardown_client::Client;
use cleardown_core::{Exit, Result};

use crate::connect;
use crate::ui::Ui;

/// What came of it, by name.
pub(super) type Outcomes = Vec<(String, Result<()>)>;

/// Does it to each; where one fails, the others are done all the same.
///
/// # Errors
/// No daemon can be reached, or a name is several users'.
pub(super) async fn each(
    names: &[String],
    act: impl AsyncFn(&Client, &str) -> Result<()>,
) -> Result<Outcomes> {
    let mut outcomes = Vec::new();
    for (client, names) in connect::owners_of(names).await? {
        for name in names {
            let outcome = act(&client, &name).await;
            outcomes.push((name, outcome));
        }
    }
    outcomes.sort_by_key(|(name, _)| connect::place_of(names, name));
    Ok(outcomes)
}

/// Says it in words.
pub(super) fn show(outcomes: &Outcomes, done: &str, ui: &mut Ui) {
    for (name, outcome) in outcomes {
        match outcome {
            Ok(()) => ui.data(format!("{name} is {done}")),
            Err(error) => ui.error(error),
        }
    }
}

/// The first failure decides, so that a script that names one drive learns why it failed.
pub(super) fn exit<T>(outcomes: &[(String, Result<T>)]) -> Exit {
    let failed = outcomes.iter().find_map(|(_, outcome)| outcome.as_ref().err());
    failed.map_or(Exit::Done, |error| error.exit())
}
