// Tabs of real Chromium that end, or meet, with records unsent: the server has every one of them in the end, once.
//
// The page is served under the strict policy of lib/serve.mjs with the packed package in it, and decides locally. The
// server is a separate process. Every test has its own browser profile, server and origin.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { repository } from "../lib/places.mjs";
import { launch, serve } from "../lib/serve.mjs";
import { Steps } from "../lib/steps.mjs";
import { packed, project } from "../packaging/pack.mjs";
import { binary, Server } from "../worker/server.mjs";
import { loseAnswer, pass, Road } from "./road.mjs";
import { Tab } from "./tab.mjs";
import { until } from "./until.mjs";

/** The kinds of records that a refund leaves: small ones run, and those over 1000 are denied. */
const RUN = ["decision", "start", "result"];
const DENIED = ["decision"];

const tests = {
  "what a closed tab has not sent comes with the next one": async ({ open, road, server, local }) => {
    const first = await open("first");
    await first.refund(1, 2, 5000, 3);
    assert.deepEqual(await first.ran(), [1, 2, 3]);
    await road.arrived(({ answer }) => answer?.status === 502);
    const left = await first.stored();
    assert.deepEqual(left.map(({ kind }) => kind), ["policy", ...RUN, ...RUN, ...DENIED, ...RUN]);
    await first.close();

    await server.start();
    assert.deepEqual(await local(), [], "nothing has reached the server");
    const second = await open("second");
    await second.refund(4);
    await second.sent();
    assert.deepEqual(await second.errors(), []);
    const own = (await second.status()).stream;
    const { [left[0].stream]: old, [own]: young, ...others } = Object.fromEntries(await local());
    assert.deepEqual(old, left, "the very records that the closed tab left");
    assert.deepEqual(young.map(({ kind }) => kind), ["policy", ...RUN]);
    assert.deepEqual(others, {});
    await server.holds({ 1: "succeeded", 2: "succeeded", 5000: "denied", 3: "succeeded", 4: "succeeded" });

    const third = await open("third");
    assert.equal((await third.status()).waiting, 0, "nothing is left to send");
  },

  "what a crashed tab has not sent comes with the next one": async ({ open, road, server, local }) => {
    const first = await open("first");
    await first.refund(1, 2);
    await road.arrived(({ answer }) => answer?.status === 502);
    const left = await first.stored();
    assert.equal(left.length, 7);
    await first.crash();

    await server.start();
    const second = await open("second");
    await second.sent();
    assert.deepEqual(await local(), [[left[0].stream, left]]);
    await server.holds({ 1: "succeeded", 2: "succeeded" });
  },

  "a tab that is closed while it sends loses and doubles nothing": async ({ open, road, server, local }) => {
    await server.start();
    road.rule = loseAnswer;
    const first = await open("first");
    await first.refund(1, 2);
    const batch = await road.arrived(({ lost }) => lost !== undefined);
    assert.equal(batch.lost.status, 200, batch.lost.text);
    // The server has these, and the tab does not know. More comes while it waits for the answer.
    await first.refund(3);
    const left = await first.stored();
    assert.deepEqual(left.map(({ kind }) => kind), ["policy", ...RUN, ...RUN, ...RUN]);
    const [[stream, had]] = await local();
    assert.deepEqual(had, left.slice(0, batch.records.length));
    assert.ok(had.length < left.length);
    await first.close();
    assert.equal(road.seen.length, 1);

    road.rule = pass;
    const second = await open("second");
    await second.refund(4);
    await second.sent();
    assert.deepEqual(await second.errors(), []);
    const again = await road.arrived(({ tab }) => tab === "second");
    assert.deepEqual(again.records, left, "what the server had came a second time");
    const { [stream]: old, ...others } = Object.fromEntries(await local());
    assert.deepEqual(old, left);
    assert.deepEqual(Object.values(others).map((records) => records.length), [4]);
    await server.holds({ 1: "succeeded", 2: "succeeded", 3: "succeeded", 4: "succeeded" });
  },

  "two tabs that send the same records at once lose and double nothing": async ({ open, road, server, local }) => {
    const first = await open("first");
    await first.refund(1, 2);
    const { stream } = await first.status();
    // Both have the same records on their way before either is let through.
    const both = () => new Set(road.seen.filter((seen) => seen.rule === together && seen.stream === stream).map(({ tab }) => tab)).size === 2;
    const together = async (_, ask) => {
      await until("the same records from both tabs", both);
      return ask();
    };
    road.rule = together;
    await server.start();
    const second = await open("second");
    await Promise.all([first.refund(3, 4, 5000), second.refund(5, 6, 6000)]);
    await Promise.all([first.sent(), second.sent()]);
    await Promise.all([first.refund(7), second.refund(8)]);
    await Promise.all([first.sent(), second.sent()]);
    const { [stream]: one, [(await second.status()).stream]: other, ...others } = Object.fromEntries(await local());
    assert.deepEqual(one.map(({ kind }) => kind), ["policy", ...RUN, ...RUN, ...RUN, ...RUN, ...DENIED, ...RUN]);
    assert.deepEqual(other.map(({ kind }) => kind), ["policy", ...RUN, ...RUN, ...DENIED, ...RUN]);
    assert.deepEqual(others, {});
    const ran = [1, 2, 3, 4, 5, 6, 7, 8].map((amount) => [amount, "succeeded"]);
    await server.holds({ ...Object.fromEntries(ran), 5000: "denied", 6000: "denied" });
    assert.deepEqual([...(await first.ran()), ...(await second.ran())].sort(), ran.map(([amount]) => amount));
    assert.deepEqual(await second.errors(), []);
  },

  "a tab that comes late with another's records does no harm": async ({ open, road, server, local }) => {
    const first = await open("first");
    await first.refund(1);
    const { stream } = await first.status();
    const ofSecond = ({ tab }) => tab === "second";
    let release;
    const released = new Promise((resolve) => (release = resolve));
    // The second tab's request is under way before any of the first's is let through, and arrives after all of them.
    road.rule = async (seen, ask) => {
      await (ofSecond(seen) ? released : road.arrived(ofSecond));
      return ask();
    };
    await server.start();
    const second = await open("second");
    const late = await road.arrived(ofSecond);
    assert.deepEqual([late.stream, late.records.length], [stream, 4]);
    await first.sent();
    await first.refund(2);
    await first.sent();
    assert.equal((await local())[0][1].length, 7, "the first tab has gone on");
    release();
    await second.refund(3);
    await Promise.all([first.sent(), second.sent()]);
    assert.deepEqual((await local()).map(([, records]) => records.length).sort(), [4, 7]);
    await server.holds({ 1: "succeeded", 2: "succeeded", 3: "succeeded" });
    assert.deepEqual(await second.errors(), []);
  },
};

