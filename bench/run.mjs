import { existsSync } from "node:fs";
import { join } from "node:path";
import { bundled, root } from "./bundle.mjs";

if (!existsSync(join(root, "dist/cli/main.js"))) {
  console.error("There is no built daemon to measure: run `npm run build` first.");
  process.exit(1);
}
const { main } = await bundled("main", "ceiling-main", "ceiling-child");
process.exit(await main(process.argv.slice(2), root));
