// The file of an outbox belongs to one governor at a time: across threads, copies of the package, processes, and after a
// crash. Its lock is released once, and another owner's lock never is.

import assert from "node:assert/strict";
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, utimesSync, writeFileSync, writeSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { Worker } from "node:worker_threads";

import { fileOutbox } from "faramesh/outbox/file";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "faramesh-"));
  path = join(folder, "outbox.jsonl");
});
afterEach(() => rmSync(folder, { recursive: true }));

const holder = new URL("support/holder.js", import.meta.url);
const record = (seq: number) => ({ stream: "local-a", seq, record_hash: String(seq), body: JSON.stringify({ stream: "local-a", seq, record_hash: String(seq) }) });

/** A lock that something left behind, last renewed so long ago. */
function left(lock: object, ageMs: number): void {
  writeFileSync(`${path}.lock`, JSON.stringify(lock));
  const at = new Date(Date.now() - ageMs);
  utimesSync(`${path}.lock`, at, at);
}

test("two threads of one process do not both have it", async () => {
  const outbox = fileOutbox(path);
  const answer = await new Promise((resolve, reject) => {
    const worker = new Worker(holder, { workerData: path });
    worker.once("message", resolve).once("error", reject);
  });
  assert.match(String(answer), /is in use by another governor of this process/);
  outbox.close();
});

test("two copies of the package in one process do not both have it", async () => {
  const outbox = fileOutbox(path);
  const copy = (await import(`${import.meta.resolve("faramesh/outbox/file")}?copy`)) as { fileOutbox: typeof fileOutbox };
  assert.notEqual(copy.fileOutbox, fileOutbox);
  assert.throws(() => copy.fileOutbox(path), /is in use by another governor of this process/);
  outbox.close();
  copy.fileOutbox(path).close();
});

test("of many processes that find a lock that was left behind, one gets it", async () => {
  for (let round = 0; round < 4; round += 1) {
    left({ token: "gone", pid: 999_999, host: hostname(), process: "gone", namespace: null }, 3_600_000);
    const children = Array.from({ length: 6 }, () => fork(holder, [path]));
    const answers = await Promise.all(children.map((child) => new Promise<string>((resolve) => child.once("message", resolve as (answer: unknown) => void))));
    // All are ready; they are let go at the same moment.
    assert.deepEqual(answers, children.map(() => "ready"));
    const opened = Promise.all(children.map((child) => new Promise<string>((resolve) => child.once("message", resolve as (answer: unknown) => void))));
    children.forEach((child) => child.send("go"));
    assert.equal((await opened).filter((answer) => answer === "held").length, 1, JSON.stringify(await opened));
    await Promise.all(children.map((child) => ended(child)));
  }
});

async function ended(child: ChildProcess): Promise<void> {
  const over = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await over;
}

test("a lock that nothing renews is left behind, although a program runs under its process id", () => {
  left({ pid: 1, host: hostname() }, 86_400_000);
  fileOutbox(path).close();
  // Of this very host and namespace it is known at once: the process with this id is another.
  const outbox = fileOutbox(path);
  const lock = JSON.parse(readFileSync(`${path}.lock`, "utf8")) as { process: string | null };
  outbox.close();
  if (process.platform === "linux") {
    assert.notEqual(lock.process, null);
    left({ ...lock, process: `${lock.process ?? ""}0` }, 0);
    fileOutbox(path).close();
  }
});

test("a lock that is renewed is held, whoever has it", () => {
  left({ token: "a", pid: 1, host: "another-machine", process: null, namespace: null }, 1_000);
  assert.throws(() => fileOutbox(path), /is in use by process 1 on `another-machine`/);
  left({ token: "a", pid: 1, host: "another-machine", process: null, namespace: null }, 61_000);
  fileOutbox(path).close();
});

test("an outbox whose lock was taken writes no more", () => {
  const outbox = fileOutbox(path);
  outbox.append(record(0));
  left({ token: "another", pid: 1, host: "another-machine", process: null, namespace: null }, 0);
  assert.throws(() => outbox.append(record(1)), /is not written any more/);
  assert.throws(() => outbox.acknowledge("local-a", 1), /is not written any more/);
  outbox.close();
  assert.equal((JSON.parse(readFileSync(`${path}.lock`, "utf8")) as { token: string }).token, "another", "the lock of the other stays");
  assert.equal(readFileSync(path, "utf8").split("\n").length, 2);
});

test("closing twice closes one file", () => {
  const outbox = fileOutbox(path);
  outbox.close();
  const other = openSync(join(folder, "other"), "w");
  outbox.close();
  assert.equal(writeSync(other, "mine"), 4);
  closeSync(other);
  assert.throws(() => outbox.append(record(0)), /cannot be written any more/);
  assert.equal(existsSync(`${path}.lock`), false);
});
