// Made-up URLs and mailboxes: no text in which the engine reads a host is read as another host by Node's `URL`,
// Python's `urlsplit`, curl or the expression of RFC 3986.
//
// A reader that refuses the text, or finds no host in it, asks no host. `--long` makes up 2,000,000 texts instead of
// 50,000, `--seed S` others. The texts come from tests/src/bin/readers.rs. It needs `python3`, and libcurl as a shared
// library (`apt-get install libcurl4`).
import { spawnSync } from "node:child_process";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { here, repository, target } from "./lib/places.mjs";

const { values } = parseArgs({ options: { long: { type: "boolean" }, seed: { type: "string", default: "1" } } });
const count = values.long ? 2_000_000 : 50_000;
const command = (name, given) => spawnSync(name, given, { cwd: repository, stdio: "inherit" });

const writer = ["run", "--quiet", "--locked", "-p", "conformance", "--bin", "readers", "--"];
if (command("cargo", [...writer, "--count", String(count), "--seed", values.seed]).status !== 0) {
  throw new Error("the engine has read nothing");
}
const made = join(target, "readers.jsonl");

/** The host as Node sees it, in the engine's spelling; nothing where it refuses the text or finds none. */
function host(text, base) {
  let { hostname } = URL.canParse(text, base) ? new URL(text, base) : {};
  hostname = hostname?.toLowerCase().replace(/\.$/, "");
  return hostname?.startsWith("[") ? hostname.slice(1, -1) : hostname;
}

/** One spelling of an IPv6 address. */
const spelled = (address) => (address.includes(":") ? host(`http://[${address}]/`) : address);

let [compared, read] = [0, 0];
const differences = [];
for await (const line of createInterface({ input: createReadStream(made) })) {
  const [kind, text, expected] = JSON.parse(line);
  if (kind !== "url") continue;
  // A bare host is not a URL to Node; it becomes one when a program prefixes a scheme.
  const readings = text.includes("://") ? [host(text)] : [host(text), host(`https://${text}`), host(`//${text}`, "http://x")];
  for (const reading of readings) {
    read += Number(Boolean(reading));
    if (reading && reading !== spelled(expected)) {
      differences.push(`Node reads ${JSON.stringify(reading)} in ${JSON.stringify(text)}, not \`${expected}\``);
    }
  }
  compared += 1;
}
console.log(`Node: ${compared} URLs compared, ${read} hosts read, ${differences.length} differences`);
differences.slice(0, 20).forEach((difference) => console.error(difference));
const python = command("python3", [join(here, "lib/readers.py"), made]);
if (differences.length > 0 || compared === 0 || python.status !== 0) {
  process.exitCode = 1;
}
