/** Names of the zone database without a `/`. A runtime's own short names beside them mean whatever its authors thought of. */
const plainNames = new Set(
  (
    "CET CST6CDT Cuba EET EST EST5EDT Egypt Eire GB GB-Eire GMT GMT+0 GMT-0 GMT0 Greenwich HST Hongkong Iceland Iran Israel " +
    "Jamaica Japan Kwajalein Libya MET MST MST7MDT NZ NZ-CHAT Navajo PRC PST8PDT Poland Portugal ROC ROK Singapore Turkey " +
    "UCT UTC Universal W-SU WET Zulu"
  )
    .toUpperCase()
    .split(" "),
);

/** What people mean by abbreviations that are none of those; several where it depends on who says it. */
const meant: Readonly<Record<string, readonly string[]>> = {
  ACT: ["Australia/Darwin", "America/Rio_Branco"],
  AEDT: ["Australia/Sydney"],
  AEST: ["Australia/Sydney", "Australia/Brisbane"],
  AKDT: ["America/Anchorage"],
  AKST: ["America/Anchorage"],
  ART: ["America/Argentina/Buenos_Aires"],
  AST: ["America/Halifax", "America/Puerto_Rico", "Asia/Riyadh"],
  ADT: ["America/Halifax"],
  AWST: ["Australia/Perth"],
  BRT: ["America/Sao_Paulo"],
  BST: ["Europe/London", "Asia/Dhaka"],
  CAT: ["Africa/Maputo"],
  CDT: ["America/Chicago"],
  CEST: ["Europe/Berlin", "Europe/Paris"],
  CST: ["America/Chicago", "Asia/Shanghai"],
  EAT: ["Africa/Nairobi"],
  ECT: ["America/Guayaquil"],
  EDT: ["America/New_York"],
  EEST: ["Europe/Athens", "Europe/Helsinki"],
  HKT: ["Asia/Hong_Kong"],
  IDT: ["Asia/Jerusalem"],
  IST: ["Asia/Kolkata", "Europe/Dublin", "Asia/Jerusalem"],
  JST: ["Asia/Tokyo"],
  KST: ["Asia/Seoul"],
  MDT: ["America/Denver"],
  MSK: ["Europe/Moscow"],
  NDT: ["America/St_Johns"],
  NST: ["America/St_Johns"],
  NZDT: ["Pacific/Auckland"],
  NZST: ["Pacific/Auckland"],
  PDT: ["America/Los_Angeles"],
  PHT: ["Asia/Manila"],
  PKT: ["Asia/Karachi"],
  PRT: ["America/Puerto_Rico"],
  PST: ["America/Los_Angeles", "Asia/Manila"],
  SAST: ["Africa/Johannesburg"],
  SGT: ["Asia/Singapore"],
  SST: ["Pacific/Pago_Pago", "Asia/Singapore"],
  WEST: ["Europe/Lisbon"],
  WIB: ["Asia/Jakarta"],
};

/** Whether a name has the form of one of the zone database, in any case: `EST` is one, `BST` and `+01:00` are none. */
export function isZoneName(name: string): boolean {
  if (!/^[A-Za-z][\w+-]*(\/[\w+-]+)*$/.test(name)) return false;
  return name.includes("/") ? !/^SystemV\//i.test(name) : plainNames.has(name.toUpperCase());
}

/** At most three zones that somebody may have meant who wrote what is none. */
export function zonesMeantBy(name: string): readonly string[] {
  const known = meant[name.toUpperCase()];
  if (known) return known;
  const city = `/${name.trim().replaceAll(" ", "_")}`.toLowerCase();
  return Intl.supportedValuesOf("timeZone")
    .filter((zone) => zone.toLowerCase().endsWith(city))
    .slice(0, 3);
}
