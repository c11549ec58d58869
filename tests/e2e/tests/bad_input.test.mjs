// Bad input: whatever agents and editors put in, the layout holds, and nothing of it runs as script.
import assert from "node:assert/strict";
import { test } from "node:test";
import { field, findings, headline, verdict, write } from "../lib/editor.mjs";
import { fixture } from "../lib/fixture.mjs";
import { arrived, overhang, seen, until } from "../lib/see.mjs";

const SCRIPT = `<img src=x onerror="window.hacked=1"><script>window.hacked=1</script><svg onload="window.hacked=1">`;
const RTL = "\u202e\u202Eشكرا جزيلا \u200fgnp.exe";
const EMOJI = "👩‍👩‍👧‍👦🏳️‍🌈🇮🇷 e\u0301\u0302\u0303\u0304\u0305";
const LONG = "x".repeat(100_000);
const deep = (depth) => (depth === 0 ? "bottom" : { deeper: deep(depth - 1) });
/** Of the 64 levels that an action may have, the action itself is one. */
const DEEP = deep(63);

const PARAMS = {
  html: { note: SCRIPT, [SCRIPT]: 1, template: "{{constructor.constructor('window.hacked=1')()}}", url: "javascript:window.hacked=1" },
  "right to left": { note: RTL, [RTL]: RTL },
  emoji: { note: EMOJI, [EMOJI]: [EMOJI] },
  long: { note: LONG, words: "word ".repeat(5_000) },
  deep: DEEP,
  wide: Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`argument_${index}`, index])),
  numbers: { big: 1e308, small: 1e-300, negative: -0.5, whole: 9007199254740991 },
  control: { note: "a\u0000b\u001b[31mred\u0007\u2028\u2029\ufeff", newlines: "\n".repeat(2_000) },
};
const NAMES = { agent_id: `agent ${SCRIPT} ${RTL}`, tool: `tool${SCRIPT}${"y".repeat(120)}` };

const POLICY = `name: everything
description: '${SCRIPT}'
rules:
  - id: hold-it
    match: { tool: hold }
    require_approval: true
    description: '${SCRIPT}'
    reason: '${SCRIPT} ${"z".repeat(2_000)}'
  - id: run-it
    match: { tool: run }
    allow: true
`;

const held = {};
const shared = fixture({
  policies: { "everything.yaml": POLICY },
  begin: async ({ server }) => {
    for (const [name, params] of Object.entries(PARAMS)) {
      held[name] = await server.propose("hold", params, { agent_id: NAMES.agent_id });
    }
    const ran = await server.propose("run", PARAMS.html);
    await server.carryOut(ran, { success: false, error: `${SCRIPT} ${LONG}`.slice(0, 4_000) });
    await server.propose(NAMES.tool, PARAMS.html, { agent_id: NAMES.agent_id, operation: `op${SCRIPT}` });
    const answered = await server.propose("hold", PARAMS.html);
    const reason = `${SCRIPT} ${RTL} ${"w".repeat(900)}`;
    await server.done("POST", `/v1/actions/${answered.id}/approval`, { approve: false, reason }, { key: server.adminKey });
  },
});

async function enter(path, ready) {
  const { server, browser } = shared;
  const person = await (await browser.person()).logIn(server);
  const page = await person.open(`${server.url}${path}`);
  await ready(page);
  return { person, page };
}

