import { generateKeyPairSync, sign } from "node:crypto";
import { CascadeError } from "../../src/kernel/errors.ts";
import type { TlogFiles, TlogMark } from "../../src/ports/tlog-files.ts";
import type { TlogKeys, TlogSigner } from "../../src/ports/tlog-signer.ts";

/** The folder of a log without a disk. */
export interface MemoryTlogFiles extends TlogFiles {
  /** By path; what is not served begins with `.state/`. */
  readonly files: Map<string, Buffer>;
  /** Every checkpoint that was published, in order. */
  readonly published: string[];
  /** Paths of logs that were set aside, by origin. */
  readonly aside: Map<string, ReadonlyMap<string, Buffer>>;
  /** Called before each write with its name; may throw. */
  before: (write: "tiles" | "last-signed" | "checkpoint") => void;
}

export function createMemoryTlogFiles(): MemoryTlogFiles {
  const folder: MemoryTlogFiles = {
    files: new Map(),
    published: [],
    aside: new Map(),
    before: () => undefined,
    read: async (path) => folder.files.get(path),
    async writeTiles(files) {
      folder.before("tiles");
      for (const { path, bytes } of files) {
        const known = folder.files.get(path);
        if (known && !known.equals(bytes)) throw new CascadeError("TLOG_DAMAGED", `${path} differs`);
        folder.files.set(path, Buffer.from(bytes));
      }
    },
    async removePartials(path) {
      for (const name of folder.files.keys()) if (name.startsWith(`${path}.p/`)) folder.files.delete(name);
    },
    readLastSigned: async () => folder.files.get(".state/last-signed")?.toString(),
    async writeLastSigned(checkpoint) {
      folder.before("last-signed");
      folder.files.set(".state/last-signed", Buffer.from(checkpoint));
    },
    async publish(checkpoint) {
      folder.before("checkpoint");
      folder.files.set("checkpoint", Buffer.from(checkpoint));
      folder.published.push(checkpoint);
    },
    async remove(paths) {
      for (const path of paths) folder.files.delete(path);
    },
    writeRetention: async (text) => void folder.files.set("retention.json", Buffer.from(text)),
    async setAside(origin) {
      folder.aside.set(origin, new Map(folder.files));
      folder.files.clear();
    },
    readAside: async (origin, path) => folder.aside.get(origin)?.get(path),
  };
  return folder;
}

export function createMemoryMark(): TlogMark & { readonly marks: Map<string, string> } {
  const marks = new Map<string, string>();
  return {
    marks,
    read: async (origin) => marks.get(origin),
    write: async (origin, checkpoint) => void marks.set(origin, checkpoint),
  };
}

export function createTestTlogSigner(origin: string): TlogSigner {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ type: "spki", format: "der" }).subarray(-32);
  return { origin, publicKey: raw, sign: async (bytes) => sign(null, bytes, privateKey) };
}

/** Logs are named `log-1.test`, `log-2.test` and so on. */
export function createMemoryTlogKeys(): TlogKeys & { readonly signers: Map<string, TlogSigner> } {
  const signers = new Map<string, TlogSigner>();
  return {
    signers,
    open: async (origin) => signers.get(origin),
    async create(wanted) {
      const signer = createTestTlogSigner(wanted ?? `log-${signers.size + 1}.test`);
      signers.set(signer.origin, signer);
      return signer;
    },
  };
}
