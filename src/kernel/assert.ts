/** Marks a branch that the types rule out; reaching it is a broken promise of our own. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`);
}

/** States something that must hold if the rest of the code is right. */
export function invariant(condition: unknown, statement: string): asserts condition {
  if (!condition) throw new Error(`broken invariant: ${statement}`);
}
