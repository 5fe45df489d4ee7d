import { mkdir, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { NAME_PATTERN } from "../../domain/workflow.ts";
import { CascadeError, systemErrorCode, toCascadeError } from "../../kernel/errors.ts";

export interface ScaffoldTypes {
  /** What `cascaded` means to the type checker: a `.d.ts` or `.ts` file. */
  sdk: string;
  /** The folder of the zod that packages are given. */
  zod: string;
  /** The folder that holds `@types/node`, or null when there is none: types of a browser's globals stand in. */
  nodeTypes: string | null;
}

/** Holds links to the types of the program on this machine. It keeps itself out of version control. */
export const TYPES_FOLDER = ".cascade-types";

/** What the entry of a new package is written in. */
export type ScaffoldLanguage = "typescript" | "yaml";

/**
 * Makes a package folder that type-checks and packs as it is, without network. The package takes the folder's name.
 * Returns the paths written that belong to it. Throws `NAME_INVALID`, or `CANNOT_CREATE` when the folder holds something already.
 */
export async function scaffold(
  folder: string,
  types: ScaffoldTypes,
  language: ScaffoldLanguage = "typescript",
): Promise<readonly string[]> {
  const name = basename(folder);
  if (!NAME_PATTERN.test(name)) throw new CascadeError("NAME_INVALID", `"${name}" cannot be the name of a package`);
  await refuseUsed(folder);
  const files = language === "yaml" ? commandFiles(name) : codeFiles(name, types);
  try {
    await mkdir(folder, { recursive: true });
    if (language === "typescript") await linkTypes(folder, types);
    for (const [path, text] of Object.entries(files)) await writeFile(join(folder, path), text, { flag: "wx" });
  } catch (error) {
    throw cannotCreate(folder, toCascadeError(error).message, error);
  }
  return Object.keys(files).map((path) => join(folder, path));
}

function codeFiles(name: string, types: ScaffoldTypes): Record<string, string> {
  return {
    "package.json": packageFile(name, "workflow.ts"),
    "tsconfig.json": json(tsconfig(types)),
    "workflow.ts": workflowSource(name),
    "README.md": readme(name, "workflow.ts"),
  };
}

function commandFiles(name: string): Record<string, string> {
  return {
    "package.json": packageFile(name, "workflow.yaml"),
    "workflow.yaml": commandSource(name),
    "README.md": readme(name, "workflow.yaml"),
  };
}

function packageFile(name: string, entry: string): string {
  return json({
    name,
    version: "1.0.0",
    description: "",
    private: true,
    type: "module",
    cascade: { entry, assets: [], env: [] },
  });
}

/** Points the paths of a scaffolded `tsconfig.json` to the types of this program; a package that came from elsewhere has none. */
export async function linkTypes(folder: string, { sdk, zod, nodeTypes }: ScaffoldTypes): Promise<void> {
  const types = join(folder, TYPES_FOLDER);
  await rm(types, { recursive: true, force: true });
  await mkdir(types);
  await writeFile(join(types, ".gitignore"), "*\n");
  const links = { cascaded: dirname(sdk), zod, ...(nodeTypes === null ? {} : { "@types": nodeTypes }) };
  for (const [name, target] of Object.entries(links)) await symlink(target, join(types, name));
}

async function refuseUsed(folder: string): Promise<void> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return;
    throw cannotCreate(folder, toCascadeError(error).message, error);
  }
  if (names.length > 0) throw cannotCreate(folder, "it is not empty");
}

function cannotCreate(folder: string, why: string, cause?: unknown): CascadeError {
  return new CascadeError("CANNOT_CREATE", `cannot make a package in ${folder}: ${why}`, { cause });
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Nothing in it is of this machine, and the package depends on nothing that is installed beside it. */
function tsconfig({ sdk, nodeTypes }: ScaffoldTypes): object {
  const types = `./${TYPES_FOLDER}`;
  const sdkName = basename(sdk).replace(/(?:\.d)?\.ts$/, "");
  return {
    compilerOptions: {
      target: "es2023",
      lib: nodeTypes === null ? ["es2023", "dom"] : ["es2023"],
      module: "esnext",
      moduleResolution: "bundler",
      strict: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: true,
      allowImportingTsExtensions: true,
      resolveJsonModule: true,
      noEmit: true,
      ...(nodeTypes === null ? { types: [] } : { typeRoots: [`${types}/@types`], types: ["node"] }),
      paths: { cascaded: [`${types}/cascaded/${sdkName}`], zod: [`${types}/zod`], "zod/*": [`${types}/zod/*`] },
    },
    include: ["**/*.ts"],
    exclude: ["node_modules", TYPES_FOLDER],
  };
}

function workflowSource(name: string): string {
  return `import { cron, workflow } from "cascaded";
import * as z from "zod";

export default workflow("${name}", {
  params: z.object({ name: z.string().default("world") }),
  on: cron("0 * * * *"),
})
  .task("greet", ({ params, plannedAt, log }) => {
    log.info("greeting", { name: params.name });
    return { text: \`Hello, \${params.name}!\`, plannedAt };
  })
  .task("shout", { after: ["greet"], retry: { attempts: 3 } }, ({ upstream }) => upstream.greet.text.toUpperCase());
`;
}

function commandSource(name: string): string {
  return `name: ${name}
on: { cron: "0 * * * *" }
params:
  type: object
  properties: { name: { type: string } }
tasks:
  greet:
    run: echo "Hello, \${CASCADE_PARAM_NAME:-world}!" | tee greeting.txt
  count:
    after: [greet]
    retry: { attempts: 3, delay: 10s }
    run: |
      echo "{\\"at\\": \\"$CASCADE_PLANNED_AT\\"}"
`;
}

function readme(name: string, entry: string): string {
  return `# ${name}

    cascade validate .                 every mistake at once
    cascade pack .                     writes ${name}-1.0.0.cascade
    cp ${name}-1.0.0.cascade FOLDER    into a folder that the daemon watches
    cascade run start ${name} --wait

\`${entry}\` holds the workflow. Files named in \`cascade.assets\` of package.json are at \`ctx.assets\`; environment variables
named in \`cascade.env\` are given to its tasks.
`;
}
