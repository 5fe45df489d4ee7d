/** Rings once at one instant. Setting it again replaces the instant. It may ring late, never early, and is never relied on alone. */
export interface Alarm {
  set(instant: number, callback: () => void): void;
  clear(): void;
}
