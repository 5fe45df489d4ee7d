import { bundled, root } from "./bundle.mjs";

const { main } = await bundled("profile");
process.exit(main(process.argv.slice(2), root));
