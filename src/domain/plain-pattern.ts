/** More than any pattern that is written to be read. */
const LENGTH_MAX = 300;
/** Characters that the fixed parts stand for. */
const FIXED_MAX = 200;

const raw = String.raw;
const date = raw`(?:(?:\d\d[2468][048]|\d\d[13579][26]|\d\d0[48]|[02468][048]00|[13579][26]00)-02-29|\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|(?:02)-(?:0[1-9]|1\d|2[0-8])))`;
const minutes = raw`(?:[01]\d|2[0-3]):[0-5]\d`;
const anyTime = raw`${minutes}(?::[0-5]\d(?:\.\d+)?)?`;
const offset = raw`([+-](?:[01]\d|2[0-3]):[0-5]\d)`;
const group4 = "[0-9a-fA-F]{1,4}";
const ipv6 = raw`(([0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}|([0-9a-fA-F]{1,4}:){1,7}:|([0-9a-fA-F]{1,4}:){1,6}:${group4}|([0-9a-fA-F]{1,4}:){1,5}(:${group4}){1,2}|([0-9a-fA-F]{1,4}:){1,4}(:${group4}){1,3}|([0-9a-fA-F]{1,4}:){1,3}(:${group4}){1,4}|([0-9a-fA-F]{1,4}:){1,2}(:${group4}){1,5}|${group4}:((:${group4}){1,6})|:((:${group4}){1,7}|:))`;
const byte = "25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9][0-9]|[0-9]";
const seconds = ["", raw`:[0-5]\d`, ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((digits) => raw`:[0-5]\d\.\d{${digits}}`)];
const times = [...seconds.map((rest) => minutes + rest), raw`${minutes}:[0-5]\d(?:\.\d+)?`];
const suffixes = ["Z", `Z|${offset}`];

/**
 * What zod 4 writes for its formats beyond the simple form below, each linear in the text. A test holds the list against zod; one
 * that is not here costs no more than a look by another thread.
 */
const zodPatterns: ReadonlySet<string> = new Set([
  `^${date}$`,
  `^${anyTime}$`,
  ...times.map((time) => `^${time}$`),
  ...times.flatMap((time) =>
    suffixes.flatMap((suffix) => [
      `^${date}T(?:${time}(?:${suffix}))$`,
      `^${date}T(?:${time}(?:${suffix})|${anyTime})$`,
    ]),
  ),
  raw`^P(?:(\d+W)|(?!.*W)(?=\d|T\d)(\d+Y)?(\d+M)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+([.,]\d+)?S)?)?)$`,
  raw`^(?:[A-Za-z0-9_'+\-]+\.)*[A-Za-z0-9_'+\-]*[A-Za-z0-9_+-]@(?:[A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$`,
  "^([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}|00000000-0000-0000-0000-000000000000|ffffffff-ffff-ffff-ffff-ffffffffffff)$",
  ...[1, 2, 3, 4, 5, 6, 7, 8].map(
    (version) => `^([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-${version}[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12})$`,
  ),
  "^([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})$",
  "^$|^(?:[0-9a-zA-Z+/]{4})*(?:(?:[0-9a-zA-Z+/]{2}==)|(?:[0-9a-zA-Z+/]{3}=))?$",
  "^(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2,3})?$",
  raw`^(?:(?:${byte})\.){3}(?:${byte})$`,
  raw`^((${byte})\.){3}(${byte})\/([0-9]|[1-2][0-9]|3[0-2])$`,
  `^${ipv6}$`,
  raw`^${ipv6}\/(12[0-8]|1[01][0-9]|[1-9]?[0-9])$`,
  "^(?:[0-9A-F]{2}:){5}[0-9A-F]{2}$|^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$",
]);

/**
 * Whether a pattern of a stranger takes time in proportion to the text, whatever the text is: without groups, alternatives and
 * look-around, and with at most one part whose length varies, which then is anchored at the beginning.
 */
export function isPlainPattern(pattern: string): boolean {
  return zodPatterns.has(pattern) || isSimple(pattern);
}

const ATOM = /\[\^?(?:[^\\\]]|\\.)+\]|\\[dDwWsStrn.*+?^$()[\]{}|/\\-]|[^\\^$*+?()[\]{}|]/uy;
const QUANTIFIER = /\{(\d{1,3})\}|[*+?]\??|\{\d{1,3},\d{0,3}\}\??/y;

function isSimple(pattern: string): boolean {
  if (pattern.length > LENGTH_MAX) return false;
  const isAnchored = pattern.startsWith("^");
  const end = pattern.endsWith("$") && !pattern.endsWith("\\$") ? pattern.length - 1 : pattern.length;
  let fixed = 0;
  let varying = 0;
  for (let at = isAnchored ? 1 : 0; at < end;) {
    ATOM.lastIndex = at;
    if (!ATOM.test(pattern)) return false;
    at = QUANTIFIER.lastIndex = ATOM.lastIndex;
    const [quantifier, count] = QUANTIFIER.exec(pattern) ?? [];
    if (quantifier !== undefined) at += quantifier.length;
    if (quantifier !== undefined && count === undefined) varying++;
    else fixed += Number(count ?? 1);
  }
  return varying <= (isAnchored ? 1 : 0) && fixed <= FIXED_MAX;
}
