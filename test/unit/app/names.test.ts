import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { resolveName, scheduleNames, workflowNames } from "../../../src/app/names.ts";
import { CascadeError } from "../../../src/kernel/errors.ts";

const part = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,3}$/);
const ids = fc.uniqueArray(
  fc.tuple(part, part).map(([pack, flow]) => `${pack}/${flow}`),
  { minLength: 1, maxLength: 12 },
);

describe("resolving a name", () => {
  it("gives the only identity that ends with it, and nothing that it could not mean", () => {
    fc.assert(
      fc.property(ids, part, (identities, name) => {
        const meant = identities.filter((id) => id.split("/")[1] === name);
        try {
          expect([resolveName(name, identities, workflowNames)]).toEqual(meant);
        } catch (error) {
          if (!(error instanceof CascadeError)) throw error;
          expect(error.code).toBe(meant.length === 0 ? "WORKFLOW_UNKNOWN" : "WORKFLOW_AMBIGUOUS");
          if (meant.length > 0) expect(error.details["candidates"]).toEqual(meant.toSorted());
        }
      }),
    );
  });

  it("always takes the full identity", () => {
    fc.assert(
      fc.property(ids, (identities) => {
        for (const id of identities) expect(resolveName(id, identities, workflowNames)).toBe(id);
      }),
    );
  });

  it("takes a schedule by its last one or two parts, and guesses at a misspelled one", () => {
    const schedules = ["p/a/*/5 * * * *", "p/a/daily", "p/b/daily"];
    expect(resolveName("*/5 * * * *", schedules, scheduleNames)).toBe("p/a/*/5 * * * *");
    expect(resolveName("b/daily", schedules, scheduleNames)).toBe("p/b/daily");
    expect(() => resolveName("daily", schedules, scheduleNames)).toThrow(/several schedules/);
    expect(() => resolveName("", schedules, scheduleNames)).toThrow(/there is no schedule/);
  });
});
