// The queue with more than one person: the first answer wins, a late one is reported as such, and none counts twice.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixture } from "../lib/fixture.mjs";
import { policy } from "../lib/places.mjs";
import { arrived, gone, seen, until } from "../lib/see.mjs";

const shared = fixture({ policies: { "support-agent.yaml": policy("support-agent.yaml") } });

const item = (page, customer) => page.getByRole("article").filter({ hasText: `"${customer}"` });
const refund = (customer, amount) => shared.server.propose("process_refund", { customer_id: customer, amount });

/** The queue accepts no answers right after it has moved under a person's hand. */
const stands = (page) => page.waitForTimeout(500);

async function approver(name) {
  const { server, browser } = shared;
  const { key } = await server.makeKey("approver", { name });
  const person = await (await browser.person()).logIn(server, key);
  const page = await person.open(`${server.url}/ui/approvals`);
  await arrived(page, "Approvals");
  return { person, page };
}

test("what one person answers disappears from the other's queue, with a word of who it was", async () => {
  const [ann, bob] = [await approver("ann"), await approver("bob")];
  await refund("c-first", 300);
  await refund("c-second", 301);
  for (const { page } of [ann, bob]) {
    await seen(item(page, "c-first"));
    await until(() => page.title(), /2/);
  }
  await stands(ann.page);
  await item(bob.page, "c-second").getByLabel("comment").fill("half written");
  await item(ann.page, "c-first").getByLabel("comment").fill("seen by ann");
  await item(ann.page, "c-first").getByRole("button", { name: "reject" }).click();
  await gone(item(bob.page, "c-first"));
  await seen(bob.page.getByText(/rejected by ann: “seen by ann”/i));
  await until(() => bob.page.title(), /1/);
  // Bob's unsent comment is still there.
  assert.equal(await item(bob.page, "c-second").getByLabel("comment").inputValue(), "half written");
  await stands(bob.page);
  await item(bob.page, "c-second").getByRole("button", { name: "approve" }).click();
  await gone(item(ann.page, "c-second"));
  for (const { person } of [ann, bob]) await person.leave();
});

test("two answers at the same moment: one counts, and the other person is told", async () => {
  const { server } = shared;
  const [ann, bob] = [await approver("ann-2"), await approver("bob-2")];
  const { id } = await refund("c-both", 302);
  for (const { page } of [ann, bob]) {
    await seen(item(page, "c-both"));
    // Neither sees the other's answer before their own is on its way.
    await page.route("**/approval", (route) => (page.held = route));
  }
  await stands(ann.page);
  await item(ann.page, "c-both").getByRole("button", { name: "approve" }).click();
  await item(bob.page, "c-both").getByRole("button", { name: "reject" }).click();
  await until(() => ann.page.held !== undefined && bob.page.held !== undefined, true);
  await ann.page.held.continue();
  await seen(ann.page.getByText(/process_refund of support-agent-prod: approved/i));
  await bob.page.held.continue();
  await seen(bob.page.getByText(/your answer came too late; approved by ann-2/i));
  await gone(item(bob.page, "c-both"));
  const action = await server.done("GET", `/v1/actions/${id}`);
  assert.equal(action.status, "approved");
  assert.deepEqual(action.approvals.map(({ principal, approve }) => [principal, approve]), [["ann-2", true]]);
  for (const { person } of [ann, bob]) await person.leave();
});

test("a risky one asks once more, and Enter alone approves nothing", async () => {
  const { server } = shared;
  const ann = await approver("ann-3");
  const { id } = await refund("c-risky", 900);
  await seen(item(ann.page, "c-risky"));
  await stands(ann.page);
  await item(ann.page, "c-risky").getByRole("button", { name: "approve" }).click();
  const dialog = ann.page.getByRole("dialog", { name: "Approve this action?" });
  await seen(dialog);
  assert.match(await dialog.innerText(), /large-financial-action/);
  await ann.page.keyboard.press("Enter");
  await gone(dialog);
  assert.equal((await server.done("GET", `/v1/actions/${id}`)).status, "pending_approval");
  await item(ann.page, "c-risky").getByRole("button", { name: "approve" }).click();
  await dialog.getByRole("button", { name: "approve" }).click();
  await gone(item(ann.page, "c-risky"));
  assert.equal((await server.done("GET", `/v1/actions/${id}`)).status, "approved");
  await ann.person.leave();
});

test("several at once get the same answer and comment", async () => {
  const { server } = shared;
  const made = await Promise.all([310, 311, 312].map((amount) => refund(`c-many-${amount}`, amount)));
  const ann = await approver("ann-4");
  await seen(item(ann.page, "c-many-312"));
  await stands(ann.page);
  await item(ann.page, "c-many-310").getByRole("checkbox").check();
  await item(ann.page, "c-many-312").getByRole("checkbox").check();
  await ann.page.getByRole("button", { name: "reject 2 …" }).click();
  const dialog = ann.page.getByRole("dialog", { name: "Reject these?" });
  await dialog.getByLabel(/comment/).fill("not this month");
  await dialog.getByRole("button", { name: "reject 2 actions" }).click();
  await gone(item(ann.page, "c-many-310"));
  await gone(item(ann.page, "c-many-312"));
  await seen(item(ann.page, "c-many-311"));
  const statuses = await Promise.all(made.map(({ id }) => server.done("GET", `/v1/actions/${id}`)));
  assert.deepEqual(statuses.map(({ status }) => status), ["denied", "pending_approval", "denied"]);
  assert.equal(statuses[0].approvals[0].reason, "not this month");
  await ann.person.leave();
});
