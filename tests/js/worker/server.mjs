// A Faramesh server of its own process, with the Worker's policy in force: started on a free port, stopped at the end.
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { repository } from "../lib/places.mjs";

/** How long a condition may take to become true. */
const PATIENCE_MS = 20_000;
/** The `faramesh` program that is tried. */
export const binary = process.env.FARAMESH_BIN ?? join(repository, "target/debug/faramesh");

export class Server {
  #admin;
  #child;
  #folder;
  #log = [];

  /** A server over `folder`, which one before may have used. */
  constructor(folder) {
    if (!existsSync(binary)) throw new Error(`there is no \`${binary}\`: \`cargo build -p cli\` makes it`);
    this.#folder = folder;
    mkdirSync(join(folder, "policies"), { recursive: true });
    cpSync(join(repository, "examples/worker/src/policy.yaml"), join(folder, "policies/policy.yaml"));
  }

  /** Starts it on `port`, a free one by default, and waits until it says where it listens. */
  async start(port = 0) {
    const given = ["server", "start", "--port", String(port), "--db", "data/faramesh.db", "--policies", "policies"];
    this.#child = spawn(binary, given, { cwd: this.#folder, env: { PATH: process.env.PATH }, stdio: ["ignore", "pipe", "pipe"] });
    createInterface({ input: this.#child.stderr }).on("line", (line) => this.#log.push(line));
    this.url = await new Promise((listening, failed) => {
      createInterface({ input: this.#child.stdout }).on("line", (line) => {
        const [, url] = /^\s*listening\s+(\S+)/.exec(line) ?? [];
        if (url) listening(url);
      });
      this.#child.on("error", failed);
      this.#child.on("exit", (code) => failed(new Error(`the server ended with ${code}: ${this.#log.join("\n")}`)));
    });
    this.#admin = readFileSync(join(this.#folder, "data/admin.key"), "utf8").trim();
  }

  async ask(method, path, body) {
    const answer = await fetch(`${this.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#admin}`, "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} was answered with ${answer.status}: ${text}`);
    return JSON.parse(text);
  }

  /** A key that speaks for the agent of the Worker. */
  async agentKey() {
    const key = await this.ask("POST", "/v1/keys", { name: "worker", role: "agent", agents: ["refund-agent"] });
    return key.key;
  }

  /** The actions with this status, once there is one. */
  async until(status) {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const { actions } = await this.ask("GET", `/v1/actions?status=${status}`);
      if (actions.length > 0) return actions;
      if (performance.now() > deadline) throw new Error(`no action is \`${status}\``);
    }
  }

  /** Waits until these are all actions that it holds: amount to status. */
  async holds(expected) {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const { actions } = await this.ask("GET", "/v1/actions");
      const found = actions.map(({ params, status }) => [params.amount, status]);
      const wanted = Object.entries(expected).map(([amount, status]) => [Number(amount), status]);
      if (JSON.stringify(found.sort()) === JSON.stringify(wanted.sort())) return;
      if (performance.now() > deadline) throw new Error(`the server holds ${JSON.stringify(found)}`);
    }
  }

  stop() {
    this.#child.removeAllListeners("exit");
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return undefined;
    const ended = new Promise((end) => this.#child.on("exit", end));
    this.#child.kill("SIGTERM");
    return ended;
  }
}
