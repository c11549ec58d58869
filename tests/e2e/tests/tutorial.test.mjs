// Minutes 7 to 9 of docs/TUTORIAL.md, by hand and eye: watch, approve, and write a policy that would break something.
//
// The texts come from the tutorial itself, so that it cannot say one thing and the dashboard another.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { field, findings, headline, recorded, save, samples, verdict, write } from "../lib/editor.mjs";
import { fixture } from "../lib/fixture.mjs";
import { repository } from "../lib/places.mjs";
import { arrived, gone, seen, until } from "../lib/see.mjs";

const NAME = "support-agent.yaml";
const TUTORIAL = readFileSync(join(repository, "docs/TUTORIAL.md"), "utf8");
const blocks = (file) => [...TUTORIAL.matchAll(new RegExp(`\`\`\`yaml file=policies/${file}\\n([^]*?)\`\`\``, "g"))].map(([, text]) => text);
const [GOOD, GAP, BROKEN] = blocks(NAME);
const [SAMPLES] = blocks("support-agent.test.yaml");

const shared = fixture({ policies: { [NAME]: GOOD, "support-agent.test.yaml": SAMPLES } });

const refund = (amount) => shared.server.propose("process_refund", { customer_id: "c-1042", amount });
const row = (page, amount) => page.getByRole("table", { name: "actions" }).getByRole("row").filter({ hasText: `amount=${amount} ` });
const words = async (locator) => (await locator.innerText()).replace(/\s+/g, " ");

