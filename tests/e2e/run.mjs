// What CI runs of this folder: every test file against the real server in Chromium, then the budgets with the machine
// to themselves.
//
// It installs what package-lock.json names when that has changed, and builds neither the dashboard nor the `faramesh`
// program: `cargo xtask test e2e` does. Arguments are names of tests, such as `login`; without any, all run.
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const ENDS = ".test.mjs";
/** Tests that measure time, and so run alone. */
const MEASURES = ["budgets"];
/** Two cores are what there is in CI; a browser and a server take both. */
const AT_ONCE = 2;
/** Longer than this, a test hangs. */
const PATIENCE_MS = 120_000;

function command(name, ...given) {
  return new Promise((done, failed) => {
    const child = spawn(name, given, { cwd: here, stdio: "inherit" });
    child.on("error", failed);
    child.on("exit", (code) => done(code === 0));
  });
}

/** Installs the locked packages, unless these very ones are there; `cargo xtask` leaves the same mark. */
async function install() {
  const locked = readFileSync(join(here, "package-lock.json"), "utf8");
  const stamp = join(here, "node_modules/.installed-from");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === locked) return true;
  const installed = await command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline");
  if (installed) writeFileSync(stamp, locked);
  return installed;
}

function run(names, atOnce) {
  if (names.length === 0) return true;
  const files = names.map((name) => `tests/${name}${ENDS}`);
  const settings = [`--test-concurrency=${atOnce}`, `--test-timeout=${PATIENCE_MS}`, "--test-reporter=spec"];
  return command(process.execPath, "--test", ...settings, ...files);
}

const all = readdirSync(join(here, "tests"))
  .filter((name) => name.endsWith(ENDS))
  .map((name) => name.slice(0, -ENDS.length));
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`there is no test \`${unknown.join("`, `")}\`; there are ${all.join(", ")}`);
  process.exit(2);
}
const chosen = asked.length > 0 ? asked : all;
const measures = chosen.filter((name) => MEASURES.includes(name));
const passed =
  (await install()) &&
  [
    await run(chosen.filter((name) => !measures.includes(name)), AT_ONCE),
    await run(measures, 1),
  ].every(Boolean);
process.exitCode = passed ? 0 : 1;
