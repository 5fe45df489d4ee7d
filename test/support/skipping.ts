/**
 * Whether a test may skip because this host lacks a program or a right that it needs. Where everything was installed for
 * it, `CASCADE_SKIP_NOTHING=1` says no: then it runs, and fails.
 */
export const skipsAllowed = process.env["CASCADE_SKIP_NOTHING"] !== "1";
