// The playground from plain files: no server, nothing sent anywhere, and links that carry a policy and its samples.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Browser } from "../lib/browser.mjs";
import { field, findings, samples, verdict, write } from "../lib/editor.mjs";
import { policy } from "../lib/places.mjs";
import { heading, seen, until } from "../lib/see.mjs";
import { serveFiles } from "../lib/static.mjs";

let browser;
let files;
before(async () => {
  [browser, files] = await Promise.all([Browser.launch(), serveFiles()]);
});
after(async () => {
  await browser?.close();
  await files?.stop();
});

const TEXT = `name: shared
rules:
  - id: greetings
    match:
      tool: greet
      times_lte: 3
    allow: true
    description: "\u202e right to left, 🎉, <b>bold</b>, & \\"quotes\\""
`;

test("it opens from plain files with a sample policy, and asks nobody anything", async () => {
  const person = await browser.person();
  const elsewhere = [];
  person.context.on("request", (request) => {
    if (!request.url().startsWith(`${files.url}/ui/`)) elsewhere.push(request.url());
  });
  const page = await person.open(`${files.url}/ui/playground`);
  await seen(heading(page, "support-agent.yaml"));
  await until(() => verdict(page).innerText(), "✓ No findings");
  await until(() => samples(page).getByRole("status").innerText(), /✓ \d+ samples as expected/i);
  await write(page, policy("support-agent.yaml").replace("deny: true", "denny: true"));
  await until(() => findings(page).first().innerText(), /unknown key `denny`/i);
  await until(() => verdict(page).innerText(), /^✕/);
  await write(page, policy("support-agent.yaml").replace("amount_lte: 150\n", "amount_lte: 10\n"));
  await until(() => samples(page).getByRole("status").innerText(), /✕ \d+ of \d+ samples not as expected/i);
  assert.deepEqual(elsewhere, []);
  assert.deepEqual(files.asked.filter((asked) => !asked.startsWith("GET /ui/")), []);
  await person.leave();
});

test("a shared link shows another person the same text and samples, and the server never sees them", async () => {
  const person = await browser.person();
  const page = await person.open(`${files.url}/ui/playground/`);
  await seen(field(page));
  await write(page, TEXT);
  await until(() => verdict(page).innerText(), /^✓/);
  await samples(page).getByRole("button", { name: "add a sample" }).click();
  const row = samples(page).getByRole("row").nth(1);
  await row.getByLabel(/^name of/).fill("three times is fine 🎉");
  await row.getByLabel(/^agent of/).fill("polite");
  await row.getByLabel(/^tool of/).fill("greet");
  await row.getByLabel(/^arguments of/).fill("{ times: 3 }");
  await row.getByLabel(/^expected outcome/).selectOption("EXECUTE");
  await until(() => row.innerText(), /✓ *\n?.*Allowed/i);
  const status = await samples(page).getByRole("status").innerText();
  await page.getByRole("button", { name: "share" }).click();
  await seen(page.getByText(/a link to the playground was copied/i));
  const link = await page.evaluate(() => navigator.clipboard.readText());
  assert.ok(link.startsWith(`${files.url}/ui/playground`), link);
  assert.ok(link.includes("#"), link);

  const asked = files.asked.length;
  const other = await browser.person();
  const there = await other.open(link);
  await seen(field(there));
  await until(() => field(there).innerText(), /greetings/);
  const copied = async (page) => {
    await field(page).click();
    await page.keyboard.press("Control+a");
    await page.keyboard.press("Control+c");
    return page.evaluate(() => navigator.clipboard.readText());
  };
  assert.equal(await copied(there), TEXT);
  await until(() => samples(there).getByRole("status").innerText(), status);
  const last = samples(there).getByRole("row").nth(1);
  assert.equal(await last.getByLabel(/^name of/).inputValue(), "three times is fine 🎉");
  assert.equal(await last.getByLabel(/^arguments of/).inputValue().then((text) => text.replaceAll(/["{} ]/g, "")), "times:3");
  assert.ok(files.asked.slice(asked).every((path) => !path.includes("v1.") && path.length < 100));
  await other.leave();
  await person.leave();
});

for (const [what, fragment, words] of [
  ["of another version", "v9.abc", /another version of the playground/],
  ["cut short", "v1.q1bKS8xNVbJSKi4tSE0", /this link is broken/],
  ["of something else", "main", /another version of the playground/],
]) {
  test(`a link ${what} is said to be one, and the sample policy is there`, async () => {
    const person = await browser.person();
    const page = await person.open(`${files.url}/ui/playground/#${fragment}`);
    await until(() => page.getByRole("alert").innerText(), words);
    await until(() => field(page).innerText(), /small-refunds/);
    await person.leave();
  });
}
