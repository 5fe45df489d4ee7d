import { median, rounded } from "./statistics.ts";
import { type Target, targets } from "./targets.ts";

/** One repetition of one number, with what the bare program reached beside it. */
export interface Sample {
  value: number;
  ceiling?: number;
}

/** One number of the report. */
export interface Row extends Omit<Target, "better"> {
  /** The median. */
  value: number;
  min: number;
  max: number;
  /** One per repetition, as `ratios` are. */
  samples: readonly number[];
  ceiling?: number;
  /** The median over the repetitions; the nearer to 1, the nearer to the ceiling, for rates and times alike. */
  ratio?: number;
  ratios?: readonly number[];
  /** Whether what must be reached is; absent where nothing must be. */
  met?: boolean;
}

export function rowOf(key: string, samples: readonly Sample[]): Row {
  const { better, ...target } = targetOf(key);
  const values = samples.map(({ value }) => value);
  const row: Row = {
    value: rounded(median(values)),
    min: rounded(Math.min(...values)),
    max: rounded(Math.max(...values)),
    samples: values.map(rounded),
    ...compared(samples, better),
    ...target,
  };
  const met = hasMet(row, better);
  return met === undefined ? row : { ...row, met };
}

/** Throws for a number that no table knows: it would be reported without a unit. */
function targetOf(key: string): Target {
  const target = targets[key];
  if (!target) throw new Error(`${key} has no entry in targets.ts`);
  return target;
}

function compared(samples: readonly Sample[], better: Target["better"]): Partial<Row> {
  const ceilings = samples.flatMap(({ ceiling }) => (ceiling === undefined ? [] : [ceiling]));
  if (ceilings.length === 0) return {};
  const ratios = samples.map(({ value, ceiling }) => ratioOf(value, ceiling!, better));
  return { ceiling: rounded(median(ceilings)), ratio: rounded(median(ratios)), ratios: ratios.map(rounded) };
}

export function ratioOf(value: number, ceiling: number, better: Target["better"]): number {
  return better === "more" ? value / ceiling : ceiling / value;
}

function hasMet({ value, ratio, must, mustRatio }: Row, better: Target["better"]): boolean | undefined {
  if (must === undefined) return undefined;
  const isEnough = better === "more" ? value >= must : value <= must;
  return isEnough && (mustRatio === undefined || (ratio !== undefined && ratio >= mustRatio));
}

const columns = ["min", "median", "max", "", "ceiling", "ratio", "must", "aim", "met"];
const KEY_WIDTH = 22;
const WIDTH = 9;

export const tableHead = `${"".padEnd(KEY_WIDTH)}${columns.map((name) => name.padStart(WIDTH)).join("")}\n`;

export function tableLine(key: string, row: Row): string {
  const numbers = [row.min, row.value, row.max].map(String);
  const met = row.met === undefined ? "" : row.met ? "yes" : "no";
  const cells = [...numbers, row.unit, ...[row.ceiling, row.ratio, row.must, row.aim].map((cell) => cell ?? ""), met];
  return `${`  ${key}`.padEnd(KEY_WIDTH)}${cells.map((cell) => String(cell).padStart(WIDTH)).join("")}\n`;
}
