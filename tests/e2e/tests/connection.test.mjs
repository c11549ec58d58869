// A connection that is lost and restored, and a server that is stopped and restarted, while a page is open.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixture } from "../lib/fixture.mjs";
import { policy } from "../lib/places.mjs";
import { BEHIND, Cable } from "../lib/proxy.mjs";
import { arrived, gone, heading, seen, until } from "../lib/see.mjs";

let cable;
const shared = fixture({
  policies: { "support-agent.yaml": policy("support-agent.yaml") },
  host: BEHIND,
  begin: async ({ server }) => (cable = await Cable.to(server)),
  end: () => cable?.remove(),
});

const LOST = "✕ connection lost, trying again";
/** Requests that fail while the server is down are not the page's fault. */
const FAILING = [/net::ERR_/, /Failed to fetch/, /NetworkError/];

const rows = (page) => page.getByRole("table", { name: "actions" }).getByRole("row");

test("a lost connection is said, and what came meanwhile is there when it is back", async () => {
  const { server, browser } = shared;
  await server.propose("process_refund", { customer_id: "before", amount: 45 });
  const person = await (await browser.person()).logIn(server);
  person.expect(...FAILING);
  const page = await person.open(`${server.url}/ui/actions`);
  await arrived(page, "Actions");
  await seen(rows(page).filter({ hasText: "before" }));
  const queue = await person.open(`${server.url}/ui/approvals`);
  await arrived(queue, "Approvals");

  cable.cut();
  await seen(page.getByText(LOST));
  await seen(queue.getByText(LOST));
  await server.propose("process_refund", { customer_id: "meanwhile", amount: 45 });
  await server.propose("process_refund", { customer_id: "held-meanwhile", amount: 340 });
  await new Promise((next) => setTimeout(next, 500));
  assert.equal(await rows(page).filter({ hasText: "meanwhile" }).count(), 0);
  await seen(rows(page).filter({ hasText: "before" }));

  cable.mend();
  await seen(page.getByText("● live"));
  await gone(page.getByText(LOST));
  await seen(rows(page).filter({ hasText: 'customer_id=meanwhile' }));
  await seen(queue.getByRole("article").filter({ hasText: "held-meanwhile" }));
  // It is the stream that works again, not only the list that was fetched.
  await server.propose("process_refund", { customer_id: "afterwards", amount: 45 });
  await seen(rows(page).filter({ hasText: "afterwards" }));
  await person.leave();
});

test("what happens before the stream is open is shown once it is", async () => {
  const { server, browser } = shared;
  const person = await (await browser.person()).logIn(server);
  let open;
  const opening = new Promise((resolve) => (open = resolve));
  await person.context.route("**/v1/events*", async (route) => {
    await opening;
    await route.continue();
  });
  const queue = await person.open(`${server.url}/ui/approvals`);
  await seen(heading(queue, "Approvals"));
  const page = await person.open(`${server.url}/ui/policies`);
  await seen(page.getByRole("link", { name: "support-agent.yaml" }).first());
  server.writePolicy("late.yaml", policy("support-agent.yaml").replace("support-agent-*", "late-agent-*"));
  const asked = () => server.api("GET", "/v1/policies/late.yaml", undefined, { key: server.adminKey });
  await until(async () => (await asked()).status, 200);
  await server.propose("process_refund", { customer_id: "held-before-open", amount: 340 });
  await new Promise((next) => setTimeout(next, 500));
  const item = queue.getByRole("article").filter({ hasText: "held-before-open" });
  const file = page.getByRole("link", { name: "late.yaml" }).first();
  assert.equal((await item.count()) + (await file.count()), 0);
  open();
  await Promise.all([seen(item), seen(file)]);
  await person.leave();
});

test("an answer that does not get through is not shown as given", async () => {
  const { server, browser } = shared;
  const held = await server.propose("process_refund", { customer_id: "c-unsent", amount: 341 });
  const person = await (await browser.person()).logIn(server);
  person.expect(...FAILING);
  const page = await person.open(`${server.url}/ui/approvals?id=${held.id}`);
  await arrived(page, "Approvals");
  const item = page.getByRole("article").filter({ hasText: "c-unsent" });
  await item.getByLabel("comment").fill("a comment that must not be lost");
  cable.cut();
  await seen(page.getByText(LOST));
  await item.getByRole("button", { name: "approve" }).click();
  await until(() => item.getByRole("alert").innerText(), /cannot be reached/i);
  assert.equal(await item.getByLabel("comment").inputValue(), "a comment that must not be lost");
  cable.mend();
  await seen(page.getByText("● live"));
  const { status } = await server.done("GET", `/v1/actions/${held.id}`, undefined, { key: server.adminKey });
  assert.equal(status, "pending_approval");
  await item.getByRole("button", { name: "approve" }).click();
  await gone(item);
  await person.leave();
});

test("a page that is opened while the server is away says so, and can be tried again", async () => {
  const { server, browser } = shared;
  const person = await (await browser.person()).logIn(server);
  person.expect(...FAILING);
  const page = await person.open(`${server.url}/ui/actions`);
  await arrived(page, "Actions");
  cable.cut();
  await seen(page.getByText(LOST));
  await page.getByRole("link", { name: "Policies" }).click();
  await until(() => page.getByRole("alert").first().innerText(), /the server cannot be reached/i);
  cable.mend();
  await seen(page.getByText("● live"));
  await seen(page.getByRole("link", { name: "support-agent.yaml" }).first());
  await gone(page.getByRole("alert"));
  await person.leave();
});

test("a server that is started again asks to log in again, and then shows what is there", async () => {
  const { server, browser } = shared;
  const person = await (await browser.person()).logIn(server);
  person.expect(...FAILING);
  const page = await person.open(`${server.url}/ui/actions`);
  await arrived(page, "Actions");
  await server.end();
  await seen(page.getByText(LOST));
  await server.run();
  await server.propose("process_refund", { customer_id: "after-restart", amount: 45 });
  // Sessions end with the process; the page does not go on as if nothing had been.
  await until(() => page.getByRole("alert").innerText(), /session has ended/i);
  await page.getByLabel("API key").fill(server.adminKey);
  await page.getByRole("button", { name: "log in" }).click();
  await arrived(page, "Actions");
  await seen(rows(page).filter({ hasText: "after-restart" }));
  await seen(rows(page).filter({ hasText: 'customer_id=before' }));
  await person.leave();
});
