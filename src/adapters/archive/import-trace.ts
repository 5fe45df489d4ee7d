import { relative } from "node:path";

export interface LeftOut {
  importer: string;
  specifier: string;
}

/** What bundling learns of who imports what. Files are absolute paths. */
export interface ImportTrace {
  /** Who imported a file first. */
  note(file: string, importer: string): void;
  /** From the entry over `importer` to what it imports, files relative to the folder. */
  chain(importer: string | undefined, imported: string, folder: string): string[];
  /** A `require` or `import()` of what is not installed. */
  noteMissing(leftOut: LeftOut): void;
  /** An import of a compiled add-on, or of what finds and loads one. */
  noteNative(leftOut: LeftOut): void;
  /** The first import of each. */
  readonly missing: ReadonlyMap<string, LeftOut>;
  readonly natives: readonly LeftOut[];
}

export function createImportTrace(entry: string): ImportTrace {
  const importers = new Map<string, string>();
  const missing = new Map<string, LeftOut>();
  const natives: LeftOut[] = [];
  return {
    note(file, importer) {
      if (file !== entry && importer !== "" && !importers.has(file)) importers.set(file, importer);
    },
    chain(importer, imported, folder) {
      const files: string[] = [];
      for (let file = importer; file !== undefined && !files.includes(file); file = importers.get(file))
        files.push(file);
      return [...files.toReversed().map((file) => relative(folder, file)), imported];
    },
    noteMissing(leftOut) {
      if (!missing.has(leftOut.specifier)) missing.set(leftOut.specifier, leftOut);
    },
    noteNative: (leftOut) => void natives.push(leftOut),
    missing,
    natives,
  };
}
