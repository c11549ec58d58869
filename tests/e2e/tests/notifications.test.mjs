// The browser's own notifications, for a person who looks elsewhere: Chromium shows them, and the test listens.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixture } from "../lib/fixture.mjs";
import { policy } from "../lib/places.mjs";
import { arrived, seen, until } from "../lib/see.mjs";

const shared = fixture({ policies: { "support-agent.yaml": policy("support-agent.yaml") } });

const hold = (customer_id) => shared.server.propose("process_refund", { customer_id, amount: 340 });
const shown = (page) => page.evaluate(() => window.shown.map(({ title, body }) => `${title}: ${body}`));

/** A person at the queue, with the notifications that the browser showed in `window.shown`. */
async function watcher(permissions) {
  const { server, browser } = shared;
  const person = await (await browser.person({ permissions })).logIn(server);
  await person.context.addInitScript(() => {
    window.shown = [];
    window.Notification = class extends window.Notification {
      constructor(...given) {
        super(...given);
        this.addEventListener("show", () => window.shown.push(this));
      }
    };
  });
  const page = await person.open(`${server.url}/ui/approvals`);
  await arrived(page, "Approvals");
  return { person, page };
}

/** Brings another tab to the front, as it is outside of tests: there, every tab believes to be in front. */
async function lookAway(person, page) {
  const tools = await person.context.newCDPSession(page);
  await tools.send("Emulation.setFocusEmulationEnabled", { enabled: false });
  await (await person.context.newPage()).bringToFront();
  await until(() => page.evaluate(() => document.hasFocus()), false);
}

test("who asked for it is told of what is held while they look elsewhere, and is led to it", async () => {
  const { person, page } = await watcher(["notifications"]);
  await page.getByRole("button", { name: "notify me of new ones" }).click();
  await seen(page.getByRole("button", { name: "stop notifying me" }));

  await hold("c-looked-at");
  await seen(page.getByRole("article").filter({ hasText: "c-looked-at" }));
  await until(() => page.title(), /\(1\)/);
  assert.deepEqual(await shown(page), []);

  await lookAway(person, page);
  const { id } = await hold("c-not-for-a-locked-screen");
  await until(() => shown(page), (shown) => shown.length === 1);
  const [text] = await shown(page);
  // Never the arguments.
  assert.equal(text, "2 actions wait for approval: process_refund of support-agent-prod");

  await page.getByRole("link", { name: "Overview" }).click();
  await page.evaluate(() => window.shown[0].dispatchEvent(new Event("click")));
  await until(() => page.url(), (url) => url.endsWith(`/ui/approvals?id=${id}`));
  await person.leave();
});

test("who did not ask for it, or asked for no more, is left alone", async () => {
  const { person, page } = await watcher(["notifications"]);
  await lookAway(person, page);
  await hold("c-unasked");
  await seen(page.getByRole("article").filter({ hasText: "c-unasked" }));
  await page.getByRole("button", { name: "notify me of new ones" }).click();
  await page.getByRole("button", { name: "stop notifying me" }).click();
  await hold("c-asked-for-no-more");
  await seen(page.getByRole("article").filter({ hasText: "c-asked-for-no-more" }));
  await new Promise((next) => setTimeout(next, 300));
  assert.deepEqual(await shown(page), []);
  await person.leave();
});

test("a browser that refuses them is not asked again and again", async () => {
  const { person, page } = await watcher([]);
  await seen(page.getByText("notifications are blocked in the browser's settings"));
  assert.equal(await page.getByRole("button", { name: "notify me of new ones" }).count(), 0);
  await person.leave();
});
