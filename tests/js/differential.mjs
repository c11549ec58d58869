// Random actions in Node: the same bytes as the native engine, through both interfaces of the module.
//
// `--long` tries 100,000 instead of 2,000, `--seed S` others. The actions come from tests/src/bin/differential.
import { spawnSync } from "node:child_process";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { decisionDifferences, loadPolicies } from "./conformance.mjs";
import { CAbi } from "./lib/c_abi.mjs";
import { Glue } from "./lib/glue.mjs";
import { engineBytes, engineGlue, repository, target } from "./lib/places.mjs";

const { values } = parseArgs({ options: { long: { type: "boolean" }, seed: { type: "string", default: "1" } } });
const count = values.long ? 100_000 : 2_000;
const differential = ["run", "--quiet", "--locked", "-p", "conformance", "--bin", "differential", "--"];
const written = spawnSync("cargo", [...differential, "--count", String(count), "--seed", values.seed], {
  cwd: repository,
  stdio: "inherit",
});
if (written.status !== 0) {
  throw new Error("the native engine has not answered");
}

const module = new WebAssembly.Module(engineBytes());
engineGlue();
const glue = await import(pathToFileURL(join(target, "engine/engine.js")));
const engines = [new CAbi(module), new Glue(glue, module)];
let handles = [];
let compared = 0;
const differences = [];

for await (const line of createInterface({ input: createReadStream(join(target, "differential.jsonl")) })) {
  const given = JSON.parse(line);
  if (given.policies) {
    handles.forEach((handle, index) => engines[index].unload(handle));
    handles = engines.map((engine) => {
      const loaded = loadPolicies(engine, given.policies);
      if (loaded.policy_hash !== given.policy_hash) {
        differences.push(`${engine.name}: the policy hash is ${loaded.policy_hash}, not ${given.policy_hash}`);
      }
      return loaded.handle;
    });
    continue;
  }
  engines.forEach((engine, index) => {
    const found = decisionDifferences(engine, handles[index], given);
    differences.push(...found.map((told) => `${engine.name}: action ${compared}:\n    ${told}`));
  });
  compared += 1;
}
console.log(`${compared} actions compared in Node, ${differences.length} differences`);
differences.slice(0, 20).forEach((difference) => console.error(difference));
if (differences.length > 0 || compared !== count) {
  process.exitCode = 1;
}
