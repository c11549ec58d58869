// Pages that are left while answers are still on their way: a late answer changes nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { field, write } from "../lib/editor.mjs";
import { fixture } from "../lib/fixture.mjs";
import { policies } from "../lib/pages.mjs";
import { policy } from "../lib/places.mjs";
import { arrived, seen } from "../lib/see.mjs";
import { seed } from "../lib/seed.mjs";

const shared = fixture({ policies: policies(policy), begin: ({ server }) => seed(server, 60) });

/** How long each answer takes, and after how long the person moves on. */
const SLOW_MS = 250;
const PAUSES_MS = [0, 40, 250];
const NAMES = ["Overview", "Actions", "Approvals", "Policies", "Audit"];

const link = (page, name) => page.getByRole("navigation", { name: "pages" }).getByRole("link", { name: new RegExp(`^${name}`) });

async function slowly() {
  const { server, browser } = shared;
  const person = await (await browser.person()).logIn(server);
  // Requests that a page gave up are not its fault.
  person.expect(/net::ERR_ABORTED/);
  const page = await person.open(`${server.url}/ui/`);
  await arrived(page, "Overview");
  await page.route(/\/v1\/(?!events)/, async (route) => {
    await new Promise((next) => setTimeout(next, SLOW_MS));
    await route.continue().catch(() => undefined);
  });
  return { person, page };
}

/** The page is alive: it goes somewhere and shows it. */
async function alive(person, page) {
  await page.waitForTimeout(2 * SLOW_MS);
  person.check();
  await link(page, "Audit").click();
  await arrived(page, "Audit");
  await seen(page.getByRole("button", { name: "verify all" }));
  await person.leave();
}

for (const pause of PAUSES_MS) {
  test(`going on after ${pause} ms, from each page to each other`, async () => {
    const { person, page } = await slowly();
    for (const from of NAMES) {
      for (const to of NAMES) {
        if (from === to) continue;
        await link(page, from).click();
        await page.waitForTimeout(pause);
        await link(page, to).click();
        await page.waitForTimeout(Math.min(pause, 50));
      }
    }
    await alive(person, page);
  });
}

test("leaving an action, an answer and an editor behind", async () => {
  const { server } = shared;
  const { person, page } = await slowly();
  for (const pause of [0, 200]) {
    await link(page, "Actions").click();
    await page.getByRole("table", { name: "actions" }).getByRole("link").first().click();
    await page.waitForTimeout(pause);
    await page.goBack();
    await page.goForward();
    await page.waitForTimeout(pause);
    await link(page, "Approvals").click();
    const item = page.getByRole("article").first();
    await seen(item);
    await page.waitForTimeout(500);
    await item.getByRole("button", { name: "reject" }).click();
    await page.waitForTimeout(pause);
    await link(page, "Policies").click();
    await page.getByRole("link", { name: "support-agent.yaml" }).first().click();
    await page.waitForTimeout(pause);
    await link(page, "Overview").click();
    await page.waitForTimeout(pause);
    await page.goBack();
    await seen(field(page));
    await server.propose("process_refund", { customer_id: "c-late", amount: 45 });
    await page.waitForTimeout(pause);
    await link(page, "Audit").click();
    await page.getByRole("button", { name: "verify all" }).click();
    await page.waitForTimeout(pause);
  }
  await alive(person, page);
});

test("logging out and in while answers are on their way", async () => {
  const { server } = shared;
  const { person, page } = await slowly();
  for (const name of NAMES) {
    await link(page, name).click();
    await page.getByRole("button", { name: "log out" }).click();
    await page.getByLabel("API key").fill(server.adminKey);
    await page.getByRole("button", { name: "log in" }).click();
    await arrived(page, name);
  }
  await alive(person, page);
});

test("what was written and not saved is asked about before the page goes", async () => {
  const { server, browser } = shared;
  const person = await (await browser.person()).logIn(server);
  const page = await person.open(`${server.url}/ui/policies/support-agent.yaml`);
  await arrived(page, /support-agent/);
  await write(page, "rules: []\n");
  await seen(page.getByText("not saved yet").or(page.getByText("a policy with errors cannot be saved")));
  let asked;
  page.once("dialog", async (dialog) => {
    asked = dialog.type();
    await dialog.dismiss();
  });
  await page.goto("about:blank").catch(() => undefined);
  assert.equal(asked, "beforeunload");
  assert.match(await field(page).innerText(), /rules: \[\]/);
  await person.leave();
});
