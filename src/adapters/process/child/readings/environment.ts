import type { Readings } from "./session.ts";

/** What every task is given, and what a replay is given the same. */
const CONTRACT = ["PATH", "HOME", "TMPDIR", "LANG", "TZ", "USER"];

/** An environment that tells which declared names are read: their values may be secrets, so no recording holds them. */
export function watchedEnvironment(
  environment: Record<string, string>,
  hostMarker: string,
  current: () => Readings | undefined,
): Record<string, string> {
  return new Proxy(environment, {
    get(target, name, receiver) {
      const isNoted =
        typeof name === "string" &&
        Object.hasOwn(target, name) &&
        !CONTRACT.includes(name) &&
        (!name.startsWith("CASCADE_") || name === hostMarker);
      if (isNoted) current()?.unrecorded(`environment variable ${name}`);
      return Reflect.get(target, name, receiver) as unknown;
    },
  });
}
