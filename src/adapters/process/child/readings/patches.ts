import { syncBuiltinESMExports } from "node:module";

/** A property that has another value while an attempt is recorded or replayed. */
export interface Patch {
  on: object;
  name: string;
  value?: unknown;
  /** Instead of a value. */
  get?: () => unknown;
}

/** Any function of Node's, with `this` and arguments as they come. */
export type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;

/** A function in the place of another one that keeps what else is known of it, such as `realpath.native`. */
export function inPlaceOf(real: AnyFunction, made: AnyFunction): AnyFunction {
  const { prototype: _, ...members } = Object.getOwnPropertyDescriptors(real);
  return Object.defineProperties(made, members);
}

/** How a function says no: one that answers with promises rejects. */
export type Refusal = "throws" | "rejects";

/** A function that first tells what it is about to do. That may be refused. */
export function announced(real: AnyFunction, announce: (args: unknown[]) => void, refusal: Refusal): AnyFunction {
  const made: AnyFunction = function (...args) {
    try {
      announce(args);
    } catch (error) {
      if (refusal === "rejects") return rejection(error);
      throw error;
    }
    return real.apply(this, args);
  };
  return inPlaceOf(real, made);
}

async function rejection(error: unknown): Promise<never> {
  throw error;
}

/** Puts the patches in place; the function that is returned takes them out again. */
export function applyPatches(patches: readonly Patch[]): () => void {
  const before = patches.map(({ on, name }) => Object.getOwnPropertyDescriptor(on, name));
  for (const [index, { on, name, value, get }] of patches.entries()) {
    const access = get ? { get } : { value, writable: true };
    const enumerable = before[index]?.enumerable ?? false;
    Object.defineProperty(on, name, { ...access, configurable: true, enumerable });
  }
  // What `import { now } from "node:…"` sees are copies.
  syncBuiltinESMExports();
  return () => {
    for (const [index, { on, name }] of patches.entries()) {
      const former = before[index];
      if (former) Object.defineProperty(on, name, former);
      else delete (on as Record<string, unknown>)[name];
    }
    syncBuiltinESMExports();
  };
}
