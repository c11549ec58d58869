// The server and the key that the environment names: the order of sources, and that a key stays with its address.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { createGovernor } from "faramesh";
import { serverFromEnvironment } from "faramesh/environment";

let folder: string;
before(() => (folder = mkdtempSync(join(tmpdir(), "faramesh-"))));
after(() => rmSync(folder, { recursive: true }));

function found(env: Record<string, string>, file = ""): object {
  writeFileSync(join(folder, ".env"), file);
  return serverFromEnvironment({ env, folder });
}

const cases: [env: Record<string, string>, file: string, expected: object][] = [
  [{}, "", { url: "http://127.0.0.1:8000" }],
  [{ FARAMESH_API_KEY: "k" }, "", { url: "http://127.0.0.1:8000", apiKey: "k" }],
  [{}, "FARAMESH_TOKEN=k", { url: "http://127.0.0.1:8000", apiKey: "k" }],
  [{ FARAMESH_URL: "https://a.example" }, "FARAMESH_URL=https://b.example", { url: "https://a.example" }],
  // A key of a folder does not go to an address of the shell, nor the other way.
  [{ FARAMESH_URL: "https://a.example" }, "FARAMESH_API_KEY=of-the-folder", { url: "https://a.example" }],
  [{ FARAMESH_API_KEY: "of-the-shell" }, "FARAMESH_URL=https://evil.example", { url: "https://evil.example" }],
  [{ FARAMESH_API_KEY: "of-the-shell" }, "FARAMESH_PORT=9000", { url: "http://127.0.0.1:9000" }],
  [{ FARAMESH_PORT: "9000", FARAMESH_API_KEY: "of-the-shell" }, "FARAMESH_HOST=evil.example", { url: "http://evil.example:9000" }],
  [{}, "FARAMESH_URL=https://b.example\nFARAMESH_API_KEY=k\nFARAMESH_TOKEN=t", { url: "https://b.example", apiKey: "k" }],
  [{ FARAMESH_URL: "", FARAMESH_API_KEY: "" }, "FARAMESH_URL=https://b.example\nFARAMESH_API_KEY=k", { url: "http://127.0.0.1:8000" }],
  [{ FARAMESH_HOST: "::", FARAMESH_PORT: "9000" }, "", { url: "http://[::1]:9000" }],
  [{ FARAMESH_HOST: "0.0.0.0" }, "", { url: "http://127.0.0.1:8000" }],
  [{ FARAMESH_URL: "http://localhost:9000", FARAMESH_PORT: "9000" }, "", { url: "http://localhost:9000" }],
  [{ FARAMESH_URL: "https://a.example", FARAMESH_PORT: "9000" }, "", { url: "https://a.example" }],
  [{ FARAMESH_URL: "http://localhost:9000" }, "FARAMESH_PORT=8137", { url: "http://localhost:9000" }],
  [{}, "# a comment\nexport FARAMESH_URL = 'https://b.example' # ours\nOTHER=$X\n", { url: "https://b.example" }],
];
for (const [env, file, expected] of cases) {
  test(`${JSON.stringify(env)} and ${JSON.stringify(file)}`, () => assert.deepEqual(found(env, file), expected));
}

test("what contradicts itself or cannot be read is refused, by name", () => {
  assert.throws(() => found({ FARAMESH_URL: "http://127.0.0.1:8000", FARAMESH_PORT: "8137" }), /sets both `FARAMESH_URL=http:\/\/127\.0\.0\.1:8000` and `FARAMESH_PORT=8137`/);
  assert.throws(() => found({}, "FARAMESH_URL=http://localhost\nFARAMESH_PORT=8137"), /`\.env` sets both/);
  assert.throws(() => found({ FARAMESH_PORT: "abc" }), /`FARAMESH_PORT` is `abc`/);
  assert.throws(() => found({ FARAMESH_URL: "127.0.0.1" }), /`FARAMESH_URL` in the environment/);
  assert.throws(() => found({}, "FARAMESH_API_KEY=a$B"), /`FARAMESH_API_KEY` in `\.env` cannot be read/);
  writeFileSync(join(folder, ".env"), "");
  assert.equal(createGovernor({ agentId: "a", server: serverFromEnvironment({ env: {}, folder }) }).mode, "remote");
});
