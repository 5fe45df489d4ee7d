import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createLastLine } from "../../src/adapters/process/last-line.ts";
import { createLineReader } from "../../src/adapters/process/line-reader.ts";
import { createMarkerSplitter } from "../../src/adapters/process/marker-splitter.ts";
import {
  encodeRun,
  endMarker,
  markerStart,
  encodeSuccess,
  parseHostFrame,
} from "../../src/adapters/process/protocol.ts";
import { commandEnvironment, hostEnvironment, missingNames } from "../../src/adapters/process/task-environment.ts";
import { claimMemory, createClaims } from "../../src/adapters/process/child/claims.ts";
import { readOutput } from "../../src/adapters/process/child/output.ts";
import { attemptSpec } from "../support/attempts.ts";

/** The bytes cut at random places. */
function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end));
}

describe("frames", () => {
  test("the run frame is one line of JSON that holds params and outputs as they were given", () => {
    fc.assert(
      fc.property(
        fc.json(),
        fc.dictionary(fc.string(), fc.json()),
        fc.constantFrom(undefined, 1, "\t"),
        (params, outputs, space) => {
          const pretty = (json: string) => JSON.stringify(JSON.parse(json), null, space);
          const upstream = Object.fromEntries(
            Object.entries(outputs).map(([name, json]) => [name, { kind: "inline", json: pretty(json) }] as const),
          );
          const line = encodeRun(7, attemptSpec({ params: pretty(params), upstream }), () => "");
          expect(line.indexOf("\n")).toBe(line.length - 1);
          const frame = JSON.parse(line) as { params: unknown; upstream: unknown };
          expect(frame.params).toEqual(JSON.parse(params));
          expect(Object.keys(frame.upstream as object).sort()).toEqual(Object.keys(upstream).sort());
        },
      ),
    );
  });

  test("whatever a process writes is a frame of known shape or nothing, and never throws", () => {
    const frames = [
      { t: "ready" },
      { t: "start", n: 1, folder: 1 },
      { t: "out", n: 1, stream: "stdout", text: "x" },
      { t: "log", n: 1, at: 1, level: "info", message: "m", fields: "" },
      { t: "ok", n: 1, ms: 0.5, marked: false, output: null },
      { t: "file", n: 1, ms: 1, marked: true, size: 2 },
      { t: "fail", n: 1, ms: 1, marked: true, code: "TASK_FAILED", message: "m", stack: "" },
      { t: "late", runId: "r", task: "t", attempt: 1, message: "m" },
      { t: "retire", reason: "r" },
    ];
    for (const frame of frames) {
      const { output, ...rest } = frame as Record<string, unknown>;
      const expected = output === undefined ? frame : { ...rest, json: JSON.stringify(output) };
      expect(parseHostFrame(JSON.stringify(frame))).toEqual(expected);
    }
    const broken = fc
      .tuple(fc.constantFrom(...frames), fc.nat(), fc.anything())
      .filter(([frame]) => frame.t !== "ready")
      .map(([frame, at, value]) => {
        const keys = Object.keys(frame);
        const key = keys[at % keys.length]!;
        return { frame, key, changed: { ...frame, [key]: value } };
      });
    fc.assert(
      fc.property(broken, ({ frame, key, changed }) => {
        let line: string;
        try {
          line = JSON.stringify(changed);
        } catch {
          return;
        }
        const read = parseHostFrame(line) as Record<string, unknown> | undefined;
        // A changed value passes only where it has the type of the one it replaced, or is the output.
        if (read && key !== "output") expect(typeof read[key]).toBe(typeof (frame as Record<string, unknown>)[key]);
      }),
    );
    fc.assert(fc.property(fc.string(), (line) => void parseHostFrame(line)));
    for (const line of ["", "null", "[]", "1", '{"t":"start","n":-1,"folder":0}', '{"t":"start","n":1.5,"folder":0}']) {
      expect(parseHostFrame(line)).toBeUndefined();
    }
  });
});

