import { constants, crc32, createInflateRaw } from "node:zlib";
import { CascadeError, systemErrorCode } from "../../kernel/errors.ts";

const TRAILER = 8;
/** Pieces are as large as the trailer says the whole is, within these: fewer pieces, and files that lie in one piece. */
const PIECE_MIN = 16 * 1024;
const PIECE_MAX = 4 * 1024 * 1024;
const FLAG = { headerChecksum: 2, extra: 4, name: 8, comment: 16, reserved: 224 } as const;

/** The bytes end before what they began is complete. */
export class EndsEarly extends Error {
  override readonly name = "EndsEarly";
}

/** What is there is no beginning of a package, whatever is still to come. */
export class PastMending extends Error {
  override readonly name = "PastMending";
}

/**
 * Yields what a gzip file holds, in pieces. Strict where common readers are lenient: exactly one member, whose end is the
 * end of the file. Throws `EndsEarly`, `PastMending`, or `PACKAGE_CORRUPT` for damage. What has been yielded is
 * only known to be right when the iteration ends without an error.
 */
export async function* readGzip(bytes: Buffer): AsyncGenerator<Buffer> {
  const start = headerLength(bytes);
  // No backpressure from the consumer is lost: one output buffer at a time, so a bomb is stopped by whoever reads it.
  const inflate = createInflateRaw({ chunkSize: pieceSize(bytes), finishFlush: constants.Z_FINISH });
  inflate.end(bytes.subarray(start));
  let checksum = 0;
  let size = 0;
  try {
    for await (const piece of inflate as AsyncIterable<Buffer>) {
      checksum = crc32(piece, checksum);
      size += piece.length;
      yield piece;
    }
  } catch (error) {
    if (systemErrorCode(error) === "Z_BUF_ERROR") throw new EndsEarly();
    if (systemErrorCode(error)?.startsWith("Z_") !== true) throw error;
    throw corrupt("its compressed data is damaged", error);
  }
  const end = start + inflate.bytesWritten;
  const rest = bytes.length - end - TRAILER;
  if (rest < 0) throw new EndsEarly();
  // Bytes that are not written yet can look like an end, and not like its checksum.
  if (bytes.readUInt32LE(end) !== checksum || bytes.readUInt32LE(end + 4) !== size % 2 ** 32) {
    throw corrupt("its checksum is wrong");
  }
  if (rest > 0) throw new PastMending("something follows its end");
}

/** One byte more than the content: a full piece would be asked for more. */
function pieceSize(bytes: Buffer): number {
  const size = bytes.length < TRAILER ? 0 : bytes.readUInt32LE(bytes.length - 4) + 1;
  return Math.min(PIECE_MAX, Math.max(PIECE_MIN, size));
}

export function corrupt(what: string, cause?: unknown): CascadeError {
  return new CascadeError("PACKAGE_CORRUPT", `the file is damaged: ${what}`, { cause });
}

/**
 * True for a file whose whole size was reserved before its bytes were copied: the end of a gzip file, which holds the size
 * of its content, is never all zeros.
 */
export function isEndUnwritten(bytes: Buffer): boolean {
  return bytes.length >= TRAILER && bytes.subarray(-TRAILER).every((byte) => byte === 0);
}

/** RFC 1952 section 2.3. Time, system and file name are passed over: packing a package's files again makes no other package. */
function headerLength(bytes: Buffer): number {
  const expected = [0x1f, 0x8b, 8];
  for (const [index, byte] of expected.entries()) {
    const found = bytes[index] ?? byte;
    // Zeros may be bytes that are not written yet.
    if (found !== byte && found !== 0) throw new PastMending("it is not a gzip file");
    if (found !== byte) throw corrupt("it is not a gzip file");
  }
  if (bytes.length < 10) throw new EndsEarly();
  const flags = bytes[3]!;
  if ((flags & FLAG.reserved) !== 0) throw corrupt("its gzip header is not valid");
  let offset = 10;
  if ((flags & FLAG.extra) !== 0) {
    if (offset + 2 > bytes.length) throw new EndsEarly();
    offset += 2 + bytes.readUInt16LE(offset);
  }
  for (const flag of [FLAG.name, FLAG.comment]) {
    if ((flags & flag) === 0) continue;
    const zero = bytes.indexOf(0, offset);
    if (zero < 0) throw new EndsEarly();
    offset = zero + 1;
  }
  if ((flags & FLAG.headerChecksum) !== 0) {
    if (offset + 2 > bytes.length) throw new EndsEarly();
    if (bytes.readUInt16LE(offset) !== (crc32(bytes.subarray(0, offset)) & 0xffff)) {
      throw corrupt("its gzip header is not valid");
    }
    offset += 2;
  }
  if (offset > bytes.length) throw new EndsEarly();
  return offset;
}
