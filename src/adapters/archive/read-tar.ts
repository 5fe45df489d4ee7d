import { Header } from "tar/header";
import { CascadeError } from "../../kernel/errors.ts";
import { corrupt } from "./read-gzip.ts";

const BLOCK = 512;
const TYPE_BYTE = 156;
const MAGIC = { offset: 257, text: "ustar\u000000" } as const;
/** A record before a header carries one path and nothing else. */
const RECORD_MAX = 4_096;
/** Archivers fill the end up to ten or twenty blocks. */
const ZEROS_MAX = 64 * 1024;

export interface TarVisitor {
  /** Decides on a file before its first byte is there; throws to refuse it. */
  begin(path: string, size: number, mode: number): void;
  /** Some of the file's bytes, in their order. They stay as they are. */
  piece(bytes: Buffer): void;
  /** The file is whole; what follows waits for the promise, if there is one. */
  end(): Promise<void> | undefined;
}

export interface TarReader {
  write(piece: Buffer): Promise<void>;
  /** States that nothing follows. Throws `PACKAGE_CORRUPT` unless the archive's end has been seen. */
  finish(): void;
}

/**
 * Reads a tar piece by piece, keeping no more of it than a header. It takes regular files in ustar form and path records
 * for long or non-ASCII names, nothing else: no links, folders, devices, global records, sizes or owners by record.
 * Throws `PACKAGE_UNSAFE` for what may not be there and `PACKAGE_CORRUPT` for what makes no sense.
 */
export function createTarReader(visitor: TarVisitor): TarReader {
  let target: Buffer = Buffer.alloc(0);
  let wanted = BLOCK;
  let filled = 0;
  let whenFull: () => Promise<void> | undefined = onHeader;
  let recordedPath: string | undefined;
  let zeroBlocks = 0;
  /** Whether what is read belongs to a file and goes to the visitor. */
  let isContent = false;

  function fill(size: number, next: () => Promise<void> | undefined): undefined {
    wanted = size;
    filled = 0;
    whenFull = next;
    isContent = false;
  }

  /** What lies whole in a piece is not copied out of it. */
  function take(piece: Buffer, offset: number): number {
    if (isContent) {
      const bytes = piece.subarray(offset, offset + wanted - filled);
      visitor.piece(bytes);
      return bytes.length;
    }
    if (filled === 0 && piece.length - offset >= wanted) {
      target = piece.subarray(offset, offset + wanted);
      return wanted;
    }
    if (filled === 0) target = Buffer.allocUnsafe(wanted);
    return piece.copy(target, filled, offset);
  }

  function skipPadding(size: number): undefined {
    const rest = (BLOCK - (size % BLOCK)) % BLOCK;
    return rest === 0 ? fill(BLOCK, onHeader) : fill(rest, () => fill(BLOCK, onHeader));
  }

  function onHeader(): Promise<void> | undefined {
    if (target.every((byte) => byte === 0)) {
      if (recordedPath !== undefined) throw corrupt("a file is announced but missing");
      zeroBlocks++;
      return fill(BLOCK, onHeader);
    }
    if (zeroBlocks > 0) throw unsafe("something follows the end of its archive");
    const header = readHeader(target);
    const type = String.fromCharCode(target[TYPE_BYTE]!);
    const { path, size } = header;
    if (!header.cksumValid) throw corrupt("the checksum of an entry is wrong");
    if (target.toString("latin1", MAGIC.offset, MAGIC.offset + MAGIC.text.length) !== MAGIC.text) {
      throw unsafe("its archive is not in ustar format");
    }
    if (path === undefined || size === undefined || !Number.isSafeInteger(size) || size < 0) {
      throw corrupt("an entry has no valid name or size");
    }
    if (type === "x" && recordedPath === undefined) return onRecord(size);
    if (type !== "0") throw unsafe(`"${recordedPath ?? path}" is no regular file (type ${JSON.stringify(type)})`);
    return onFile(recordedPath ?? path, size, header.mode ?? 0);
  }

  function onRecord(size: number): undefined {
    if (size === 0 || size > RECORD_MAX) throw unsafe("an extended header is empty or too long");
    return fill(size, () => {
      recordedPath = pathOfRecord(target);
      return skipPadding(size);
    });
  }

  function onFile(path: string, size: number, mode: number): Promise<void> | undefined {
    recordedPath = undefined;
    visitor.begin(path, size, mode);
    const done = () => {
      const taken = visitor.end();
      skipPadding(size);
      return taken;
    };
    if (size === 0) return done();
    fill(size, done);
    isContent = true;
    return undefined;
  }

  return {
    async write(piece) {
      for (let offset = 0; offset < piece.length;) {
        const count = take(piece, offset);
        offset += count;
        filled += count;
        const taken = filled === wanted ? whenFull() : undefined;
        if (taken) await taken;
        if (zeroBlocks * BLOCK > ZEROS_MAX) throw unsafe("its archive goes on after its end");
      }
    },
    finish() {
      if (zeroBlocks < 2 || filled > 0) throw corrupt("its archive has no end");
    },
  };
}

function readHeader(block: Buffer): Header {
  try {
    return new Header(block);
  } catch (error) {
    throw corrupt("an entry makes no sense", error);
  }
}

/** The one record `LENGTH path=NAME\n` that an extended header may hold. */
function pathOfRecord(bytes: Buffer): string {
  const text = bytes.toString("utf8");
  const match = /^(\d+) path=([^\n\0]+)\n$/.exec(text);
  if (!match || Number(match[1]) !== bytes.length || !bytes.equals(Buffer.from(text))) {
    throw unsafe("an extended header holds more than a path");
  }
  return match[2]!;
}

function unsafe(what: string): CascadeError {
  return new CascadeError("PACKAGE_UNSAFE", `the package is not safe: ${what}`);
}
