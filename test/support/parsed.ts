/** Whatever `JSON.parse` gives, for tests that reach into a text's content to spoil it. */
export type Parsed = ReturnType<typeof JSON.parse>;
