/** Sizes, durations, times and shares as people read them. */

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** Decimal units: `174 MB`. */
export function bytes(count: number): string {
  const exponent = count < 1000 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(count) / 3));
  const amount = count / 1000 ** exponent;
  return `${exponent === 0 || amount >= 100 ? Math.round(amount) : amount.toFixed(1)} ${UNITS[exponent]}`;
}

/** `0.04 s`, `12 s`, `4 m 12 s`, `3 h 5 m`, `2 d 4 h`. Never negative. */
export function duration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 1) return `${seconds.toFixed(2)} s`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const [minutes, hours, days] = [Math.floor(whole / 60), Math.floor(whole / 3600), Math.floor(whole / 86_400)];
  if (hours === 0) return `${minutes} m ${whole % 60} s`;
  return days === 0 ? `${hours} h ${minutes % 60} m` : `${days} d ${hours % 24} h`;
}

/** `just now`, `3 m ago`: the largest unit only. */
export function age(at: number, now: number): string {
  const seconds = Math.floor((now - at) / 1000);
  if (seconds < 10) return 'just now';
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ago`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)} h ago` : `${Math.floor(seconds / 86_400)} d ago`;
}

/** Local time, to the second: `2026-11-21 05:33:10`. */
export function moment(at: number): string {
  const date = new Date(at);
  const local = new Date(at - date.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19).replace('T', ' ');
}

/** Basis points as a share: `25 %`, `33.3 %`. */
export const share = (basisPoints: number): string => `${Number((basisPoints / 100).toFixed(1))} %`;

/** `1 image`, `3 images`. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
