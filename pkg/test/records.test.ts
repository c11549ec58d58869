// Records that wait for the server: in the outbox before a tool runs, sent in order, kept until the server has them,
// and there once, whatever fails in between.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { fork, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

import { createGovernor, FarameshError, memoryOutbox, PolicyUnavailableError } from "faramesh";
import type { GovernorOptions, Outbox } from "faramesh";
import { fileOutbox } from "faramesh/outbox/file";
import { webStorageOutbox } from "faramesh/outbox/web-storage";

import { AGENT, REFUNDS, refundTool } from "./support/policies.js";
import { awaited } from "./support/real.js";
import { approved, ScriptedServer, turned } from "./support/scripted.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

let server: ScriptedServer;
let folder: string;
beforeEach(async () => {
  server = await ScriptedServer.start(REFUNDS);
  folder = mkdtempSync(join(tmpdir(), "faramesh-"));
});
afterEach(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

const small = { customer_id: "c-1", amount: 45 };

function setUp(outbox: Outbox, more: Partial<GovernorOptions> = {}) {
  const errors: FarameshError[] = [];
  const governor = createGovernor({
    agentId: AGENT,
    policies: { "support-agent.yaml": REFUNDS },
    server: { url: server.url, timeoutMs: 500 },
    outbox,
    onError: (error: FarameshError) => errors.push(error),
    ...(more as object),
  });
  const { ran, tool } = refundTool();
  return { governor, errors, ran, refund: governor.govern(tool, { tool: "process_refund" }) };
}

/** The server's records, each once and in order: its own `take` refuses everything else. */
function kinds(): string[] {
  return [...server.taken.values()].flat().map((record) => record.kind);
}

/** The requests about actions, without records and the check of the policies, which decides nothing. */
function actions(): string[] {
  return server.verbs().filter((verb) => verb !== "records" && verb !== "decide");
}

/** Closes a governor whose records the server does not have, which it says. */
async function closeUnsent(governor: { close(): Promise<void> }): Promise<void> {
  await assert.rejects(governor.close(), FarameshError);
}

/** `localStorage` as the browser has it: it outlives the page. */
function storage(limit = Infinity): Storage {
  const entries = new Map<string, string>();
  return {
    get length() {
      return entries.size;
    },
    key: (index) => [...entries.keys()][index] ?? null,
    getItem: (key) => entries.get(key) ?? null,
    setItem(key, value) {
      if (entries.size >= limit) throw new DOMException("the quota has been exceeded", "QuotaExceededError");
      entries.set(key, value);
    },
    removeItem: (key) => void entries.delete(key),
    clear: () => entries.clear(),
  };
}

test("an allowed call leaves a policy, a decision, a start and a result, chained", async () => {
  const { governor, refund } = setUp(memoryOutbox());
  assert.equal(await refund(small), "refunded 45");
  assert.equal(governor.status().records?.waiting, 4);
  await governor.flush();
  assert.deepEqual(kinds(), ["policy", "decision", "start", "result"]);
  assert.equal(governor.status().records?.waiting, 0);
  const [policy, decision, start, result] = [...server.taken.values()][0] ?? [];
  assert.equal(policy?.["host"], "node");
  assert.equal(policy?.["agent_id"], AGENT);
  assert.equal((decision?.["action"] as { agent_id: string }).agent_id, AGENT);
  assert.equal(decision?.["policy_version"], null);
  assert.equal(start?.["request_hash"], (decision?.["decision"] as { request_hash: string }).request_hash);
  assert.equal(result?.["success"], true);
  assert.match(String(policy?.["stream"]), /^local-[0-9a-f-]{36}$/);
  assert.deepEqual(actions(), []);
  await governor.close();
});

test("records leave by themselves, and a decision that was recorded has its receipt", async () => {
  const { governor } = setUp(memoryOutbox());
  const decision = governor.decide({ tool: "process_refund", params: small });
  assert.equal((decision as { receipt?: { seq: number } }).receipt?.seq, 1);
  assert.equal("receipt" in (governor.decide({ tool: "t" }, { dryRun: true }) as object), false);
  while (server.taken.size === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual(kinds(), ["policy", "decision"]);
  await governor.close();
});

test("numbers that only the canonical form spells out are sealed and sent", async () => {
  const { governor } = setUp(memoryOutbox());
  governor.decide(`{"agent_id":"${AGENT}","tool":"t","params":{"n":1e20,"m":1E-7,"t":"\\u2028é😂"}}`);
  governor.decide({ tool: "t", params: { n: NaN } });
  governor.decide("{");
  await governor.flush();
  assert.deepEqual(kinds(), ["policy", "decision", "decision", "decision"]);
  await governor.close();
});

test("a tool does not run when its record cannot be kept", async () => {
  for (const seq of [0, 1, 2]) {
    const whole = memoryOutbox();
    const broken: Outbox = {
      ...whole,
      append(record) {
        if (record.seq >= seq) throw new Error("the disk is full");
        whole.append(record);
      },
    };
    const { governor, refund, ran, errors } = setUp(broken);
    await assert.rejects(Promise.resolve(refund(small)), (error) => {
      assert.ok(error instanceof PolicyUnavailableError);
      assert.equal(error.code, "store_failure");
      return true;
    });
    assert.deepEqual(ran, []);
    assert.ok(errors.some((error) => error.code === "store_failure"));
    if (seq < 2) assert.equal((governor.decide({ tool: "process_refund", params: small }) as { reason_code: string }).reason_code, "store_failure");
    await governor.close();
  }
});

test("a full outbox stops everything, and goes on when the server has taken records", async () => {
  server.script("records", { status: 503, body: { code: "store_failure" } });
  const { governor, refund, ran } = setUp(memoryOutbox({ maxRecords: 5 }));
  await refund(small);
  await assert.rejects(Promise.resolve(refund(small)), { code: "store_failure" });
  assert.equal(ran.length, 1);
  await assert.rejects(governor.flush(), PolicyUnavailableError);
  server.script("records", (_, seen) => server.take(seen));
  await governor.flush();
  await refund(small);
  await governor.flush();
  assert.equal(ran.length, 2);
  // The second call's decision found a place, its start did not; nothing ran, and the chain has no gap.
  assert.deepEqual(kinds(), ["policy", "decision", "start", "result", "decision", "decision", "start", "result"]);
  await governor.close();
});

test("a result that cannot be kept is told, and changes nothing", async () => {
  const { governor, refund, errors } = setUp(memoryOutbox({ maxRecords: 3 }));
  server.script("records", { status: 503 });
  assert.equal(await refund(small), "refunded 45");
  assert.deepEqual(errors.map((error) => error.code), ["store_failure"]);
  await closeUnsent(governor);
});

test("a lost answer, garbage and slowness lose no record and double none", async () => {
  let turn = 0;
  const lost = (_: unknown, seen: Parameters<ScriptedServer["take"]>[0]) => {
    turn += 1;
    const taken = server.take(seen);
    if (turn === 1) return { drop: true };
    if (turn === 2) return { body: "<html>" };
    if (turn === 3) return { body: { stream: "another", size: 99, record_hash: "0".repeat(64) } };
    if (turn === 4) return { ...taken, afterMs: 1000 };
    if (turn === 5) return { status: 401, body: { code: "wrong_key" } };
    return taken;
  };
  server.script("records", lost as never);
  const { governor, refund, errors } = setUp(memoryOutbox());
  await refund(small);
  for (let round = 0; round < 5; round += 1) {
    await assert.rejects(governor.flush(), FarameshError);
    assert.equal(governor.status().records?.waiting, 4);
  }
  await governor.flush();
  assert.equal(governor.status().records?.waiting, 0);
  assert.deepEqual(kinds(), ["policy", "decision", "start", "result"]);
  assert.deepEqual([...new Set(errors.map((error) => error.code))], ["server_unreachable", "invalid_answer", "server_timeout", "wrong_key"]);
  await governor.close();
});

test("records come by themselves when a server is back", async () => {
  const { port } = new URL(server.url);
  await server.stop();
  const { governor, refund, ran } = setUp(memoryOutbox());
  await refund(small);
  await assert.rejects(governor.flush(), { code: "server_unreachable" });
  assert.equal(ran.length, 1);
  server = await ScriptedServer.start(REFUNDS, Number(port));
  while (server.taken.size === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  while (governor.status().records?.waiting !== 0) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(kinds(), ["policy", "decision", "start", "result"]);
  await governor.close();
});

test("a contradiction stops the stream, loudly, and every record stays", async () => {
  for (const [status, code] of [[409, "chain_conflict"], [409, "unknown_policy"], [422, "chain_broken"], [403, "foreign_stream"]] as const) {
    server.script("records", { status, body: { code, size: 0 } });
    const { governor, refund, errors } = setUp(memoryOutbox());
    await refund(small);
    await assert.rejects(governor.flush(), { code });
    const asked = server.bodies("records").length;
    await new Promise((resolve) => setTimeout(resolve, 300));
    await refund(small);
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(server.bodies("records").length, asked, "nothing is sent by itself any more");
    assert.equal(governor.status().records?.stopped?.code, code);
    assert.equal(governor.status().records?.waiting, 7);
    assert.deepEqual(errors.map((error) => error.code), [code]);
    await closeUnsent(governor);
  }
});

test("what is too much for one request goes in several", async () => {
  server.script("records", (_, seen) => {
    const { records } = JSON.parse(seen.text) as { records: unknown[] };
    return records.length > 3 ? { status: 413, body: { code: "body_too_large" } } : server.take(seen);
  });
  const { governor } = setUp(memoryOutbox());
  for (let index = 0; index < 20; index += 1) governor.decide({ tool: "t", params: { index } });
  await governor.flush();
  assert.equal(kinds().length, 21);
  await governor.close();
});

test("a held call goes to the server, and needs a person there even when the server's policies are looser", async () => {
  const { governor, refund, ran } = setUp(memoryOutbox());
  server.script("wait", turned(approved));
  assert.equal(await refund({ customer_id: "c", amount: 340 }), "refunded 340");
  assert.deepEqual(actions(), ["submit", "wait", "start", "result"]);
  server.script("submit", (action) => ({ body: Object.assign(action, { outcome: "EXECUTE", decision: "allow", status: "allowed" }) }));
  await assert.rejects(Promise.resolve(refund({ customer_id: "c", amount: 340 })), (error) => {
    assert.ok(error instanceof FarameshError);
    assert.equal(error.name, "ApprovalRequiredError");
    assert.match(error.message, /the server asked nobody/);
    return true;
  });
  assert.equal(ran.length, 1);
  await governor.flush();
  assert.deepEqual(kinds(), ["policy", "decision", "decision"]);
  await governor.close();
});

test("a held call does not run when the server is gone, and its decision is kept", async () => {
  const { governor, refund, ran } = setUp(memoryOutbox());
  await server.stop();
  await assert.rejects(Promise.resolve(refund({ customer_id: "c", amount: 340 })), { code: "server_unreachable" });
  assert.deepEqual(ran, []);
  assert.equal(governor.status().records?.waiting, 2);
  assert.equal(await refund(small), "refunded 45", "what needs nobody goes on");
  await closeUnsent(governor);
});

test("what a closed tab has not sent is sent by the next page", async () => {
  const disk = storage();
  server.script("records", { status: 503 });
  const tab = setUp(webStorageOutbox({ storage: disk }));
  await tab.refund(small);
  await assert.rejects(tab.governor.flush());
  // The tab is gone: nothing of it runs any more. Here that is a governor that is never asked again.
  await closeUnsent(tab.governor);
  assert.equal(disk.length, 4);
  server.script("records", (_, seen) => server.take(seen));
  const page = setUp(webStorageOutbox({ storage: disk }));
  while (disk.length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  await page.refund(small);
  await page.governor.flush();
  assert.equal(server.taken.size, 2);
  assert.deepEqual(kinds(), ["policy", "decision", "start", "result", "policy", "decision", "start", "result"]);
  assert.equal(disk.length, 0);
  await page.governor.close();
});

test("two tabs that send the same records double none", async () => {
  const disk = storage();
  server.script("records", { status: 503 });
  const tab = setUp(webStorageOutbox({ storage: disk }));
  await tab.refund(small);
  const other = setUp(webStorageOutbox({ storage: disk }));
  server.script("records", (_, seen) => server.take(seen));
  await Promise.all([tab.governor.flush(), other.governor.flush()]);
  await tab.refund(small);
  await tab.governor.flush();
  assert.equal(server.taken.size, 1);
  assert.equal(kinds().length, 7);
  assert.equal(disk.length, 0);
  await Promise.all([tab.governor.close(), other.governor.close()]);
});

test("a stream that the server refuses does not hold up those of other pages", async () => {
  const disk = storage();
  server.script("records", { status: 409, body: { code: "unknown_policy" } });
  const old = setUp(webStorageOutbox({ storage: disk }));
  await old.refund(small);
  await assert.rejects(old.governor.flush(), { code: "unknown_policy" });
  const refused = old.governor.status().records?.stream;
  await closeUnsent(old.governor);
  server.script("records", (_, seen) => {
    const { stream } = JSON.parse(seen.text) as { stream: string };
    return stream === refused ? { status: 409, body: { code: "unknown_policy" } } : server.take(seen);
  });

  const page = setUp(webStorageOutbox({ storage: disk }));
  for (const length of [4, 7]) {
    await page.refund(small);
    // The four that were refused stay, and nothing else waits.
    while (kinds().length < length || disk.length > 4) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal(page.governor.status().records?.stopped?.code, "unknown_policy");
  assert.deepEqual(page.errors.map((error) => error.code), ["unknown_policy"], "it is told once");
  assert.equal(disk.length, 4);
  await assert.rejects(page.governor.flush(), { code: "unknown_policy" });
  server.script("records", (_, seen) => server.take(seen));
  await page.governor.flush();
  assert.equal(page.governor.status().records?.stopped, null);
  assert.deepEqual([server.taken.size, kinds().length, disk.length], [2, 11, 0]);
  await page.governor.close();
});

test("a page whose storage is full runs nothing", async () => {
  const { governor, refund, ran } = setUp(webStorageOutbox({ storage: storage(2) }));
  server.script("records", { status: 503 });
  await assert.rejects(Promise.resolve(refund(small)), { code: "store_failure" });
  assert.deepEqual(ran, []);
  await closeUnsent(governor);
});

test("a file keeps the stream over restarts, and what was cut off by a crash is dropped", async () => {
  const path = join(folder, "outbox.jsonl");
  server.script("records", { status: 503 });
  const first = setUp(fileOutbox(path));
  await first.refund(small);
  assert.equal(readFileSync(path, "utf8").split("\n").length, 5);
  assert.throws(() => fileOutbox(path), /is in use by another governor of this process/);
  await closeUnsent(first.governor);
  assert.equal(existsSync(`${path}.lock`), false);
  writeFileSync(path, `${readFileSync(path, "utf8")}{"action":{"agent`);

  server.script("records", (_, seen) => server.take(seen));
  const second = setUp(fileOutbox(path));
  await second.refund(small);
  await second.governor.flush();
  await second.governor.close();
  const third = setUp(fileOutbox(path));
  third.governor.decide({ tool: "t" });
  await third.governor.close();
  assert.equal(server.taken.size, 1);
  assert.deepEqual(kinds(), ["policy", "decision", "start", "result", "policy", "decision", "start", "result", "policy", "decision"]);
});

test("a file that holds something else is refused", () => {
  const path = join(folder, "outbox.jsonl");
  writeFileSync(path, "no record\n");
  assert.throws(() => fileOutbox(path), /line 1 of .* is no record/);
  writeFileSync(path, '{"stream":"local-a","seq":0,"record_hash":"x"}\n{"stream":"local-a","seq":2,"record_hash":"y"}\n');
  assert.throws(() => fileOutbox(path), /line 2 of .* does not follow/);
});

test("a process that was killed leaves its records to the next one", async () => {
  const path = join(folder, "outbox.jsonl");
  const child = fork(new URL("support/killed.js", import.meta.url), [path, server.url]);
  await new Promise((resolve) => child.once("message", resolve));
  assert.throws(() => fileOutbox(path), new RegExp(`is in use by process ${child.pid}`));
  child.kill("SIGKILL");
  await new Promise((resolve) => child.once("exit", resolve));
  assert.equal(server.taken.size, 0);
  const next = setUp(fileOutbox(path));
  await next.governor.flush();
  // It was killed inside its tool: the start is there, and no result.
  assert.deepEqual(kinds(), ["policy", "decision", "start"]);
  await next.governor.close();
});

test("sent lines leave the file when it grows", async () => {
  const path = join(folder, "outbox.jsonl");
  const { governor } = setUp(fileOutbox(path, { sync: false }));
  for (let index = 0; index < 300; index += 1) governor.decide({ tool: "t", params: { text: "x".repeat(5000) } });
  await governor.flush();
  assert.equal(readFileSync(path).length, 0);
  governor.decide({ tool: "t" });
  await governor.close();
  assert.equal(kinds().length, 302);
});

test("close says that the server has not all records, once, and nothing that must be recorded runs afterwards", async () => {
  for (const reply of [{ status: 503 }, { status: 409, body: { code: "unknown_policy" } }, { drop: true }]) {
    server.script("records", reply);
    const { governor, refund, ran } = setUp(memoryOutbox());
    await refund(small);
    const closed = governor.close();
    await assert.rejects(closed, (error) => error instanceof FarameshError && /^4 records are not on the server/.test(error.message));
    assert.equal(governor.close(), closed);
    await assert.rejects(Promise.resolve(refund(small)), { code: "store_failure" });
    assert.equal(ran.length, 1);
  }
});

test("other policies than those of the server are told before the first record is refused", async () => {
  const { governor, errors } = setUp(memoryOutbox(), { policies: { "another.yaml": REFUNDS } });
  governor.decide({ tool: "t" });
  await awaited(() => errors.length > 0);
  assert.equal(errors[0]?.code, "policy_mismatch");
  assert.match(errors[0]?.message ?? "", /`another\.yaml`/);
  const same = setUp(memoryOutbox());
  await same.refund(small);
  await same.governor.close();
  await awaited(() => server.bodies("decide").length === 2);
  assert.deepEqual(same.errors, []);
  await governor.close();
});

/** A program that makes one refund; `more` is written behind it. */
function program(more: string, options = ""): string {
  return `
    import { createGovernor } from "faramesh";
    const governor = createGovernor({
      agentId: ${JSON.stringify(AGENT)}, policies: { "support-agent.yaml": ${JSON.stringify(REFUNDS)} },
      server: { url: ${JSON.stringify(server.url)}, timeoutMs: 500 }, ${options}
    });
    const refund = governor.govern(({ amount }) => "refunded " + amount, { tool: "process_refund" });
    console.log(await refund({ amount: 45 }));
    ${more}`;
}

/** The output of a program, on standard output and standard error. */
async function run(code: string): Promise<{ out: string; told: string; exit: number | null }> {
  const child = spawn(process.execPath, ["--no-warnings", "--input-type=module", "-e", code], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  const text = async (stream: AsyncIterable<unknown>): Promise<string> => {
    let all = "";
    for await (const part of stream) all += String(part);
    return all;
  };
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const [out, told, exit] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { out, told, exit };
}

test("a program that ends by itself sends its records first", async () => {
  const { out, told, exit } = await run(program(""));
  assert.deepEqual([out, told, exit], ["refunded 45\n", "", 0]);
  assert.deepEqual(kinds(), ["policy", "decision", "start", "result"]);
});

test("failures are told on the console where nothing else listens, each once, and a program ends all the same", async () => {
  server.script("records", { status: 503, body: { code: "store_failure" } });
  const { told, exit } = await run(program("await refund({ amount: 46 });"));
  assert.equal(exit, 0);
  assert.equal(told.match(/^faramesh: /gm)?.length, 2, told);
  assert.match(told, /records of `local-.*` could not be sent and are kept.*store_failure/);
  assert.match(told, /7 records are not on the server .*records_unsent/);
  const listened = await run(program("", "onError: (error) => console.log(error.code)"));
  assert.deepEqual([listened.told, listened.out.includes("records_unsent")], ["", true]);
});

test("a program that is ended from within says that records are lost", async () => {
  const { told } = await run(program("process.exit();"));
  assert.match(told, /^faramesh: 4 records are not on the server/);
});
