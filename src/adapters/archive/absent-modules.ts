import type { OnLoadResult, OnResolveArgs, OnResolveResult } from "esbuild";

export const ABSENT_NAMESPACE = "cascaded-absent";

const AS_IMPORT = "?import";

/** Stands for a module that is not in the package: whoever reaches it gets the error that Node throws for one that is not installed. */
export function absentModule({ path, kind }: OnResolveArgs): OnResolveResult {
  return { path, namespace: ABSENT_NAMESPACE, suffix: kind === "require-call" ? "" : AS_IMPORT };
}

export function loadAbsentModule({ path, suffix }: { path: string; suffix: string }): OnLoadResult {
  const code = suffix === AS_IMPORT ? "ERR_MODULE_NOT_FOUND" : "MODULE_NOT_FOUND";
  const message = JSON.stringify(`Cannot find module '${path}'`);
  const members = `{ code: "${code}", requireStack: [] }`;
  return { contents: `throw Object.assign(new Error(${message}), ${members});`, loader: "js" };
}
