// A history of 10,000 actions: the first rows are there at once, and every other one can be found, linked and come back to.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixture } from "../lib/fixture.mjs";
import { policy } from "../lib/places.mjs";
import { arrived, gone, seen, until } from "../lib/see.mjs";
import { seed } from "../lib/seed.mjs";

const MANY = 10_000;
let made;
const shared = fixture({
  policies: Object.fromEntries(["support-agent.yaml", "shell-agent.yaml"].map((name) => [name, policy(name)])),
  begin: async ({ server }) => (made = await seed(server, MANY, { carriedOut: 0.02 })),
});

/** From the navigation to the first row. */
const FIRST_ROWS_MS = 2_000;

const rows = (page) => page.getByRole("table", { name: "actions" }).getByRole("rowgroup").last().getByRole("row");
const ids = (page) => rows(page).getByRole("link").evaluateAll((links) => links.map((link) => link.id));
const total = (page, count) => seen(page.getByText(`${count.toLocaleString("en-US")} ${count === 1 ? "action" : "actions"}`, { exact: true }).first());
const drawer = (page) => page.getByRole("complementary", { name: "the opened action" });

async function open(path) {
  const { server, browser } = shared;
  const person = await (await browser.person()).logIn(server);
  return { person, page: await person.open(`${server.url}${path}`) };
}

test("the first rows of 10,000 are there at once", async () => {
  const { person, page } = await open("/ui/approvals");
  await arrived(page, "Approvals");
  const started = performance.now();
  await page.getByRole("link", { name: "Actions", exact: true }).click();
  await seen(rows(page).first());
  const took = performance.now() - started;
  await total(page, MANY);
  assert.ok(took < FIRST_ROWS_MS, `the first rows took ${took.toFixed(0)} ms`);
  // The page holds a page of them, not all.
  assert.ok((await rows(page).count()) <= 500);
  await person.leave();
});

test("pages lead on and back, without a gap and without a row twice", async () => {
  const { person, page } = await open("/ui/actions");
  await total(page, MANY);
  const seenIds = [];
  for (let number = 1; number <= 4; number += 1) {
    await seen(page.getByText(`page ${number}`, { exact: true }));
    await until(async () => (await ids(page))[0] !== seenIds.at(-1)?.[0] && (await ids(page)).length > 0, true);
    seenIds.push(await ids(page));
    await page.getByRole("button", { name: "older" }).click();
  }
  await seen(page.getByText("page 5", { exact: true }));
  const { server } = shared;
  const size = seenIds[0].length;
  const { actions } = await server.done("GET", `/v1/actions?limit=${4 * size}`, undefined, { key: server.adminKey });
  assert.deepEqual(seenIds.flat(), actions.map(({ id }) => `action-${id}`));
  await page.getByRole("button", { name: "newer" }).click();
  await until(() => ids(page), (now) => now[0] === seenIds[3][0]);
  await page.goBack();
  await seen(page.getByText("page 5", { exact: true }));
  await page.goBack();
  await until(() => ids(page), (now) => now[0] === seenIds[3][0]);
  await page.getByRole("button", { name: "newest" }).click();
  await until(() => ids(page), (now) => now[0] === seenIds[0][0]);
  await person.leave();
});

test("filters narrow the list, stand in the address, and make links that others can open", async () => {
  const { person, page } = await open("/ui/actions");
  await total(page, MANY);
  const halted = made.filter(({ outcome }) => outcome === "HALT").length;
  await page.getByRole("search").getByLabel("outcome").selectOption("HALT");
  await total(page, halted);
  const shell = made.filter(({ outcome, tool }) => outcome === "HALT" && tool === "shell").length;
  assert.ok(shell > 0);
  await page.getByRole("search").getByLabel("tool").fill("shell");
  await total(page, shell);
  const address = page.url();
  for (const part of ["outcome=HALT", "tool=shell"]) assert.ok(address.includes(part), address);

  const other = await open(new URL(address).pathname + new URL(address).search);
  await total(other.page, shell);
  assert.equal(await other.page.getByRole("search").getByLabel("outcome").inputValue(), "HALT");
  assert.equal(await other.page.getByRole("search").getByLabel("tool").inputValue(), "shell");
  const texts = await rows(other.page).allInnerTexts();
  assert.ok(texts.every((text) => text.includes("Denied") && text.includes("shell")));
  await other.person.leave();

  await page.getByRole("button", { name: "clear filters" }).click();
  await total(page, MANY);
  await person.leave();
});

test("the search finds one action among 10,000 by what is in it, by its id, and says when there is none", async () => {
  const { person, page } = await open("/ui/actions");
  await total(page, MANY);
  const wanted = made.find(({ tool }) => tool === "send_email");
  const search = page.getByRole("search").getByRole("searchbox");
  await search.fill(wanted.params.to);
  await until(() => ids(page), (now) => now.includes(`action-${wanted.id}`) && now.length < 20);
  await search.fill("no such thing anywhere");
  await seen(page.getByText("No action fits"));
  await person.leave();
});

test("a link opens an action wherever it is in the list; back and forward close it and open it again", async () => {
  const oldest = made[0];
  const { person, page } = await open(`/ui/actions?id=${oldest.id}`);
  await seen(drawer(page).getByText(oldest.id.slice(0, 8)).first());
  await until(() => drawer(page).innerText(), new RegExp(oldest.tool));
  await drawer(page).getByRole("button", { name: "close" }).click();
  await gone(drawer(page));

  const first = rows(page).first().getByRole("link");
  const id = (await first.getAttribute("id")).replace("action-", "");
  await first.click();
  await seen(drawer(page).getByText(id.slice(0, 8)).first());
  assert.equal(new URL(page.url()).searchParams.get("id"), id);
  await page.goBack();
  await gone(drawer(page));
  await page.goForward();
  await seen(drawer(page).getByText(id.slice(0, 8)).first());
  await page.reload();
  await seen(drawer(page).getByText(id.slice(0, 8)).first());
  await person.leave();
});

test("while somebody reads an old page, new actions are counted and move nothing", async () => {
  const { person, page } = await open("/ui/actions");
  await total(page, MANY);
  await page.getByRole("button", { name: "older" }).click();
  await seen(page.getByText("page 2", { exact: true }));
  await until(() => ids(page), (now) => now.length > 0);
  const before = await ids(page);
  await seed(shared.server, 5);
  await seen(page.getByRole("button", { name: "↑ 5 new" }));
  assert.deepEqual(await ids(page), before);
  await page.getByRole("button", { name: "↑ 5 new" }).click();
  await total(page, MANY + 5);
  await person.leave();
});
