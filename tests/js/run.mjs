// What CI runs of this folder: the corpus on every JavaScript host, random actions, made-up URLs, the packed package,
// tabs of a browser that end with records unsent, the Worker.
//
// `--long` tries 100,000 random actions and 2,000,000 made-up URLs. It installs what package-lock.json names when that has changed, and builds
// neither the engine nor the `faramesh` program: `cargo xtask` does.
import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Steps } from "./lib/steps.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const long = process.argv.slice(2);
if (long.some((argument) => argument !== "--long")) {
  console.error(`run.mjs takes \`--long\` and nothing else, not \`${long.join(" ")}\``);
  process.exit(2);
}

function command(name, ...given) {
  return new Promise((done, failed) => {
    const child = spawn(name, given, { cwd: here, stdio: "inherit" });
    child.on("error", failed);
    child.on("exit", (code, signal) => {
      const what = `\`${[name, ...given].join(" ")}\``;
      return code === 0 ? done() : failed(new Error(`${what} ended with ${signal ?? code}`));
    });
  });
}

/** Installs the locked packages, unless these very ones are there; `cargo xtask` leaves the same mark. */
async function install() {
  const locked = readFileSync(join(here, "package-lock.json"), "utf8");
  const stamp = join(here, "node_modules/.installed-from");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === locked) return;
  // Their install scripts only look for programs that these packages bring along anyway.
  await command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline");
  writeFileSync(stamp, locked);
}

const steps = new Steps();
if (await steps.run("install", install)) {
  await steps.run("corpus with native answers", () =>
    command("cargo", "run", "--quiet", "--locked", "-p", "conformance", "--bin", "corpus"),
  );
  for (const host of ["node", "workerd", "chromium"]) {
    await steps.run(`corpus in ${host}`, () => command("node", `${host}.mjs`));
  }
  await steps.run("random actions in node", () => command("node", "differential.mjs", ...long));
  await steps.run("hosts as other readers see them", () => command("node", "readers.mjs", ...long));
  const packed = await steps.run("npm pack", async () => {
    const { pack } = await import("./packaging/pack.mjs");
    process.env.FARAMESH_TARBALL = await pack();
  });
  if (packed) {
    await steps.run("packaging", () => command("node", "packaging/run.mjs"));
    await steps.run("tabs of chromium", () => command("node", "browser/run.mjs"));
    await steps.run("worker example", () => command("node", "worker/run.mjs"));
  }
}
steps.finish();
