//! The quorum that a cluster begins with: its voters, their directories and addresses.

use ottla_metadata::config::ServerConfig;
use ottla_node::controller::checkpoint::Voter;
use ottla_node::controller::founding::own_voter;
use ottla_terminal::options::{Arguments, Stop};

use super::directories::random_id;

/// How the quorum is told its voters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Quorum {
    /// By `controller.quorum.voters`.
    Static,
    /// By the log; these are its first, `None` if others are.
    Dynamic(Option<Vec<Voter>>),
}

impl Quorum {
    /// What the command line and the configuration ask for together.
    pub(super) fn choose(arguments: &Arguments, config: &ServerConfig) -> Result<Self, Stop> {
        let is_controller = config.list("process.roles").iter().any(|role| role == "controller");
        let has_voters = !config.list("controller.quorum.voters").is_empty();
        let initial = arguments.text("initial-controllers");
        let standalone = arguments.has("standalone");
        if has_voters && (standalone || initial.is_some()) {
            return Err(Stop::refused(
                "You cannot specify controller.quorum.voters and format the node with \
                 --initial-controllers or --standalone. If you want to use dynamic quorum, please remove \
                 controller.quorum.voters and specify controller.quorum.bootstrap.servers instead.",
            ));
        }
        if let Some(list) = initial {
            let voters = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
            return Ok(Self::Dynamic(Some(voters.map(parse).collect::<Result<_, Stop>>()?)));
        }
        if standalone {
            if !is_controller {
                return Err(Stop::refused("You can only use --standalone on a controller."));
            }
            return Ok(Self::Dynamic(Some(vec![own(config)])));
        }
        if arguments.has("no-initial-controllers") {
            return Ok(if has_voters { Self::Static } else { Self::Dynamic(None) });
        }
        if is_controller && !has_voters {
            return Err(Stop::refused(
                "Because controller.quorum.voters is not set on this controller, you must specify one of \
                 the following: --standalone, --initial-controllers, or --no-initial-controllers.",
            ));
        }
        Ok(if has_voters { Self::Static } else { Self::Dynamic(None) })
    }

    /// The voters that are written down.
    pub(super) fn voters(&self) -> &[Voter] {
        match self {
            Self::Dynamic(Some(voters)) => voters,
            _ => &[],
        }
    }
}

/// This node as the only voter.
fn own(config: &ServerConfig) -> Voter {
    let id = config.number("node.id").and_then(|id| i32::try_from(id).ok()).unwrap_or(1);
    own_voter(config, id, random_id())
}

/// `id@host:port:directory`.
fn parse(text: &str) -> Result<Voter, Stop> {
    let refuse = |why: &str| Stop::refused(why);
    let (id, rest) =
        text.split_once('@').ok_or_else(|| refuse("No @ found in dynamic voter string."))?;
    let id: i32 =
        id.parse().map_err(|_| refuse("Failed to parse node id in dynamic voter string."))?;
    if id < 0 {
        return Err(Stop::refused(format!(
            "Invalid negative node id {id} in dynamic voter string."
        )));
    }
    let (host, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once("]:").ok_or_else(|| {
            refuse("Hostname began with left bracket, but no right bracket was found.")
        })?,
        None => rest
            .split_once(':')
            .ok_or_else(|| refuse("No colon following hostname could be found."))?,
    };
    let (port, directory) =
        rest.split_once(':').ok_or_else(|| refuse("No colon following port could be found."))?;
    let port = port.parse().map_err(|_| refuse("Failed to parse port in dynamic voter string."))?;
    let directory = directory
        .parse()
        .map_err(|_| refuse("Failed to parse directory ID in dynamic voter string."))?;
    Ok(Voter { id, directory, host: host.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voters_are_read() {
        let voter = parse("2@[::1]:8082:JEXY6aqzQY-32P5TStzaFg").expect("valid");
        assert_eq!((voter.id, voter.host.as_str(), voter.port), (2, "::1", 8082));
        for wrong in
            ["2", "x@h:1:JEXY6aqzQY-32P5TStzaFg", "2@h", "2@h:1", "2@h:x:y", "2@[h:1", "2@h:1:z"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
