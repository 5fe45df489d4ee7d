import { readdirSync, readFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { systemErrorCode } from "../../kernel/errors.ts";

/**
 * A pack is `<hour>.ndjson.gz` in the folder of its day: proof files one after the other, each a line, in gzip members of some
 * dozens, so that `zcat` shows all of them and one can be read without the others. Beside it `<hour>.idx`, JSON, says what is in
 * which member; a pack without one is not whole. A second pack of an hour is `<hour>.2`, and so on.
 */
export const PACK_ENDING = ".ndjson.gz";
export const INDEX_ENDING = ".idx";

/** One gzip member: where it lies in its pack, and the names of the files in it, in the order of their lines. */
export interface PackMember {
  offset: number;
  length: number;
  names: readonly string[];
}

interface Place extends PackMember {
  pack: string;
  line: number;
}

export interface ProofPacks {
  /** The text of a packed file by its path; undefined when it is in no pack. */
  read(path: string): Promise<string | undefined>;
  has(path: string): boolean;
  /** Packs of a folder have changed. */
  forget(folder: string): void;
}

/** Keeps the index of the folder that was asked last, and its member: whoever asks for one asks for its neighbours. */
export function createProofPacks(): ProofPacks {
  let known: { folder: string; places: Map<string, Place> } | undefined;
  let lastMember: { key: string; lines: readonly string[] } | undefined;

  function placesIn(folder: string): Map<string, Place> {
    if (known?.folder !== folder) known = { folder, places: readPlaces(folder) };
    return known.places;
  }

  async function linesOf({ pack, offset, length }: Place): Promise<readonly string[]> {
    const key = `${pack} ${offset}`;
    if (lastMember?.key !== key) lastMember = { key, lines: await readMember(pack, offset, length) };
    return lastMember.lines;
  }

  return {
    async read(path) {
      const place = placesIn(dirname(path)).get(basename(path));
      if (!place) return undefined;
      const line = (await linesOf(place))[place.line];
      return line === undefined ? undefined : `${line}\n`;
    },
    has: (path) => placesIn(dirname(path)).has(basename(path)),
    forget(folder) {
      if (known?.folder === folder) known = undefined;
      lastMember = undefined;
    },
  };
}

/** The indexes of the packs in a folder, by the name of the pack without its ending. */
export function packsIn(folder: string): Map<string, readonly PackMember[]> {
  const names = namesIn(folder).filter((name) => name.endsWith(INDEX_ENDING));
  return new Map(
    names.map((name) => [
      name.slice(0, -INDEX_ENDING.length),
      (JSON.parse(readFileSync(join(folder, name), "utf8")) as { members: PackMember[] }).members,
    ]),
  );
}

function readPlaces(folder: string): Map<string, Place> {
  const places = new Map<string, Place>();
  for (const [name, members] of packsIn(folder)) {
    const pack = join(folder, name + PACK_ENDING);
    for (const member of members) {
      for (const [line, file] of member.names.entries()) places.set(file, { ...member, pack, line });
    }
  }
  return places;
}

async function readMember(pack: string, offset: number, length: number): Promise<string[]> {
  const file = await open(pack, "r");
  try {
    const bytes = Buffer.alloc(length);
    await file.read(bytes, 0, length, offset);
    return gunzipSync(bytes).toString("utf8").split("\n");
  } finally {
    await file.close();
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT" || systemErrorCode(error) === "ENOTDIR") return [];
    throw error;
  }
}
