import { gzipSync } from "node:zlib";
import { Header } from "tar/header";
import { Pax } from "tar/pax";

export interface ArchiveFile {
  path: string;
  bytes: Uint8Array;
  mode: number;
}

const BLOCK = 512;
/** Where the gzip header names the system it was made on; 255 is "unknown". */
const GZIP_SYSTEM_BYTE = 9;

/** A gzip tar of these files in this order, with nothing in it of the machine or the moment: no times, owners or system. */
export function writeArchive(files: readonly ArchiveFile[]): Buffer {
  const blocks = files.flatMap(({ path, bytes, mode }) => [
    ...headerOf(path, bytes.length, mode),
    bytes,
    padding(bytes),
  ]);
  const archive = gzipSync(Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]), { level: 9 });
  archive[GZIP_SYSTEM_BYTE] = 255;
  return archive;
}

function headerOf(path: string, size: number, mode: number): Uint8Array[] {
  const header = new Header({ path, size, mode, type: "File", mtime: new Date(0), uid: 0, gid: 0 });
  // Names beyond ASCII or the field's size do not fit the header; a record before it carries them.
  const needsRecord = header.encode();
  const block = header.block ?? Buffer.alloc(BLOCK);
  return needsRecord ? [new Pax({ path }).encode(), block] : [block];
}

function padding(bytes: Uint8Array): Buffer {
  return Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK);
}
