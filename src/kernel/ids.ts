/** Makes time-sortable UUIDv7 ids (RFC 9562 section 5.7) from an injected clock and randomness. */
export interface Ids {
  next(): string;
}

/**
 * Ids of one source are strictly increasing, also within a millisecond and when the clock steps back:
 * the 12 bits after the version are a counter, as RFC 9562 section 6.2 method 1 allows.
 */
export function createIds(now: () => number, randomBytes: (size: number) => Uint8Array): Ids {
  let lastMs = 0;
  let counter = 0;
  return {
    next() {
      const ms = now();
      if (ms > lastMs) {
        lastMs = ms;
        counter = 0;
      } else if (++counter > 0xfff) {
        lastMs++;
        counter = 0;
      }
      const bytes = Buffer.alloc(16);
      bytes.writeUIntBE(lastMs, 0, 6);
      bytes.writeUInt16BE(0x7000 | counter, 6);
      bytes.set(randomBytes(8), 8);
      bytes[8] = 0x80 | (bytes[8]! & 0x3f);
      const hex = bytes.toString("hex");
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
    },
  };
}

const BLOCK_BYTES = 4_096;

/** The same randomness, asked for in blocks: a call of the system's source costs as much as making several ids. */
export function inBlocks(randomBytes: (size: number) => Uint8Array): (size: number) => Uint8Array {
  let block: Uint8Array = new Uint8Array(0);
  let used = 0;
  return (size) => {
    if (used + size > block.length) {
      block = randomBytes(Math.max(size, BLOCK_BYTES));
      used = 0;
    }
    return block.subarray(used, (used += size));
  };
}

/** The ending people see. Any unique ending of six or more characters is accepted back. */
export function shortId(id: string): string {
  return id.slice(-8);
}

export function isIdEnding(text: string): boolean {
  return /^[0-9a-f-]{6,36}$/.test(text);
}