describe("the frame of a success", () => {
  test("hands the output's text on as it is", () => {
    const numbers = fc.double({ min: 0, max: 1e9, noNaN: true }).map((ms) => (Object.is(ms, -0) ? 0 : ms));
    fc.assert(
      fc.property(fc.json(), numbers, fc.nat(), fc.boolean(), (json, ms, n, marked) => {
        const frame = { t: "ok", n, ms, marked, json: JSON.stringify(JSON.parse(json)) } as const;
        expect(parseHostFrame(encodeSuccess(frame).trimEnd())).toEqual(frame);
      }),
    );
  });

  test("is read with its meaning when a task writes it otherwise, and its output is always one JSON value", () => {
    const start = '{"t":"ok","n":1,"ms":0,"marked":true,"output":';
    const read = (line: string) => parseHostFrame(line) as { json?: string } | undefined;
    expect(read('{"output":{"a":1},"marked":true,"ms":0,"n":1,"t":"ok"}')?.json).toBe('{"a":1}');
    expect(read(`${start}1,"more":2}`)?.json).toBe("1");
    expect(read(`${start}1,"output":2}`)).toBeUndefined();
    expect(read(`${start}${"[".repeat(20_000)}${"]".repeat(20_000)}}`)).toBeUndefined();
    expect(read(`${start}1e400}`)).toBeUndefined();
    expect(read(`${start}1 } `)?.json).toBe("1");
    for (const rest of ["", "}", "1", "1}}", "[1}", "nothing}"]) expect(read(`${start}${rest}`)).toBeUndefined();
  });
});

describe("lines", () => {
  test("come out whole and in order wherever chunks are cut", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "grapheme" })), fc.array(fc.nat(), { maxLength: 20 }), (texts, cuts) => {
        const lines = texts.map((text) => text.replaceAll("\n", ""));
        const seen: string[] = [];
        const reader = createLineReader(1_000_000, (line) => seen.push(line), expect.unreachable);
        for (const piece of pieces(Buffer.from(lines.map((line) => `${line}\n`).join("")), cuts)) reader.feed(piece);
        expect(seen).toEqual(lines);
      }),
    );
  });

  test("a line without end is reported once, and nothing after it is read", () => {
    let tooLong = 0;
    const seen: string[] = [];
    const reader = createLineReader(
      10,
      (line) => seen.push(line),
      () => tooLong++,
    );
    for (const text of ["one\ntwo", " more\n", "12345678", "9012", "x\ny\n"]) reader.feed(Buffer.from(text));
    expect(seen).toEqual(["one", "two more"]);
    expect(tooLong).toBe(1);
  });

  test("the last line that is not blank is remembered, unless it is too long", () => {
    for (const [text, expected] of [
      ["", ""],
      ["a\nb", "b"],
      ["a\nb\n\n  \n", "b"],
      ["a\nlonger than ten\n", ""],
      ["a\nlonger than ten", ""],
      ["longer than ten\nb", "b"],
    ] as const) {
      fc.assert(
        fc.property(fc.array(fc.nat(), { maxLength: 6 }), (cuts) => {
          const last = createLastLine(10);
          for (const piece of pieces(Buffer.from(text), cuts)) last.feed(piece);
          expect(last.text()).toBe(expected);
        }),
      );
    }
  });
});

describe("end markers", () => {
  const host = "boot:3";
  const noise = fc.oneof(
    fc.string(),
    fc.constant("\0"),
    fc.constant(markerStart(host)),
    fc.constant(markerStart(host).slice(0, 5)),
    fc.constant(endMarker("other:1", 4)),
    fc.constant(`${markerStart(host)}12x\n`),
  );

  test("are taken out of the bytes wherever chunks are cut, and everything else is handed on in its place", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.array(noise).map((parts) => parts.join("")),
            fc.nat({ max: 1e9 }),
          ),
        ),
        fc.array(fc.nat(), { maxLength: 30 }),
        (attempts, cuts) => {
          // A beginning of a marker right before a marker swallows nothing, as a marker begins with its NUL.
          const bytes = Buffer.from(attempts.map(([text, n]) => `${text}.${endMarker(host, n)}`).join(""));
          const seen: [string, number][] = [];
          let text: Buffer[] = [];
          const splitter = createMarkerSplitter(
            host,
            (part) => text.push(Buffer.from(part)),
            (n) => {
              seen.push([Buffer.concat(text).toString(), n]);
              text = [];
            },
          );
          for (const piece of pieces(bytes, cuts)) splitter.feed(piece);
          expect(seen).toEqual(attempts.map(([words, n]) => [`${words}.`, n]));
          expect(text).toEqual([]);
        },
      ),
    );
  });
});

