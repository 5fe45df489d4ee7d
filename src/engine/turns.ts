import type { Digest } from "../kernel/digest.ts";
import type { TaskHost, WarmRoom } from "../ports/task-host.ts";

/** A package keeps its processes for so long while others wait for one; then it takes no more until one of those has its turn. */
const TURN_MS = 500;

/**
 * The room of the task host as far as claims that are not yet durable leave it, shared among packages: a process stays with
 * its package while that has work, because giving it to another one costs the start of a process, but not for ever.
 */
export interface Turns {
  /** Looks at the host anew; `waiting` are the packages with ready task runs. */
  look(waiting: Iterable<Digest>): void;
  /** Attempts that the processes of a package would still take; none while its turn is over and others wait. */
  placesIn(digest: Digest): number;
  /** Processes that can be started or given to another package. */
  freeProcesses(): number;
  /** Those that no process serves first. */
  unservedFirst(digests: Iterable<Digest>): Digest[];
  /** Takes account of a claim; the returned function is to be called once it is written or void. */
  claimed(digest: Digest, ownProcess: boolean): () => void;
}

export function createTurns(host: Pick<TaskHost, "room" | "warmRoom">, now: () => number): Turns {
  /** Claims on their way, by package; and those that need a process of their own. */
  const pending = new Map<Digest, number>();
  let pendingOwn = 0;
  /** When each package that has processes got its first one, or last let another package go first. */
  const began = new Map<Digest, number>();
  const waitingSince = new Map<Digest, number>();
  const rooms = new Map<Digest, WarmRoom>();
  let free = 0;
  let isSomeoneOverdue = false;

  const pendingOf = (digest: Digest) => pending.get(digest) ?? 0;
  const isServed = (digest: Digest) => roomOf(digest).processes > 0 || pendingOf(digest) > 0;
  const isTurnOver = (digest: Digest) => now() - (began.get(digest) ?? Infinity) >= TURN_MS;

  function roomOf(digest: Digest): WarmRoom {
    let room = rooms.get(digest);
    if (!room) rooms.set(digest, (room = host.warmRoom(digest)));
    return room;
  }

  /** What is claimed and on its way takes processes: of its own package as long as those have places, else others. */
  function processesTaken(): number {
    let taken = pendingOwn;
    for (const [digest, count] of pending) {
      const { places, idle } = roomOf(digest);
      taken += count <= places ? Math.min(count, idle) : idle + (count - places);
    }
    return taken;
  }

  return {
    look(waiting) {
      rooms.clear();
      free = host.room("", "fresh");
      for (const digest of began.keys()) if (!isServed(digest)) began.delete(digest);
      const unserved = new Set<Digest>();
      for (const digest of waiting) if (!isServed(digest)) unserved.add(digest);
      for (const digest of waitingSince.keys()) if (!unserved.has(digest)) waitingSince.delete(digest);
      const time = now();
      isSomeoneOverdue = false;
      for (const digest of unserved) {
        const since = waitingSince.get(digest) ?? time;
        waitingSince.set(digest, since);
        if (time - since >= TURN_MS) isSomeoneOverdue = true;
      }
    },
    placesIn: (digest) =>
      isSomeoneOverdue && isTurnOver(digest) ? 0 : Math.max(0, roomOf(digest).places - pendingOf(digest)),
    freeProcesses: () => Math.max(0, free - processesTaken()),
    unservedFirst(digests) {
      const all = [...digests];
      return [...all.filter((digest) => !isServed(digest)), ...all.filter(isServed)];
    },
    claimed(digest, ownProcess) {
      const time = now();
      if (!isServed(digest)) {
        // The others have let it go first; their next turn begins.
        for (const other of began.keys()) if (isSomeoneOverdue && isTurnOver(other)) began.set(other, time);
      }
      if (!began.has(digest)) began.set(digest, time);
      if (ownProcess) pendingOwn++;
      else pending.set(digest, pendingOf(digest) + 1);
      return () => {
        if (ownProcess) pendingOwn--;
        else if (pendingOf(digest) > 1) pending.set(digest, pendingOf(digest) - 1);
        else pending.delete(digest);
      };
    },
  };
}
