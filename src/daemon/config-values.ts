import { isAbsolute, resolve } from "node:path";
import { checkZone } from "../adapters/time/zone.ts";
import { formatDuration, parseDuration } from "../kernel/duration.ts";
import { errorCatalogue } from "../kernel/error-catalogue.ts";
import { errorView } from "../kernel/errors.ts";
import { type LogLevel, logLevels } from "../kernel/logger.ts";
import { parseSigner } from "./signer-spelling.ts";

/** What a kind of value makes of what was written: the value, or what is wrong and how to write it. */
export type Reading<Value> = { value: Value } | { wrong: string; hint: string };

/** Where relative folders start from, and what `~` stands for. */
export interface PathBase {
  folder: string;
  home: string;
}

/** One kind of configuration value: how it is read from TOML, from the text of an environment variable, and written again. */
export interface ValueKind<Value> {
  /** One phrase for the documentation, such as `a duration of 1s to 1h`. */
  readonly describes: string;
  read(written: unknown, base: PathBase): Reading<Value>;
  /** The text of an environment variable as TOML would have given it; text that does not fit is left as it is. */
  fromText(text: string): unknown;
  /** The value as it is written in TOML. */
  write(value: Value): string;
}

const asIs = (text: string): unknown => text;

/** Milliseconds, written like `"30s"` or `"1h30m"`. */
export function durationKind(minMs: number, maxMs: number): ValueKind<number> {
  const range = `${formatDuration(minMs)} to ${formatDuration(maxMs)}`;
  return {
    describes: `a duration of ${range}`,
    read(written) {
      const ms = typeof written === "string" ? parseDuration(written) : undefined;
      if (ms === undefined)
        return { wrong: "it is not a duration", hint: 'Write a duration such as "30s" or "1h30m".' };
      if (ms < minMs || ms > maxMs) return { wrong: "it is out of range", hint: `Write a duration of ${range}.` };
      return { value: ms };
    },
    fromText: asIs,
    write: (ms) => JSON.stringify(formatDuration(ms)),
  };
}

/** The same, or `"forever"` for an infinite one. */
export function spanKind(minMs: number, maxMs: number): ValueKind<number> {
  const kind = durationKind(minMs, maxMs);
  return {
    ...kind,
    describes: `${kind.describes}, or "forever"`,
    read: (written, base) => (written === "forever" ? { value: Infinity } : kind.read(written, base)),
    write: (ms) => (ms === Infinity ? '"forever"' : kind.write(ms)),
  };
}

const SIZE_UNITS = {
  B: 1,
  KB: 1_000,
  MB: 1_000_000,
  GB: 1_000_000_000,
  TB: 1_000_000_000_000,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
} as const;

/** Bytes, written like `"10 MB"` (powers of 1000) or `"64KiB"` (powers of 1024). */
export function sizeKind(minBytes: number, maxBytes: number): ValueKind<number> {
  const range = `${formatSize(minBytes)} to ${formatSize(maxBytes)}`;
  return {
    describes: `a size of ${range}`,
    read(written) {
      const bytes = typeof written === "string" ? parseSize(written) : undefined;
      if (bytes === undefined) return { wrong: "it is not a size", hint: 'Write a size such as "10 MB" or "64 KiB".' };
      if (bytes < minBytes || bytes > maxBytes)
        return { wrong: "it is out of range", hint: `Write a size of ${range}.` };
      return { value: bytes };
    },
    fromText: asIs,
    write: (bytes) => JSON.stringify(formatSize(bytes)),
  };
}

