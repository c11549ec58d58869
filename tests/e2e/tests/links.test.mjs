// Every link on every page leads to a page of the dashboard that exists.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fixture } from "../lib/fixture.mjs";
import { PAGES, policies, show } from "../lib/pages.mjs";
import { policy } from "../lib/places.mjs";
import { seen } from "../lib/see.mjs";
import { seed } from "../lib/seed.mjs";

const shared = fixture({ policies: policies(policy), begin: ({ server }) => seed(server, 60) });

/** Links that were followed already, so that each is followed once. */
const followed = new Set();

const hrefs = (page) => page.locator("a[href]").evaluateAll((links) => links.map((link) => [link.href, link.innerText.trim()]));

for (const one of PAGES.filter(({ name }) => name !== "not found")) {
  test(one.name, async () => {
    const { server, browser } = shared;
    const person = await (await browser.person()).logIn(server);
    const page = await person.context.newPage();
    await show(page, server, one);
    const links = await hrefs(page);
    assert.ok(links.length > 0 || one.alone, `${one.name} has no links`);
    for (const [href, text] of links) {
      const url = new URL(href);
      const where = `“${text}” on ${one.name} leads to ${url.pathname}${url.search}`;
      assert.equal(url.origin, new URL(server.url).origin, where);
      assert.match(url.pathname, /^\/ui(\/|$)/, where);
      const target = url.pathname + url.search;
      if (followed.has(target)) continue;
      followed.add(target);
      const tab = await person.context.newPage();
      const answer = await tab.goto(server.url + target);
      assert.equal(answer.status(), 200, where);
      const title = tab.getByRole("heading", { level: 1 });
      await seen(title);
      assert.doesNotMatch(await title.innerText(), /page not found/i, where);
      await tab.close();
    }
    await person.leave();
  });
}

test("a click on a link of the overview stays in the dashboard", async () => {
  const { server, browser } = shared;
  const person = await (await browser.person()).logIn(server);
  const page = await person.open(`${server.url}/ui/`);
  await page.getByRole("figure", { name: /By tool/i }).getByRole("link").first().click();
  await seen(page.getByRole("heading", { level: 1, name: "Actions" }));
  const { pathname, searchParams } = new URL(page.url());
  assert.equal(pathname, "/ui/actions");
  assert.ok(searchParams.get("tool") && searchParams.get("since"), page.url());
  await person.leave();
});
