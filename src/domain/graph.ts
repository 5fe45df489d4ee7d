import type { TaskDefinition } from "./workflow.ts";

/** The neighbours of each task, by name, in the definition's order. */
export interface Graph {
  upstream: ReadonlyMap<string, readonly string[]>;
  downstream: ReadonlyMap<string, readonly string[]>;
}

/** Builds the graph of tasks whose `after` names exist; `findCycle` tells whether it can run. */
export function graphOf(tasks: readonly Pick<TaskDefinition, "name" | "after">[]): Graph {
  const upstream = new Map<string, readonly string[]>();
  const downstream = new Map<string, string[]>();
  for (const task of tasks) downstream.set(task.name, []);
  for (const task of tasks) {
    const after = [...new Set(task.after)];
    upstream.set(task.name, after);
    for (const name of after) downstream.get(name)?.push(task.name);
  }
  return { upstream, downstream };
}

/** One circle of dependencies as the names along it, the first one repeated at the end; undefined when there is none. */
export function findCycle(graph: Graph): string[] | undefined {
  const done = new Set<string>();
  for (const start of graph.downstream.keys()) {
    if (done.has(start)) continue;
    // An explicit stack: a chain of thousands of tasks must not end the process.
    const path = [start];
    const onPath = new Set(path);
    const iterators = [graph.downstream.get(start)!.values()];
    while (path.length > 0) {
      const next = iterators.at(-1)!.next();
      if (next.done) {
        done.add(path.at(-1)!);
        onPath.delete(path.pop()!);
        iterators.pop();
      } else if (onPath.has(next.value)) {
        return [...path.slice(path.indexOf(next.value)), next.value];
      } else if (!done.has(next.value)) {
        path.push(next.value);
        onPath.add(next.value);
        iterators.push((graph.downstream.get(next.value) ?? []).values());
      }
    }
  }
  return undefined;
}

/** Every task that can only run after `name`, nearest first. */
export function descendants(graph: Graph, name: string): string[] {
  const found = new Set<string>();
  const queue = [name];
  for (const current of queue) {
    for (const next of graph.downstream.get(current) ?? []) {
      if (found.has(next)) continue;
      found.add(next);
      queue.push(next);
    }
  }
  return [...found];
}
