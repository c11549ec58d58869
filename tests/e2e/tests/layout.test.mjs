// The pages at the sizes of screens that people have, without scrolling: rows stay in line, and nothing jumps.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixture } from "../lib/fixture.mjs";
import { policy } from "../lib/places.mjs";
import { arrived, inView, seen, until } from "../lib/see.mjs";
import { seed } from "../lib/seed.mjs";

const NAME = "support-agent.yaml";
const GOOD = policy(NAME);
const shared = fixture({
  policies: { [NAME]: GOOD, "support-agent.test.yaml": policy("support-agent.test.yaml") },
  begin: ({ server }) => seed(server, 60),
});

async function at(width, height, path, options = {}) {
  const { server, browser } = shared;
  const person = await (await browser.person({ viewport: { width, height }, ...options })).logIn(server);
  const page = await person.open(`${server.url}/ui${path}`);
  return { person, page };
}

const rows = (page) => page.getByRole("table", { name: "actions" }).getByRole("rowgroup").last().getByRole("row");

test("the row of an action has the same height on any day", async () => {
  const { person, page } = await at(1440, 900, "/approvals");
  await arrived(page, "Approvals");
  const heights = async () => {
    await page.getByRole("link", { name: "Actions", exact: true }).click();
    await arrived(page, "Actions");
    await until(() => rows(page).count(), 50);
    return rows(page).evaluateAll((all) => all.map((row) => row.getBoundingClientRect().height));
  };
  const today = Math.max(...(await heights()));
  await page.route("**/v1/actions?*", async (route) => {
    const answer = await route.fetch();
    const body = await answer.json();
    for (const action of body.actions) action.created_at = "2020-06-04T11:14:18.000Z";
    await route.fulfill({ response: answer, json: body });
  });
  await page.getByRole("link", { name: "Approvals" }).click();
  await arrived(page, "Approvals");
  assert.equal(Math.max(...(await heights())), today);
  await until(() => rows(page).first().innerText(), /2020-06-04/);
  await person.leave();
});

test("a denial says its cause in the row", async () => {
  const { server } = shared;
  await server.propose("process_refund", { customer_id: "c-cause", amount: "a lot" });
  await server.propose("process_refund", { customer_id: "c-cause", amount: 9000 });
  const { person, page } = await at(1440, 900, "/actions?q=c-cause");
  await arrived(page, "Actions");
  await until(() => rows(page).allInnerTexts(), (texts) => texts.length === 2);
  const texts = (await rows(page).allInnerTexts()).join("\n");
  assert.match(texts, /Denied by a rule/);
  assert.match(texts, /Wrong arguments|No rule allows it/);
  assert.doesNotMatch(texts, /HALT/);
  await person.leave();
});

test("ticking an item moves nothing under the pointer", async () => {
  const { person, page } = await at(1440, 900, "/approvals");
  await arrived(page, "Approvals");
  const tick = page.getByRole("article").first().getByRole("checkbox");
  const before = await tick.boundingBox();
  await tick.click();
  assert.deepEqual(await tick.boundingBox(), before);
  await person.leave();
});

test("on a phone the first action is in the upper half, and buttons fit a finger", async () => {
  const { person, page } = await at(375, 812, "/actions", { hasTouch: true, isMobile: true });
  await seen(page.getByRole("heading", { level: 1, name: "Actions" }));
  await until(() => rows(page).count(), 50);
  const { y } = await rows(page).first().boundingBox();
  assert.ok(y < 406, `the first action begins at ${y}`);
  const small = await page.locator("main button:visible").evaluateAll((all) =>
    all.filter((one) => one.getBoundingClientRect().height < 44).map((one) => one.innerText),
  );
  assert.deepEqual(small, []);
  assert.equal(await page.getByRole("button", { name: "keyboard" }).count(), 0);
  await page.getByRole("button", { name: "Filters" }).click();
  await seen(page.getByLabel("Outcome"));
  await person.leave();
});

test("the filters for agents and tools offer the names that there are", async () => {
  const { person, page } = await at(1440, 900, "/actions");
  await arrived(page, "Actions");
  await page.getByLabel("Tool").focus();
  const offered = () => page.locator("#known-tool option").evaluateAll((all) => all.map((one) => one.value));
  await until(offered, (names) => names.includes("process_refund") && names.includes("shell"));
  await person.leave();
});

test("every item of the queue says who proposed it", async () => {
  const { person, page } = await at(1440, 900, "/approvals");
  await arrived(page, "Approvals");
  const items = page.getByRole("article");
  const texts = await items.allInnerTexts();
  assert.ok(texts.length > 1 && texts.every((text) => /by a caller without a key/.test(text)), texts[1]);
  await person.leave();
});

test("new actions are offered wherever the list has been scrolled to", async () => {
  const { server } = shared;
  const { person, page } = await at(1440, 900, "/actions");
  await arrived(page, "Actions");
  await until(() => rows(page).count(), 50);
  await rows(page).nth(40).getByRole("link").focus();
  await rows(page).nth(40).scrollIntoViewIfNeeded();
  await server.propose("process_refund", { customer_id: "c-new", amount: 1 });
  const news = page.getByRole("button", { name: /\d+ new/i });
  await seen(news);
  assert.ok(await inView(page, news));
  await person.leave();
});
