import type { Answer, ClockKind, RecordedAnswer } from "../../../../domain/recording.ts";

/** A question to the outside, by its digest; `label` is for people. */
export interface Asked extends Pick<RecordedAnswer, "kind" | "asked"> {
  label: string;
}

/** Everything that an attempt reads beside its input goes through here: to be written down, or to be served again. */
export interface Readings {
  clock<Value extends number | string>(kind: ClockKind, read: () => Value): Value;
  random(size: number): Buffer;
  answer(asked: Asked, ask: () => Promise<Answer>): Promise<Answer>;
  /** Something was touched that no recording holds. A replay throws. */
  hidden(what: string): void;
  /** The same for what a replay is given, too, although it may be something else by then. */
  unrecorded(what: string): void;
}

/** The readings of an attempt, and the files that are its own: those of its package, its work folder and its input. */
export interface Session extends Readings {
  owns(path: string): boolean;
}
