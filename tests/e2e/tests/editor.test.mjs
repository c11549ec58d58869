// The policy editor: findings in the words of the command line, and two people who save the same file.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { field, findings, headline, recorded, samples, save, verdict, write } from "../lib/editor.mjs";
import { fixture } from "../lib/fixture.mjs";
import { policy } from "../lib/places.mjs";
import { arrived, gone, seen, until } from "../lib/see.mjs";
import { seed } from "../lib/seed.mjs";

const NAME = "support-agent.yaml";
const GOOD = policy(NAME);
const shared = fixture({
  policies: { [NAME]: GOOD, "support-agent.test.yaml": policy("support-agent.test.yaml") },
  begin: ({ server }) => seed(server, 60),
});

async function edit(person) {
  const page = await person.open(`${shared.server.url}/ui/policies/${NAME}`);
  await arrived(page, new RegExp(NAME));
  await seen(field(page));
  return page;
}

/** The command line's findings for a text: code, message and help of each. */
function checked(text) {
  const file = join(shared.server.folder, NAME);
  writeFileSync(file, text);
  const { stdout } = shared.server.command("policy", "check", NAME, "--output", "json");
  return JSON.parse(stdout);
}

const INVALID = {
  "an unknown key": GOOD.replace("    deny: true", "    denny: true"),
  "a text that is no YAML": `${GOOD}\n  - [`,
  "two rules of one name": GOOD.replace("id: mid-refunds", "id: small-refunds"),
  "a value of the wrong type": GOOD.replace("amount_lte: 150", "amount_lte: a lot"),
  "nothing at all": "",
};

for (const [what, text] of Object.entries(INVALID)) {
  test(`${what} cannot be saved, and the words are those of \`faramesh policy check\``, async () => {
    const { server, browser } = shared;
    const expected = checked(text);
    assert.ok(expected.some(({ severity }) => severity === "error"), JSON.stringify(expected));
    const person = await (await browser.person()).logIn(server);
    const page = await edit(person);
    await write(page, text);
    await until(() => verdict(page).innerText(), /^✕/);
    await until(() => findings(page).count(), expected.length);
    const shown = await findings(page).allInnerTexts();
    for (const [index, { code, message, help, line, column }] of expected.entries()) {
      for (const part of [code, message, help ?? "", `${NAME}:${line}:${column}`]) {
        assert.ok(shown[index].includes(part), `\`${part}\` is not in\n${shown[index]}`);
      }
    }
    assert.ok(await save(page).isDisabled());
    await seen(page.getByText("a policy with errors cannot be saved"));
    await field(page).click();
    await page.keyboard.press("Control+s");
    await seen(page.getByText("not saved: a policy with errors cannot be saved"));
    assert.equal(server.readPolicy(NAME), GOOD);
    await person.leave();
  });
}

test("a finding leads to its place, and F8 to the next one", async () => {
  const { server, browser } = shared;
  const person = await (await browser.person()).logIn(server);
  const page = await edit(person);
  await write(page, INVALID["an unknown key"]);
  await page.getByRole("button", { name: new RegExp(`^${NAME}:\\d+:\\d+$`) }).first().click();
  // The newly typed text is now at the position of the finding.
  for (const key of ["ArrowRight", "ArrowRight", "ArrowRight", "Delete"]) await page.keyboard.press(key);
  await until(() => verdict(page).innerText(), /^✓/);
  await page.keyboard.press("Control+z");
  await until(() => verdict(page).innerText(), /^✕/);
  // The same by keyboard alone, from the top.
  await page.keyboard.press("Control+Home");
  await page.keyboard.press("F8");
  for (const key of ["ArrowLeft", "ArrowRight", "ArrowRight", "ArrowRight", "Delete"]) await page.keyboard.press(key);
  await until(() => verdict(page).innerText(), /^✓/);
  await person.leave();
});

test("samples show at each key whether they get what is expected, and are kept with the policy", async () => {
  const { server, browser } = shared;
  const person = await (await browser.person()).logIn(server);
  const page = await edit(person);
  const status = samples(page).getByRole("status");
  await until(() => status.innerText(), /✓ \d+ samples as expected/i);
  await write(page, GOOD.replace("amount_lte: 150\n", "amount_lte: 40\n"));
  await until(() => status.innerText(), /✕ \d+ of \d+ samples not as expected/i);
  await page.getByRole("button", { name: "undo all changes" }).click();
  await until(() => status.innerText(), /✓/);

  await samples(page).getByRole("button", { name: "add a sample" }).click();
  const row = samples(page).getByRole("row").nth(1);
  await row.getByLabel(/^name of/).fill("a refund of 151 is held");
  await row.getByLabel(/^agent of/).fill("support-agent-prod");
  await row.getByLabel(/^tool of/).fill("process_refund");
  await row.getByLabel(/^arguments of/).fill('{ customer_id: c-1, amount: 151 }');
  await row.getByLabel(/^expected outcome/).selectOption("ABSTAIN");
  await until(() => status.innerText(), /✓/);
  await save(page).click();
  await seen(page.getByText("saved; it is in force"));
  assert.match(server.readPolicy("support-agent.test.yaml"), /a refund of 151 is held/);
  assert.equal(server.readPolicy(NAME), GOOD, "the policy was written as well");
  const { stdout, status: code } = server.command("policy", "test", "policies");
  assert.equal(code, 0, stdout);
  await person.leave();
});

