// A queue of 10,000 actions, as after a night with a policy that holds too much.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixture } from "../lib/fixture.mjs";
import { policy } from "../lib/places.mjs";
import { arrived, seen, until } from "../lib/see.mjs";

const MANY = 10_000;
const shared = fixture({
  policies: { "support-agent.yaml": policy("support-agent.yaml") },
  begin: ({ server }) => hold(server, MANY),
});

/** Makes so many actions wait, several at once. */
async function hold(server, count) {
  let left = count;
  const worker = async () => {
    while (left > 0) await server.propose("process_refund", { customer_id: `c-${left--}`, amount: 340 });
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}

const waiting = (page, count) => seen(page.getByText(`${count.toLocaleString("en-US")} actions waiting`, { exact: true }));

test("10,000 actions wait, and the next one can be answered by keyboard while more come in", async () => {
  const { server, browser } = shared;
  const person = await (await browser.person()).logIn(server);
  const page = await person.open(`${server.url}/ui/approvals`);
  await arrived(page, "Approvals");
  await waiting(page, MANY);
  assert.equal(await page.title(), "(10,000) Approvals · Faramesh");
  // The page holds some of them, not all.
  assert.equal(await page.getByRole("article").count(), 50);

  await page.keyboard.press("j");
  const second = page.getByRole("article").nth(1);
  await until(() => second.evaluate((item) => item === document.activeElement), true);
  const id = (await second.getAttribute("id")).replace("held-", "");
  await page.keyboard.press("a");
  await waiting(page, MANY - 1);
  const { status } = await server.done("GET", `/v1/actions/${id}`, undefined, { key: server.adminKey });
  assert.equal(status, "approved");

  await hold(server, 500);
  await waiting(page, MANY + 499);
  await page.getByRole("button", { name: /^show more of the / }).click();
  await until(() => page.getByRole("article").count(), 100);
  await person.leave();
});
