//! `faramesh policy test`: runs `NAME.test.yaml` files against their policies.

use std::path::{Path, PathBuf};

use clap::Args;
use engine::decision::Decision;
use engine::suite::{self, Mismatch, Suite, Test as Case};
use host::policies::names::{Named, named};
use runtime::Instance;
use serde_json::{Value, json};

use crate::client::quoted;
use crate::exit::{Exit, Failure, Outcome};
use crate::input::unreadable;
use crate::offline::{self, PolicyFiles};
use crate::screen::{Format, Screen};
use crate::{diagnostics, text};

/// Arguments of `policy test`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 all passed, 1 one failed, 2 a file cannot be read, or no test has the name"
)]
pub(crate) struct Test {
    /// Files of tests, or folders of them [default: FARAMESH_POLICIES, else `policies`]
    #[arg(value_name = "DIR|FILE")]
    paths: Vec<PathBuf>,

    /// Run only the tests that have this text in their name
    #[arg(long, value_name = "TEXT")]
    run: Option<String>,

    /// Print only the tests that fail, and the summary
    #[arg(short, long, help_heading = "Output")]
    quiet: bool,
}

impl Test {
    fn wants(&self, case: &Case) -> bool {
        self.run.as_ref().is_none_or(|text| case.name.contains(text))
    }
}

/// The result of one test.
struct Report {
    file: String,
    name: String,
    line: usize,
    /// The expected and the actual values, by field; empty if it passed.
    differences: Vec<Mismatch>,
    decision: Decision,
    /// The decision as the engine printed it.
    printed: Value,
}

pub(crate) fn run(args: &Test, screen: &Screen) -> Outcome {
    let files = files(&args.paths)?;
    let mut engine = offline::engine()?;
    let (mut reports, mut unread, mut missing) = (Vec::new(), 0_u64, false);
    for path in &files {
        let Some(suite) = read(path, screen)? else {
            unread = unread.saturating_add(1);
            continue;
        };
        let loaded = tested(path, &suite).and_then(|files| files.load(&mut engine, screen).map_err(|_| None));
        match loaded {
            Ok(handle) => {
                for case in suite.tests.iter().filter(|case| args.wants(case)) {
                    let report = run_one(&mut engine, handle, path, case)?;
                    print(&report, args.quiet, screen)?;
                    reports.push(report);
                }
                engine.unload(handle).map_err(|error| offline::engine_failure(&error))?;
            }
            // Tests whose policies cannot be read or have errors have not passed; the other files still run.
            Err(failure) => {
                if let Some(failure) = failure {
                    missing = failure.report(screen) == Exit::Usage || missing;
                }
                unread = unread.saturating_add(1);
            }
        }
    }
    if let Some(text) = args.run.as_ref().filter(|_| reports.is_empty() && unread == 0) {
        // A run that tried nothing must not pass.
        return Err(Failure::usage(format!("no test has {} in its name", quoted(text))));
    }
    let exit = summarize(&reports, unread, screen)?;
    Ok(if missing { Exit::Usage } else { exit })
}

fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let standard = [offline::policies_setting()];
    let paths = if paths.is_empty() { &standard } else { paths };
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(tests_of(path)?);
            continue;
        }
        let fail = |error: std::io::Error| unreadable(&path.to_string_lossy(), &error);
        let mut found = Vec::new();
        for entry in std::fs::read_dir(path).map_err(fail)? {
            let path = entry.map_err(fail)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if named(name) == Named::Tests {
                found.push(path);
            }
        }
        found.sort();
        files.extend(found);
    }
    if files.is_empty() {
        let folders: Vec<_> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
        return Err(Failure::usage(format!("there are no tests in {}", folders.join(", ")))
            .help("tests of `NAME.yaml` are in `NAME.test.yaml` next to it"));
    }
    Ok(files)
}

/// The test file for a path: the path itself, or the test file of a policy.
fn tests_of(path: &Path) -> Result<PathBuf, Failure> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let Some((stem, ending)) = name.rsplit_once('.').filter(|_| named(name) == Named::Policy) else {
        return Ok(path.to_owned());
    };
    let beside = |ending| path.with_file_name(format!("{stem}.test.{ending}"));
    let others = [beside(ending), beside("yaml"), beside("yml")];
    others.into_iter().find(|tests| tests.is_file()).ok_or_else(|| {
        let shown = quoted(&path.to_string_lossy());
        Failure::usage(format!("{shown} is a policy, and there are no tests next to it"))
            .help(format!("write them to `{}`", beside("yaml").display()))
    })
}