/** The layout holds at both widths, and nothing has run. */
async function unharmed(page, where) {
  for (const width of [1280, 320]) {
    await page.setViewportSize({ width, height: 900 });
    assert.deepEqual(await overhang(page), { pixels: 0, by: [] }, `${where} at ${width} px: the page has to be scrolled sideways`);
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  assert.equal(await page.evaluate(() => window.hacked), undefined, `${where}: what was put in ran as script`);
  const made = await page.evaluate(() => document.querySelectorAll("main img, main script, main svg[onload], main a[href^='javascript:']").length);
  assert.equal(made, 0, `${where}: what was put in became elements`);
}

test("the list of actions", async () => {
  const { person, page } = await enter("/ui/actions", (page) => arrived(page, "Actions"));
  await until(() => page.getByRole("table", { name: "actions" }).getByRole("link").count(), Object.keys(PARAMS).length + 3);
  await unharmed(page, "actions");
  await person.leave();
});

for (const name of Object.keys(PARAMS)) {
  test(`an opened action with arguments that are ${name}`, async () => {
    const { person, page } = await enter(`/ui/actions?id=${held[name].id}`, (page) => arrived(page, "Actions"));
    const drawer = page.getByRole("complementary", { name: "the opened action" });
    await seen(drawer.getByText(/hashed here/i));
    await seen(drawer.getByRole("region", { name: "arguments" }));
    await unharmed(page, name);
    await person.leave();
  });
}

test("actions whose names and results are bad", async () => {
  const { server } = shared;
  const { actions } = await server.done("GET", "/v1/actions?limit=20", undefined, { key: server.adminKey });
  const { person, page } = await enter("/ui/actions", (page) => arrived(page, "Actions"));
  for (const { id, status } of actions.filter(({ status }) => status !== "pending_approval")) {
    await page.goto(`${server.url}/ui/actions?id=${id}`);
    await seen(page.getByRole("complementary", { name: "the opened action" }).getByText(/hashed here/i));
    await unharmed(page, status);
  }
  await person.leave();
});

test("the approvals queue, and the question before an answer", async () => {
  const { person, page } = await enter("/ui/approvals", (page) => arrived(page, "Approvals"));
  await until(() => page.getByRole("article").count(), Object.keys(PARAMS).length);
  await unharmed(page, "approvals");
  // The page shows exactly the proposed text, character by character.
  const html = page.getByRole("article").filter({ hasText: "constructor" });
  assert.ok((await html.innerText()).includes("<script>window.hacked=1</script>"));
  await page.getByRole("button", { name: "select shown" }).click();
  await page.getByRole("button", { name: /^reject \d+ …$/i }).click();
  await seen(page.getByRole("dialog", { name: "Reject these?" }));
  await unharmed(page, "approvals, asking");
  await person.leave();
});

for (const [name, path, ready] of [
  ["Overview", "/ui/", (page) => seen(page.getByRole("figure").first())],
  ["Policies", "/ui/policies", (page) => seen(page.getByRole("link", { name: "everything.yaml" }).first())],
  ["Audit", "/ui/audit", async (page) => {
    await page.getByRole("button", { name: "verify all" }).click();
    await seen(page.getByText(/✓ whole up to record/i).first());
  }],
  ["everything.yaml", "/ui/policies/everything.yaml", (page) => seen(page.getByText(/none of \d+ recorded actions change/i))],
]) {
  test(`the page ${name}`, async () => {
    const { person, page } = await enter(path, async (page) => {
      await arrived(page, new RegExp(name));
      await ready(page);
    });
    await unharmed(page, name);
    await person.leave();
  });
}

test("a policy with an error in every line", async () => {
  const { person, page } = await enter("/ui/policies/everything.yaml", (page) => arrived(page, /everything/));
  const text = Array.from({ length: 3_000 }, (_, line) => `bad_key_${line}: ${line % 2 ? "[" : SCRIPT}`).join("\n");
  const keys = Array.from({ length: 3_000 }, (_, line) => `bad_key_${line}: ${line}`).join("\n");
  for (const [bad, least] of [[text, 1], [keys, 50]]) {
    await write(page, bad);
    await until(() => verdict(page).innerText(), /^✕/);
    await until(() => findings(page).count(), (count) => count >= least && count <= 50);
    await unharmed(page, "errors in every line");
  }
  await seen(page.getByText(/^and [\d,]+ more$/i));
  // It still accepts typing.
  await field(page).click();
  await page.keyboard.press("Control+Home");
  await page.keyboard.type("first: 1\n");
  await until(() => field(page).innerText(), /^first: 1/);
  await page.getByRole("button", { name: "undo all changes" }).click();
  await until(() => verdict(page).innerText(), /^✓/);
  await person.leave();
});

/** A policy of nearly a mebibyte, whose every rule names this tool. */
function large(tool) {
  let text = "name: large\nrules:\n";
  for (let number = 0; text.length < 1_040_000; number += 1) {
    text += `  - id: ${tool}-${number}
    match: { tool: ${tool}_${number}, params: { note: { contains: "${"n".repeat(60)}" } } }
    allow: true # for ${tool} ${number}
`;
  }
  return text;
}

/** Puts the file into the folder, and waits until it is in force: the folder is read within a second. */
async function bring(text) {
  const { server } = shared;
  const read = () => server.api("GET", "/v1/policies/large.yaml", undefined, { key: server.adminKey });
  server.writePolicy("large.yaml", text);
  await until(async () => (await read()).body.text === text, true);
}

test("a policy of a mebibyte", async () => {
  await bring(large("tool"));
  const { person, page } = await enter("/ui/policies/large.yaml", (page) => arrived(page, /large/));
  await until(() => verdict(page).innerText(), /^[✓✕]/, { within: 60_000 });
  await until(() => headline(page).innerText(), /none of \d+ recorded actions change/i, { within: 60_000 });
  await unharmed(page, "a mebibyte");
  await field(page).click();
  await page.keyboard.press("Control+Home");
  const started = performance.now();
  await page.keyboard.type("# typed");
  await until(() => field(page).innerText(), /^# typed/);
  const took = performance.now() - started;
  assert.ok(took < 3_000, `seven keys in a text of a mebibyte took ${took.toFixed(0)} ms`);
  page.once("dialog", (dialog) => dialog.accept());
  await person.leave();
});

test("what changed in a policy of a mebibyte is shown in parts", async () => {
  const before = large("first");
  await bring(before);
  await bring(before.replace("first-2000\n", "in-the-middle\n"));
  await bring(large("other"));
  const { person, page } = await enter("/ui/policies", (page) => arrived(page, "Policies"));
  const [newest, one] = [0, 1].map((index) => page.getByRole("button", { name: /^(▸ |▾ )?version /i }).nth(index));
  const lines = page.getByRole("group", { name: "changed lines" }).getByRole("row");
  await one.click();
  await seen(lines.filter({ hasText: "in-the-middle" }));
  assert.equal(await lines.filter({ hasText: "first-2000" }).count(), 1);
  await one.click();
  // Nearly nothing is the same in both.
  await newest.click();
  await seen(page.getByRole("button", { name: /^show more: 500 of [\d,]+ lines are shown$/i }));
  await page.getByRole("button", { name: /^show more: /i }).click();
  await seen(page.getByRole("button", { name: /^show more: 1,000 of /i }));
  await unharmed(page, "a mebibyte of changes");
  await person.leave();
});
