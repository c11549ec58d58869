// The README's examples: all of them compile, and print exactly what their comments say.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";

import ts from "typescript";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(root, "target", "readme");
const blocks = [...readFileSync(join(root, "README.md"), "utf8").matchAll(/^## (.*)$|^```ts\n([\s\S]*?)^```$/gm)].reduce<{ title: string; code: string }[]>(
  (found, [, title, code]) => {
    if (title !== undefined) found.push({ title, code: "" });
    else if (code !== undefined) found.push({ title: found.at(-1)?.title ?? "", code });
    return found;
  },
  [],
).filter((block) => block.code !== "");
const file = (index: number): string => join(folder, `example-${index}.mts`);

before(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  blocks.forEach(({ code }, index) => writeFileSync(file(index), code));
});

test("every example compiles", () => {
  assert.ok(blocks.length >= 9);
  const program = ts.createProgram(blocks.map((_, index) => file(index)), {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    lib: ["lib.es2023.d.ts", "lib.dom.d.ts"],
    types: ["node"],
    typeRoots: [join(root, "node_modules/@types")],
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
  });
  const wrong = ts.getPreEmitDiagnostics(program).map((one) => `${one.file?.fileName ?? ""}: ${ts.flattenDiagnosticMessageText(one.messageText, " ")}`);
  assert.deepEqual(wrong, []);
  program.emit();
});

blocks.forEach(({ title, code }, index) => {
  const promised = [...code.matchAll(/\/\/ → (.*)$/gm)].map(([, line]) => line);
  if (promised.length === 0) return;
  test(`the example ${index + 1}, under "${title}", prints what it says`, () => {
    const printed = execFileSync(process.execPath, ["--no-warnings", file(index).replace(/\.mts$/, ".mjs")], { cwd: root, encoding: "utf8" });
    assert.deepEqual(printed.trimEnd().split("\n"), promised);
  });
});
