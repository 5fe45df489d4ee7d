/** The folder of the transparency log: tiles and checkpoint as they are served, and what was last signed. Rejects with `IO_FAILED`. */
export interface TlogFiles {
  /** A file by its path below the log's address, as `tile/0/000.p/5` or `checkpoint`; undefined when it is not there. */
  read(path: string): Promise<Buffer | undefined>;
  /** Durable when it resolves. An equal file that is there already is left alone; another one stays, and it rejects with `TLOG_DAMAGED`. */
  writeTiles(files: readonly { path: string; bytes: Uint8Array }[]): Promise<void>;
  /** Removes the partial tiles of a full tile, given by its path. */
  removePartials(path: string): Promise<void>;
  /** The checkpoint that was signed last; apart from the tiles and never served. */
  readLastSigned(): Promise<string | undefined>;
  /** Durable when it resolves. */
  writeLastSigned(checkpoint: string): Promise<void>;
  /** Makes a checkpoint the one that is served, in one step. Durable when it resolves. */
  publish(checkpoint: string): Promise<void>;
  /** Removes files by their paths; those that are not there are passed over. */
  remove(paths: readonly string[]): Promise<void>;
  /** What is served about how long leaves are kept, JSON. Durable when it resolves. */
  writeRetention(text: string): Promise<void>;
  /** Moves the whole log to a place where it stays as it is. */
  setAside(origin: string): Promise<void>;
  /** The same as `read`, of a log that was set aside. */
  readAside(origin: string, path: string): Promise<Buffer | undefined>;
}

/**
 * Remembers the last signed checkpoint of each log in a place that is not restored together with the data folder, so that an
 * old copy of the data folder is noticed. May lag behind what was signed, never ahead of it.
 */
export interface TlogMark {
  /** Undefined when nothing is remembered. */
  read(origin: string): Promise<string | undefined>;
  write(origin: string, checkpoint: string): Promise<void>;
}