/// The files of the policies that a suite is about.
fn policies(path: &Path, suite: &Suite) -> Vec<PathBuf> {
    let folder = path.parent().unwrap_or(Path::new(""));
    if let Some(names) = &suite.policies {
        return names.iter().map(|name| folder.join(name)).collect();
    }
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let stem = name.strip_suffix(".test.yaml").or_else(|| name.strip_suffix(".test.yml")).unwrap_or(name);
    let short = folder.join(format!("{stem}.yml"));
    vec![if short.is_file() { short } else { folder.join(format!("{stem}.yaml")) }]
}

/// The policies that a suite is about, or what to say; none where it is said already.
fn tested(path: &Path, suite: &Suite) -> Result<PolicyFiles, Option<Failure>> {
    let policies = policies(path, suite);
    PolicyFiles::of_files(&policies).map_err(|failure| {
        let missing = policies.iter().any(|policy| !policy.exists());
        let help = "the tests of `NAME.yaml` are in `NAME.test.yaml` next to it; `policy:` names another one";
        Some(if missing { failure.help(help) } else { failure })
    })
}

fn read(path: &Path, screen: &Screen) -> Result<Option<Suite>, Failure> {
    let shown = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| unreadable(&shown, &error))?;
    let source = String::from_utf8(bytes)
        .map_err(|_| Failure::usage(format!("`{shown}` cannot be read: it is not UTF-8")))?;
    match suite::read(&shown, &source) {
        Ok(suite) => Ok(Some(suite)),
        Err(found) => {
            diagnostics::report(screen, &[*found], |_| (shown.clone(), source.clone()));
            Ok(None)
        }
    }
}

fn run_one(engine: &mut Instance, handle: u32, path: &Path, case: &Case) -> Result<Report, Failure> {
    let verdict = engine.decide(handle, case.action.as_bytes(), case.state.as_bytes());
    let verdict = verdict.map_err(|error| offline::engine_failure(&error))?;
    let unexpected = |error: serde_json::Error| offline::unreadable_answer(&error);
    let decision: Decision = serde_json::from_str(verdict.decision.get()).map_err(unexpected)?;
    let printed = serde_json::from_str(verdict.decision.get()).map_err(unexpected)?;
    Ok(Report {
        file: path.display().to_string(),
        name: case.name.clone(),
        line: case.line,
        differences: case.expect.differences(&decision),
        decision,
        printed,
    })
}

fn print(report: &Report, quiet: bool, screen: &Screen) -> Result<(), Failure> {
    let (paint, passed) = (screen.paint(), report.differences.is_empty());
    match screen.format() {
        Format::Table if quiet && passed => return Ok(()),
        Format::Table => {}
        Format::Jsonl => return Ok(screen.value(&value(report))?),
        Format::Json | Format::Yaml => return Ok(()),
    }
    let sign = if passed {
        paint.green(&format!("{} pass", screen.symbol("✓", "+")))
    } else {
        paint.red(&format!("{} FAIL", screen.symbol("✗", "x")))
    };
    let place = paint.dim(&format!("{}:{}", text::visible(&report.file), report.line));
    screen.data(&format!("{sign}  {}  {place}", text::visible(&report.name)))?;
    for Mismatch { field, expected, actual } in &report.differences {
        screen.data(&format!(
            "        {field}: expected {}, got {}",
            paint.bold(&text::visible(expected)),
            paint.bold(&text::visible(actual))
        ))?;
    }
    if !passed {
        let decision = &report.decision;
        let why = format!("{}: {}", decision.reason_code.as_str(), text::visible(&decision.reason));
        screen.data(&format!("        {}", paint.dim(&why)))?;
    }
    Ok(())
}

fn value(report: &Report) -> Value {
    let differences: Vec<_> = report
        .differences
        .iter()
        .map(|Mismatch { field, expected, actual }| json!({ "field": field, "expected": expected, "actual": actual }))
        .collect();
    json!({
        "decision": report.printed,
        "differences": differences,
        "file": report.file,
        "line": report.line,
        "name": report.name,
        "passed": report.differences.is_empty(),
    })
}

fn summarize(reports: &[Report], unread: u64, screen: &Screen) -> Outcome {
    let failed = reports.iter().filter(|report| !report.differences.is_empty()).count();
    let passed = reports.len().saturating_sub(failed);
    match screen.format() {
        Format::Table => {
            let mut line = format!("{passed} passed, {failed} failed");
            if unread > 0 {
                line.push_str(&format!(", {} not run", text::counted(unread, "file")));
            }
            screen.data(&line)?;
        }
        Format::Json | Format::Yaml => screen.value(&json!({
            "failed": failed,
            "not_run": unread,
            "passed": passed,
            "tests": reports.iter().map(value).collect::<Vec<_>>(),
        }))?,
        Format::Jsonl => {}
    }
    Ok(if failed > 0 || unread > 0 { Exit::No } else { Exit::Done })
}
