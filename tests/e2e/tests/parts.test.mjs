// The program in parts: no page pays for another, something is seen before the program is there, and a part that does
// not arrive leaves a message and a way out.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixture } from "../lib/fixture.mjs";
import { policy } from "../lib/places.mjs";
import { arrived, gone, heading, seen } from "../lib/see.mjs";

const shared = fixture({ policies: { "support-agent.yaml": policy("support-agent.yaml") } });

/** The modules that a page has fetched, without their hashes. */
const modules = (page) =>
  page.evaluate(() =>
    performance
      .getEntriesByType("resource")
      .map(({ name }) => new URL(name).pathname.match(/([a-z_]+)[^/]*\.wasm$/)?.[1])
      .filter(Boolean),
  );

test("a page fetches its own part and no other page's", async () => {
  const { server, browser } = shared;
  const person = await (await browser.person()).logIn(server);
  const page = await person.open(`${server.url}/ui/approvals`);
  await arrived(page, "Approvals");
  const fetched = await modules(page);
  assert.ok(fetched.includes("web") && fetched.includes("approvals"), fetched.join(", "));
  for (const other of ["overview", "actions", "policies", "policy_editor", "playground", "audit"]) {
    assert.ok(!fetched.includes(other), `approvals fetched ${other}`);
  }
  await page.getByRole("link", { name: "Audit", exact: true }).click();
  await arrived(page, "Audit");
  assert.ok((await modules(page)).includes("audit"));
  await person.leave();
});

test("the frame is there before the program, and gives way to it", async () => {
  const { server, browser } = shared;
  const person = await (await browser.person()).logIn(server);
  const page = await person.context.newPage();
  let release;
  const released = new Promise((done) => (release = done));
  await page.route("**/*.wasm", async (route) => {
    await released;
    await route.continue();
  });
  await page.goto(`${server.url}/ui/`, { waitUntil: "commit" });
  await seen(page.getByText("Faramesh", { exact: true }));
  await seen(page.locator("#shell").getByText("Loading …"));
  assert.equal(await page.title(), "Faramesh");
  release();
  await arrived(page, "Overview");
  assert.equal(await page.locator("#shell").count(), 0);
  await person.leave();
});

test("a part that cannot be fetched leaves a message, and the rest of the dashboard goes on", async () => {
  const { server, browser } = shared;
  const person = await (await browser.person()).logIn(server);
  person.expect(/net::ERR_FAILED/, /Failed to fetch/);
  const page = await person.open(`${server.url}/ui/approvals`);
  await arrived(page, "Approvals");
  await page.route("**/audit-*.wasm", (route) => route.abort());
  await page.getByRole("link", { name: "Audit", exact: true }).click();
  const alert = page.getByRole("alert");
  await seen(alert.getByText("This page could not be loaded"));
  await page.getByRole("link", { name: "Approvals" }).click();
  await arrived(page, "Approvals");
  await gone(alert);
  // The connection is back: going there again is enough.
  await page.unroute("**/audit-*.wasm");
  await page.getByRole("link", { name: "Audit", exact: true }).click();
  await seen(heading(page, "Audit"));
  await person.leave();
});