/** Runs one test with a profile of the browser, a server that does not run yet, and an origin before it. */
async function tried(test, place, browser) {
  const folder = mkdtempSync(join(tmpdir(), "faramesh-browser-"));
  const server = new Server(folder);
  const road = new Road(server);
  const tabs = [];
  let origin;
  const context = await browser.newContext();
  try {
    await server.start();
    const key = await server.agentKey();
    await server.stop();
    const files = {
      "/index.html": '<!doctype html><title>tab</title><script type="module" src="/page.mjs"></script>',
      "/page.mjs": readFileSync(join(repository, "tests/js/browser/page.mjs")),
      "/policy.yaml": readFileSync(join(folder, "policies/policy.yaml")),
      "/api-key": key,
    };
    const forward = (request, response) => road.answer(request, response);
    origin = await serve({ files, folder: place, routes: { "/v1/": forward } });
    const open = async (name) => {
      const tab = await Tab.open(context, `${origin.url}/?${name}`);
      tabs.push(tab);
      return tab;
    };
    await test({ open, road, server, local: () => localRecords(server) });
    assert.deepEqual(tabs.flatMap(({ complaints }) => complaints), []);
    await server.stop();
    await verify(folder);
  } finally {
    await context.close();
    await origin?.stop();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The streams that pages have brought, with their records, which are checked to be a chain from the very first. */
async function localRecords(server) {
  const { heads } = await server.ask("GET", "/v1/records/heads");
  const found = [];
  for (const { stream, size, record_hash } of heads.filter((head) => head.stream.startsWith("local-"))) {
    const { records } = await server.ask("GET", `/v1/records?stream=${stream}&limit=1000`);
    assert.deepEqual(records.map(({ seq }) => seq), [...Array(size).keys()]);
    records.forEach(({ prev_hash }, seq) => assert.equal(prev_hash, records[seq - 1]?.record_hash ?? "0".repeat(64)));
    assert.equal(records.at(-1).record_hash, record_hash);
    assert.equal(records[0].host, "browser");
    found.push([stream, records]);
  }
  return found;
}

/** The report of `faramesh audit verify` on every stream, and on the actions against them. */
async function verify(folder) {
  const given = ["audit", "verify", "--db", "data/faramesh.db", "-o", "json"];
  const { stdout } = await promisify(execFile)(binary, given, { cwd: folder });
  const report = JSON.parse(stdout);
  assert.equal(report.valid, true, stdout);
}

const steps = new Steps();
let place;
let browser;
const installed = await steps.run("page with the packed package", async () => (place = await project("browser", await packed())));
if (installed && (await steps.run("chromium", async () => (browser = await launch())))) {
  for (const [name, test] of Object.entries(tests)) {
    await steps.run(name, () => tried(test, place, browser));
  }
  await browser.close();
}
steps.finish();
