import type { ClockKind } from "../../../../domain/recording.ts";
import type { Patch } from "./patches.ts";
import type { Readings } from "./session.ts";

/** Everything that tells the time to JavaScript, but for `Intl.DateTimeFormat` without a date. */
export function clockPatches(current: () => Readings | undefined): Patch[] {
  const read = <Value extends number | string>(kind: ClockKind, real: () => Value): Value => {
    const readings = current();
    return readings ? readings.clock(kind, real) : real();
  };
  const RealDate = Date;
  const realNow = Date.now;
  const now = () => read("date", realNow);
  const PatchedDate: DateConstructor = new Proxy(RealDate, {
    construct(target, args, newTarget) {
      const given = args.length === 0 ? [now()] : args;
      return Reflect.construct(target, given, newTarget === PatchedDate ? target : newTarget) as object;
    },
    apply: () => new RealDate(now()).toString(),
  });
  const realPerformanceNow = performance.now.bind(performance);
  const realOrigin = performance.timeOrigin;
  const realHrtime = process.hrtime.bigint;
  const realUptime = process.uptime.bind(process);

  const hrtimeBigint = () => BigInt(read("hrtime", () => String(realHrtime())));
  const hrtime = (since?: [number, number]): [number, number] => {
    const nanoseconds = hrtimeBigint() - (since ? BigInt(since[0]) * BILLION + BigInt(since[1]) : 0n);
    return [Number(nanoseconds / BILLION), Number(nanoseconds % BILLION)];
  };
  return [
    { on: RealDate, name: "now", value: now },
    { on: globalThis, name: "Date", value: PatchedDate },
    { on: RealDate.prototype, name: "constructor", value: PatchedDate },
    { on: performance, name: "now", value: () => read("performance", realPerformanceNow) },
    { on: performance, name: "timeOrigin", get: () => read("performance", () => realOrigin) },
    { on: process, name: "hrtime", value: Object.assign(hrtime, { bigint: hrtimeBigint }) },
    { on: process, name: "uptime", value: () => read("performance", realUptime) },
  ];
}

const BILLION = 1_000_000_000n;
