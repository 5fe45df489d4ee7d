import { builtEntry } from "./built-entry.ts";

/** The compiled entry of task processes. */
export const childEntry = (): string => builtEntry("adapters/process/child/main.ts");
