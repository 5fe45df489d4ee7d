export interface Order {
  id: number;
  currency: string;
  amount: number;
}

/** Stands for a query: the same orders for the same day, so that a repeated attempt reads what the first one read. */
export function ordersOf(day: string): Order[] {
  const seed = [...day].reduce((sum, character) => sum + character.charCodeAt(0), 0);
  const currencies = ["EUR", "USD", "GBP"];
  return Array.from({ length: 5 + (seed % 5) }, (_, index) => ({
    id: index + 1,
    currency: currencies[(seed + index) % currencies.length] ?? "EUR",
    amount: ((seed * (index + 3)) % 900) + 100,
  }));
}
