// Everything by keyboard alone: no test here clicks, and each step says where the focus has to be.
import assert from "node:assert/strict";
import { test } from "node:test";
import { field, verdict } from "../lib/editor.mjs";
import { fixture } from "../lib/fixture.mjs";
import { policy } from "../lib/places.mjs";
import { arrived, gone, seen, until } from "../lib/see.mjs";

const NAME = "support-agent.yaml";
const shared = fixture({ policies: { [NAME]: policy(NAME) } });

const press = async (page, ...keys) => {
  for (const key of keys) await page.keyboard.press(key);
};

/** Presses Tab until the focus is on `wanted`; gives how often. */
async function tabTo(page, wanted, { most = 60, back = false } = {}) {
  for (let pressed = 0; pressed <= most; pressed += 1) {
    if (await wanted.evaluateAll((found) => found.some((element) => element === element.getRootNode().activeElement))) return pressed;
    await page.keyboard.press(back ? "Shift+Tab" : "Tab");
  }
  const at = await page.evaluate(() => document.activeElement?.outerHTML.slice(0, 200));
  assert.fail(`${most} times Tab did not lead to ${wanted}; the focus is on ${at}`);
}

/** Whether the focus can be seen where it is. */
const focusIsVisible = (page) =>
  page.evaluate(() => {
    let element = document.activeElement;
    while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
    const style = getComputedStyle(element);
    return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1) || style.boxShadow !== "none";
  });

async function logIn() {
  const { server, browser } = shared;
  const person = await browser.person();
  const page = await person.open(`${server.url}/ui/`);
  await seen(page.getByLabel("API key"));
  await tabTo(page, page.getByLabel("API key"));
  await page.keyboard.type(server.adminKey);
  await press(page, "Enter");
  await arrived(page, "Overview");
  return { person, page };
}

async function follow(page, name) {
  await tabTo(page, page.getByRole("navigation", { name: "pages" }).getByRole("link", { name }));
  assert.ok(await focusIsVisible(page), `nobody sees that the focus is on ${name}`);
  await press(page, "Enter");
}

test("log in, skip the navigation, and go through the pages", async () => {
  const { person, page } = await logIn();
  await follow(page, "Actions");
  await arrived(page, "Actions");
  await page.reload();
  await arrived(page, "Actions");
  await press(page, "Tab");
  await until(() => page.evaluate(() => document.activeElement?.textContent), "skip to the content");
  assert.ok(await focusIsVisible(page));
  await press(page, "Enter");
  await until(() => page.evaluate(() => document.activeElement?.localName), "main");
  await person.leave();
});

test("each stop of the tab key can be seen", async () => {
  const { server } = shared;
  await server.propose("process_refund", { customer_id: "c-stop", amount: 45 });
  const { person, page } = await logIn();
  for (const path of ["", "actions", "approvals", "policies", "audit"]) {
    await page.goto(`${server.url}/ui/${path}`);
    await seen(page.getByText("● live"));
    await page.waitForTimeout(300);
    for (let stop = 0; stop < 25; stop += 1) {
      await press(page, "Tab");
      const at = await page.evaluate(() => {
        const { activeElement } = document;
        return activeElement === document.body ? undefined : activeElement.outerHTML.slice(0, 160);
      });
      if (at === undefined) break;
      assert.ok(await focusIsVisible(page), `/ui/${path}: the focus cannot be seen on ${at}`);
    }
  }
  await person.leave();
});

