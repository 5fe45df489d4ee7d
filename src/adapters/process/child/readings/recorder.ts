import { randomBytes } from "node:crypto";
import type { ClockKind, ClockReading, KeptReadings, RecordedAnswer } from "../../../../domain/recording.ts";
import type { Effects } from "../../../../domain/workflow.ts";
import { createNotes } from "./notes.ts";
import { createRandomStream } from "./random-stream.ts";
import type { Readings } from "./session.ts";

const SEED_BYTES = 32;
/** About what a reading takes in JSON. */
const CLOCK_BYTES = 24;

export interface Recorder extends Readings {
  kept(): KeptReadings;
}

/** Lets everything through and writes it down, up to `max` bytes. Of a pure task, which promised to read nothing, only that it did. */
export function createRecorder(effects: Effects, max: number): Recorder {
  // Each attempt has a seed of its own: its recording is the one place that needs it.
  const seed = randomBytes(SEED_BYTES);
  const stream = createRandomStream(seed);
  const notes = createNotes();
  const clocks: Record<ClockKind, [number | string, number][]> = { date: [], hrtime: [], performance: [] };
  /** Null while its answer is awaited. */
  const answers: (RecordedAnswer | null)[] = [];
  const isPure = effects === "pure";
  let size = 0;

  const grow = (bytes: number) => {
    size += bytes;
    if (size <= max) return true;
    for (const readings of Object.values(clocks)) readings.length = 0;
    answers.length = 0;
    return false;
  };

  return {
    clock(kind, read) {
      const value = read();
      if (isPure) notes.add("a clock");
      else {
        const last = clocks[kind].at(-1);
        if (last?.[0] === value) last[1]++;
        else if (grow(CLOCK_BYTES)) clocks[kind].push([value, 1]);
      }
      return value;
    },
    random(count) {
      if (isPure) notes.add("randomness");
      return stream(count);
    },
    async answer({ kind, asked, label }, ask) {
      if (isPure) {
        notes.add(label);
        return ask();
      }
      const place = answers.push(null) - 1;
      const answer = await ask();
      const bytes = JSON.stringify(answer).length;
      if (grow(bytes)) answers[place] = { kind, asked, answer };
      return answer;
    },
    hidden: (what) => notes.add(what),
    unrecorded: (what) => notes.add(what),
    kept: () => ({
      clocks: clocks satisfies Record<ClockKind, readonly ClockReading[]>,
      answers: answers.filter((answer) => answer !== null),
      seed: seed.toString("hex"),
      impure: notes.sorted(),
      isComplete: size <= max,
    }),
  };
}
