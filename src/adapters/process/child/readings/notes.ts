import { shorten } from "../channel.ts";

const NOTES_MAX = 50;
const NOTE_MAX = 300;

/** What an attempt touched beside its recording, each thing once. */
export interface Notes {
  add(what: string): void;
  sorted(): string[];
}

export function createNotes(): Notes {
  const notes = new Set<string>();
  return {
    add(what) {
      if (notes.size < NOTES_MAX) notes.add(shorten(what.toWellFormed(), NOTE_MAX));
    },
    sorted: () => [...notes].sort(),
  };
}
