//! The features of every command: help, versions, completions, `.env`, colours, messages.

use insta::assert_snapshot;

use super::program::Place;

#[test]
fn help_names_every_command_and_the_exit_codes() {
    assert_snapshot!(Place::new().shown(&["--help"]));
}

#[test]
fn no_command_at_all_is_wrong_usage() {
    let run = Place::new().run(&[]);
    assert_eq!((run.code, run.out.as_str()), (2, ""));
    assert!(run.err.contains("Usage: faramesh"), "{}", run.err);
    let run = Place::new().run(&["-o", "json"]);
    assert_eq!((run.code, run.out.as_str()), (2, ""));
}

#[test]
fn the_version_names_the_engine() {
    let place = Place::new();
    assert_snapshot!(place.shown(&["--version"]));
    let version = place.run(&["--version", "-o", "json"]).json();
    assert_eq!(version["engine_hash"].as_str().unwrap().len(), 64);
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn completions_exist_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let run = Place::new().run(&["completions", shell]);
        assert_eq!(run.code, 0);
        assert!(run.out.contains("faramesh") && run.out.contains("completions"), "{shell}");
    }
}

#[test]
fn the_file_of_settings_is_read_and_the_environment_wins() {
    let place = Place::new();
    place.write(".env", "FARAMESH_URL=http://127.0.0.1:1\n");
    let run = place.run(&["actions", "list"]);
    assert_eq!(run.code, 4);
    assert!(run.err.contains("`http://127.0.0.1:1`"), "{}", run.err);
    let run = place.run_with(&["actions", "list"], &[("FARAMESH_URL", "http://127.0.0.1:2")]);
    assert!(run.err.contains("`http://127.0.0.1:2`"), "{}", run.err);
    let run = place.run_with(
        &["actions", "list", "--url", "http://127.0.0.1:3"],
        &[("FARAMESH_URL", "http://127.0.0.1:2")],
    );
    assert!(run.err.contains("`http://127.0.0.1:3`"), "{}", run.err);
}

#[test]
fn settings_of_the_folder_above_are_not_read() {
    let place = Place::new();
    place.write(".env", "FARAMESH_URL=http://127.0.0.1:1\n");
    place.write("inside/x", "");
    let mut command = place.command(&["actions", "list", "--url", "http://127.0.0.1:2"]);
    let output = command.current_dir(place.path("inside")).output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("`http://127.0.0.1:2`"));
    let output = place.command(&["doctor", "-o", "json"]).current_dir(place.path("inside")).output().unwrap();
    assert!(!String::from_utf8(output.stdout).unwrap().contains("127.0.0.1:1\""));
}

#[test]
fn a_broken_file_of_settings_is_named_without_its_secret() {
    let place = Place::new();
    place.write(".env", "FARAMESH_API_KEY='fmk_secret\n");
    let run = place.run(&["actions", "list"]);
    assert!(!run.err.contains("fmk_secret"), "{}", run.err);
    assert_snapshot!(place.masked(&run));
}

#[test]
fn a_server_that_is_not_there_says_what_to_run() {
    assert_snapshot!(Place::new().shown(&["actions", "list", "--url", "http://127.0.0.1:1"]));
}

#[test]
fn an_address_that_is_none_is_wrong_usage() {
    assert_snapshot!(Place::new().shown(&["actions", "list", "--url", "localhost:8000"]));
}

#[test]
fn an_id_that_is_none_is_wrong_usage() {
    assert_snapshot!(Place::new().shown(&["actions", "get", "../keys"]));
}

