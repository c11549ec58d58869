// The server and the key that the environment names, for hosts with Node's modules: process environment, then `.env` in
// the current folder, by the rules of docs/SETTINGS.md. A key goes only to an address from the same source. Nothing of
// this package reads the environment unless this function is called.

import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { ServerOptions } from "./client.js";

/** Where to look. */
export interface EnvironmentOptions {
  /** The process environment; `process.env` by default. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The folder in which `.env` is; the current one by default. */
  readonly folder?: string;
}

const DEFAULT_URL = "http://127.0.0.1:8000";
const NAMES = ["FARAMESH_URL", "FARAMESH_HOST", "FARAMESH_PORT", "FARAMESH_API_KEY", "FARAMESH_TOKEN"] as const;
type Name = (typeof NAMES)[number];
/** The strongest first. */
type Source = "the environment" | "`.env`";
type Settings = Readonly<Partial<Record<Name, string>>>;

/**
 * The server that the environment names, with its key: for `server` of a governor.
 *
 * @throws TypeError for settings that contradict each other or cannot be read.
 */
export function serverFromEnvironment(options: EnvironmentOptions = {}): ServerOptions {
  const env = options.env ?? process.env;
  const file = fileSettings(join(options.folder ?? process.cwd(), ".env"));
  const settings: Record<Source, Settings> = {
    "the environment": Object.fromEntries(NAMES.filter((name) => env[name]).map((name) => [name, env[name]])),
    // A variable that is set to nothing hides the line of the file.
    "`.env`": Object.fromEntries(NAMES.filter((name) => file[name] && env[name] === undefined).map((name) => [name, file[name]])),
  };
  const { url, source } = address(settings);
  const keyOf = (from: Source): string | undefined => settings[from].FARAMESH_API_KEY ?? settings[from].FARAMESH_TOKEN;
  const apiKey = source === null ? (keyOf("the environment") ?? keyOf("`.env`")) : keyOf(source);
  return apiKey === undefined ? { url } : { url, apiKey };
}

/** The address, and where it comes from; null for the default. */
function address(settings: Record<Source, Settings>): { url: string; source: Source | null } {
  for (const source of ["the environment", "`.env`"] as const) {
    const { FARAMESH_URL: url, FARAMESH_HOST: host, FARAMESH_PORT: port } = settings[source];
    if (url !== undefined) {
      agree(url, port, source);
      return { url, source };
    }
    if (host === undefined && port === undefined) continue;
    const other = settings["`.env`"];
    const isMixed = (host === undefined && other.FARAMESH_HOST !== undefined) || (port === undefined && other.FARAMESH_PORT !== undefined);
    return { url: made(host ?? other.FARAMESH_HOST, port ?? other.FARAMESH_PORT), source: isMixed ? "`.env`" : source };
  }
  return { url: DEFAULT_URL, source: null };
}

function made(host = "127.0.0.1", port = "8000"): string {
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) throw new TypeError(`\`FARAMESH_PORT\` is \`${port}\`, which is no port`);
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  const named = bare === "0.0.0.0" ? "127.0.0.1" : bare === "::" ? "::1" : bare;
  const url = `http://${named.includes(":") ? `[${named}]` : named}:${Number(port)}`;
  if (!URL.canParse(url)) throw new TypeError(`\`FARAMESH_HOST\` is \`${host}\`, which is no host`);
  return url;
}

/** Refuses to guess which of two ports of this machine is meant. */
function agree(url: string, port: string | undefined, source: Source): void {
  if (!URL.canParse(url)) throw new TypeError(`\`FARAMESH_URL\` in ${source} is \`${url}\`, which is no URL`);
  const { hostname, port: named, protocol } = new URL(url);
  const isLoopback = hostname === "localhost" || hostname === "[::1]" || /^127(?:\.\d+){3}$/.test(hostname);
  const asked = named === "" ? (protocol === "https:" ? "443" : "80") : named;
  if (port === undefined || !isLoopback || Number(port) === Number(asked)) return;
  throw new TypeError(`${source} sets both \`FARAMESH_URL=${url}\` and \`FARAMESH_PORT=${port}\`, and the ports differ; remove one of them`);
}

/** The lines of `.env` that are about the server. */
function fileSettings(path: string): Record<string, string> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw error;
  }
  const found: Record<string, string> = {};
  for (const line of text.replace(/^\ufeff/, "").split(/\r?\n/)) {
    const [, name, value = ""] = /^\s*(?:export\s+)?(FARAMESH_[A-Z_]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (name === undefined || Object.hasOwn(found, name)) continue;
    // Escapes and other variables in a value are read differently by different programs, so they are not read.
    const [, single, double, bare] = /^(?:'([^']*)'|"([^"\\$]*)"|([^\s'"\\$#]*))(?:\s+#.*)?$/.exec(value) ?? [];
    const read = single ?? double ?? bare;
    if (read === undefined) throw new TypeError(`\`${name}\` in \`.env\` cannot be read: write it in single quotes`);
    found[name] = read;
  }
  return found;
}
