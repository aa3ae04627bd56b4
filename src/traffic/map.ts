/** HAProxy's maps of ranges: as Kiln writes them, and as `show map` prints them. */

export interface Range {
  readonly from: number;
  readonly to: number;
  readonly route: string;
}

export const rangeKey = ({ from, to }: Range): string => `${from}:${to}`;

/** A map file's content; `show map` prints the same lines behind a pointer each. */
export const mapText = (ranges: readonly Range[]): string =>
  ranges.map((range) => `${rangeKey(range)} ${range.route}\n`).join('');

/** From `show map`: `0x5562… 0:499 web.local:s1|web.local.r8` a line. */
export function parseMap(text: string): readonly Range[] {
  return text.split('\n').flatMap((line) => {
    const [, from, to, route] = /^0x[0-9a-f]+ (\d+):(\d+) (\S+)$/.exec(line) ?? [];
    return from === undefined || to === undefined || route === undefined ? [] : [{ from: Number(from), to: Number(to), route }];
  });
}
