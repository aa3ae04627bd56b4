/**
 * How people write quantities, and what they mean. Each reader answers the value, or a noun phrase that says what it would
 * have taken ("a duration such as …"), so that every caller words its error in the same way.
 */
export type Reading<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly expected: string };

const read = <T>(value: T): Reading<T> => ({ ok: true, value });
const refuse = (expected: string): Reading<never> => ({ ok: false, expected });

const DURATION_UNITS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;
const DURATION = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;
const LONGEST_MS = 365 * DURATION_UNITS.d;

/** `500ms`, `30s`, `5m`, `1h30m`, `2d`: milliseconds. Largest unit first, each at most once; a bare `0` needs no unit. */
export function readDuration(text: string): Reading<number> {
  if (text === '0') return read(0);
  const parts = DURATION.exec(text);
  if (text === '' || parts === null) return refuse('a duration such as 500ms, 30s, 5m or 1h30m');
  const units = Object.values(DURATION_UNITS);
  const ms = units.reduce((sum, unit, index) => sum + unit * Number(parts[index + 1] ?? 0), 0);
  return ms <= LONGEST_MS ? read(ms) : refuse('a duration of at most 365d');
}

const SIZE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};
const SIZE = /^(\d+(?:\.\d+)?) ?([KMGT]?i?B)$/;

/** `64MB` (powers of 1000), `1GiB` (powers of 1024), `1.5GB`: whole bytes. */
export function readSize(text: string): Reading<number> {
  const parts = SIZE.exec(text);
  const unit = SIZE_UNITS[parts?.[2] ?? ''];
  if (parts === null || unit === undefined) return refuse('a size such as 64MB or 1GiB');
  const bytes = Math.round(Number(parts[1]) * unit);
  return Number.isSafeInteger(bytes) ? read(bytes) : refuse('a size of at most 8000TB');
}

const PERCENT = /^(\d+(?:\.\d+)?) ?%$/;

/** `25%`, `0.5%`: 25, 0.5. From 0 to 100. */
export function readPercent(text: string): Reading<number> {
  const parts = PERCENT.exec(text);
  const percent = Number(parts?.[1]);
  return parts !== null && percent <= 100 ? read(percent) : refuse('a percentage from 0% to 100%');
}

const RATE_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** `50/s`, `600/m`: so many a second. */
export function readRate(text: string): Reading<number> {
  const [, count, unit = ''] = /^(\d{1,9}(?:\.\d{1,9})?)\/([smh])$/.exec(text) ?? [];
  return count === undefined ? refuse('a rate such as 50/s or 600/m') : read(Number(count) / (RATE_SECONDS[unit] ?? 1));
}

/** How many of the desired instances: a count, or a share that is resolved to a count when the release is made. */
export type Share = { readonly count: number } | { readonly percent: number };

/** `2` or `25%`. */
export function readShare(text: string): Reading<Share> {
  if (/^\d{1,6}$/.test(text)) return read({ count: Number(text) });
  const percent = readPercent(text);
  return percent.ok ? read({ percent: percent.value }) : refuse('a count such as 2, or a percentage such as 25%');
}

/** `644`, `0644` or `0o644`: the number 0o644. Permission bits only: an instance gains nothing by set-user-id. */
export function readMode(text: string): Reading<number> {
  const digits = /^0?o?([0-7]{3})$/.exec(text)?.[1];
  return digits === undefined ? refuse('an octal mode such as 0644') : read(Number.parseInt(digits, 8));
}

export function readPort(text: string): Reading<number> {
  const port = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? read(port) : refuse('a port from 1 to 65535');
}

export interface Listen {
  readonly host: string;
  readonly port: number;
}

const HOST = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9][A-Za-z0-9.-]*)):([0-9]+)$/;

/** `8080` (all addresses), `127.0.0.1:8080`, `[::1]:8080`. */
export function readListen(text: string): Reading<Listen> {
  const bare = readPort(text);
  if (bare.ok) return read({ host: '0.0.0.0', port: bare.value });
  return readHostPort(text, 'a port such as 8080, or an address such as 127.0.0.1:8080');
}

/** `logs.example:514`, `[::1]:514`. */
export function readHostPort(text: string, expected = 'a host and port such as logs.example:514'): Reading<Listen> {
  const parts = HOST.exec(text);
  const port = readPort(parts?.[3] ?? '');
  return parts !== null && port.ok ? read({ host: parts[1] ?? parts[2] ?? '', port: port.value }) : refuse(expected);
}
