// One answer for several actions covers only the actions that the person saw, and never risky ones.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixture } from "../lib/fixture.mjs";
import { arrived, gone, seen, until } from "../lib/see.mjs";

const shared = fixture({
  policies: {
    "web.yaml": `rules:
  - { id: held, match: { tool: http_request }, require_approval: true }
risk:
  rules:
    - { name: admin-host, when: { tool: http_request, url_contains: admin }, risk_level: high }
`,
  },
});

const request = (url, body = "x".repeat(140)) =>
  shared.server.propose("http_request", { body, method: "DELETE", url });
const status = async ({ id }) =>
  (await shared.server.done("GET", `/v1/actions/${id}`, undefined, { key: shared.server.adminKey })).status;

async function approvals() {
  const { server, browser } = shared;
  const person = await (await browser.person()).logIn(server);
  const page = await person.open(`${server.url}/ui/approvals`);
  await arrived(page, "Approvals");
  return { person, page };
}

/** The queue takes no answers right after it has moved under a person's hand. */
const stands = (page) => page.waitForTimeout(500);

async function ask(page, approve) {
  await stands(page);
  await page.getByRole("button", { name: "select shown" }).click();
  await page.getByRole("button", { name: approve ? /^approve \d+ …$/ : /^reject \d+ …$/ }).click();
  const dialog = page.getByRole("dialog", { name: approve ? "Approve these?" : "Reject these?" });
  await seen(dialog);
  return dialog;
}

test("two calls that differ only behind a long argument look different, and risky and long ones are left out", async () => {
  const made = [
    await request("https://api.example/v2/tickets/881"),
    await request("https://api.example/v2/customers?all=true"),
    await request("https://admin.example/v2/customers"),
    await request("https://api.example/v2/long", "y".repeat(5000)),
  ];
  const { person, page } = await approvals();
  await until(() => page.getByRole("article").count(), made.length);
  const dialog = await ask(page, true);
  const items = dialog.getByRole("list", { name: "actions" }).getByRole("listitem");
  assert.equal(await items.count(), 2);
  const shown = await items.allInnerTexts();
  assert.match(shown.join("\n"), /tickets\/881/);
  assert.match(shown.join("\n"), /customers\?all=true/);
  assert.equal(shown.filter((text) => text.includes("x".repeat(140))).length, 2, "the whole body is there");
  await seen(dialog.getByText(/1 action left out: actions of high or critical risk are approved one at a time/i));
  await seen(dialog.getByText(/1 action left out: their arguments are too long/i));
  await dialog.getByRole("button", { name: "approve 2 actions" }).click();
  await gone(dialog);
  await until(() => page.getByRole("article").count(), 2);
  assert.deepEqual(await Promise.all(made.map(status)), ["approved", "approved", "pending_approval", "pending_approval"]);

  // The long one asks once more, with its URL above the text that would push it out of sight.
  const long = page.getByRole("article").filter({ hasText: "v2/long" });
  assert.match(await long.innerText(), /url=https:\/\/api.example\/v2\/long .*body="y+"…\+4952/);
  await stands(page);
  await long.getByRole("button", { name: "approve" }).click();
  await seen(page.getByRole("dialog", { name: "Approve this action?" }).getByText(/url=https:\/\/api.example\/v2\/long/));
  await page.keyboard.press("Escape");
  const rejected = await ask(page, false);
  await rejected.getByRole("button", { name: "reject 2 actions" }).click();
  await until(() => page.getByRole("article").count(), 0);
  await person.leave();
});

test("actions that the page does not show are not approved, and many take a typed number", async () => {
  const made = await Promise.all(Array.from({ length: 60 }, (_, n) => request(`https://api.example/${n}`, "short")));
  const { person, page } = await approvals();
  await seen(page.getByText("60 actions waiting"));
  assert.equal(await page.getByRole("article").count(), 50);
  const dialog = await ask(page, true);
  const approve = dialog.getByRole("button", { name: "approve 50 actions" });
  assert.equal(await dialog.getByRole("listitem").count(), 50);
  assert.equal(await approve.isDisabled(), true);
  await dialog.getByLabel("type 50 to confirm").fill("60");
  assert.equal(await approve.isDisabled(), true);
  await dialog.getByLabel("type 50 to confirm").fill("50");
  await approve.click();
  await seen(page.getByText("10 actions waiting"));
  const statuses = await Promise.all(made.map(status));
  assert.equal(statuses.filter((one) => one === "approved").length, 50);
  assert.equal(statuses.filter((one) => one === "pending_approval").length, 10);
  await person.leave();
});