#[test]
fn colours_come_when_asked_for_and_never_against_no_color() {
    let place = Place::new();
    let failing = |extra: &[&str], variables: &[(&str, &str)]| {
        let args: Vec<_> =
            ["actions", "list", "--url", "http://127.0.0.1:1"].iter().chain(extra).copied().collect();
        place.run_with(&args, variables).err.contains('\u{1b}')
    };
    assert!(!failing(&[], &[]), "a pipe is no terminal");
    assert!(failing(&["--color", "always"], &[]));
    assert!(failing(&["--color", "always"], &[("NO_COLOR", "1")]), "a flag wins");
    assert!(failing(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!failing(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(!failing(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
}

#[test]
fn init_writes_a_policy_and_never_overwrites() {
    let place = Place::new();
    place.write("here/policies/starter.yaml", "# mine\n");
    assert_snapshot!(place.shown(&["init", "here"]));
    assert_eq!(place.read("here/policies/starter.yaml"), "# mine\n");
    assert!(place.read("here/.env.example").contains("FARAMESH_PORT"));
}

#[test]
fn init_tells_git_what_not_to_keep_and_editors_of_the_schema() {
    let place = Place::initialized();
    assert_eq!(place.read(".gitignore"), "/.faramesh\n/.env\n");
    let first = place.read("policies/starter.yaml").lines().next().unwrap().to_owned();
    let schema = first.strip_prefix("# yaml-language-server: $schema=").unwrap();
    assert!(place.path("policies").join(schema).is_file());
    assert_eq!(place.run(&["policy", "check", "--deny-warnings"]).code, 0);
    // Lines that are there are not repeated, and others stay.
    place.write(".gitignore", "target\n.faramesh/");
    assert!(place.run(&["init"]).out.contains("added .gitignore"));
    assert_eq!(place.read(".gitignore"), "target\n.faramesh/\n/.env\n");
    assert!(place.run(&["init"]).out.contains("kept  .gitignore"));
}

#[test]
fn words_of_other_programs_are_answered_with_the_command() {
    let place = Place::new();
    for (args, tip) in [
        (&["start"][..], "there is `faramesh server start`"),
        (&["approve", "82311299"], "there is `faramesh actions approve`"),
        (&["lint"], "there is `faramesh policy check`"),
        (&["test"], "there is `faramesh policy test`"),
        (&["logs"], "there is `faramesh watch`"),
        (&["policy", "chek"], "similar subcommands exist: 'check'"),
        (&["actoins"], "similar subcommands exist: 'actions'"),
    ] {
        let run = place.run(args);
        assert_eq!(run.code, 2);
        assert!(run.err.contains(tip), "{args:?}: {}", run.err);
    }
    // The same verb under the name that errors and records have for it.
    for args in [["actions", "reject"], ["actions", "show"]] {
        let run = place.run(&[args[0], args[1], "82311299", "--url", "http://127.0.0.1:1"]);
        assert_eq!(run.code, 4, "{}", run.err);
    }
    assert!(place.run(&["policy", "lint", "--help"]).out.contains("faramesh policy check"));
}

#[test]
fn only_commands_that_ask_a_server_take_its_address() {
    let place = Place::initialized();
    for args in [&["policy", "check"][..], &["init"], &["server", "start"], &["actions", "hash", "x"]] {
        let run = place.run(&[args, &["--url", "http://127.0.0.1:1"]].concat());
        assert_eq!(run.code, 2, "{args:?}");
        assert!(run.err.contains("unexpected argument '--url'"), "{args:?}: {}", run.err);
    }
    let help = place.run(&["actions", "list", "--help"]).out;
    let (connection, output) = (help.find("Connection:").unwrap(), help.find("Output:").unwrap());
    assert!(help[connection..].contains("--url <URL>") && help[output..].contains("-o, --output"), "{help}");
}

#[test]
fn a_usage_asks_for_nothing_that_the_environment_has() {
    let place = Place::new();
    let variables = [
        ("FARAMESH_URL", "http://127.0.0.1:1"),
        ("FARAMESH_DB", "x.db"),
        ("FARAMESH_HOST", "127.0.0.1"),
        ("FARAMESH_POLICIES", "policies"),
    ];
    for (args, usage) in [
        (&["actions", "get"][..], "Usage: faramesh actions get <ID>\n"),
        (&["keys", "create"], "Usage: faramesh keys create --name <NAME> --role <ROLE>\n"),
        (&["server", "start", "--no"], "Usage: faramesh server start [OPTIONS]\n"),
        (&["doctor", "--no"], "Usage: faramesh doctor [OPTIONS]\n"),
    ] {
        let run = place.run_with(args, &variables);
        assert!(run.err.contains(usage), "{}", run.err);
    }
}

#[test]
fn words_of_filters_are_taken_in_any_case() {
    let place = Place::new();
    for filter in [["--status", "LAPSED"], ["--risk", "High"], ["--outcome", "execute"], ["--answer", "Any"]]
    {
        let run = place.run(&["actions", "list", filter[0], filter[1], "--url", "http://127.0.0.1:1"]);
        assert_eq!(run.code, 4, "{}", run.err);
    }
    let run = place.run(&["actions", "list", "--status", "held"]);
    assert!(run.code == 2 && run.err.contains("pending_approval"), "{}", run.err);
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let place = Place::new();
    assert_snapshot!(place.shown(&["server", "start", "--port", "0"]));
    assert_snapshot!(place.shown(&["server", "start", "--host", "example.org"]));
    assert_snapshot!(place.shown(&["server", "start", "--db", "postgres://db/faramesh"]));
}

#[test]
fn doctor_says_what_is_missing_and_what_is_there() {
    let place = Place::new();
    let args = ["doctor", "--port", "0", "--url", "http://127.0.0.1:1"];
    let run = place.run(&args);
    assert_eq!(run.code, 1);
    assert!(run.out.contains("✗ policies") && run.out.contains("faramesh init"), "{}", run.out);
    assert_eq!(place.run(&["init"]).code, 0);
    let run = place.run(&args);
    assert_eq!(run.code, 0, "{}", run.out);
    assert!(run.out.contains("✓ policies") && run.out.contains("✓ engine"), "{}", run.out);
    let ascii = place.run_with(&args, &[("LANG", "C")]);
    assert!(ascii.out.is_ascii(), "{}", ascii.out);
}

#[test]
fn a_server_runs_whatever_becomes_of_its_output() {
    for (out, err) in [("/dev/full", "/dev/full"), ("/dev/full", "/dev/null")] {
        let place = Place::initialized();
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let open = |name| std::fs::OpenOptions::new().write(true).open(name).unwrap();
        let mut server = place.command(&["server", "start", "--port", &port]);
        let mut server = server.stdout(open(out)).stderr(open(err)).spawn().unwrap();
        let url = format!("http://127.0.0.1:{port}/ready");
        let ready = || ureq::get(&url).call().is_ok_and(|answer| answer.status() == 200);
        while !ready() {
            assert!(server.try_wait().unwrap().is_none(), "it ended");
        }
        // The log goes to the same place.
        place.write("policies/broken.yaml", "rules: 5\n");
        let degraded =
            || ureq::get(&url).call().unwrap().body_mut().read_to_string().unwrap().contains("degraded");
        while !degraded() {}
        assert!(ready());
        server.kill().unwrap();
        server.wait().unwrap();
    }
}

#[test]
fn without_a_folder_for_the_compiled_engine_none_is_kept_anywhere() {
    let place = Place::initialized();
    place.write("action.json", r#"{"agent_id":"a","tool":"send_email"}"#);
    let temporary = place.path("temporary");
    std::fs::create_dir(&temporary).unwrap();
    let mut command = place.command(&["policy", "decide", "--action", "action.json", "-o", "json"]);
    command.env_remove("FARAMESH_CACHE_DIR").env_remove("HOME").env("XDG_CACHE_HOME", "relative");
    let output = command.env("TMPDIR", &temporary).output().unwrap();
    assert!(!output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
    assert!(!place.path("relative").exists());
    let mut command = place.command(&["doctor", "--port", "0", "--url", "http://127.0.0.1:1"]);
    let output = command.env_remove("FARAMESH_CACHE_DIR").env_remove("HOME").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("there is no folder for the compiled engine"), "{said}");
}
