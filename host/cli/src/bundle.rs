//! `faramesh bundle`: a signed bundle of a policy folder on disk, and checking one. Neither needs a server.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use engine::time::rfc3339;
use host::bundle::key::{PublicKey, SigningKey, SigningKeyError};
use host::bundle::{Contents, Envelope, MAX_ENVELOPE_BYTES, Payload};
use host::clock::{Clock as _, SystemClock};
use host::config;
use runtime::engine_hash;
use serde_json::json;

use super::exit::{Exit, Failure, Outcome};
use super::input::unreadable;
use super::offline::{self, PolicyFiles};
use super::screen::{Format, Screen};
use super::text;

/// How far the clock of a bundle's user may be behind that of its maker.
const CLOCK_TOLERANCE_MS: i64 = 5 * 60_000;

/// The verbs of `bundle`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sign the policies of a folder
    Build(Build),
    /// Check whether a bundle is valid
    Verify(Verify),
}

/// Arguments of `bundle build`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 signed, 1 the policies have errors, 2 a file cannot be read or written"
)]
pub(crate) struct Build {
    /// The folder of policies [default: FARAMESH_POLICIES, else `policies`]
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,

    /// The key to sign with, PKCS#8 PEM; made when the file is not there
    #[arg(long, value_name = "FILE")]
    key: PathBuf,

    /// Where to write the bundle
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// How long the bundle may be relied on
    #[arg(long, default_value = "24h", value_name = "TIME")]
    max_age: String,
}

/// Arguments of `bundle verify`.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 valid, 1 invalid or expired, 2 a file cannot be read")]
pub(crate) struct Verify {
    /// The bundle
    #[arg(value_name = "FILE")]
    bundle: PathBuf,

