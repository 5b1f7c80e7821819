//! What is exported, what the headers declare and what the documentation says are one list.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::process::Command;

use cleardown_capi::{Function, list};
use cleardown_tests::needs_root;

use crate::kit::{prefix, project};

/// The libraries, their headers and their functions.
pub(crate) fn libraries() -> Vec<(&'static str, &'static [&'static str], Vec<Function>)> {
    vec![
        ("libmpr.so", &["winnetwk.h"], cleardown_capi::mpr!(list)),
        ("librasapi32.so", &["ras.h", "rasdlg.h"], cleardown_capi::rasapi32!(list)),
    ]
}

fn names(functions: &[Function]) -> BTreeSet<String> {
    functions.iter().flat_map(|f| forms(f).iter().map(move |form| format!("{}{form}", f.name))).collect()
}

/// The letters behind the names of a function.
pub(crate) fn forms(function: &Function) -> &'static [&'static str] {
    if function.both { &["A", "W"] } else { &[""] }
}

/// Our table of functions. To write it anew: CLEARDOWN_BLESS=1.
#[test]
fn the_documentation_has_the_table_of_functions() {
    let mut table = String::new();
    for (library, headers, functions) in libraries() {
        let headers = headers.join(", ");
        let _ = writeln!(
            table,
            "\n### {library} ({headers})\n\n| function | support | what differs |\n|---|---|---|"
        );
        let mut functions = functions;
        functions.sort_by_key(|f| f.name);
        for f in functions {
            let forms = if f.both { " (A, W)" } else { "" };
            let support = if f.support == "answered" { "answered only" } else { f.support };
            let _ = writeln!(table, "| `{}`{forms} | {support} | {} |", f.name, f.differs);
        }
    }
    let path = project("docs/c-interface.md");
    let text = fs::read_to_string(&path).unwrap();
    let mark = "<!-- The rest of this page is generated from the code. -->\n";
    let (words, found) = text.split_once(mark).expect("the mark is there");
    if std::env::var_os("CLEARDOWN_BLESS").is_some() {
        fs::write(&path, format!("{words}{mark}{table}")).unwrap();
    } else {
        assert_eq!(found, table, "docs/c-interface.md is out of date: CLEARDOWN_BLESS=1 writes it anew");
    }
}

#[test]
fn libraries_export_their_functions_and_nothing_else() {
    needs_root!();
    for (library, _, functions) in libraries() {
        let file = prefix().join("lib").join(library);
        let output = Command::new("nm").args(["-D", "--defined-only"]).arg(&file).output().unwrap();
        let symbols = String::from_utf8(output.stdout).unwrap();
        let exported: BTreeSet<String> =
            symbols.lines().filter_map(|line| line.split(' ').nth(2)).map(str::to_owned).collect();
        assert_eq!(exported, names(&functions), "{library}");
        let output = Command::new("readelf").arg("-d").arg(&file).output().unwrap();
        let dynamic = String::from_utf8(output.stdout).unwrap();
        assert!(dynamic.contains(&format!("soname: [{library}.0]")), "{dynamic}");
    }
}

#[test]
fn headers_declare_every_function_with_its_parameters() {
    for (_, headers, functions) in libraries() {
        let folder = project("crates/cleardown-capi/include/cleardown");
        let text: String =
            headers.iter().map(|name| fs::read_to_string(folder.join(name)).unwrap()).collect();
        let mut declared = BTreeSet::new();
        for line in text.lines().filter(|line| line.contains(" WINAPI ") && line.ends_with(");")) {
            let (head, parameters) = line.split_once('(').unwrap();
            let name = head.rsplit(' ').next().unwrap();
            let count = if parameters == "void);" { 0 } else { parameters.matches(',').count() + 1 };
            let function = functions.iter().find(|f| {
                if f.both { name.strip_suffix(['A', 'W']) == Some(f.name) } else { name == f.name }
            });
            let function =
                function.unwrap_or_else(|| panic!("{name} is declared in {headers:?} and not there"));
            assert_eq!(count, function.parameters.len(), "{name}");
            declared.insert(name.to_owned());
        }
        assert_eq!(declared, names(&functions), "{headers:?}");
    }
}

#[test]
fn raserror_h_has_every_number_of_our_table() {
    let path = project("crates/cleardown-capi/include/cleardown/raserror.h");
    let text = fs::read_to_string(path).unwrap();
    for number in 600..=870 {
        let code = cleardown_core::Code(number);
        let (name, words) =
            (cleardown_core::ras::name(code).unwrap(), cleardown_core::ras::text(code).unwrap());
        let name = if name == "PENDING" { name.to_owned() } else { format!("ERROR_{name}") };
        let line = format!("#define {name} {number} /* {words} */\n");
        assert!(text.contains(&line), "{line}");
    }
}
