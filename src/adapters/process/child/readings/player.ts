import type { Answer, ClockKind, Recording } from "../../../../domain/recording.ts";
import { createNotes } from "./notes.ts";
import { createRandomStream } from "./random-stream.ts";
import type { Readings } from "./session.ts";

/** What a replay noticed. */
export interface ReplayNotes {
  /** The first thing that was asked for and is not in the recording. */
  diverged: string | null;
  impure: readonly string[];
}

export interface Player extends Readings {
  notes(): ReplayNotes;
}

/** Thrown into a task that asks for what its recording does not hold. It may catch it; that it asked is known. */
export class Divergence extends Error {
  override name = "Divergence";
}

/**
 * Serves a recording again. Clocks go on in the order in which they were read. An answer is found by what is asked, so that
 * questions asked at once may come in another order; equal ones are answered in turn.
 */
export function createPlayer({ clocks, answers, seed, effects }: Recording): Player {
  const stream = createRandomStream(Buffer.from(seed, "hex"));
  const notes = createNotes();
  const next: Record<ClockKind, { at: number; times: number }> = {
    date: { at: 0, times: 0 },
    hrtime: { at: 0, times: 0 },
    performance: { at: 0, times: 0 },
  };
  const waiting = new Map<string, Answer[]>();
  for (const { kind, asked, answer } of answers) {
    const known = waiting.get(kind + asked);
    if (known) known.push(answer);
    else waiting.set(kind + asked, [answer]);
  }
  const isPure = effects === "pure";
  let diverged: string | null = null;

  function diverge(what: string): never {
    diverged ??= what.toWellFormed();
    throw new Divergence(`the recording holds no ${what}`);
  }

  return {
    clock<Value extends number | string>(kind: ClockKind): Value {
      if (isPure) diverge("a clock");
      const place = next[kind];
      const reading = clocks[kind][place.at] ?? diverge(`further reading of the clock ${kind}`);
      if (++place.times >= reading[1]) {
        place.at++;
        place.times = 0;
      }
      return reading[0] as Value;
    },
    random(size) {
      if (isPure) diverge("randomness");
      return stream(size);
    },
    async answer({ kind, asked, label }) {
      return waiting.get(kind + asked)?.shift() ?? diverge(label);
    },
    hidden: (what) => diverge(what),
    unrecorded: (what) => notes.add(what),
    notes: () => ({ diverged, impure: notes.sorted() }),
  };
}
