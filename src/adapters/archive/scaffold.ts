import { mkdir, readdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
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

/**
 * Makes a package folder that type-checks and packs as it is, without network. The package takes the folder's name.
 * Returns the paths written. Throws `NAME_INVALID`, or `CANNOT_CREATE` when the folder holds something already.
 */
export async function scaffold(folder: string, types: ScaffoldTypes): Promise<readonly string[]> {
  const name = basename(folder);
  if (!NAME_PATTERN.test(name)) throw new CascadeError("NAME_INVALID", `"${name}" cannot be the name of a package`);
  await refuseUsed(folder);
  const files = {
    "package.json": json({
      name,
      version: "1.0.0",
      description: "",
      private: true,
      type: "module",
      cascade: { entry: "workflow.ts", assets: [], env: [] },
    }),
    "tsconfig.json": json(tsconfig(types)),
    "workflow.ts": workflowSource(name),
    "README.md": readme(name),
  };
  try {
    await mkdir(folder, { recursive: true });
    for (const [path, text] of Object.entries(files)) await writeFile(join(folder, path), text, { flag: "wx" });
  } catch (error) {
    throw cannotCreate(folder, toCascadeError(error).message, error);
  }
  return Object.keys(files).map((path) => join(folder, path));
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

/** The paths are absolute: the package depends on nothing that is installed beside it. */
function tsconfig({ sdk, zod, nodeTypes }: ScaffoldTypes): object {
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
      ...(nodeTypes === null ? { types: [] } : { typeRoots: [nodeTypes], types: ["node"] }),
      paths: { cascaded: [sdk], zod: [zod], "zod/*": [`${zod}/*`] },
    },
    include: ["**/*.ts"],
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

function readme(name: string): string {
  return `# ${name}

    cascade validate .                 every mistake at once
    cascade pack .                     writes ${name}-1.0.0.cascade
    cp ${name}-1.0.0.cascade FOLDER    into a folder that the daemon watches
    cascade run start ${name} --wait

\`workflow.ts\` holds the workflow. Files named in \`cascade.assets\` of package.json are at \`ctx.assets\`; environment variables
named in \`cascade.env\` are given to its tasks.
`;
}