test("which rule decided is lit up, and rules that nothing reaches are marked", async () => {
  const { server, browser } = shared;
  const person = await (await browser.person()).logIn(server);
  const page = await edit(person);
  await write(page, `${GOOD.replace("\nrisk:", "\n  - id: never-used\n    match: { tool: no_such_tool }\n    deny: true\n\nrisk:")}`);
  await until(() => headline(page).innerText(), /none of \d+ recorded actions change/i);
  await seen(page.getByTitle("rule never-used: reached by no sample and by no recorded action"));
  assert.equal(await page.getByTitle("rule small-refunds: reached by samples and by recorded actions").count(), 1);
  await recorded(page).getByRole("button", { name: /^show \d+ unchanged/i }).click();
  await recorded(page).getByRole("button", { name: "small-refunds" }).first().click();
  // The description of the row names the rule under both texts.
  await until(() => recorded(page).getByText(/rule small-refunds in support-agent\.yaml, line \d+/i).count(), 2);
  await person.leave();
});

test("what is not saved is there again after a look at another page", async () => {
  const { server, browser } = shared;
  const person = await (await browser.person()).logIn(server);
  const page = await edit(person);
  const mine = `${GOOD}# mine\n`;
  await write(page, mine);
  await until(() => save(page).isEnabled(), true);
  await page.getByRole("link", { name: "Actions" }).click();
  await arrived(page, /Actions/);
  await page.goBack();
  await arrived(page, new RegExp(NAME));
  await seen(page.getByText("your unsaved changes are back"));
  assert.ok(await save(page).isEnabled());
  assert.equal(server.readPolicy(NAME), GOOD, "nothing was saved by leaving");
  await page.getByRole("button", { name: "undo all changes" }).click();
  await until(() => save(page).isDisabled(), true);
  await person.leave();
});

test("who comes late sees both versions, and nobody's work is lost", async () => {
  const { server, browser } = shared;
  const people = await Promise.all([browser.person(), browser.person()]);
  for (const person of people) await person.logIn(server);
  const [first, second] = await Promise.all(people.map(edit));
  const mine = GOOD.replace("description: What the support agent may do", "description: second");
  // The second one writes, then the first one saves something else.
  await write(second, mine);
  await until(() => verdict(second).innerText(), /✓/);
  await write(first, GOOD.replace("description: What the support agent may do", "description: first"));
  await save(first).click();
  await seen(first.getByText("saved; it is in force"));

  await seen(second.getByText("Someone else changed this file since you began."));
  assert.ok(await save(second).isDisabled());
  await second.getByRole("button", { name: "compare" }).click();
  const dialog = second.getByRole("dialog", { name: "Two versions of this file" });
  await seen(dialog);
  const diff = await dialog.innerText();
  assert.match(diff, /description: first/);
  assert.match(diff, /description: second/);
  await dialog.getByRole("button", { name: "keep mine" }).click();
  await gone(dialog);
  assert.match(server.readPolicy(NAME), /description: first/, "keeping one's own text is not saving it");
  await save(second).click();
  await seen(second.getByText("saved; it is in force"));
  assert.equal(server.readPolicy(NAME), mine);
  // The first one has no unsaved changes, and sees the new text automatically.
  await until(() => field(first).innerText(), /description: second/);

  // The other way: theirs is taken.
  await write(first, mine.replace("second", "third"));
  server.writePolicy(NAME, GOOD);
  await seen(first.getByText("Someone else changed this file since you began."));
  await first.getByRole("button", { name: "compare" }).click();
  await first.getByRole("button", { name: "take theirs" }).click();
  await until(() => field(first).innerText(), /What the support agent may do/);
  await seen(first.getByText("no changes"));
  for (const person of people) await person.leave();
});

test("a save that comes too late is told at the moment of saving", async () => {
  const { server, browser } = shared;
  const person = await (await browser.person()).logIn(server);
  const page = await edit(person);
  const mine = `${GOOD}\n# mine\n`;
  await write(page, mine);
  await until(() => verdict(page).innerText(), /✓/);
  const held = [];
  await page.route(`**/v1/policies/${NAME}`, (route) => held.push(route));
  await save(page).click();
  await until(() => held.length, 1);
  const theirs = `${GOOD}\n# theirs\n`;
  const etag = (await server.done("GET", "/v1/policies", undefined, { key: server.adminKey })).files.find(
    ({ name }) => name === NAME,
  ).hash;
  await server.done("PUT", `/v1/policies/${NAME}`, theirs, {
    key: server.adminKey,
    headers: { "if-match": `"${etag}"` },
  });
  await held[0].continue();
  const dialog = page.getByRole("dialog", { name: "Two versions of this file" });
  await seen(dialog);
  const text = await dialog.innerText();
  assert.match(text, /# theirs/);
  assert.match(text, /# mine/);
  assert.equal(server.readPolicy(NAME), theirs, "their version was overwritten");
  await dialog.getByRole("button", { name: "decide later" }).click();
  await person.leave();
});

test("edits of different lines are merged, and the other person is named", async () => {
  const { server, browser } = shared;
  const base = server.readPolicy(NAME);
  const people = await Promise.all([browser.person(), browser.person()]);
  for (const person of people) await person.logIn(server);
  const [first, second] = await Promise.all(people.map(edit));
  await write(second, `${base}# mine\n`);
  await until(() => verdict(second).innerText(), /✓/);
  await write(first, base.replace("description: What the support agent may do", "description: theirs"));
  await save(first).click();
  await seen(first.getByText("saved; it is in force"));

  await second.getByRole("button", { name: "compare" }).click();
  const dialog = second.getByRole("dialog", { name: "Two versions of this file" });
  await seen(dialog.getByText(/admin changed this file at/i));
  await dialog.getByRole("button", { name: "Merge both" }).click();
  await gone(dialog);
  await save(second).click();
  await seen(second.getByText("saved; it is in force"));
  const merged = server.readPolicy(NAME);
  assert.match(merged, /description: theirs/);
  assert.match(merged, /# mine\n$/);
  for (const person of people) await person.leave();
});
