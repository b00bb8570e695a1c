//! The table of APIs in `docs/compatibility.md` is what is served. `cargo xtask docs` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use super::SERVED;

const BEGIN: &str = "<!-- apis: written by cargo xtask docs -->\n";
const END: &str = "<!-- /apis -->\n";

fn table() -> String {
    let mut apis = SERVED.to_vec();
    apis.sort_unstable_by_key(|api| api.number());
    let mut table = "| key | API | versions |\n|--:|---|---|\n".to_owned();
    for api in apis {
        let versions = api.stable_versions();
        let (first, last) = (*versions.start(), *versions.end());
        let range = if first == last { format!("{first}") } else { format!("{first}-{last}") };
        let _ = writeln!(table, "| {} | {api} | {range} |", api.number());
    }
    table
}

#[test]
fn the_table_of_apis_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/compatibility.md");
    let page = std::fs::read_to_string(&path).expect("docs/compatibility.md");
    let (head, rest) = page.split_once(BEGIN).expect("the mark where the table begins");
    let (found, tail) = rest.split_once(END).expect("the mark where the table ends");
    let wanted = table();
    if std::env::var_os("OTTLA_WRITE_DOCS").is_some() {
        let page = format!("{head}{BEGIN}{wanted}{END}{tail}");
        std::fs::write(&path, page).expect("docs can be written");
        return;
    }
    assert!(found == wanted, "the APIs in docs/compatibility.md are stale: run cargo xtask docs");
}