test("minutes 7 to 9", async (minute) => {
  const { server, browser } = shared;
  const person = await browser.person();
  // The session belongs to the address of the link.
  const { origin } = new URL(server.link);
  const actions = await person.open(server.link);
  await arrived(actions, "Overview");
  await actions.getByRole("link", { name: "Actions", exact: true }).click();
  await arrived(actions, "Actions");
  await seen(actions.getByText("No actions yet"));
  const approvals = await person.open(`${origin}/ui/approvals`);
  await arrived(approvals, "Approvals");
  await seen(approvals.getByText("Nothing waits for an approval"));
  let held;

  await minute.test("7: a refund of 45 runs, and appears by itself", async () => {
    const permitted = await refund(45);
    assert.equal(permitted.outcome, "EXECUTE");
    await until(() => words(row(actions, 45)), /Allowed.*support-agent-prod.*process_refund.*small-refunds.*low 0/i);
    await server.carryOut(permitted);
    await until(() => words(row(actions, 45)), /succeeded/i);
    await gone(actions.getByText("No actions yet"));
  });

  await minute.test("7: a refund of 340 is held, and waits in the queue with all that one needs to decide", async () => {
    held = await refund(340);
    assert.equal(held.outcome, "ABSTAIN");
    await until(() => words(row(actions, 340)), /Needs approval.*waiting.*mid-refunds/i);
    const item = approvals.getByRole("article", { name: /process_refund/i });
    await seen(item);
    const text = await words(item);
    for (const part of [/"amount": 340/, /"customer_id": "c-1042"/, /mid-refunds support-agent\.yaml:13/, /low 0/, /support-agent-prod/, /Mid-range refunds require manager review/, /left/, /0 of 1 approval/]) {
      assert.match(text, part);
    }
    await until(() => approvals.title(), /1/);
    await until(() => actions.title(), /1/);
  });

  await minute.test("7: it is approved with a comment, and the agent that waited goes on", async () => {
    const waiting = server.api("GET", `/v1/actions/${held.id}?wait_ms=10000`);
    const item = approvals.getByRole("article", { name: /process_refund/i });
    await item.getByLabel("comment").fill("known customer");
    await item.getByRole("button", { name: "approve" }).click();
    await gone(item);
    await seen(approvals.getByText("Nothing waits for an approval"));
    assert.equal((await waiting).status, 200);
    const approved = await server.done("GET", `/v1/actions/${held.id}`);
    assert.equal(approved.status, "approved");
    assert.equal(approved.reason_code, "approval_granted");
    assert.match(approved.reason, /known customer/);
    await server.carryOut(held);
    await until(() => words(row(actions, 340)), /Allowed.*succeeded/i);
    await until(() => approvals.title(), (title) => !/\d/.test(title));
  });

  await minute.test("7: a refund of 5000 is denied", async () => {
    assert.equal((await refund(5000)).outcome, "HALT");
    await until(() => words(row(actions, 5000)), /Denied.*Denied by a rule.*large-refunds.*high 70/i);
  });

  await minute.test("8: what was recorded, in full", async () => {
    // Chromium lets a tab behind another one wait.
    await actions.bringToFront();
    await row(actions, 340).getByRole("link").first().click();
    const drawer = actions.getByRole("complementary", { name: "the opened action" });
    await seen(drawer.getByText("✓ all 4 records were hashed here and match their hashes"));
    const text = await words(drawer);
    for (const part of [/known customer/, /mid-refunds/, /Approved/, /Succeeded/, /admin/, new RegExp(held.request_hash.slice(0, 8))]) {
      assert.match(text, part);
    }
    await seen(drawer.getByRole("region", { name: "explanation" }).getByText("mid-refunds").first());
    await drawer.getByRole("button", { name: /replay/i }).click();
    await seen(drawer.getByText(/✓ the same decision.*byte for byte/i));
    await drawer.getByRole("button", { name: "close" }).click();
    await gone(drawer);
    // New actions wait while a person is at a row, and the person returns to that row.
    await until(() => row(actions, 340).getByRole("link").evaluate((link) => link === document.activeElement), true);
    await actions.keyboard.press("Escape");
  });

  const editor = await person.open(`${origin}/ui/policies/${NAME}`);
  await arrived(editor, new RegExp(NAME));

  await minute.test("9: before it is saved, the policy that forgets small refunds shows what it breaks", async () => {
    await editor.bringToFront();
    await seen(field(editor));
    await write(editor, GAP);
    await until(() => verdict(editor).innerText(), /valid, with 1 warning/i);
    const finding = await words(findings(editor).first());
    assert.match(finding, /warning.*numeric_gap/);
    assert.match(finding, /no rule speaks of `process_refund` with `amount` up to 50/);
    assert.match(finding, /such a call is denied by default; add a rule for it, or one that says why not/);
    await until(() => words(headline(editor)), /^2 of 3 recorded actions change: .*Allowed → Denied/i);
    await until(() => words(samples(editor).getByRole("status")), /4 of 5 samples not as expected/i);
    const first = recorded(editor).getByRole("table").last().getByRole("row").nth(1);
    assert.match(await words(first), /Needs approval.*Denied.*no-refunds-over-50|Allowed.*Denied.*No rule allows it/, "changes are not on top");
    assert.equal(server.readPolicy(NAME), GOOD);
  });

  await minute.test("9: saving asks once, with the list, and then it is in force", async () => {
    await save(editor).click();
    const dialog = editor.getByRole("dialog", { name: "Save this change?" });
    await seen(dialog);
    assert.equal(await dialog.getByRole("list", { name: "changes" }).getByRole("listitem").count(), 2);
    await dialog.getByRole("button", { name: "keep editing" }).click();
    await gone(dialog);
    assert.equal(server.readPolicy(NAME), GOOD);
    await save(editor).click();
    await dialog.getByRole("button", { name: "save and activate" }).click();
    await seen(editor.getByText("saved; it is in force"));
    assert.equal(server.readPolicy(NAME), GAP);

    const denied = await refund(45);
    assert.equal(denied.outcome, "HALT");
    assert.equal(denied.reason_code, "default_deny");
    await until(() => words(row(actions, 45).first()), /Denied.*No rule allows it/i);
  });

  await minute.test("9: a file that cannot be read never comes into force", async () => {
    await write(editor, BROKEN);
    await until(() => findings(editor).allInnerTexts(), (texts) => texts.some((text) => text.includes("unknown key `denny` in a rule")));
    assert.match((await findings(editor).allInnerTexts()).join(" "), /did you mean `deny`\?/);
    assert.ok(await save(editor).isDisabled());
  });

  await minute.test("9: mended, the refund of 45 works again", async () => {
    await write(editor, GOOD);
    await until(() => verdict(editor).innerText(), /^✓ no findings/i);
    await until(() => words(headline(editor)), /Denied → Allowed/i);
    await save(editor).click();
    await editor.getByRole("button", { name: "save and activate" }).click();
    await seen(editor.getByText("no changes"));
    assert.equal(server.readPolicy(NAME), GOOD);
    const again = await refund(45);
    assert.equal(again.outcome, "EXECUTE");
    await until(() => words(row(actions, 45).first()), /Allowed/i);
  });
  await person.leave();
});
