import type { ArtifactStore } from "../../src/ports/artifact-store.ts";
import type { LogSink } from "../../src/ports/log-sink.ts";
import { sha256 } from "../../src/kernel/digest.ts";

export interface MemoryLogs extends LogSink {
  /** The text of an attempt's log, `""` when nothing was written; `task` alone is its first attempt. */
  text(runId: string, task: string, number?: number): string;
  /** Logs that were opened and not ended. */
  openCount(): number;
}

export function createMemoryLogs(): MemoryLogs {
  const texts = new Map<string, string>();
  let openCount = 0;
  return {
    open({ runId, task, number }) {
      const key = `${runId}/${task}.${number}`;
      openCount++;
      const add = (text: string) => texts.set(key, (texts.get(key) ?? "") + text);
      return {
        write: (_stream, text) => void add(text),
        end(lastLine) {
          openCount--;
          add(`${lastLine}\n`);
        },
      };
    },
    text: (runId, task, number = 1) => texts.get(`${runId}/${task}.${number}`) ?? "",
    openCount: () => openCount,
  };
}

export function createMemoryArtifacts(): ArtifactStore & { readonly contents: ReadonlyMap<string, Buffer> } {
  const contents = new Map<string, Buffer>();
  return {
    contents,
    async put(bytes) {
      const digest = sha256(bytes);
      contents.set(digest, Buffer.from(bytes));
      return { digest, size: bytes.length };
    },
    get: async (digest) => contents.get(digest),
    async sweep(keep) {
      let count = 0;
      for (const digest of contents.keys()) if (!keep.has(digest) && contents.delete(digest)) count++;
      return count;
    },
  };
}
