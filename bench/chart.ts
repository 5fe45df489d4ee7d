import * as echarts from "echarts";
import type { Peer, Peers, Results } from "./results.ts";

/** The figures that have peers. A bar that would be longer than its panel ends at `most` with its number beside it. */
const panels = [
  { key: "w1_fanout", title: "Throughput", unit: "tasks per second", better: "longer is better", most: undefined },
  { key: "w2_latency", title: "Latency", unit: "ms to the task's first line", better: "shorter is better", most: 3.6 },
  {
    key: "w3_chain",
    title: "Chain of three tasks",
    unit: "runs per second",
    better: "longer is better",
    most: undefined,
  },
] as const;

type Key = (typeof panels)[number]["key"];

interface Bar {
  name: string;
  note: string;
  kind: keyof typeof fills;
  values: Record<Key, number | null>;
}

/** Replaced by `currentColor`, which the style below sets to what can be read on a light or a dark page. */
const INK = "#010203";
const fills = {
  cascade: "#2f81f7",
  ceiling: "none",
  isolated: "#1fa37a",
  shared: "#8b95a3",
} as const;
const legend: readonly { kind: Bar["kind"]; text: string }[] = [
  { kind: "cascade", text: "Cascade" },
  { kind: "ceiling", text: "what this machine allows" },
  { kind: "isolated", text: "as durable and isolated" },
  { kind: "shared", text: "less durable or less isolated" },
];

const WIDTH = 1_000;
const LABELS_WIDTH = 190;
const PANEL_WIDTH = 195;
const PANEL_GAP = 72;
const TOP = 92;
const ROW_HEIGHT = 40;
const FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif";

/** The picture, as SVG. */
export function chartOf(results: Results, { peers, taken }: Peers): string {
  return themed(render(barsOf(results, peers), results, taken));
}

function barsOf(results: Results, peers: readonly Peer[]): Bar[] {
  const rowOf = (key: Key) => {
    const row = results.rows[key];
    if (row?.ceiling === undefined) throw new Error(`the results have no ${key} beside its ceiling`);
    return row;
  };
  const take = (valueOf: (key: Key) => number | null) =>
    Object.fromEntries(panels.map(({ key }) => [key, valueOf(key)])) as Bar["values"];
  return [
    { name: "Cascade", note: "own processes · durable", kind: "cascade", values: take((key) => rowOf(key).value) },
    {
      name: "Bare program",
      note: "own processes · durable",
      kind: "ceiling",
      values: take((key) => rowOf(key).ceiling!),
    },
    ...peers.map((peer): Bar => {
      const isEqual = peer.isolation === "process" && peer.durable;
      return {
        name: peer.name,
        note: noteOf(peer),
        kind: isEqual ? "isolated" : "shared",
        values: take((key) => peer[key]),
      };
    }),
  ];
}

function noteOf({ isolation, durable }: Peer): string {
  const place = { process: "own processes", thread: "threads", none: "in the worker" }[isolation];
  return `${place} · ${durable ? "durable" : "not durable"}`;
}

