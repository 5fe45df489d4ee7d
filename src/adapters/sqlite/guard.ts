import type { CascadeError } from "../../kernel/errors.ts";
import { storageError } from "./errors.ts";

type Method = (...args: never[]) => Promise<unknown>;

/**
 * The one door of the database: whatever a method of the store meets leaves as a coded error. `onFailure` is told the first one that
 * no waiting mends, whoever asked: the API, a scan or the engine.
 */
export function guarded<Methods extends Record<keyof Methods, Method>>(
  methods: Methods,
  { file, who }: { file: string; who: "reader" | "writer" },
  onFailure: (error: CascadeError) => void,
): Methods {
  const guard =
    (method: Method): Method =>
    async (...args) => {
      try {
        return await method(...args);
      } catch (error) {
        const failure = storageError(error, file, who);
        if (failure.code === "STORE_FAILED" || failure.code === "STORE_CORRUPT") onFailure(failure);
        throw failure;
      }
    };
  const entries = Object.entries<Method>(methods).map(([name, method]) => [name, guard(method)] as const);
  return Object.fromEntries(entries) as Methods;
}
