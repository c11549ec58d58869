// `faramesh version` prints on every host which engine decides: here it is held against the program's own answer.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const cli = fileURLToPath(new URL("./dist/cli.js", import.meta.resolve("faramesh/package.json")));
const run = (...given: string[]): string => execFileSync(process.execPath, [cli, ...given], { encoding: "utf8" });
const program = process.env["FARAMESH_BIN"] ?? fileURLToPath(new URL("../target/debug/faramesh", import.meta.resolve("faramesh/package.json")));

test("version says what the faramesh program says", () => {
  assert.equal(run("version"), execFileSync(program, ["version"], { encoding: "utf8" }));
  const [ours, theirs] = [run("version", "-o", "json"), execFileSync(program, ["version", "-o", "json"], { encoding: "utf8" })];
  assert.deepEqual(JSON.parse(ours), JSON.parse(theirs));
});

test("without the program on PATH, anything else is wrong usage", () => {
  const env = { ...process.env, PATH: "" };
  for (const given of [[], ["policy", "check"], ["version", "-o", "yaml"], ["version", "now"]]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...given], { encoding: "utf8", env });
    const elsewhere = given[0] === "policy" ? "`policy` is a command of the `faramesh` program, which is not on PATH; the npm package has only `version`\n" : "";
    assert.deepEqual([status, stdout, stderr], [2, "", `usage: faramesh version [-o json]\n${elsewhere}`]);
  }
});

test("other commands are the program's, with its output and its exit code", () => {
  const folder = mkdtempSync(join(tmpdir(), "faramesh-"));
  const shadow = join(folder, "shadow");
  mkdirSync(shadow);
  // As npm does: a link to this very script, in front of the program on PATH.
  symlinkSync(cli, join(shadow, "faramesh"));
  symlinkSync(resolve(program), join(folder, "faramesh"));
  const env = { ...process.env, PATH: [shadow, folder].join(delimiter) };
  for (const given of [["policy", "check", "nowhere.yaml"], ["policy", "--help"]]) {
    const ours = spawnSync(process.execPath, [cli, ...given], { encoding: "utf8", env });
    const theirs = spawnSync(program, given, { encoding: "utf8", env });
    assert.deepEqual([ours.status, ours.stdout, ours.stderr], [theirs.status, theirs.stdout, theirs.stderr]);
  }
  rmSync(folder, { recursive: true });
});
