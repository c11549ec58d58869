// The picture in the README: a held call, a person who approves it in the dashboard, and what `faramesh watch` prints.
//
//     node tests/e2e/picture.mjs            # writes docs/images/approval-{light,dark}.webp
//
// The program is the real one (`target/debug/faramesh`, or FARAMESH_BIN). Nothing in the picture is drawn by hand but the
// frame around it; the pictures are made anew when the dashboard or the output of `watch` has changed.
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Browser } from "./lib/browser.mjs";
import { program, repository } from "./lib/places.mjs";
import { arrived, seen, until } from "./lib/see.mjs";
import { Server } from "./lib/server.mjs";

const POLICY = `rules:
  - { id: needs-finance, match: { tool: process_refund, amount_gt: 1000 }, deny: true }
  - { id: needs-manager, match: { tool: process_refund, amount_gt: 150 }, require_approval: true }
  - { id: small-refund, match: { tool: process_refund, amount_gte: 0 }, allow: true }
`;
const WIDTH = 1000;
const SCALE = 2;
const MAX_BYTES = 200 * 1024;
/** The colours of a terminal, by the number that asks for them, in the light and in the dark. */
const COLOURS = {
  light: { paper: "#ffffff", ink: "#1f2328", edge: "#d0d7de", 31: "#cf222e", 32: "#1a7f37", 33: "#9a6700", 36: "#1b7c83", 90: "#6e7781" },
  dark: { paper: "#0d1117", ink: "#e6edf3", edge: "#30363d", 31: "#ff7b72", 32: "#3fb950", 33: "#d29922", 36: "#39c5cf", 90: "#8b949e" },
};

/** The contents of a terminal as HTML: colours, bold and dim; other sequences are dropped. */
function html(text, colours) {
  let style = {};
  const escaped = (part) => part.replace(/[&<>]/g, (char) => `&#${char.charCodeAt(0)};`);
  return text
    .split(/\x1b\[([\d;]*)m/)
    .map((part, index) => {
      if (index % 2 === 0) {
        const { colour, bold, dim } = style;
        return `<span style="${colour ? `color:${colour};` : ""}${bold ? "font-weight:600;" : ""}${dim ? "opacity:.65;" : ""}">${escaped(part)}</span>`;
      }
      for (const code of part.split(";").map(Number)) {
        if (code === 0) style = {};
        else if (code === 1) style.bold = true;
        else if (code === 2) style.dim = true;
        else if (code === 39) style.colour = undefined;
        else style.colour = colours[code] ?? colours[code - 60] ?? style.colour;
      }
      return "";
    })
    .join("");
}

/** One day in one theme: returns the picture of the queue, and the output of the terminal. */
async function day(browser, theme) {
  const server = await Server.start({ policies: { "support-agent.yaml": POLICY } });
  const { key } = await server.makeKey("approver", { name: "dana" });
  const watch = spawn(program(), ["watch", "--color", "always"], {
    cwd: server.folder,
    env: { PATH: process.env.PATH, FARAMESH_URL: server.url, FARAMESH_API_KEY: server.adminKey, TZ: "UTC", LC_ALL: "C.UTF-8" },
  });
  let printed = "";
  for (const stream of [watch.stdout, watch.stderr]) stream.on("data", (data) => (printed += data));
  const shows = (text) => until(() => printed, (so_far) => so_far.includes(text));
  try {
    await shows("watching");
    const propose = (amount) => server.propose("process_refund", { amount, customer_id: "c-1042" }, { agent_id: "support-agent" });
    await server.carryOut(await propose(45));
    await propose(5000);
    const held = await propose(340);
    await shows("needs-manager");

    const options = { colorScheme: theme, viewport: { width: WIDTH, height: 640 }, deviceScaleFactor: SCALE, permissions: ["notifications"] };
    const person = await (await browser.person(options)).logIn(server, key);
    const page = await person.open(`${server.url}/ui/approvals`);
    await arrived(page, "Approvals");
    const item = page.getByRole("article").filter({ hasText: "c-1042" });
    await seen(item);
    await item.getByLabel("comment").fill("known customer");
    const { y, height } = await item.boundingBox();
    const queue = await page.screenshot({ clip: { x: 0, y: 0, width: WIDTH, height: Math.ceil(y + height) + 16 } });
    // The queue takes no answers right after it has moved while someone looks at it.
    await page.waitForTimeout(500);
    await item.getByRole("button", { name: "approve" }).click();
    await shows("approved by dana");
    await server.carryOut(held);
    await shows("known customer");
    await until(() => printed.split("succeeded").length, 3);
    await person.leave();
    return { queue, printed: printed.trimEnd().split("\n").slice(1) };
  } finally {
    watch.kill();
    await server.stop();
  }
}

/** Both in one frame, as WebP. */
async function picture(browser, theme) {
  const { queue, printed } = await day(browser, theme);
  const colours = COLOURS[theme];
  const person = await browser.person({ viewport: { width: WIDTH, height: 900 }, deviceScaleFactor: SCALE });
  const page = await person.context.newPage();
  await page.setContent(`<style>
    body { margin: 0; background: ${colours.paper}; color: ${colours.ink}; }
    main { width: ${WIDTH - 2}px; border: 1px solid ${colours.edge}; border-radius: 8px; overflow: hidden; }
    img { display: block; width: 100%; border-bottom: 1px solid ${colours.edge}; }
    pre { margin: 0; padding: 14px 18px; font: 12.5px/1.55 "DejaVu Sans Mono", monospace; white-space: pre-wrap; }
  </style><main><img src="data:image/png;base64,${queue.toString("base64")}"><pre>${html(`\x1b[90m$ \x1b[0mfaramesh watch\n${printed.join("\n")}`, colours)}</pre></main>`);
  const whole = await page.getByRole("main").screenshot();
  const webp = await page.evaluate(async (png) => {
    const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob());
    const canvas = new OffscreenCanvas(image.width, image.height);
    canvas.getContext("2d").drawImage(image, 0, 0);
    const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: "image/webp", quality: 0.85 })).arrayBuffer());
    return btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), ""));
  }, whole.toString("base64"));
  await person.context.close();
  const bytes = Buffer.from(webp, "base64");
  if (bytes.length > MAX_BYTES) throw new Error(`the ${theme} picture has ${bytes.length} bytes, over the limit of ${MAX_BYTES}`);
  const file = join(repository, `docs/images/approval-${theme}.webp`);
  writeFileSync(file, bytes);
  console.log(`${file}: ${bytes.length} bytes`);
}

mkdirSync(join(repository, "docs/images"), { recursive: true });
const browser = await Browser.launch();
try {
  for (const theme of ["light", "dark"]) await picture(browser, theme);
} finally {
  await browser.close();
}
