/** The house: which room may import which, and which room owns which library. See docs/architecture.md. */
const rooms = {
  kernel: [],
  domain: ["kernel"],
  ports: ["domain", "kernel"],
  sdk: [],
  registry: ["ports", "domain", "kernel"],
  engine: ["ports", "domain", "kernel"],
  scheduling: ["engine", "ports", "domain", "kernel"],
  proofs: ["ports", "domain", "kernel"],
  app: ["registry", "engine", "scheduling", "proofs", "ports", "domain", "kernel"],
  http: ["app", "kernel"],
  client: ["app", "kernel"],
  daemon: [
    "http",
    "client",
    "app",
    "adapters",
    "registry",
    "engine",
    "scheduling",
    "proofs",
    "ports",
    "domain",
    "kernel",
  ],
  cli: ["daemon", "client", "app", "kernel"],
};
const adapters = ["sqlite", "filesystem", "archive", "process", "time", "logging", "signing", "anchors", "checks"];

/** Library → the one room that may import it. zod and types are free. */
const owners = {
  canonicalize: "src/kernel/canonical-json.ts",
  semver: "src/domain/",
  "better-sqlite3": "src/adapters/sqlite/",
  chokidar: "src/adapters/filesystem/",
  tar: "src/adapters/archive/",
  esbuild: "src/adapters/archive/",
  yaml: "src/adapters/archive/",
  "cron-parser": "src/adapters/time/",
  "node-schedule": "src/adapters/time/",
  luxon: "src/adapters/time/",
  pino: "src/adapters/logging/",
  "pino-roll": "src/adapters/logging/",
  "pino-pretty": "src/adapters/logging/",
  ajv: "src/adapters/checks/",
  hono: "src/http/",
  "@hono/node-server": "src/http/",
  commander: "src/cli/",
  picocolors: "src/cli/",
  "smol-toml": "src/daemon/",
  ethers: "src/adapters/anchors/",
};

module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    { name: "no-tests-in-source", severity: "error", from: { path: "^src" }, to: { path: "^(test|bench)" } },
    { name: "resolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
    ...Object.entries(rooms).map(([room, below]) => ({
      name: `${room}-imports-only-below`,
      severity: "error",
      from: { path: `^src/${room}/` },
      to: { path: "^src/", pathNot: [`^src/${room}/`, ...below.map((name) => `^src/${name}/`)] },
    })),
    ...adapters.map((adapter) => ({
      name: `adapter-${adapter}-knows-no-sibling`,
      severity: "error",
      from: { path: `^src/adapters/${adapter}/` },
      to: { path: "^src/", pathNot: [`^src/adapters/${adapter}/`, "^src/(ports|domain|kernel)/"] },
    })),
    ...Object.entries(owners).map(([library, owner]) => ({
      name: `${library.replace(/[@/]/g, "")}-has-one-room`,
      severity: "error",
      from: { path: "^src/", pathNot: `^(${owner})` },
      to: { path: `node_modules/${library}/` },
    })),
    {
      name: "child-processes-have-one-room",
      severity: "error",
      from: {
        path: "^src/",
        pathNot: "^src/(adapters/process|adapters/archive|adapters/signing|adapters/anchors|daemon|cli)/",
      },
      to: { path: "^(node:)?child_process$" },
    },
    {
      name: "decisions-touch-nothing",
      severity: "error",
      from: { path: "^src/domain/" },
      to: { dependencyTypes: ["core"] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "require", "node", "default", "types"],
    },
  },
};
