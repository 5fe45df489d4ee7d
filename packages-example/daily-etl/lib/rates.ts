/** Euro for one unit of each currency. */
export type Rates = Record<string, number>;

export function parseRates(csv: string): Rates {
  const [, ...lines] = csv.trim().split("\n");
  return Object.fromEntries(
    lines.map((line) => {
      const [currency = "", euro = ""] = line.split(",");
      if (currency === "" || !(Number(euro) > 0)) throw new Error(`not a rate: "${line}"`);
      return [currency, Number(euro)];
    }),
  );
}
