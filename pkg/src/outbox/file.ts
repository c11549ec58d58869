// An outbox in a file, for Node: a line for each record, on the disk before the tool runs. One process at a time has
// it; the next one goes on with the stream and sends what is left. A line that a crash cut off was never acted on and
// is dropped.

import { closeSync, fsyncSync, ftruncateSync, openSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, resolve } from "node:path";

import { Waiting, ZERO_HASH } from "../outbox.js";
import type { Outbox, OutboxLimits, SealedRecord, StreamHead } from "../outbox.js";

/** How an outbox in a file is set up. */
export interface FileOutboxOptions extends OutboxLimits {
  /** Whether every record is forced to the disk before `append` returns; true by default. */
  readonly sync?: boolean;
}

/** How often a lock is renewed, and from which age on one of another machine counts as left behind. */
const LOCK_RENEWED_MS = 10_000;
const LOCK_STALE_MS = 60_000;
/** Sent lines are removed when the file is longer than this and nothing waits. */
const KEPT_BYTES = 1024 * 1024;

const ours = new Set<string>();

/**
 * An outbox in the file `path`, with `path.head` and `path.lock` beside it.
 *
 * @throws when another process has it, or when it holds something else.
 */
export function fileOutbox(path: string, options: FileOutboxOptions = {}): Outbox {
  return new FileOutbox(resolve(path), options);
}

class FileOutbox implements Outbox {
  readonly #path: string;
  readonly #sync: boolean;
  readonly #waiting: Waiting;
  readonly #file: number;
  readonly #renewal: NodeJS.Timeout;
  /** What the server has. */
  #acknowledged: StreamHead | null;
  #last: StreamHead | null;
  #length: number;
  #broken: unknown;

  constructor(path: string, options: FileOutboxOptions) {
    this.#path = path;
    this.#sync = options.sync ?? true;
    this.#waiting = new Waiting(options);
    lock(path);
    try {
      this.#file = openSync(path, "a+", 0o600);
      this.#acknowledged = readHead(`${path}.head`);
      this.#last = this.#acknowledged;
      this.#length = this.#read();
      // A file that was just made is there after a crash only when its folder says so.
      syncFolder(path);
    } catch (error) {
      unlock(path);
      throw error;
    }
    this.#renewal = setInterval(() => renew(path), LOCK_RENEWED_MS);
    this.#renewal.unref();
  }

  open(name: string): StreamHead {
    return this.#last ?? { stream: name, size: 0, record_hash: ZERO_HASH };
  }

