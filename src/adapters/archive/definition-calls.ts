/** A piece of a text, from `start` up to but not including `end`. */
export interface Span {
  start: number;
  end: number;
}

export interface AuthoringCalls {
  /** Offsets of the names of all calls. */
  calls: readonly number[];
  /** Those that begin a workflow; null for one that was not seen. */
  workflows: readonly (number | null)[];
  /** The functions of tasks. */
  functions: readonly Span[];
}

export interface DefinitionCalls {
  /**
   * What only writes a definition down: literal arguments and options, the params of a workflow, and whole `.task()` calls.
   * A change there is one of the definition and not of code. What is computed stays code, and so does a call that cannot be read.
   */
  spans: readonly Span[];
  /** By the workflow's call: the option `params` where it is computed. */
  schemas: ReadonlyMap<number, Span>;
}

/** Tells in a bundle's text what is definition and what is code, without a parser: by literals and brackets. */
export function readDefinitionCalls(code: string, { calls, workflows, functions }: AuthoringCalls): DefinitionCalls {
  const readCall = createReader(code, calls, functions);
  const spans: Span[] = [];
  const schemas = new Map<number, Span>();
  for (const at of calls) {
    const call = readCall(at);
    if (!call) continue;
    const schema = workflows.includes(at) ? call.kept.find(({ option }) => option === "params") : undefined;
    if (schema) schemas.set(at, schema);
    const kept = call.kept.filter((piece) => piece !== schema);
    const isMember = code[at - 1] === ".";
    const bounds = isMember ? { start: at - 1, end: call.end + 1 } : { start: call.begin, end: call.end };
    const starts = [bounds.start, ...kept.map(({ end }) => end)];
    spans.push(...starts.map((start, index) => ({ start, end: kept[index]?.start ?? bounds.end })));
  }
  return { spans, schemas };
}

interface Call {
  /** After the opening parenthesis. */
  begin: number;
  /** At the closing one. */
  end: number;
  /** What is computed, and the name of the option that it is the value of. */
  kept: (Span & { option: string | null })[];
}

/** Reads the call of a name; undefined when it is none, or does not end. */
function createReader(
  code: string,
  calls: readonly number[],
  functions: readonly Span[],
): (at: number) => Call | undefined {
  const callsAt = new Set(calls);
  const functionEnds = new Map(functions.map(({ start, end }) => [start, end]));

  /** The end of what `pattern`, a sticky one, matches here. */
  function match(pattern: RegExp, at: number): number | undefined {
    pattern.lastIndex = at;
    return pattern.test(code) ? pattern.lastIndex : undefined;
  }
  const blank = (at: number) => match(/(?:\s+|\/\*[^]*?\*\/|\/\/.*)*/y, at)!;
  const quoted = (at: number) => match(/"[^"\\]*(?:\\[^][^"\\]*)*"|'[^'\\]*(?:\\[^][^'\\]*)*'/y, at);
  const key = (at: number) => quoted(at) ?? match(/[\w$]+/y, at);
  const name = (at: number) => match(/[\w$]+(?=\()/y, at);

  /** The end of a literal, of a task's function, or of another such call with nothing computed. */
  function data(at: number): number | undefined {
    const known = functionEnds.get(at);
    if (known !== undefined) return known;
    if (code[at] === "[") return list(at + 1, "]", data);
    if (code[at] === "{") return list(at + 1, "}", (member) => valueOf(member, data));
    if (callsAt.has(at)) {
      const inner = call(at);
      return inner && inner.kept.length === 0 ? inner.end + 1 : undefined;
    }
    const plain =
      /-?\d[\w.]*(?:(?<=e)[+-]\d+)?|(?:true|false|null|undefined|void 0)(?![\w$])|`[^`\\$]*(?:\\[^][^`\\$]*)*`/y;
    return quoted(at) ?? match(plain, at);
  }

  function valueOf(at: number, read: (at: number) => number | undefined): number | undefined {
    const colon = blank(key(at) ?? code.length);
    return code[colon] === ":" ? read(blank(colon + 1)) : undefined;
  }

  /** Reads items up to `close`; the end after it, or undefined when something else comes. */
  function list(begin: number, close: string, read: (at: number) => number | undefined): number | undefined {
    for (let at = blank(begin); at < code.length;) {
      if (code[at] === close) return at + 1;
      const end = read(at);
      if (end === undefined) return undefined;
      at = blank(end);
      if (code[at] === ",") at = blank(at + 1);
      else if (code[at] !== close) return undefined;
    }
    return undefined;
  }

  /** The end of a value that something follows which ends it. */
  function wholeData(at: number): number | undefined {
    const end = data(at);
    return end !== undefined && /[,)\]}]/.test(code[blank(end)] ?? "") ? end : undefined;
  }

  function call(at: number): Call | undefined {
    const open = name(at);
    if (open === undefined) return undefined;
    const kept: Call["kept"] = [];
    const keep = (start: number, end: number | undefined, option: string | null) => {
      if (end !== undefined) kept.push({ start, end, option });
      return end;
    };
    const option = (member: number) =>
      valueOf(member, wholeData) ?? keep(member, expression(member), code.slice(member, key(member) ?? member));
    const end = list(open + 1, ")", (argument) => {
      const whole = wholeData(argument);
      if (whole !== undefined) return whole;
      const before = kept.length;
      const options = code[argument] === "{" ? list(argument + 1, "}", option) : undefined;
      if (options !== undefined && /[,)]/.test(code[blank(options)] ?? "")) return options;
      kept.length = before;
      return keep(argument, expression(argument), null);
    });
    return end === undefined ? undefined : { begin: open + 1, end: end - 1, kept };
  }

  /** The end of any expression, by its brackets: up to a comma or a bracket that closes something around it. */
  function expression(begin: number): number | undefined {
    let depth = 0;
    for (let at = begin; at < code.length;) {
      const skipped = functionEnds.get(at) ?? quoted(at) ?? template(at) ?? regex(begin, at);
      if (skipped !== undefined) {
        at = skipped;
        continue;
      }
      const character = code[at]!;
      if (depth === 0 && /[,)\]}]/.test(character)) return begin + code.slice(begin, at).trimEnd().length;
      if (/[([{]/.test(character)) depth++;
      else if (/[)\]}]/.test(character)) depth--;
      at = Math.max(at + 1, blank(at));
    }
    return undefined;
  }

  function template(begin: number): number | undefined {
    if (code[begin] !== "`") return undefined;
    for (let at = begin + 1; at < code.length; at++) {
      if (code[at] === "\\") at++;
      else if (code[at] === "`") return at + 1;
      else if (code.startsWith("${", at)) {
        const end = expression(at + 2);
        if (end === undefined) return undefined;
        at = end;
      }
    }
    return undefined;
  }

  /** A slash divides after a value, and else begins a regular expression. */
  function regex(begin: number, at: number): number | undefined {
    if (code[at] !== "/") return undefined;
    const before = code.slice(Math.max(begin, at - 20), at).trimEnd();
    const isAfterValue =
      /[\w$)\]}"'`]$/.test(before) && !/(?<![\w$.])(?:return|typeof|case|in|of|void|await)$/.test(before);
    if (isAfterValue) return undefined;
    return match(/\/(?![*/])(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/\w*/y, at);
  }

  return call;
}
