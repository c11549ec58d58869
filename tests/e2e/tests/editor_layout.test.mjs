// The effect of an edit, at the sizes of screens that people have: it stays in view, only changes are listed, and no
// button is cut off.
import assert from "node:assert/strict";
import { test } from "node:test";
import { field, recorded, samples, save, verdict, write } from "../lib/editor.mjs";
import { fixture } from "../lib/fixture.mjs";
import { policy } from "../lib/places.mjs";
import { arrived, gone, inView, seen, until } from "../lib/see.mjs";
import { seed } from "../lib/seed.mjs";

const NAME = "support-agent.yaml";
const GOOD = policy(NAME);
const STRICT = GOOD.replace("amount_lte: 150\n", "amount_lte: 40\n");
const shared = fixture({
  policies: { [NAME]: GOOD, "support-agent.test.yaml": policy("support-agent.test.yaml") },
  begin: ({ server }) => seed(server, 60),
});

async function at(width, height, path, options = {}) {
  const { server, browser } = shared;
  const person = await (await browser.person({ viewport: { width, height }, ...options })).logIn(server);
  const page = await person.open(`${server.url}/ui${path}`);
  return { person, page };
}

test("the effect of an edit and a sample that fails stay in view at every width", async () => {
  for (const [width, height] of [[1440, 760], [1024, 768], [375, 812]]) {
    const { person, page } = await at(width, height, `/policies/${NAME}`);
    await arrived(page, new RegExp(NAME));
    await seen(field(page));
    await write(page, STRICT);
    const effect = page.getByLabel("effect", { exact: true });
    await until(() => effect.innerText(), /\d+ of \d+ recorded outcomes change: .*Allowed → /i);
    await until(() => effect.innerText(), /\d+ samples? failing?/i);
    assert.ok(await inView(page, effect), `${width} x ${height}`);
    await page.getByRole("button", { name: "undo all changes" }).click();
    await person.leave();
  }
});

test("only what changes is listed, and every button of the tables can be seen", async () => {
  const { person, page } = await at(1440, 900, `/policies/${NAME}`);
  await arrived(page, new RegExp(NAME));
  await seen(field(page));
  const fold = recorded(page).getByRole("button", { name: /^Show \d+ unchanged actions?$/i });
  await seen(fold);
  assert.equal(await recorded(page).getByRole("button", { name: "Keep as sample" }).count(), 0);
  await write(page, STRICT);
  const keep = recorded(page).getByRole("button", { name: "Keep as sample" });
  await until(() => keep.count(), (count) => count > 0);
  for (const button of [keep.first(), samples(page).getByRole("button", { name: /^remove sample/i }).first()]) {
    await button.scrollIntoViewIfNeeded();
    assert.ok(await inView(page, button), await button.innerText());
  }
  await page.getByRole("button", { name: "undo all changes" }).click();
  await person.leave();
});

test("the question before saving has the text, the effect and the samples that fail", async () => {
  const { person, page } = await at(1440, 900, `/policies/${NAME}`);
  await arrived(page, new RegExp(NAME));
  await seen(field(page));
  await write(page, STRICT);
  await until(() => verdict(page).innerText(), /^✓/);
  await save(page).click();
  const dialog = page.getByRole("dialog", { name: "Save this change?" });
  await seen(dialog);
  const text = await dialog.innerText();
  for (const part of [/samples? not as expected/, /\d+ of \d+ recorded actions? changes?/, /amount [\d,.]+: Allowed → /]) {
    assert.match(text, part);
  }
  // One line of the text is one line of the table, whatever its number.
  const heights = await dialog.locator(".diff td.number").evaluateAll((cells) => cells.map((cell) => cell.getClientRects()[0].height));
  const line = await dialog.locator(".diff td.sign").first().evaluate((cell) => parseFloat(getComputedStyle(cell).lineHeight));
  assert.ok(heights.length > 4 && heights.every((height) => height < 1.6 * line), heights.join(", "));
  await dialog.getByRole("button", { name: "Keep editing" }).click();
  await gone(dialog);
  await page.getByRole("button", { name: "undo all changes" }).click();
  await person.leave();
});

test("a new sample is ready to be written in, and right about nothing until then", async () => {
  const { person, page } = await at(1440, 900, `/policies/${NAME}`);
  await arrived(page, new RegExp(NAME));
  await seen(field(page));
  const status = samples(page).getByRole("status");
  const before = await until(() => status.innerText(), /^✓ \d+ samples as expected$/i);
  await samples(page).getByRole("button", { name: "add a sample" }).click();
  await until(() => page.evaluate(() => document.activeElement?.getAttribute("aria-label")), /^name of sample/);
  await until(() => status.innerText(), (text) => text !== before && /1 to fill in$/.test(text));
  assert.match(await samples(page).getByRole("row").nth(1).innerText(), /Fill in a tool and an agent/);
  await page.getByRole("button", { name: "undo all changes" }).click();
  await person.leave();
});
