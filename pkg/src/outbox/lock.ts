// A lock that one program at a time has, among threads, copies of this package, processes and machines: a file with a
// token of its own in it, put in place whole and read back. Node has no lock of the operating system.
//
// A program that ended leaves its lock behind. On Linux it is known exactly whether the one that wrote it still runs: by
// its process id, its start and its namespace. Anywhere else a lock counts as left behind when nothing has renewed it for
// a minute, whatever runs under its process id by now.

import { closeSync, linkSync, openSync, readFileSync, readlinkSync, rmSync, statSync, unlinkSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { randomUUID } from "node:crypto";

const RENEWED_MS = 10_000;
const STALE_MS = 60_000;
/** Taking a lock over is a few file operations; one that takes longer was cut off. */
const TAKEOVER_MS = 10_000;
const TRIES = 50;
const PAUSE_MS = 10;

/** The owner of a lock, as written in it. */
interface Holder {
  readonly token: string;
  readonly pid: number;
  readonly host: string;
  /** Which process it is among all that ever had its id, in which namespace of ids; null where that cannot be told. */
  readonly process: string | null;
  readonly namespace: string | null;
}

/** A lock that this program has. */
export class Lock {
  readonly #name: string;
  readonly #token: string;
  readonly #renewal: NodeJS.Timeout;

  /** Takes the lock of the file `path`. @throws when another governor has it. */
  constructor(path: string) {
    this.#name = `${path}.lock`;
    this.#token = randomUUID();
    take(this.#name, path, { token: this.#token, pid: process.pid, host: hostname(), ...identity("self") });
    this.#renewal = setInterval(() => this.#renew(), RENEWED_MS);
    this.#renewal.unref();
  }

  /** Whether this program still has it. */
  isHeld(): boolean {
    return read(this.#name)?.token === this.#token;
  }

  /** Gives it back. */
  release(): void {
    clearInterval(this.#renewal);
    if (this.isHeld()) rmSync(this.#name, { force: true });
  }

  #renew(): void {
    const now = new Date();
    try {
      if (this.isHeld()) utimesSync(this.#name, now, now);
    } catch {
      // The next writer notices that it is gone.
    }
  }
}

function take(name: string, path: string, ours: Holder): void {
  for (let attempt = 0; ; attempt += 1) {
    if (place(name, ours)) return;
    const holder = read(name);
    if (holder !== null && isHeldBy(holder, name)) throw inUse(path, holder);
    takeOver(name, holder, ours);
    if (read(name)?.token === ours.token) return;
    if (attempt === TRIES) throw inUse(path, read(name));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
  }
}

/** Puts a lock in its place, whole; whether it was free. */
function place(name: string, ours: Holder): boolean {
  const fresh = `${name}.${ours.token}`;
  writeFileSync(fresh, JSON.stringify(ours), { flag: "wx", mode: 0o600 });
  try {
    linkSync(fresh, name);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    // A file system without hard links may show a half-written file, and then its age decides.
    if (code === "EPERM" || code === "ENOTSUP" || code === "EOPNOTSUPP" || code === "ENOSYS") return create(name, JSON.stringify(ours));
    throw error;
  } finally {
    unlinkSync(fresh);
  }
}

function create(name: string, text: string): boolean {
  try {
    writeFileSync(name, text, { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/**
 * Removes a lock that was left behind and takes its place. One program at a time does so, and looks again first: what
 * another has put there in the meantime is not removed.
 */
function takeOver(name: string, seen: Holder | null, ours: Holder): void {
  const turn = `${name}.takeover`;
  let file: number;
  try {
    file = openSync(turn, "wx", 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    if (ageMs(turn) > TAKEOVER_MS) rmSync(turn, { force: true });
    return;
  }
  try {
    const now = read(name);
    if (now?.token !== seen?.token || (now === null && ageMs(name) < STALE_MS) || (now !== null && isHeldBy(now, name))) return;
    rmSync(name, { force: true });
    place(name, ours);
  } finally {
    closeSync(file);
    rmSync(turn, { force: true });
  }
}

function isHeldBy(holder: Holder, name: string): boolean {
  const us = identity("self");
  if (holder.process !== null && holder.host === hostname() && holder.namespace !== null && holder.namespace === us.namespace) {
    const now = identity(String(holder.pid)).process;
    // Where other users' processes are hidden, only that there is one can be told.
    return now === null ? !isGone(holder.pid) && ageMs(name) < STALE_MS : now === holder.process;
  }
  return ageMs(name) < STALE_MS && !(holder.host === hostname() && holder.process === null && isGone(holder.pid));
}

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

/** Which process has this id: the boot, the id and its start (proc_pid_stat(5), field 22), and its namespace of ids. */
function identity(pid: string): Pick<Holder, "process" | "namespace"> {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    // The name of the program is in parentheses and may contain anything.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state = "", started] = [fields[0], fields[19]];
    if (/[ZX]/.test(state)) return { process: "ended", namespace: null };
    const namespace = `${boot}:${readlinkSync("/proc/self/ns/pid")}`;
    return { process: `${boot}:${stat.slice(0, stat.indexOf(" "))}:${started}`, namespace };
  } catch {
    return { process: null, namespace: null };
  }
}

/** The contents of the lock; null if it does not exist or was cut off. */
function read(name: string): Holder | null {
  try {
    const { token = "", pid = 0, host = "", process: who = null, namespace = null } = JSON.parse(readFileSync(name, "utf8")) as Partial<Holder>;
    return { token, pid, host, process: who, namespace };
  } catch {
    return null;
  }
}

/** How long ago a file was last renewed; endless when it is not there. */
function ageMs(name: string): number {
  try {
    return Date.now() - statSync(name).mtimeMs;
  } catch {
    return Infinity;
  }
}

function inUse(path: string, holder: Holder | null): Error {
  const isOurs = holder?.pid === process.pid && holder.host === hostname();
  const who = holder === null ? "another program" : isOurs ? "another governor of this process" : `process ${holder.pid} on \`${holder.host}\``;
  return new Error(`\`${path}\` is in use by ${who}`);
}
