// Every page in both themes, wide and narrow: axe-core finds nothing grave, nothing has to be scrolled sideways, and a
// picture of each is kept for people to look at.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { assertAccessible, bringAxe } from "../lib/axe.mjs";
import { fixture } from "../lib/fixture.mjs";
import { PAGES, policies, show } from "../lib/pages.mjs";
import { policy, screenshots } from "../lib/places.mjs";
import { overhang, seen } from "../lib/see.mjs";
import { seed } from "../lib/seed.mjs";

const THEMES = ["light", "dark"];
/** Widths that are judged, and heights to go with them. */
const SIZES = [
  { width: 1280, height: 900 },
  { width: 320, height: 640 },
];
const NARROW_PICTURE = { width: 390, height: 844 };
/** More of a long list shows nothing new. */
const TALLEST_PICTURE = 2_400;

const shared = fixture({ policies: policies(policy), begin: ({ server }) => seed(server, 120) });

async function picture(page, { name, dialog }, theme) {
  const { width } = page.viewportSize();
  mkdirSync(screenshots, { recursive: true });
  const file = `${name.replaceAll(/[^a-z]+/g, "-")}-${theme}-${width}.png`;
  const height = await page.evaluate(() => document.scrollingElement.scrollHeight);
  if (dialog) {
    await page.screenshot({ path: join(screenshots, file) });
    return;
  }
  const clip = { x: 0, y: 0, width, height: Math.min(height, TALLEST_PICTURE) };
  await page.screenshot({ path: join(screenshots, file), fullPage: true, clip });
}

/** Judges a page that is open and ready, in each theme and width. */
async function judge(page, one) {
  for (const { width, height } of SIZES) {
    await page.setViewportSize({ width, height });
    for (const theme of THEMES) {
      await page.emulateMedia({ colorScheme: theme });
      const where = `${one.name}, ${theme}, ${width} px`;
      await assertAccessible(page, where);
      assert.deepEqual(await overhang(page), { pixels: 0, by: [] }, `${where}: the page has to be scrolled sideways`);
      if (width === SIZES[0].width) await picture(page, one, theme);
    }
  }
  await page.setViewportSize(NARROW_PICTURE);
  for (const theme of THEMES) {
    await page.emulateMedia({ colorScheme: theme });
    await picture(page, one, theme);
  }
}

test("login", async () => {
  const person = await shared.browser.person();
  await bringAxe(person);
  const page = await person.open(`${shared.server.url}/ui/`);
  await seen(page.getByLabel("API key"));
  await judge(page, { name: "login" });
  await person.leave();
});

for (const one of PAGES) {
  test(one.name, async () => {
    const { server, browser } = shared;
    const person = await (await browser.person()).logIn(server);
    await bringAxe(person);
    const page = await person.context.newPage();
    await show(page, server, one);
    await judge(page, one);
    await person.leave();
  });
}
