// `faramesh version` prints on every host which engine decides: here it is held against the program's own answer.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const cli = fileURLToPath(new URL("./dist/cli.js", import.meta.resolve("faramesh/package.json")));
const run = (...given: string[]): string => execFileSync(process.execPath, [cli, ...given], { encoding: "utf8" });

test("version says what the faramesh program says", () => {
  const program = process.env["FARAMESH_BIN"] ?? fileURLToPath(new URL("../target/debug/faramesh", import.meta.resolve("faramesh/package.json")));
  assert.equal(run("version"), execFileSync(program, ["version"], { encoding: "utf8" }));
  const [ours, theirs] = [run("version", "-o", "json"), execFileSync(program, ["version", "-o", "json"], { encoding: "utf8" })];
  assert.deepEqual(JSON.parse(ours), JSON.parse(theirs));
});

test("anything else is wrong usage", () => {
  for (const given of [[], ["policy", "check"], ["version", "-o", "yaml"], ["version", "now"]]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...given], { encoding: "utf8" });
    const elsewhere = given[0] === "policy" ? "`policy` is no command of the npm package; the `faramesh` program, which the repository builds, has the others\n" : "";
    assert.deepEqual([status, stdout, stderr], [2, "", `usage: faramesh version [-o json]\n${elsewhere}`]);
  }
});
