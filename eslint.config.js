import tseslint from "typescript-eslint";

/** What only the composition root, the command line and the child process may touch. */
const ambient = [
  { object: "process", property: "env", message: "Configuration arrives as an argument." },
  { object: "process", property: "on", message: "Signals belong to daemon/ and cli/." },
  { object: "process", property: "exit", message: "Only entries end the process." },
  { object: "process", property: "cwd", message: "Folders arrive as arguments." },
  { object: "process", property: "chdir", message: "Folders arrive as arguments." },
  { object: "process", property: "umask", message: "The umask belongs to the composition root." },
  { object: "Date", property: "now", message: "Take the time from a Clock." },
  { object: "Math", property: "random", message: "Randomness arrives as an argument." },
];
const timers = ["setTimeout", "setInterval"].map((name) => ({ name, message: "Take timers from a Clock." }));

export default tseslint.config(
  {
    ignores: [
      "dist",
      "node_modules",
      "coverage",
      "packages-example",
      "test/fixtures",
      "**/*.cjs",
      "**/*.mjs",
      "**/*.js",
    ],
  },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { project: "./tsconfig.json", tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      // Ports are asynchronous by contract; an adapter that needs no await still returns a promise.
      "@typescript-eslint/require-await": "off",
      // Services are objects of closures; none of them uses `this`.
      "@typescript-eslint/unbound-method": "off",
      eqeqeq: "error",
      "prefer-const": "error",
      "no-restricted-properties": ["error", ...ambient],
      "no-restricted-globals": ["error", ...timers],
    },
  },
  {
    files: [
      "src/daemon/**",
      "src/cli/**",
      "src/adapters/process/child/**",
      "src/adapters/archive/describe-entry.ts",
      "test/**",
      "bench/**",
      "*.config.ts",
    ],
    rules: { "no-restricted-properties": "off", "no-restricted-globals": "off" },
  },
  {
    // Tests reach into JSON answers and fixtures whose shape is what they check.
    files: ["test/**", "bench/**"],
    rules: {
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-call": "off",
      "@typescript-eslint/no-unsafe-return": "off",
    },
  },
);
