// Logging in and out: by the one-time link, by key, and the end of a session while a page is open.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixture } from "../lib/fixture.mjs";
import { policy } from "../lib/places.mjs";
import { arrived, heading, seen, until } from "../lib/see.mjs";

const shared = fixture({ policies: { "support-agent.yaml": policy("support-agent.yaml") } });

async function typeKey(page, key) {
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "log in" }).click();
}

test("the link that the server prints logs in once, and says so the second time", async () => {
  const { server, browser } = shared;
  const person = await browser.person();
  const page = await person.open(server.link);
  await arrived(page, "Overview");
  await seen(page.getByText("admin (admin)"));
  assert.ok(!page.url().includes("#"), "the token stays in the address");
  await page.goBack();
  assert.ok(!page.url().includes(new URL(server.link).hash), "the token stays in the history");
  await person.leave();

  const other = await browser.person();
  const late = await other.open(server.link);
  await until(() => late.getByRole("alert").innerText(), /link .*(used|expired)/i);
  await seen(late.getByLabel("API key"));
  assert.ok(!late.url().includes("#"), "the token stays in the address");
  await other.leave();
});

test("`faramesh server link` prints another link", async () => {
  const { server, browser } = shared;
  const { stdout, stderr, status } = server.command("server", "link");
  assert.equal(status, 0, stderr);
  const person = await browser.person();
  const page = await person.open(stdout.match(/http\S+/)[0]);
  await arrived(page, "Overview");
  await person.leave();
});

test("a key logs in, a wrong one is refused with words, and nothing is shown before", async () => {
  const { server, browser } = shared;
  const person = await browser.person();
  const page = await person.open(`${server.url}/ui/policies/support-agent.yaml`);
  await seen(page.getByLabel("API key"));
  assert.equal(await page.getByRole("navigation").count(), 0);
  await typeKey(page, "fmk_00000000_wrong");
  await until(() => page.getByRole("alert").innerText(), /key/i);
  assert.equal(await page.getByLabel("API key").getAttribute("type"), "password");
  await typeKey(page, server.adminKey);
  // A person who asked for a page gets that page.
  await seen(heading(page, /support-agent\.yaml/));
  await page.reload();
  await seen(heading(page, /support-agent\.yaml/));
  await person.leave();
});

test("the key of an agent logs nobody in", async () => {
  const { server, browser } = shared;
  const { key } = await server.makeKey("agent", { name: "bot" });
  const person = await browser.person();
  const page = await person.open(`${server.url}/ui/`);
  await typeKey(page, key);
  await until(() => page.getByRole("alert").innerText(), /agent/i);
  assert.deepEqual(await person.context.cookies(), []);
  await person.leave();
});

test("logging out ends the session, in every tab and at the server", async () => {
  const { server, browser } = shared;
  const person = await browser.person();
  await person.logIn(server);
  const page = await person.open(`${server.url}/ui/`);
  const tab = await person.open(`${server.url}/ui/policies/support-agent.yaml`);
  await arrived(page, "Overview");
  await arrived(tab, /support-agent/);
  const [cookie] = await person.context.cookies();
  await page.getByRole("button", { name: "log out" }).click();
  await seen(page.getByLabel("API key"));
  assert.deepEqual(await person.context.cookies(), []);
  await seen(tab.getByLabel("API key"));
  const { status } = await server.api("GET", "/v1/session", undefined, {
    headers: { cookie: `${cookie.name}=${cookie.value}` },
  });
  assert.equal(status, 401, "the cookie still is a session");
  await person.leave();
});

test("who is logged in learns at once that their key was revoked", async () => {
  const { server, browser } = shared;
  const { id, key } = await server.makeKey("viewer", { name: "leaving" });
  const person = await browser.person();
  await person.logIn(server, key);
  const page = await person.open(`${server.url}/ui/`);
  await arrived(page, "Overview");
  await server.done("DELETE", `/v1/keys/${id}`, undefined, { key: server.adminKey });
  await until(() => page.getByRole("alert").innerText(), /session has ended/i);
  await seen(page.getByLabel("API key"));
  // Where they were stays where they are.
  await typeKey(page, server.adminKey);
  await arrived(page, "Overview");
  await person.leave();
});

test("who is logged in learns that their session has expired", async () => {
  const { server, browser } = shared;
  const { key } = await server.makeKey("viewer", { name: "short", expires_in: "2s" });
  const person = await browser.person();
  await person.logIn(server, key);
  const page = await person.open(`${server.url}/ui/`);
  await arrived(page, "Overview");
  await until(() => page.getByRole("alert").innerText(), /session has ended/i);
  await person.leave();
});
