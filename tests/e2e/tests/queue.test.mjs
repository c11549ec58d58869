// A queue of 10,000 actions, as after a night with a policy that holds too much.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixture } from "../lib/fixture.mjs";
import { policy } from "../lib/places.mjs";
import { arrived, gone, seen, until } from "../lib/see.mjs";

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
  await page.getByRole("button", { name: /^show more of the /i }).click();
  await until(() => page.getByRole("article").count(), 100);
  await person.leave();
});

test("all of them can be rejected at once, and that can be stopped", async () => {
  const { server, browser } = shared;
  const person = await (await browser.person()).logIn(server);
  const pending = async () =>
    (await server.done("GET", "/v1/actions?status=pending_approval&limit=1", undefined, { key: server.adminKey })).total;
  const all = await pending();
  const page = await person.open(`${server.url}/ui/approvals`);
  await arrived(page, "Approvals");
  await waiting(page, all);
  const number = (text) => Number(text.replaceAll(",", ""));
  const rejectAll = async () => {
    await page.getByRole("button", { name: /^reject all [\d,]+ …$/i }).click();
    const dialog = page.getByRole("dialog", { name: "Reject these?" });
    await seen(dialog.getByText(/^and [\d,]+ more, which only the queue shows$/i));
    assert.ok((await dialog.getByRole("listitem").count()) <= 201);
    const reject = dialog.getByRole("button", { name: /^reject [\d,]+ actions$/i });
    assert.equal(await reject.isDisabled(), true);
    await dialog.getByLabel(/^type \d+ to confirm$/).fill(String(await pending()));
    await reject.click();
  };

  await rejectAll();
  const progress = page.getByRole("progressbar", { name: "answers" });
  await until(async () => Number(await progress.getAttribute("value")) > 20, true);
  await page.getByRole("button", { name: "stop" }).click();
  const ended = page.getByText(/not sent, because you stopped it/i);
  await seen(ended);
  const [, done, unsent] = (await ended.innerText()).match(/([\d,]+) actions rejected; ([\d,]+) not sent/);
  assert.equal(number(done) + number(unsent), all);
  assert.equal(await pending(), number(unsent));
  await waiting(page, number(unsent));
  await gone(progress);

  // Without a server it ends by itself, and reports no rejection that did not happen.
  person.expect(/net::ERR_FAILED/);
  await page.route("**/approval", (route) => route.abort());
  await rejectAll();
  await seen(page.getByText(/0 actions rejected; \d not, and say why; [\d,]+ not sent, because the others would not get through/i));
  assert.equal(await pending(), number(unsent));
  await waiting(page, number(unsent));
  await person.leave();
});
