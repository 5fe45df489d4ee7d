import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { expect, onTestFinished, test } from "vitest";
import { endOf } from "../support/attempts.ts";
import { createProcessHostRig } from "../support/process-host-rig.ts";
import { tempFolder } from "../support/temp-folder.ts";

const SOURCE = `interface Row { id: number }
const rows: Row[] = [];

function load(id: number): Row {
  const row = rows.find((each) => each.id === id);
  if (!row) throw new Error("no row", { cause: new RangeError(\`id \${id}\`) });
  return row;
}

export default {
  [Symbol.for("cascade.workflow.v1")]: {
    name: "misbehave",
    tasks: [
      { name: "throws", run: () => load(7) },
      { name: "logs", run: (context: any) => {
        console.log(new Error("printed").stack);
        context.log.error("failed", { error: new Error("logged") });
      } },
    ],
  },
};
`;

test("stacks of task errors, of their causes and of what is printed point at the author's TypeScript lines", async () => {
  const folder = tempFolder();
  mkdirSync(join(folder, "src"));
  writeFileSync(join(folder, "src/flow.ts"), SOURCE);
  buildSync({
    absWorkingDir: folder,
    entryPoints: ["src/flow.ts"],
    outfile: join(folder, "bundle.mjs"),
    bundle: true,
    platform: "node",
    format: "esm",
    sourcemap: "linked",
    banner: { js: "// Moves every line of the bundle.\n\n" },
  });
  const rig = createProcessHostRig();
  onTestFinished(() => rig.close());
  const ours = { package: { name: "pack", version: "1.0.0", digest: folder } };

  const thrown = await endOf(rig.run({ ...ours, task: "throws" }));
  expect(thrown.failure?.message).toBe("no row");
  const stack = thrown.failure?.stack?.split("\n") ?? [];
  expect(stack[0]).toBe("Error: no row");
  expect(stack[1]).toMatch(/^ {4}at load \(src\/flow\.ts:6:19\)$/);
  expect(stack[2]).toMatch(/\(src\/flow\.ts:14:\d+\)$/);
  expect(stack[3]).toBe("caused by: RangeError: id 7");
  expect(stack.at(-1)).toMatch(/src\/flow\.ts/);

  const logging = rig.run({ ...ours, task: "logs" });
  await logging.answer;
  const text = rig.logs.text(logging.spec.runId, "logs");
  expect(text).toContain("src/flow.ts:16:");
  expect(text).toContain("src/flow.ts:17:");
  expect(text).not.toContain("bundle.mjs");
});
