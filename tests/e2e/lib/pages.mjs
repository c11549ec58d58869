// Every page of the dashboard with something on it, as the tests that look at all of them open it.
import { field } from "./editor.mjs";
import { heading, seen, until } from "./see.mjs";

/** The policies that these pages need: two in force, and one that is only tried. */
export function policies(policy) {
  return {
    "support-agent.yaml": policy("support-agent.yaml"),
    "support-agent.test.yaml": policy("support-agent.test.yaml"),
    "shell-agent.yaml": policy("shell-agent.yaml"),
    "strict.yaml": `name: strict
mode: shadow
agents: ["support-agent-*"]
rules:
  - id: small-only
    match: { tool: process_refund, amount_lte: 20 }
    allow: true
`,
  };
}

const drawer = (page) => page.getByRole("complementary", { name: "the opened action" });
const live = (page) => seen(page.getByText("● live"));

/** Each with a name, a path, and what has to be there before one looks. */
export const PAGES = [
  {
    name: "overview",
    path: "/ui/",
    ready: async (page) => {
      await seen(heading(page, "Overview"));
      await seen(page.getByRole("figure").first());
    },
  },
  {
    name: "actions",
    path: "/ui/actions",
    ready: (page) => seen(page.getByRole("table", { name: "actions" }).getByRole("link").first()),
  },
  {
    name: "action opened",
    path: "/ui/actions",
    ready: async (page) => {
      await page.getByRole("table", { name: "actions" }).getByRole("link").first().click();
      await seen(drawer(page).getByText(/hashed here/i));
      await seen(drawer(page).getByRole("region", { name: "explanation" }).getByRole("list").first());
    },
  },
  { name: "approvals", path: "/ui/approvals", ready: (page) => seen(page.getByRole("article").first()) },
  {
    name: "approvals, asking",
    dialog: true,
    path: "/ui/approvals",
    ready: async (page) => {
      await page.getByRole("button", { name: "select shown" }).click();
      await page.getByRole("button", { name: /^approve \d+ …$/i }).click();
      await seen(page.getByRole("dialog", { name: "Approve these?" }));
    },
  },
  {
    name: "policies",
    path: "/ui/policies",
    ready: async (page) => {
      await seen(page.getByRole("link", { name: "support-agent.yaml" }).first());
      await seen(page.getByRole("link", { name: "strict.yaml" }).nth(1));
    },
  },
  {
    name: "policies, new",
    dialog: true,
    path: "/ui/policies",
    ready: async (page) => {
      await page.getByRole("button", { name: "new policy" }).click();
      await seen(page.getByRole("dialog", { name: "New policy" }));
    },
  },
  {
    name: "policy editor",
    path: "/ui/policies/support-agent.yaml",
    ready: async (page) => {
      await seen(field(page));
      await seen(page.getByText(/none of \d+ recorded actions change/i));
      // The editor brings its own colours a moment after its text.
      await until(() => page.getByTitle(/reached by/).count(), (count) => count > 0);
    },
  },
  {
    name: "policy editor, changed",
    path: "/ui/policies/support-agent.yaml",
    ready: async (page) => {
      await seen(page.getByText(/none of \d+ recorded actions change/i));
      await field(page).click();
      await page.keyboard.press("Control+Home");
      await page.keyboard.type("mode: enforce\nagents_: []\n");
      await seen(page.getByText(/unknown key `agents_`/i).first());
    },
  },
  {
    name: "audit",
    path: "/ui/audit",
    ready: async (page) => {
      await page.getByRole("button", { name: "verify all" }).click();
      await seen(page.getByText(/✓ whole up to record/i).first());
    },
  },
  { name: "not found", path: "/ui/no/such/page", ready: (page) => seen(page.getByRole("heading", { level: 1 })), alone: true },
  { name: "playground", path: "/ui/playground", ready: (page) => seen(field(page)), alone: true },
];

/** Opens one of them in this tab and waits for it. */
export async function show(page, server, { path, ready, alone }) {
  await page.goto(`${server.url}${path}`);
  if (!alone) await live(page);
  await ready(page);
}