function render(bars: readonly Bar[], { machine }: Results, peersTaken: string): string {
  const bottom = TOP + bars.length * ROW_HEIGHT;
  const height = bottom + 76;
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height });
  const leftOf = (index: number) => LABELS_WIDTH + index * (PANEL_WIDTH + PANEL_GAP);
  const text = (content: string, left: number, top: number, style: object) => ({
    type: "text" as const,
    left,
    top,
    style: { text: content, fill: INK, fontFamily: FONT, ...style },
  });
  chart.setOption({
    animation: false,
    textStyle: { fontFamily: FONT },
    grid: panels.map((_, index) => ({
      left: leftOf(index),
      width: PANEL_WIDTH,
      top: TOP,
      height: bars.length * ROW_HEIGHT,
    })),
    xAxis: panels.map(({ most }, index) => ({
      gridIndex: index,
      type: "value",
      show: false,
      min: 0,
      max: most ?? "dataMax",
    })),
    yAxis: panels.map((_, index) => ({
      gridIndex: index,
      type: "category",
      inverse: true,
      data: bars.map(({ name }) => name),
      axisTick: { show: false },
      axisLine: { lineStyle: { color: INK, opacity: 0.25 } },
      axisLabel: { show: index === 0, margin: 14, formatter: (name: string) => labelOf(bars, name), rich: labelStyles },
    })),
    series: panels.map(({ key, most }, index) => ({
      type: "bar",
      xAxisIndex: index,
      yAxisIndex: index,
      barWidth: 20,
      data: bars.map(({ kind, values }) => barOf(kind, values[key], most)),
    })),
    graphic: [
      text("Workflow and job engines on two cores", 14, 12, { fontSize: 19, fontWeight: 700 }),
      ...panels.flatMap(({ title, unit, better }, index) => [
        text(title, leftOf(index), 46, { fontSize: 15, fontWeight: 700 }),
        text(`${unit}, ${better}`, leftOf(index), 67, { fontSize: 12, opacity: 0.7 }),
      ]),
      ...legend.flatMap(({ kind, text: content }, index) => {
        const left = LABELS_WIDTH + index * 195;
        return [
          {
            type: "rect" as const,
            left,
            top: bottom + 20,
            shape: { width: 14, height: 14, r: 3 },
            style: styleOf(kind),
          },
          text(content, left + 21, bottom + 21, { fontSize: 12 }),
        ];
      }),
      text(
        `Cascade and the bare program alternated, commit ${machine.commit}, ${machine.processors} × ${machine.model}; others ${peersTaken} (bench/results/peers.json)`,
        14,
        bottom + 52,
        { fontSize: 11, opacity: 0.6 },
      ),
    ],
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

const labelStyles = {
  name: { fontSize: 14, lineHeight: 17, color: INK, align: "right" },
  own: { fontSize: 14, lineHeight: 17, color: INK, align: "right", fontWeight: 700 },
  note: { fontSize: 11, lineHeight: 14, color: INK, align: "right" },
} as const;

function labelOf(bars: readonly Bar[], name: string): string {
  const bar = bars.find((candidate) => candidate.name === name)!;
  return `{${bar.kind === "cascade" ? "own" : "name"}|${name}}\n{note|${bar.note}}`;
}

function barOf(kind: Bar["kind"], value: number | null, most: number | undefined) {
  const isOwn = kind === "cascade";
  const isCut = value !== null && most !== undefined && value > most;
  const shown =
    value === null ? "–" : `${value.toLocaleString("en", { maximumSignificantDigits: value < 100 ? 3 : 5 })}`;
  return {
    value: isCut ? most : (value ?? 0),
    itemStyle: { borderRadius: [0, 4, 4, 0], ...itemStyleOf(kind) },
    label: {
      show: true,
      position: "right" as const,
      formatter: isCut ? `… ${shown}` : shown,
      color: INK,
      fontSize: isOwn ? 14 : 12,
      fontWeight: isOwn ? 700 : 400,
    },
  };
}

function itemStyleOf(kind: Bar["kind"]) {
  if (kind !== "ceiling") return { color: fills[kind] };
  return { color: "transparent", borderColor: INK, borderWidth: 1.2, borderType: "dashed" as const, opacity: 0.75 };
}

function styleOf(kind: Bar["kind"]) {
  if (kind !== "ceiling") return { fill: fills[kind] };
  return { fill: "transparent", stroke: INK, lineWidth: 1.2, lineDash: [3, 2], opacity: 0.75 };
}

/** Readable on a light and on a dark page, also where the picture is shown as an image. */
function themed(svg: string): string {
  const style = "<style>svg{color:#1f2328}@media(prefers-color-scheme:dark){svg{color:#e6edf3}}</style>";
  // Some programs that show pictures do not know the attribute and set such text too high.
  const centred = svg.replaceAll('dominant-baseline="central"', 'dy="0.35em"');
  return centred.replace(/(<svg[^>]*>)/, `$1${style}`).replaceAll(INK, "currentColor");
}
