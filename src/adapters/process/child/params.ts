import type { AttemptEnd } from "./attempt.ts";
import type { ParamsSchema } from "./bundle.ts";

/** The params as the author's schema makes them, or the attempt's failure, which names every place it refused. */
export async function parseParams(schema: ParamsSchema | undefined, params: unknown): Promise<AttemptEnd> {
  if (!schema) return { kind: "value", value: params };
  const reading = await schema["~standard"].validate(params);
  if (!reading.issues) return { kind: "value", value: reading.value };
  const issues = reading.issues.map(({ message, path = [] }) => {
    const place = path.map((part) => (typeof part === "object" && part !== null && "key" in part ? part.key : part));
    return place.length === 0 ? message : `${place.join(".")}: ${message}`;
  });
  return { kind: "failure", code: "TASK_PARAMS_REFUSED", error: `the params were refused: ${issues.join("; ")}` };
}
