import { isJsonObject } from "../../kernel/json.ts";

/** A row that this program cannot have written: the database is damaged. */
export class DamagedRow extends Error {}

/** The value of a column that holds JSON text. */
export function storedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DamagedRow(`a stored row holds no JSON where it must: ${JSON.stringify(text.slice(0, 60))}`, { cause });
  }
}

/** The value of a column that holds the JSON text of an object. */
export function storedObject<Value extends object>(text: string): Value {
  const value = storedJson(text);
  if (!isJsonObject(value)) throw new DamagedRow(`a stored row holds ${text.slice(0, 60)} in the place of an object`);
  return value as Value;
}

/** The value of a column that holds the JSON text of a list. */
export function storedList<Item>(text: string): readonly Item[] {
  const value = storedJson(text);
  if (!Array.isArray(value)) throw new DamagedRow(`a stored row holds ${text.slice(0, 60)} in the place of a list`);
  return value as readonly Item[];
}

/** The value of a column that holds one of a few words. */
export function storedWord<Word extends string>(words: readonly Word[], word: string): Word {
  if (!(words as readonly string[]).includes(word))
    throw new DamagedRow(`a stored row holds ${JSON.stringify(word.slice(0, 60))} in the place of ${words.join(", ")}`);
  return word as Word;
}

/** A row that another row refers to. */
export function storedRow<Row>(row: Row | undefined, what: string): Row {
  if (row === undefined) throw new DamagedRow(`${what} is not stored, and another row refers to it`);
  return row;
}
