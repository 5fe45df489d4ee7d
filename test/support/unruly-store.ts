import type { Change, Verdict } from "../../src/domain/change.ts";
import type { Store } from "../../src/ports/store.ts";

/**
 * A store that keeps its promises and no more: it answers late, answers of different calls overtake one another, and it
 * refuses changes at random as `stale`, as a remote store does when another writer was faster. The randomness has a seed.
 */
export function createUnrulyStore(store: Store, seed: number): Store {
  const random = seeded(seed);

  async function later<Value>(value: Value): Promise<Value> {
    for (let turns = Math.floor(random() * 6); turns > 0; turns--)
      await new Promise((resolve) => setImmediate(resolve));
    return value;
  }

  async function commit(changes: readonly Change[]): Promise<readonly Verdict[]> {
    await later(undefined);
    const refused = changes.map(() => random() < 0.25);
    const verdicts = await store.commit(changes.filter((_, index) => !refused[index]));
    let next = 0;
    return later(
      refused.map((isRefused): Verdict => {
        return isRefused ? { ok: false, refusal: "stale", message: "another writer was faster" } : verdicts[next++]!;
      }),
    );
  }

  return new Proxy(store, {
    get(target, name, receiver) {
      if (name === "commit") return commit;
      const member: unknown = Reflect.get(target, name, receiver);
      if (typeof member !== "function") return member;
      return async (...args: unknown[]): Promise<unknown> => {
        await later(undefined);
        return later(await (member as (...all: unknown[]) => unknown).apply(target, args));
      };
    },
  });
}

/** Mulberry32: small, even, and the same everywhere. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
