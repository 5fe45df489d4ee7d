import { createCipheriv } from "node:crypto";

const BLOCK_BYTES = 4_096;

/** The key stream of AES-256-CTR from a zero counter: the same bytes for the same 32-byte seed, however they are asked for. */
export function createRandomStream(seed: Uint8Array): (size: number) => Buffer {
  const cipher = createCipheriv("aes-256-ctr", seed, Buffer.alloc(16));
  let block = Buffer.alloc(0);
  return (size) => {
    if (size > block.length) {
      const more = cipher.update(Buffer.alloc(Math.max(size - block.length, BLOCK_BYTES)));
      block = Buffer.concat([block, more]);
    }
    const bytes = block.subarray(0, size);
    block = block.subarray(size);
    return bytes;
  };
}
