import type { Clock } from "../kernel/clock.ts";

interface Deadline {
  at: number;
  due: () => void;
}

export interface Deadlines {
  /** Calls back once after a span of so many milliseconds. Callers ignore what has become void meanwhile. */
  add(ms: number, due: () => void): void;
  close(): void;
}

/** Ends of spans, behind one timer: a binary heap, earliest first. */
export function createDeadlines(clock: Pick<Clock, "elapsed" | "after">): Deadlines {
  const heap: Deadline[] = [];
  let callOff: (() => void) | undefined;
  let armedFor = Infinity;

  function arm(): void {
    const first = heap[0];
    if (!first || first.at >= armedFor) return;
    callOff?.();
    armedFor = first.at;
    callOff = clock.after(Math.max(first.at - clock.elapsed(), 0), () => {
      armedFor = Infinity;
      while (heap[0] && heap[0].at <= clock.elapsed()) take(heap)!.due();
      arm();
    });
  }

  return {
    add(ms, due) {
      put(heap, { at: clock.elapsed() + ms, due });
      arm();
    },
    close() {
      callOff?.();
      heap.length = 0;
      armedFor = -Infinity;
    },
  };
}

function put(heap: Deadline[], deadline: Deadline): void {
  let index = heap.push(deadline) - 1;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    if (heap[parent]!.at <= deadline.at) break;
    heap[index] = heap[parent]!;
    index = parent;
  }
  heap[index] = deadline;
}

function take(heap: Deadline[]): Deadline | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (!first || !last || heap.length === 0) return first;
  let index = 0;
  for (;;) {
    let child = 2 * index + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child++;
    if (heap[child]!.at >= last.at) break;
    heap[index] = heap[child]!;
    index = child;
  }
  heap[index] = last;
  return first;
}
