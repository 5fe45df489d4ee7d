import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { ProofPacker } from "../../ports/proof-packer.ts";
import { fileErrors } from "./durable-files.ts";
import { daysIn, syncFolder } from "./folders.ts";
import { INDEX_ENDING, PACK_ENDING, type PackMember, type ProofPacks, packsIn } from "./proof-packs.ts";
import type { SyncedWriter } from "./synced-writer.ts";

/** So many share a gzip member: ten times smaller than each by itself, and a read takes one of them apart, not an hour. */
const MEMBER_FILES = 64;
/** So many at a time: what is packed is held in memory. */
const PACK_FILES = 8_192;
const HOUR_MS = 3_600_000;

const io = fileErrors("proof files cannot be packed");

export interface ProofPackerOptions {
  /** `proofs/` of the data folder. */
  folder: string;
  writer: SyncedWriter;
  packs: ProofPacks;
}

interface LooseFile {
  name: string;
  text: string;
}

export function createProofPacker({ folder, writer, packs }: ProofPackerOptions): ProofPacker {
  async function packDay(day: string, createdBefore: number, isStopping: () => boolean): Promise<number> {
    const path = join(folder, day);
    const hours = new Map<number, string[]>();
    for (const name of (await readdir(path)).sort()) {
      const createdAt = creationOf(name);
      // An hour is packed when it is over as a whole, so that it seldom needs more than one pack.
      const hour = Math.floor(createdAt / HOUR_MS);
      if ((hour + 1) * HOUR_MS <= createdBefore) hours.set(hour, [...(hours.get(hour) ?? []), name]);
    }
    let count = 0;
    for (const [hour, names] of hours) {
      for (let first = 0; first < names.length && !isStopping(); first += PACK_FILES) {
        const some = names.slice(first, first + PACK_FILES);
        count += await packHour(path, String(hour % 24).padStart(2, "0"), some);
      }
    }
    return count;
  }

  async function packHour(path: string, hour: string, names: readonly string[]): Promise<number> {
    const known = packsIn(path);
    const held: LooseFile[] = [];
    const fresh: LooseFile[] = [];
    for (const name of names) {
      const file = { name, text: await readFile(join(path, name), "utf8") };
      const packed = await packs.read(join(path, name));
      if (packed === undefined && isOneLine(file.text)) fresh.push(file);
      // A crash came between the pack and the removal; a file that differs from what is packed is left for someone to look at.
      if (packed === file.text) held.push(file);
    }
    if (fresh.length > 0) {
      const { bytes, members } = packOf(fresh);
      const name = freeName(hour, known);
      await put(join(path, name + PACK_ENDING), bytes);
      // Last: what has an index is whole.
      await put(join(path, name + INDEX_ENDING), `${JSON.stringify({ members })}\n`);
      packs.forget(path);
    }
    for (const { name } of [...held, ...fresh]) await rm(join(path, name));
    await syncFolder(path);
    return held.length + fresh.length;
  }

  const put = (path: string, content: string | Uint8Array) =>
    writer.replace([{ path, temp: `${path}.tmp`, content }], { durable: true });

  return {
    pack: (createdBefore, isStopping) =>
      io(async () => {
        let count = 0;
        for (const day of await daysIn(folder)) {
          if (isStopping() || Date.parse(day.replaceAll("/", "-")) > createdBefore) break;
          count += await packDay(day, createdBefore, isStopping);
        }
        return count;
      }),
  };
}

function packOf(files: readonly LooseFile[]): { bytes: Buffer; members: PackMember[] } {
  const parts: Buffer[] = [];
  const members: PackMember[] = [];
  let offset = 0;
  for (let first = 0; first < files.length; first += MEMBER_FILES) {
    const some = files.slice(first, first + MEMBER_FILES);
    const part = gzipSync(some.map(({ text }) => text).join(""));
    members.push({ offset, length: part.length, names: some.map(({ name }) => name) });
    parts.push(part);
    offset += part.length;
  }
  return { bytes: Buffer.concat(parts), members };
}

function freeName(hour: string, known: ReadonlyMap<string, unknown>): string {
  if (!known.has(hour)) return hour;
  let number = 2;
  while (known.has(`${hour}.${number}`)) number++;
  return `${hour}.${number}`;
}

/** When the run of a file about its end or its start was created, by the time in its id (RFC 9562, UUIDv7); infinite for any other. */
function creationOf(name: string): number {
  const [, high, low] =
    /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}(?:\.start)?\.sigstore\.json$/.exec(name) ?? [];
  return high === undefined || low === undefined ? Infinity : parseInt(high + low, 16);
}

/** As every proof file is; what a disk fault has left of one must not spoil a pack. */
function isOneLine(text: string): boolean {
  return text.indexOf("\n") === text.length - 1 && text.length > 1;
}