function parseSize(text: string): number | undefined {
  const parts = /^(\d+(?:\.\d+)?) ?([A-Za-z]+)$/.exec(text);
  const unit = Object.entries(SIZE_UNITS).find(([name]) => name === parts?.[2])?.[1];
  const bytes = unit === undefined ? undefined : Math.round(Number(parts![1]) * unit);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

function formatSize(bytes: number): string {
  const [name, unit] = Object.entries(SIZE_UNITS)
    .filter(([, size]) => bytes > 0 && bytes % size === 0)
    .reduce((best, entry) => (entry[1] > best[1] ? entry : best), ["B", 1]);
  return `${bytes / unit} ${name}`;
}

export function countKind(min: number, max: number): ValueKind<number> {
  return {
    describes: `a whole number from ${min} to ${max}`,
    read(written) {
      if (typeof written === "number" && Number.isInteger(written) && written >= min && written <= max)
        return { value: written };
      return { wrong: "it is no such number", hint: `Write a whole number from ${min} to ${max}, without quotes.` };
    },
    fromText: (text) => (/^\d{1,15}$/.test(text) ? Number(text) : text),
    write: String,
  };
}

export function flagKind(): ValueKind<boolean> {
  return {
    describes: "true or false",
    read: (written) =>
      typeof written === "boolean"
        ? { value: written }
        : { wrong: "it is neither true nor false", hint: "Write true or false, without quotes." },
    fromText: (text) => (text === "true" ? true : text === "false" ? false : text),
    write: String,
  };
}

export function logLevelKind(): ValueKind<LogLevel> {
  return {
    describes: `one of ${logLevels.join(", ")}`,
    read(written) {
      const value = logLevels.find((level) => level === written);
      return value ? { value } : { wrong: "there is no such level", hint: `Write one of "${logLevels.join('", "')}".` };
    },
    fromText: asIs,
    write: (level) => JSON.stringify(level),
  };
}

export function timezoneKind(): ValueKind<string> {
  return {
    describes: "an IANA time zone name",
    read(written) {
      const otherwise = {
        wrong: "there is no such time zone",
        hint: 'Write an IANA name such as "Europe/Berlin" or "UTC".',
      };
      if (typeof written !== "string") return otherwise;
      try {
        checkZone(written);
        return { value: written };
      } catch (error) {
        const { hint } = errorView(error);
        return hint === errorCatalogue.TIMEZONE_UNKNOWN.hint ? otherwise : { ...otherwise, hint };
      }
    },
    fromText: asIs,
    write: (zone) => JSON.stringify(zone),
  };
}

const HOST_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;

/** A lowercase host name, or empty for the one that is made up. */
export function hostNameKind(): ValueKind<string> {
  return {
    describes: "a host name",
    read: (written) =>
      typeof written === "string" && (written === "" || HOST_NAME.test(written))
        ? { value: written }
        : { wrong: "it is not a host name", hint: 'Write a lowercase name such as "tlog.example.org".' },
    fromText: asIs,
    write: (name) => JSON.stringify(name),
  };
}

/** A file, or empty for none. */
export function optionalFileKind(example: string): ValueKind<string> {
  const file = pathKind("a file", example);
  return { ...file, read: (written, base) => (written === "" ? { value: "" } : file.read(written, base)) };
}

/** Who signs proofs, or empty for a key in the data folder. */
export function optionalSignerKind(): ValueKind<string> {
  return {
    describes: "a signer",
    read: (written) =>
      typeof written === "string" && (written === "" || parseSigner(written))
        ? { value: written }
        : { wrong: "it is not a signer", hint: 'Write "exec:COMMAND", "ssh-agent" or "ssh-agent:KEY".' },
    fromText: asIs,
    write: (signer) => JSON.stringify(signer),
  };
}

export function textKind(describes: string): ValueKind<string> {
  return {
    describes,
    read: (written) =>
      typeof written === "string" && written !== ""
        ? { value: written }
        : { wrong: "it is not a text", hint: `Write ${describes}.` },
    fromText: asIs,
    write: (text) => JSON.stringify(text),
  };
}

/** An address of HTTP or HTTPS. */
export function urlKind(): ValueKind<string> {
  return {
    describes: "an address",
    read: (written) =>
      typeof written === "string" && /^https?:\/\//.test(written) && URL.canParse(written)
        ? { value: written }
        : { wrong: "it is not an address", hint: 'Write an address such as "https://rekor.example.org".' },
    fromText: asIs,
    write: (url) => JSON.stringify(url),
  };
}

/** The name of an anchor: of files, too, so it has the form of a workflow's name. */
export function anchorNameKind(): ValueKind<string> {
  return {
    describes: "a name such as witnesses",
    read: (written) =>
      typeof written === "string" && /^[a-z0-9][a-z0-9-]{0,62}$/.test(written)
        ? { value: written }
        : { wrong: "it is not a name", hint: "Names match [a-z0-9][a-z0-9-]{0,62}." },
    fromText: asIs,
    write: (name) => JSON.stringify(name),
  };
}

/** A program and its arguments. */
export function commandKind(): ValueKind<readonly string[]> {
  return {
    describes: "a list of a program and its arguments",
    read: (written) =>
      Array.isArray(written) && written.length > 0 && written.every((word) => typeof word === "string" && word !== "")
        ? { value: written as string[] }
        : { wrong: "it is not a command", hint: 'Write a list such as ["/usr/local/bin/stamp", "--stdin"].' },
    fromText: asIs,
    write: (words) => JSON.stringify(words),
  };
}

/** An absolute path of what `describes` says; `~/` and paths relative to the base are completed. */
export function pathKind(describes: "a folder" | "a file", example: string): ValueKind<string> {
  return {
    describes,
    read(written, base) {
      const path = typeof written === "string" ? completePath(written, base) : undefined;
      return path === undefined
        ? { wrong: "it is not a path", hint: `Write a path such as "${example}".` }
        : { value: path };
    },
    fromText: asIs,
    write: (path) => JSON.stringify(path),
  };
}

/** Absolute folders without repetition, in the order written; in an environment variable separated by `:`. */
export function foldersKind(): ValueKind<readonly string[]> {
  return {
    describes: "a list of folders",
    read(written, base) {
      const folders = Array.isArray(written)
        ? written.map((item: unknown) => (typeof item === "string" ? completePath(item, base) : undefined))
        : [undefined];
      if (folders.includes(undefined))
        return { wrong: "it is not a list of paths", hint: 'Write a list such as ["/srv/cascade/packages"].' };
      return { value: [...new Set(folders as string[])] };
    },
    fromText: (text) => text.split(":").filter((part) => part !== ""),
    write: (folders) => `[${folders.map((folder) => JSON.stringify(folder)).join(", ")}]`,
  };
}

/** An absolute path; undefined for text that names none. */
export function completePath(text: string, base: PathBase): string | undefined {
  if (text.trim() === "" || text.includes("\0")) return undefined;
  if (text === "~" || text.startsWith("~/")) return resolve(base.home, text.slice(2));
  return isAbsolute(text) ? resolve(text) : resolve(base.folder, text);
}
