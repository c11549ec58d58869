// A real server in a folder of its own, on a free port of loopback, and its API for what a test does besides the page.
//
// It goes the way an administrator goes: the program is started, prints its one-time link, and writes the admin key.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { program } from "./places.mjs";

const STARTS_WITHIN_MS = 30_000;

/** A port of loopback that is free now. */
export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

export class Server {
  #process;
  #output = "";
  #agent = new Agent({ keepAlive: true });

  constructor(folder, host, port) {
    this.folder = folder;
    this.host = host;
    this.port = port;
    this.url = `http://localhost:${port}`;
  }

  /** Starts a server with these policies, from file name to text. `host` is another address of loopback. */
  static async start({ policies = {}, host = "127.0.0.1" } = {}) {
    const folder = mkdtempSync(join(tmpdir(), "faramesh-e2e-"));
    mkdirSync(join(folder, "policies"));
    const server = new Server(folder, host, await freePort());
    for (const [name, text] of Object.entries(policies)) server.writePolicy(name, text);
    await server.run();
    return server;
  }

  /** Runs the program, with what an earlier run has left in the folder. */
  async run() {
    const { folder, host, port } = this;
    const given = ["server", "start", "--host", host, "--port", `${port}`, "--policies", "policies", "--db", "faramesh.db"];
    this.#output = "";
    this.#process = spawn(program(), given, { cwd: folder, env: environment(), stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream.on("data", (data) => (this.#output += data));
    }
    const until = Date.now() + STARTS_WITHIN_MS;
    while (!(await this.#isReady())) {
      if (this.#process.exitCode !== null || Date.now() > until) {
        throw new Error(`the server did not start:\n${this.#output}`);
      }
      await new Promise((next) => setTimeout(next, 25));
    }
  }

  async #isReady() {
    // It says where the dashboard is after it has begun to listen.
    if (!this.#output.includes("engine ")) return false;
    const answer = await this.api("GET", "/ready").catch(() => undefined);
    // Without policies nothing can be in force, and the server still serves.
    return answer !== undefined && (answer.status === 200 || answer.body?.policy !== "loading");
  }

  /** The one-time link that was printed. */
  get link() {
    return this.#output.match(/dashboard\s+(\S+)/)[1];
  }

  /** The key that was written. */
  get adminKey() {
    return readFileSync(join(this.folder, "admin.key"), "utf8").trim();
  }

  /** Ends the process, as a supervisor would, and keeps the folder. */
  async end() {
    if (this.#process.exitCode !== null) return;
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGTERM");
    const given = setTimeout(() => this.#process.kill("SIGKILL"), 10_000);
    await ended;
    clearTimeout(given);
  }

  /** Ends the process and removes the folder. */
  async stop() {
    this.#agent.destroy();
    await this.end();
    rmSync(this.folder, { recursive: true, force: true });
  }

  writePolicy(name, text) {
    writeFileSync(join(this.folder, "policies", name), text);
  }

  readPolicy(name) {
    const file = join(this.folder, "policies", name);
    return existsSync(file) ? readFileSync(file, "utf8") : undefined;
  }

  /** Asks the server. Without a key, the caller is an agent. */
  api(method, path, body, { key, headers = {} } = {}) {
    const text = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
    if (key !== undefined) headers.authorization = `Bearer ${key}`;
    if (text !== undefined) headers["content-type"] = "application/json";
    return new Promise((answered, failed) => {
      const { host, port } = this;
      const asked = request({ host, port, method, path, agent: this.#agent, headers: { host: `localhost:${port}`, ...headers } });
      asked.on("error", failed);
      asked.on("response", async (response) => {
        try {
          let text = "";
          for await (const part of response.setEncoding("utf8")) text += part;
          const isJson = response.headers["content-type"]?.includes("json");
          answered({ status: response.statusCode, headers: response.headers, body: isJson ? JSON.parse(text) : text });
        } catch (error) {
          failed(error);
        }
      });
      asked.end(text);
    });
  }

  /** The same, where anything but success ends the test. */
  async done(method, path, body, options) {
    const answer = await this.api(method, path, body, options);
    if (answer.status >= 300) {
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
    return answer.body;
  }

  /** Proposes an action, as an agent does. */
  propose(tool, params, rest = {}) {
    return this.done("POST", "/v1/actions", { agent_id: "support-agent-prod", tool, params, ...rest });
  }

  /** Starts an action and says how it ended, as the code around a tool does. */
  async carryOut({ id }, outcome = { success: true, result: { ok: true } }) {
    await this.done("POST", `/v1/actions/${id}/start`, {});
    return this.done("POST", `/v1/actions/${id}/result`, outcome);
  }

  /** Makes a key with this role; gives the key and its id. */
  makeKey(role, rest = {}) {
    const agents = role === "agent" ? { agents: ["*"] } : {};
    return this.done("POST", "/v1/keys", { name: rest.name ?? role, role, ...agents, ...rest }, { key: this.adminKey });
  }

  /** Runs the program's command line against this server. */
  command(...given) {
    const { stdout, stderr, status } = spawnSync(program(), given, {
      cwd: this.folder,
      env: { ...environment(), FARAMESH_URL: this.url, FARAMESH_API_KEY: this.adminKey, FARAMESH_POLICIES: "policies" },
      encoding: "utf8",
    });
    return { stdout, stderr, status };
  }
}

/** Nothing of the settings of who runs the tests. */
function environment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("FARAMESH_")));
}
