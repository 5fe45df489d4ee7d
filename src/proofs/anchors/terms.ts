/** What is configured of every anchor. */
export interface AnchorTerms {
  name: string;
  /** The least time between two heads. */
  everyMs: number;
  /** For one exchange with the other side. */
  timeoutMs: number;
}
