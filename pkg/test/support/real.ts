// The real server, on a free loopback port, with its own folder. It needs the path of the `faramesh` binary in
// FARAMESH_BIN, or a binary that cargo has built; without one the tests fail rather than skip.

import { execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const BINARY = process.env["FARAMESH_BIN"] ?? fileURLToPath(new URL("../../../../target/debug/faramesh", import.meta.url));

/** How long something may take that should happen at once, on however busy a machine. */
const PATIENCE_MS = 20_000;

export class RealServer {
  readonly folder: string;
  readonly url: string;
  readonly adminKey: string;
  readonly #process: ChildProcess;

  private constructor(folder: string, url: string, child: ChildProcess) {
    this.folder = folder;
    this.url = url;
    this.#process = child;
    this.adminKey = readFileSync(join(folder, "admin.key"), "utf8").trim();
  }

  static async start(policies: Record<string, string>, more: string[] = []): Promise<RealServer> {
    if (!existsSync(BINARY)) throw new Error(`there is no \`${BINARY}\`: build it with cargo, or name it in FARAMESH_BIN`);
    const folder = mkdtempSync(join(tmpdir(), "faramesh-"));
    mkdirSync(join(folder, "policies"));
    for (const [name, text] of Object.entries(policies)) writeFileSync(join(folder, "policies", name), text);
    const arguments_ = ["server", "start", "--port", "0", "--db", join(folder, "faramesh.db"), "--policies", join(folder, "policies"), ...more];
    const child = spawn(BINARY, arguments_, { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
    const url = await new Promise<string>((resolve, reject) => {
      let printed = "";
      child.on("exit", () => reject(new Error(`the server ended: ${printed}`)));
      child.stdout?.on("data", (chunk: Buffer) => {
        printed += chunk.toString();
        const found = /http:\/\/(?:127\.0\.0\.1|localhost):\d+/.exec(printed);
        if (found !== null) resolve(found[0]);
      });
    });
    return new RealServer(folder, url, child);
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill("SIGTERM");
    await ended;
    rmSync(this.folder, { recursive: true });
  }

  /** Asks as the owner. */
  async admin(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
    const response = await fetch(this.url + path, {
      method,
      headers: { authorization: `Bearer ${this.adminKey}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as Record<string, unknown>;
  }

  async actions(status = ""): Promise<{ id: string; status: string; params: { amount: number }; outcome: string; error: string | null }[]> {
    const listed = await this.admin("GET", `/v1/actions${status && `?status=${status}`}`);
    return listed["actions"] as Awaited<ReturnType<RealServer["actions"]>>;
  }

  /** Runs the command line as the owner, and returns its output. */
  run(...arguments_: string[]): string {
    const env = { ...process.env, FARAMESH_URL: this.url, FARAMESH_API_KEY: this.adminKey };
    return execFileSync(BINARY, arguments_, { cwd: this.folder, env, encoding: "utf8" });
  }
}

export async function awaited<T>(condition: () => T | Promise<T>): Promise<NonNullable<T>> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await condition();
    if (found) return found;
    if (performance.now() > deadline) throw new Error("nothing happened");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