test("go through the queue, comment, approve and reject", async () => {
  const { server } = shared;
  const made = [];
  for (const amount of [301, 302, 303]) {
    made.push(await server.propose("process_refund", { customer_id: `c-${amount}`, amount }));
  }
  const { person, page } = await logIn();
  await follow(page, /^Approvals/);
  await arrived(page, "Approvals");
  const item = (amount) => page.getByRole("article").filter({ hasText: `c-${amount}"` });
  await seen(item(303));
  await page.waitForTimeout(500);
  const current = () => page.getByRole("article").and(page.locator("[aria-current=true]")).innerText();
  await until(current, /c-301/);
  await press(page, "j");
  await until(current, /c-302/);
  // Keys that follow each other before the page is drawn go where they say, one after the other.
  const burst = (keys) =>
    page.evaluate((keys) => {
      for (const key of keys) document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    }, keys);
  await burst(["j", "k", "k", "j", "j"]);
  await until(current, /c-303/);
  await burst(["k", "x"]);
  await until(() => item(302).getByRole("checkbox").isChecked(), true);
  assert.ok(!(await item(303).getByRole("checkbox").isChecked()), "a key went to what was selected before");
  await until(current, /c-302/);
  await press(page, "x");
  await until(() => item(302).getByRole("checkbox").isChecked(), false);
  await press(page, "c");
  await until(() => item(302).getByLabel("comment").evaluate((field) => field === document.activeElement), true);
  // Letters in the field are a comment, and no answer.
  await page.keyboard.type("ask a jar");
  await press(page, "Escape");
  await until(() => item(302).evaluate((article) => article === document.activeElement), true);
  await press(page, "a");
  await gone(item(302));
  const approved = await server.done("GET", `/v1/actions/${made[1].id}`);
  assert.deepEqual([approved.status, approved.approvals[0].reason], ["approved", "ask a jar"]);
  await until(current, /c-303/);
  await page.waitForTimeout(500);
  await press(page, "r");
  await gone(item(303));
  assert.equal((await server.done("GET", `/v1/actions/${made[2].id}`)).status, "denied");
  assert.equal((await server.done("GET", `/v1/actions/${made[0].id}`)).status, "pending_approval");
  // The same with Tab and Enter, for who has turned the single keys off.
  await press(page, "?");
  const help = page.getByRole("dialog", { name: "Keyboard" });
  await seen(help);
  await tabTo(page, help.getByRole("checkbox"));
  await press(page, "Space", "Escape");
  await gone(help);
  await press(page, "a");
  await page.waitForTimeout(300);
  await seen(item(301));
  await tabTo(page, item(301).getByRole("button", { name: "approve" }));
  assert.ok(await focusIsVisible(page));
  await press(page, "Enter");
  await gone(item(301));
  await person.leave();
});

test("open and close an action, and stay where one was", async () => {
  const { server } = shared;
  for (const amount of [11, 12, 13]) await server.propose("process_refund", { customer_id: `c-${amount}`, amount });
  const { person, page } = await logIn();
  await follow(page, "Actions");
  await arrived(page, "Actions");
  const row = (amount) => page.getByRole("row").filter({ hasText: `amount=${amount} ` });
  await seen(row(11));
  const drawer = page.getByRole("complementary", { name: "the opened action" });
  await tabTo(page, page.getByRole("table", { name: "actions" }).getByRole("link"));
  await press(page, "j", "Enter");
  await seen(drawer);
  await until(() => drawer.innerText(), /c-12/);
  await until(() => page.evaluate(() => document.activeElement?.textContent ?? ""), /^Action/);
  await press(page, "Escape");
  await gone(drawer);
  await until(() => row(12).getByRole("link").evaluate((link) => link === document.activeElement), true);
  await press(page, "ArrowDown", "Enter");
  await until(() => drawer.innerText(), /c-11/);
  await tabTo(page, drawer.getByRole("button", { name: "close" }));
  await press(page, "Enter");
  await gone(drawer);
  await press(page, "/");
  await until(() => page.evaluate(() => document.activeElement?.type), "search");
  await page.keyboard.type("c-13");
  await gone(row(12));
  await seen(row(13));
  await person.leave();
});

test("edit a policy, save it, and leave the editor with Tab", async () => {
  const { server } = shared;
  const { person, page } = await logIn();
  await follow(page, "Policies");
  await arrived(page, "Policies");
  await tabTo(page, page.getByRole("link", { name: NAME }).first());
  await press(page, "Enter");
  await seen(field(page));
  await tabTo(page, field(page));
  await press(page, "Control+End");
  await page.keyboard.type("# by keyboard");
  await until(() => verdict(page).innerText(), /^✓/);
  await press(page, "Tab");
  assert.ok(!(await field(page).evaluate((element) => element.getRootNode().activeElement === element)), "Tab does not leave the editor");
  assert.ok(await focusIsVisible(page));
  await tabTo(page, field(page), { back: true });
  await press(page, "Control+s");
  await seen(page.getByText("saved; it is in force"));
  assert.match(server.readPolicy(NAME), /# by keyboard$/);
  // To indent with Tab, press Escape first to leave the field again.
  await press(page, "Escape", "Tab");
  assert.ok(!(await field(page).evaluate((element) => element.getRootNode().activeElement === element)));
  await person.leave();
});
