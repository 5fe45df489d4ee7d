/** The part that is used; version 4.0.0 brings no types. */
declare module "pino-roll" {
  import type { EventEmitter } from "node:events";

  /** A SonicBoom stream that changes its file by itself. Emits `ready` for each file opened, `write`, `drop`, `error`, `close`. */
  export interface RollingStream extends EventEmitter {
    /** The file being written. */
    readonly file: string;
    write(line: string): boolean;
    flush(callback: (error?: Error | null) => void): void;
    flushSync(): void;
    end(): void;
    destroy(): void;
  }

  export default function openRolling(options: {
    file: string;
    frequency: "daily";
    dateFormat: string;
    /** Digits and a unit: `b`, `k`, `m` or `g`. */
    size: string;
    minLength: number;
    maxLength: number;
    mode: number;
  }): Promise<RollingStream>;
}
