type IsAny<T> = 0 extends 1 & T ? true : false;

/** What JSON.stringify drops, empties or rewrites. */
type Foreign =
  | ((...args: never) => unknown)
  | { toJSON(): unknown }
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | WeakMap<WeakKey, unknown>
  | PromiseLike<unknown>
  | RegExp
  | Error
  | ArrayBuffer
  | ArrayBufferView;

/** `T` itself where it has a JSON form, `never` at each part that has none. */
type JsonShape<T> =
  IsAny<T> extends true
    ? T
    : unknown extends T
      ? T
      : T extends string | number | boolean | null | undefined | void
        ? T
        : T extends bigint | symbol | Foreign
          ? never
          : { [K in keyof T]: K extends symbol ? never : JsonShape<T[K]> };

/** What a downstream task sees of an output of type `T`: what is left after `JSON.parse(JSON.stringify(output))`. */
export type JsonForm<T> =
  IsAny<T> extends true
    ? T
    : unknown extends T
      ? T
      : T extends string | number | boolean | null
        ? T
        : T extends undefined | void
          ? null
          : T extends readonly unknown[]
            ? { [K in keyof T]: JsonForm<T[K]> }
            : {
                [K in keyof T]: undefined extends T[K]
                  ? JsonForm<Exclude<T[K], undefined>> | undefined
                  : JsonForm<T[K]>;
              };

/** Stands beside a task's function and makes the compiler refuse one whose output has no JSON form. */
export type HasJsonForm<Output> =
  IsAny<Output> extends true
    ? unknown
    : [Output] extends [JsonShape<Output>]
      ? unknown
      : { "return only null, booleans, numbers, strings, arrays and plain objects": never };
