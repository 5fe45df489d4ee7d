import { bundled, root } from "./bundle.mjs";

const { publish } = await bundled("publish");
await publish(root);
