import { type Loader, transform } from "esbuild";
import { type Problem, problem } from "../../kernel/errors.ts";
import type { Bundle } from "./bundle.ts";

/** What every task is given; `CASCADE_*` besides. */
const GIVEN = ["PATH", "HOME", "TMPDIR", "LANG", "TZ", "USER"];

/** A warning for each variable that the author's own sources read and the package does not declare. */
export async function undeclaredNames(inputs: Bundle["inputs"], declared: readonly string[]): Promise<Problem[]> {
  const places = new Map<string, string>();
  for (const { name: file, contents } of inputs) {
    const text = contents.toString("utf8");
    if (file.startsWith("node_modules/") || !text.includes("process.env")) continue;
    for (const name of await namesIn(file, text)) if (!places.has(name)) places.set(name, placeIn(file, text, name));
  }
  return [...places]
    .filter(([name]) => !declared.includes(name) && !GIVEN.includes(name) && !name.startsWith("CASCADE_"))
    .map(([name, place]) =>
      problem(
        "ENV_UNDECLARED",
        place,
        `process.env.${name} is not declared, so no task is given it`,
        `Add "${name}" to \`cascade.env\` in package.json.`,
      ),
    );
}

/** Read from the code as the bundler writes it, so that neither comments nor layout matter. */
async function namesIn(file: string, text: string): Promise<string[]> {
  const loader = /\.[cm]?([jt]sx?)$/.exec(file)?.[1] as Loader | undefined;
  if (loader === undefined) return [];
  const tsconfigRaw = { compilerOptions: { experimentalDecorators: true } };
  const { code } = await transform(text, {
    loader,
    minifyWhitespace: true,
    charset: "utf8",
    logLevel: "silent",
    tsconfigRaw,
  });
  const members = [
    ...code.matchAll(/(?<![\w$.])process\.env(?:\??\.([A-Za-z_]\w*)|(?:\?\.)?\["([A-Za-z_]\w*)"\])(?!\w)(?!=(?!=))/g),
  ];
  const taken = [...code.matchAll(/\{([^{}]*)\}=process\.env(?![\w.[?])/g)].flatMap(([, list]) =>
    [...list!.matchAll(/(?:^|,)([A-Za-z_]\w*)/g)].map(([, name]) => name!),
  );
  return [...members.map(([, dotted, quoted]) => (dotted ?? quoted)!), ...taken];
}

function placeIn(file: string, text: string, name: string): string {
  const at = text.search(new RegExp(`process\\.env\\??\\.?(?:\\[["'])?${name}\\b`));
  if (at < 0) return file;
  const before = text.slice(0, at).split("\n");
  return `${file}:${before.length}:${before.at(-1)!.length + 1}`;
}
