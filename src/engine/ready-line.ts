import type { RunId } from "../domain/run.ts";

/** A task run that may be claimed. */
export interface Ready {
  run: RunId;
  task: string;
}

/** What a visitor says of one that waits: take it out of the line, leave it in its place, or go no further. */
export type Decision = "take" | "keep" | "stop";

/** Compacted only when as many are gone as are left, so that taking the first costs nothing, however long the line. */
const COMPACT_FROM = 1_024;

/** The ready task runs of one package, oldest first. */
export class ReadyLine {
  private items: Ready[] = [];
  private head = 0;

  get length(): number {
    return this.items.length - this.head;
  }

  push(ready: Ready): void {
    this.items.push(ready);
  }

  /** Goes through the line from its front. Taking from the middle costs as much as what lies before it. */
  visit(decide: (ready: Ready) => Decision): void {
    const kept: Ready[] = [];
    let at = this.head;
    for (; at < this.items.length; at++) {
      const ready = this.items[at]!;
      const decision = decide(ready);
      if (decision === "stop") break;
      if (decision === "keep") kept.push(ready);
    }
    // Those that were kept move up to what comes next, in their order.
    for (let index = kept.length - 1; index >= 0; index--) this.items[--at] = kept[index]!;
    this.head = at;
    if (this.head < COMPACT_FROM || this.head * 2 < this.items.length) return;
    this.items = this.items.slice(this.head);
    this.head = 0;
  }
}
