/** How the SDK marks workflows among the exports of a bundle. */
export const WORKFLOW = Symbol.for("cascade.workflow.v1");

const MAX_DEPTH = 4;

/**
 * The workflows that a module exports: by themselves, or in an object or list that it exports. `export * as jobs` and what a
 * CommonJS module exports are such objects.
 */
export function exportedWorkflows(exports: object): { readonly [WORKFLOW]: unknown }[] {
  const found = new Set<{ readonly [WORKFLOW]: unknown }>();
  const seen = new Set<object>();
  const look = (value: unknown, depth: number): void => {
    if (typeof value !== "object" || value === null || seen.has(value)) return;
    seen.add(value);
    if (WORKFLOW in value) found.add(value);
    else if (depth < MAX_DEPTH && isPlainHolder(value)) for (const member of membersOf(value)) look(member, depth + 1);
  };
  look(exports, 0);
  return [...found];
}

/** An author's getter is not called: it may do something. Those of a bundled namespace cannot be configured. */
function membersOf(holder: object): unknown[] {
  return Object.entries(Object.getOwnPropertyDescriptors(holder)).flatMap(
    ([name, { get, configurable, enumerable }]) =>
      enumerable === true && (get === undefined || configurable !== true)
        ? [(holder as Record<string, unknown>)[name]]
        : [],
  );
}

/** Objects of a class are the author's own affair. */
function isPlainHolder(value: object): boolean {
  if (Array.isArray(value) || Object.prototype.toString.call(value) === "[object Module]") return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