  append(record: SealedRecord): void {
    if (this.#broken !== undefined) throw new Error(`\`${this.#path}\` cannot be written any more`, { cause: this.#broken });
    this.#waiting.makeSure(record);
    const line = Buffer.from(`${record.body}\n`);
    try {
      let written = 0;
      while (written < line.length) written += writeSync(this.#file, line, written);
      if (this.#sync) fsyncSync(this.#file);
    } catch (error) {
      this.#undo(error);
      throw error;
    }
    this.#length += line.length;
    this.#waiting.add(record);
    this.#last = headAfter(record);
  }

  oldest(count: number, characters: number, except?: ReadonlySet<string>): ReturnType<Outbox["oldest"]> {
    return this.#waiting.oldest(count, characters, except);
  }

  acknowledge(stream: string, size: number): void {
    const last = this.#waiting.acknowledge(stream, size).at(-1);
    if (last === undefined) return;
    this.#acknowledged = headAfter(last);
    writeHead(`${this.#path}.head`, this.#acknowledged);
    // The head is on the disk, so the lines before it can go; the next record goes on behind it.
    if (this.#waiting.size === 0 && this.#length > KEPT_BYTES) {
      ftruncateSync(this.#file, 0);
      this.#length = 0;
    }
  }

  waiting(): number {
    return this.#waiting.size;
  }

  close(): void {
    clearInterval(this.#renewal);
    this.#broken ??= new Error("it was closed");
    closeSync(this.#file);
    unlock(this.#path);
  }

  /** Reads the lines that were left; gives how many bytes of the file are whole lines. */
  #read(): number {
    const bytes = readFileSync(this.#path);
    const whole = bytes.lastIndexOf(0x0a) + 1;
    if (whole < bytes.length) ftruncateSync(this.#file, whole);
    const lines = bytes.subarray(0, whole).toString("utf8").split("\n").slice(0, -1);
    lines.forEach((body, index) => {
      const record = parse(body);
      if (record === null) throw new Error(`line ${index + 1} of \`${this.#path}\` is no record`);
      if (this.#acknowledged !== null && record.stream === this.#acknowledged.stream && record.seq < this.#acknowledged.size) return;
      if (this.#last !== null && (record.stream !== this.#last.stream || record.seq !== this.#last.size)) {
        throw new Error(`line ${index + 1} of \`${this.#path}\` does not follow the line before it`);
      }
      this.#waiting.add(record);
      this.#last = headAfter(record);
    });
    return whole;
  }

  /** Takes back what may have been written of a line, so that nothing stands in front of the next one. */
  #undo(cause: unknown): void {
    try {
      ftruncateSync(this.#file, this.#length);
      fsyncSync(this.#file);
    } catch {
      this.#broken = cause;
    }
  }
}

function headAfter(record: SealedRecord): StreamHead {
  return { stream: record.stream, size: record.seq + 1, record_hash: record.record_hash };
}

function parse(body: string): SealedRecord | null {
  try {
    const { stream, seq, record_hash } = JSON.parse(body) as SealedRecord;
    const sound = typeof stream === "string" && Number.isSafeInteger(seq) && typeof record_hash === "string";
    return sound ? { stream, seq, record_hash, body } : null;
  } catch {
    return null;
  }
}

function readHead(path: string): StreamHead | null {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  const head = JSON.parse(text) as StreamHead;
  if (typeof head.stream !== "string" || !Number.isSafeInteger(head.size)) throw new Error(`\`${path}\` is no head of a stream`);
  return head;
}

/** Writes the head beside its place and moves it there, so that it is the old one or the new one and nothing between. */
function writeHead(path: string, head: StreamHead): void {
  const fresh = `${path}.new`;
  const file = openSync(fresh, "w", 0o600);
  try {
    writeSync(file, `${JSON.stringify(head)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(fresh, path);
  syncFolder(path);
}

function syncFolder(path: string): void {
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } catch {
    // Windows knows no such thing.
  } finally {
    closeSync(folder);
  }
}

function lock(path: string): void {
  const name = `${path}.lock`;
  for (let attempt = 0; ; attempt += 1) {
    try {
      const file = openSync(name, "wx", 0o600);
      writeSync(file, JSON.stringify({ pid: process.pid, host: hostname() }));
      closeSync(file);
      ours.add(path);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || attempt > 0) throw error;
      const holder = holderOf(name);
      if (ours.has(path) || holder !== null) {
        throw new Error(`\`${path}\` is in use by ${ours.has(path) ? "another governor of this process" : holder}`, { cause: error });
      }
      rmSync(name, { force: true });
    }
  }
}

/** Who has the lock; null for one that a process left behind. */
function holderOf(name: string): string | null {
  let pid = 0;
  let host = "";
  try {
    ({ pid, host } = JSON.parse(readFileSync(name, "utf8")) as { pid: number; host: string });
  } catch {
    // Cut off by a crash; its age tells.
  }
  if (host === hostname() && pid > 0) return pid !== process.pid && isAlive(pid) ? `process ${pid}` : null;
  let age: number;
  try {
    age = Date.now() - statSync(name).mtimeMs;
  } catch {
    return null;
  }
  return age < LOCK_STALE_MS ? `process ${pid} on \`${host}\`` : null;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function renew(path: string): void {
  const now = new Date();
  try {
    utimesSync(`${path}.lock`, now, now);
  } catch {
    // Somebody removed it; the file stays ours as long as nobody takes it.
  }
}

function unlock(path: string): void {
  ours.delete(path);
  rmSync(`${path}.lock`, { force: true });
}
