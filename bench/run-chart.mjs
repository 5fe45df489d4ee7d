import { bundled, root } from "./bundle.mjs";

const { drawChart } = await bundled("chart");
drawChart(root);
