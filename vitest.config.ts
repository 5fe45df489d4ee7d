import { defineConfig } from "vitest/config";

const shared = { pool: "forks" as const, testTimeout: 30_000, hookTimeout: 60_000 };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...shared,
          name: "unit",
          sequence: { groupOrder: 0 },
          include: ["test/{unit,property,contract,integration,bench}/**/*.test.ts"],
        },
      },
      {
        // Real processes, signals and daemons: one file at a time, so that two cores are enough.
        test: {
          ...shared,
          name: "process",
          // After the others, which would take their processors.
          sequence: { groupOrder: 1 },
          include: ["test/{process,daemon,fault}/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
