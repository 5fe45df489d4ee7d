import type { Stats } from "node:fs";
import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { packageFileKind } from "../../domain/package-file.ts";
import type { FileLocation } from "../../domain/registry.ts";
import { CascadeError, type ErrorView, errorView, systemErrorCode } from "../../kernel/errors.ts";

/** Why something in a watched folder is no package; undefined when it is gone, or one that could be listed now. */
export async function whyPassedOver({ folder, name }: FileLocation): Promise<ErrorView | undefined> {
  const path = join(folder, name);
  const because = (reason: string, hint: string) =>
    errorView(new CascadeError("WATCH_PASSED_OVER", `${path} is passed over: ${reason}`, { hint }));
  let found: Stats;
  try {
    found = await lstat(path);
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT")
      return because(`it cannot be looked at (${systemErrorCode(error)})`, "Check its rights.");
    // Node shows bytes that are no UTF-8 as this character, and then finds nothing by that name.
    return name.includes("\uFFFD") ? because("its name is not UTF-8", "Rename it.") : undefined;
  }
  if (found.isSymbolicLink()) {
    return because(
      "it is a symbolic link, and links are not followed",
      `Put the file itself there: \`cp -L '${path}' …\` under another name, then \`mv\`.`,
    );
  }
  if (found.isDirectory()) {
    return because(
      "it is a folder",
      `Pack it: \`cascade pack '${path}' -o '${folder}/'\`, and move the sources elsewhere.`,
    );
  }
  if (!found.isFile()) return because("it is neither a regular file nor a folder", "Move it elsewhere.");
  if (packageFileKind(name) !== undefined) return undefined;
  if (name.startsWith("."))
    return because("its name begins with a dot", `Rename it when it is complete: \`mv '${path}' …\`.`);
  if (/\.ya?ml$/i.test(name)) {
    const wanted = `${name.replace(/(?:\.cascade)?\.ya?ml$/i, "").toLowerCase()}.cascade.yaml`;
    return because(
      "a workflow in YAML is named NAME.cascade.yaml here",
      `Rename it: \`mv '${path}' '${join(folder, wanted)}'\`.`,
    );
  }
  return because(
    "its name does not end in .cascade or .cascade.yaml",
    "Move it elsewhere, or rename it if it is a package.",
  );
}
