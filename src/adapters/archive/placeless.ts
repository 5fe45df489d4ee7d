/** Where a dependency lies, as its name in the nearest folder of dependencies; other paths stay relative to the package. */
export function placeless(path: string): string {
  const at = path.lastIndexOf("node_modules/");
  return at < 0 ? path : path.slice(at);
}
