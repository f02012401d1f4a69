//! Lists every documented operation × status that no test has seen: `never-seen SPEC.json SEEN.txt...`.

use std::{collections::HashSet, process::ExitCode};

fn main() -> ExitCode {
    let mut files = std::env::args().skip(1);
    let Some(text) = files.next().and_then(|file| std::fs::read_to_string(file).ok()) else {
        eprintln!("usage: never-seen SPEC.json SEEN.txt...");
        return ExitCode::FAILURE;
    };
    let Ok(document) = serde_json::from_str(&text) else {
        eprintln!("the specification is not JSON");
        return ExitCode::FAILURE;
    };
    let seen: HashSet<String> = files
        .filter_map(|file| std::fs::read_to_string(file).ok())
        .flat_map(|lines| lines.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let (mut documented, mut missing) = (0, Vec::new());
    for operation in &kartoteka_tests::spec::Spec::read(document).operations {
        let statuses: Vec<&String> =
            operation.definition.get("responses").and_then(|r| r.as_object()).into_iter().flat_map(|r| r.keys()).collect();
        documented += statuses.len();
        let unseen: Vec<&str> =
            statuses.into_iter().filter(|s| !seen.contains(&format!("{} {s}", operation.id))).map(String::as_str).collect();
        if !unseen.is_empty() {
            missing.push(format!("  {}: {}", operation.id, unseen.join(" ")));
        }
    }
    let unseen: usize = missing.iter().map(|line| line.split(' ').count() - 3).sum();
    println!("operation × status: {documented} documented, {} seen, {unseen} never seen", documented - unseen);
    for line in missing {
        println!("{line}");
    }
    ExitCode::SUCCESS
}
