// The controls that each role sees, and that hiding them is not the only protection: the server decides.
import assert from "node:assert/strict";
import { test } from "node:test";
import { field, save, samples } from "../lib/editor.mjs";
import { fixture } from "../lib/fixture.mjs";
import { policy } from "../lib/places.mjs";
import { arrived, seen, until } from "../lib/see.mjs";
import { seed } from "../lib/seed.mjs";

const NAME = "support-agent.yaml";
const shared = fixture({
  policies: { [NAME]: policy(NAME) },
  begin: ({ server }) => seed(server, 30),
});

const ROLES = {
  viewer: { approves: false, edits: false },
  approver: { approves: true, edits: false },
  editor: { approves: false, edits: true },
  admin: { approves: true, edits: true },
};

for (const [role, { approves, edits }] of Object.entries(ROLES)) {
  test(`a key with the role ${role} ${approves ? "answers" : "does not answer"} and ${edits ? "edits" : "does not edit"}`, async () => {
    const { server, browser } = shared;
    const held = await server.propose("process_refund", { customer_id: `c-held-${role}`, amount: 340 });
    const { key } = await server.makeKey(role, { name: `the-${role}` });
    const person = await (await browser.person()).logIn(server, key);
    const page = await person.open(`${server.url}/ui/`);
    await arrived(page, "Overview");
    await seen(page.getByText(`the-${role} (${role})`));
    const go = async (name) => {
      await page.getByRole("navigation", { name: "pages" }).getByRole("link", { name: new RegExp(`^${name}`) }).click();
      await arrived(page, name);
    };

    await go("Actions");
    await until(() => page.getByRole("table", { name: "actions" }).getByRole("row").count(), (count) => count > 30);

    await go("Approvals");
    const item = page.getByRole("article").filter({ hasText: `c-held-${role}"` });
    await seen(item);
    const answers = item.getByRole("button", { name: /^(approve|reject)$/i });
    await until(() => answers.count(), approves ? 2 : 0);
    assert.equal(await page.getByRole("checkbox").count() > 0, approves);
    assert.equal(await page.getByText("You see the queue and cannot answer").count(), approves ? 0 : 1);

    await go("Policies");
    const file = page.getByRole("link", { name: NAME }).first();
    await seen(file);
    assert.equal(await page.getByRole("button", { name: "new policy" }).count(), edits ? 1 : 0);
    assert.equal(await page.getByRole("button", { name: `delete ${NAME}` }).count(), edits ? 1 : 0);

    await file.click();
    await arrived(page, new RegExp(NAME));
    await seen(field(page));
    await field(page).click();
    await page.keyboard.press("Control+End");
    await page.keyboard.type("# more");
    await until(async () => (await field(page).innerText()).includes("# more"), edits);
    assert.equal(await save(page).isEnabled(), edits);
    await until(() => samples(page).getByRole("button", { name: "add a sample" }).isEnabled(), edits);
    if (!edits) await seen(page.getByText("your key can read policies but not change them"));
    page.once("dialog", (dialog) => dialog.accept());
    if (edits) await page.getByRole("button", { name: "undo all changes" }).click();

    await go("Audit");
    await seen(page.getByRole("button", { name: "verify all" }));

    // A page that offers more than it should gains nothing: the same requests are refused.
    const asked = await page.evaluate(async ([id, name]) => {
      const session = await (await fetch("/v1/session")).json();
      const send = async (method, path, body) => {
        const headers = { "content-type": "application/json", "x-csrf-token": session.csrf_token, "if-none-match": "*" };
        return (await fetch(path, { method, headers, body })).status;
      };
      return {
        approve: await send("POST", `/v1/actions/${id}/approval`, JSON.stringify({ approve: true })),
        save: await send("PUT", `/v1/policies/${name}`, "rules: ["),
        keys: await send("POST", "/v1/keys", JSON.stringify({ name: "more", role: "agent" })),
        without: (await fetch("/v1/keys", { method: "POST", body: "{}" })).status,
      };
    }, [held.id, NAME]);
    // A permitted caller gets the fault of the request; another caller gets the refusal.
    assert.equal(asked.approve === 403, !approves, JSON.stringify(asked));
    assert.equal(asked.save === 403, !edits, JSON.stringify(asked));
    assert.equal(asked.keys === 403, role !== "admin", JSON.stringify(asked));
    assert.equal(asked.without, 403, "a change without the token of the session got through");
    await person.leave();
  });
}