    /// The public key to trust, a JWK or a set of them
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

pub(crate) fn run(command: &Command, screen: &Screen) -> Outcome {
    match command {
        Command::Build(args) => build(args, screen),
        Command::Verify(args) => verify(args, screen),
    }
}

fn build(args: &Build, screen: &Screen) -> Outcome {
    let max_age = config::max_age("--max-age", &args.max_age)
        .map_err(|error| Failure::usage(error.message).help(error.help))?;
    let folder = args.policies.clone().unwrap_or_else(offline::policies_setting);
    let files = PolicyFiles::of_folder(&folder)?;
    if files.sources.is_empty() {
        let shown = folder.display();
        return Err(Failure::refused(format!("there is no policy in `{shown}`, so everything would halt")));
    }
    let mut engine = offline::engine()?;
    files.load(&mut engine, screen)?;

    let (key, made) =
        SigningKey::load_or_create(&args.key).map_err(|error| key_failure(&args.key, &error))?;
    let public_file = with_suffix(&args.key, ".pub.json");
    let public = serde_json::to_string_pretty(&key.public().to_jwk()).unwrap_or_default();
    write(&public_file, &format!("{public}\n"))?;
    if made {
        screen.message(&format!("made a new signing key, `{}`", args.key.display()));
    }

    let payload = Payload::of(&Contents {
        sources: &files.sources,
        policy_version: None,
        engine_hash: engine_hash(),
        issued_at_ms: SystemClock.now_ms(),
        max_age,
    });
    let envelope = serde_json::to_string(&Envelope::sign(&payload, &key)).unwrap_or_default();
    write(&args.out, &format!("{envelope}\n"))?;
    match screen.format() {
        Format::Table => {
            let count = u64::try_from(payload.files.len()).unwrap_or(u64::MAX);
            screen.data(&format!("{}: {}", args.out.display(), text::counted(count, "policy file")))?;
            screen.data(&format!("  policy hash  {}", payload.policy_hash))?;
            screen.data(&format!("  valid until  {}", payload.expires_at))?;
            screen.data(&format!("  public key   {}", public_file.display()))?;
        }
        Format::Json | Format::Jsonl | Format::Yaml => screen.value(&json!({
            "bundle": args.out,
            "expires_at": payload.expires_at,
            "keyid": key.public().id(),
            "policy_hash": payload.policy_hash,
            "public_key": public_file,
        }))?,
    }
    Ok(Exit::Done)
}

fn verify(args: &Verify, screen: &Screen) -> Outcome {
    let text = read(&args.key)?;
    let trusted = PublicKey::parse(&text).filter(|keys| !keys.is_empty()).ok_or_else(|| {
        Failure::usage(format!("`{}` holds no Ed25519 public key", args.key.display()))
            .help("give it a JWK, such as the `.pub.json` that `faramesh bundle build` writes, or a server's `/.well-known/jwks.json`")
    })?;
    let bytes = read(&args.bundle)?;
    let refused = |message: String| {
        let problem = json!({ "message": message, "valid": false });
        Failure::refused(message)
            .help("whoever is given this bundle lets nothing run under it")
            .problem(problem)
    };
    let verified = Envelope::parse(&bytes)
        .and_then(|envelope| envelope.verify(&trusted))
        .map_err(|error| refused(error.to_string()))?;
    let expires_at_ms = verified.payload.expires_at_ms().map_err(|error| refused(error.to_string()))?;
    let now_ms = SystemClock.now_ms();
    let issued_at_ms = verified.payload.issued_at_ms().map_err(|error| refused(error.to_string()))?;
    if issued_at_ms.saturating_sub(now_ms) > CLOCK_TOLERANCE_MS {
        return Err(refused(format!(
            "this bundle was issued at {}, and it is only {} now",
            verified.payload.issued_at,
            rfc3339(now_ms)
        )));
    }
    if now_ms >= expires_at_ms {
        return Err(refused(format!(
            "this bundle ran out at {}, and it is {} now",
            verified.payload.expires_at,
            rfc3339(now_ms)
        )));
    }
    let loaded =
        offline::engine()?.load(&verified.sources).map_err(|error| offline::engine_failure(&error))?;
    if loaded.handle.is_none() {
        return Err(refused("the policies of this bundle have errors".to_owned()));
    }
    if loaded.policy_hash != verified.payload.policy_hash {
        return Err(refused("the engine reads another policy set than the bundle names".to_owned()));
    }
    let payload = &verified.payload;
    match screen.format() {
        Format::Table => {
            screen.data(&format!("valid: {}", args.bundle.display()))?;
            screen.data(&format!("  signed by    {}", verified.key_id))?;
            screen.data(&format!("  policy hash  {}", payload.policy_hash))?;
            screen.data(&format!("  issued       {}", payload.issued_at))?;
            screen.data(&format!("  valid until  {}", payload.expires_at))?;
            for file in &payload.files {
                screen.data(&format!("  {}  {}", file.hash, text::visible(&file.name)))?;
            }
        }
        Format::Json | Format::Jsonl | Format::Yaml => screen.value(&json!({
            "engine_hash": payload.engine_hash,
            "expires_at": payload.expires_at,
            "files": payload.files.iter().map(|file| json!({ "name": file.name, "hash": file.hash })).collect::<Vec<_>>(),
            "issued_at": payload.issued_at,
            "keyid": verified.key_id,
            "policy_hash": payload.policy_hash,
            "policy_version": payload.policy_version,
            "valid": true,
        }))?,
    }
    Ok(Exit::Done)
}

fn key_failure(file: &Path, error: &SigningKeyError) -> Failure {
    let message = format!("cannot use the signing key `{}`: {error}", file.display());
    Failure::usage(message).help(error.help(file))
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let shown = file.to_string_lossy();
    let bytes = fs::read(file).map_err(|error| unreadable(&shown, &error))?;
    if bytes.len() > MAX_ENVELOPE_BYTES {
        return Err(Failure::usage(format!("`{shown}` is too large to be a bundle")));
    }
    Ok(bytes)
}

fn write(file: &Path, content: &str) -> Result<(), Failure> {
    fs::write(file, content)
        .map_err(|error| Failure::usage(format!("`{}` cannot be written: {error}", file.display())))
}
