import nodeCrypto from "node:crypto";
import { announced, type AnyFunction, inPlaceOf, type Patch, type Refusal } from "./patches.ts";
import type { Readings } from "./session.ts";

type View = NodeJS.ArrayBufferView;

const TWO_TO_48 = 2 ** 48;
const TWO_TO_53 = 2 ** 53;

/** What `node:crypto` and Web Crypto give out as random numbers, and `Math.random`. Keys are made below JavaScript, so they are hidden. */
export function randomPatches(current: () => Readings | undefined): Patch[] {
  const { webcrypto } = nodeCrypto;
  const patch = (on: object, name: string, make: (readings: Readings, args: unknown[]) => unknown): Patch => {
    const real = (on as Record<string, AnyFunction>)[name]!;
    const made: AnyFunction = function (...args) {
      const readings = current();
      return readings ? make(readings, args) : real.apply(this, args);
    };
    return { on, name, value: inPlaceOf(real, made) };
  };
  const hide = (on: object, name: string, refusal: Refusal): Patch => {
    const real = (on as Record<string, AnyFunction>)[name]!;
    return { on, name, value: announced(real, () => current()?.hidden(`crypto.${name}`), refusal) };
  };
  const fillWhole = (readings: Readings, [view]: unknown[]) => fill(readings, view as View, 0);
  return [
    patch(Math, "random", (readings) => Number(readings.random(8).readBigUInt64BE() >> 11n) / TWO_TO_53),
    patch(nodeCrypto, "randomBytes", (readings, [size, callback]) =>
      answered(Buffer.from(readings.random(size as number)), callback),
    ),
    patch(nodeCrypto, "randomFillSync", (readings, [view, offset, size]) =>
      fill(readings, view as View, (offset as number | undefined) ?? 0, size as number | undefined),
    ),
    patch(nodeCrypto, "randomFill", (readings, [view, ...rest]) => {
      const [offset, size] = rest as number[];
      const filled = fill(
        readings,
        view as View,
        typeof offset === "number" ? offset : 0,
        typeof size === "number" ? size : undefined,
      );
      return answered(filled, rest.at(-1));
    }),
    patch(nodeCrypto, "randomInt", (readings, args) => {
      const [first, second] = args as number[];
      const [min, max] = typeof second === "number" ? [first!, second] : [0, first!];
      return answered(wholeNumber(readings, min, max), args.at(-1));
    }),
    patch(nodeCrypto, "randomUUID", uuid),
    patch(webcrypto, "randomUUID", uuid),
    // That of `node:crypto` calls this one.
    patch(webcrypto, "getRandomValues", fillWhole),
    ...[
      "generateKeyPair",
      "generateKeyPairSync",
      "generateKey",
      "generateKeySync",
      "generatePrime",
      "generatePrimeSync",
    ].map((name) => hide(nodeCrypto, name, "throws")),
    hide(webcrypto.subtle, "generateKey", "rejects"),
  ];
}

/** To the callback, as Node does, or as it is. */
function answered<Value>(value: Value, callback: unknown): Value | undefined {
  if (typeof callback !== "function") return value;
  process.nextTick(callback, null, value);
  return undefined;
}

function fill(readings: Readings, view: View, offset: number, size?: number): View {
  // Offsets count elements, not bytes.
  const width = "BYTES_PER_ELEMENT" in view ? view.BYTES_PER_ELEMENT : 1;
  const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength).subarray(
    offset * width,
    size === undefined ? undefined : (offset + size) * width,
  );
  bytes.set(readings.random(bytes.length));
  return view;
}

/** From `min` to below `max`, each as likely: a draw from the uneven rest is made again. */
function wholeNumber(readings: Readings, min: number, max: number): number {
  const range = max - min;
  for (;;) {
    const drawn = readings.random(6).readUIntBE(0, 6);
    if (drawn < TWO_TO_48 - (TWO_TO_48 % range)) return min + (drawn % range);
  }
}

function uuid(readings: Readings): string {
  const bytes = Buffer.from(readings.random(16));
  bytes[6] = 0x40 | (bytes[6]! & 0x0f);
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  const hex = bytes.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