describe("claims", () => {
  test("an attempt is claimed or revoked, never both, whoever asks first and however often", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 64 }), fc.boolean())), (asked) => {
        const memory = claimMemory();
        const [main, guard] = [createClaims(memory), createClaims(memory)];
        const decided = new Map<number, boolean>();
        for (const [n, claim] of asked) {
          const expected = decided.get(n) ?? claim;
          decided.set(n, expected);
          expect(claim ? main.claim(n) : guard.revoke(n)).toBe(claim ? expected : !expected);
        }
      }),
    );
  });
});

describe("environments", () => {
  test("a host has common and declared names only, and its marker", () => {
    const daemon = { PATH: "/bin", HOME: "/root", SECRET: "s", TOKEN: "t", CASCADE_HOST: "outer:1", LANG: undefined };
    expect(hostEnvironment(daemon, "boot:1", ["TOKEN"])).toEqual({ PATH: "/bin", TOKEN: "t", CASCADE_HOST: "boot:1" });
    expect(hostEnvironment({}, "boot:1", ["CASCADE_HOST"])["CASCADE_HOST"]).toBe("boot:1");
    expect(missingNames(daemon, ["TOKEN", "LANG", "NONE", "toString"])).toEqual(["LANG", "NONE", "toString"]);
  });

  test("scalar params are variables; a definition's literals cannot hide what is ours", () => {
    const spec = attemptSpec({
      command: { run: "", env: { HOME: "/x", CASCADE_RUN_ID: "x", MINE: "1" } },
      params: '{"a-b":"x","c":false,"d":null,"e":[1],"nul":"a\\u0000b","päth":2}',
    });
    const places = { workDir: "/w", assets: "/a", inputFile: "/i", outputFile: "/o" };
    const environment = commandEnvironment(spec, places);
    expect(environment).toMatchObject({ HOME: "/w", CASCADE_RUN_ID: spec.runId, MINE: "1", CASCADE_PARAM_A_B: "x" });
    expect(environment["CASCADE_PARAM_C"]).toBe("false");
    expect(Object.keys(environment).filter((name) => name.startsWith("CASCADE_PARAM_"))).toHaveLength(3);
    expect(commandEnvironment({ ...spec, params: "[1]" }, places)["CASCADE_PARAM_0"]).toBeUndefined();
  });
});

describe("outputs", () => {
  test("every JSON value is read as JSON.stringify writes it", () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const output = readOutput(value, 1_000_000);
        if (output.kind === "json") expect(output.json).toBe(JSON.stringify(value));
        else expect(JSON.stringify(value)).toMatch(/\\ud[89a-f]/);
      }),
    );
  });

  test("no value makes it throw or run away, and what it accepts is the value's own JSON form", () => {
    fc.assert(
      fc.property(fc.anything({ withDate: true, withMap: true, withSet: true, withBigInt: true }), (value) => {
        const output = readOutput(value, 100_000);
        if (output.kind === "json") expect(JSON.parse(output.json)).toEqual(JSON.parse(JSON.stringify(value ?? null)));
      }),
    );
    let shared: unknown = [1];
    for (let depth = 0; depth < 60; depth++) shared = [shared, shared];
    expect(readOutput(shared, 1_000_000).kind).toBe("too_large");
    const circle: unknown[] = [];
    circle.push(circle);
    expect(readOutput(circle, 1_000_000).kind).toBe("invalid");
  });
});
