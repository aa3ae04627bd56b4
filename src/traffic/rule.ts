/**
 * A canary's rule in HAProxy. What of it changes with a step stands in the door's map beside the shares, so that both change
 * in one commit; the keys lie where no share can:
 *
 *   10000:10000 web.local:s1|web.local.r8          where requests go that match
 *   10001:10001 web.local.r8                       clients have places, salted with this
 *   10002:10002 eyJncm91cCI6IndlYi5sb2NhbC5yOCIs…  the whole rule, to be read back
 *   20000:20999 web.local:s1|web.local.r8|mirror   of 10 % of the safe requests a copy goes there
 *
 * The salt makes each canary meet other clients first. A cookie holds who a client is and not where it goes: it binds nobody
 * to a group. Names of headers and cookies HAProxy reads from its configuration alone: they are the wiring.
 */
import type { ClientKey, Match } from '../domain/requests.ts';
import type { CanaryRule } from '../engines/engine.ts';
import type { Range } from './map.ts';

/** What of a rule it takes a reload to change. Kept when the rule goes: its end and its return are changes of the map. */
export interface Wiring {
  readonly sticky: ClientKey | null;
  readonly matches: readonly Match[];
  readonly mirrors: boolean;
}

export const NO_WIRING: Wiring = { sticky: null, matches: [], mirrors: false };

export function wiringFor(rule: CanaryRule | null, before: Wiring): Wiring {
  if (rule === null) return before;
  return {
    sticky: rule.sticky ?? before.sticky,
    matches: rule.matches.length > 0 ? rule.matches : before.matches,
    mirrors: before.mirrors || rule.mirror > 0,
  };
}

const MATCHING = 10_000;
const STICKY = 10_001;
const RULE = 10_002;
const MIRROR = 20_000;

/** `route`: that of the canary's group. */
export const ruleRanges = (rule: CanaryRule, route: string): readonly Range[] => [
  ...(rule.matches.length === 0 ? [] : [{ from: MATCHING, to: MATCHING, route }]),
  ...(rule.sticky === null ? [] : [{ from: STICKY, to: STICKY, route: rule.group }]),
  { from: RULE, to: RULE, route: Buffer.from(JSON.stringify(rule)).toString('base64url') },
  ...(rule.mirror === 0 ? [] : [{ from: MIRROR, to: MIRROR + rule.mirror - 1, route: `${route}|mirror` }]),
];

/** As `ruleRanges` wrote it; null: none. */
export function ruleIn(ranges: readonly Range[]): CanaryRule | null {
  const written = ranges.find(({ from }) => from === RULE);
  return written === undefined ? null : (JSON.parse(Buffer.from(written.route, 'base64url').toString()) as CanaryRule);
}

const CLIENT_COOKIE = 'kiln-client';
/** Longer than any rollout lasts. */
const COOKIE_SECONDS = 30 * 86_400;

/** Sets txn.place: where below 10,000 the request lies. `map` is a bare word. */
export function placeLines({ sticky }: Wiring, map: string): readonly string[] {
  const byChance = '  http-request set-var(txn.place) rand(10000)';
  if (sticky === null) return [byChance];
  return [
    byChance,
    `  http-request set-var(txn.salt) int(${STICKY}),map_int(${map})`,
    '  acl by_client var(txn.salt) -m found',
    ...clientLines(sticky),
    '  http-request set-var(txn.place) var(txn.client),concat(|,txn.salt),xxh32,mod(10000) if by_client',
  ];
}

function clientLines(key: ClientKey): readonly string[] {
  if (key.by === 'address') return ['  http-request set-var(txn.client) src if by_client'];
  if (key.by === 'header') {
    return [
      `  http-request set-var(txn.client) req.fhdr(${key.name}) if by_client`,
      '  http-request set-var(txn.client) src if by_client !{ var(txn.client) -m found }',
    ];
  }
  return [
    `  http-request set-var(txn.client) req.cook(${CLIENT_COOKIE}) if by_client`,
    '  acl known_client var(txn.client) -m reg ^[0-9a-f-]{36}$',
    '  http-request set-var(txn.fresh) uuid() if by_client !known_client',
    '  http-request set-var(txn.client) var(txn.fresh) if { var(txn.fresh) -m found }',
    `  http-after-response add-header Set-Cookie "${CLIENT_COOKIE}=%[var(txn.fresh)]; Path=/; Max-Age=${COOKIE_SECONDS}; HttpOnly; SameSite=Lax" if { var(txn.fresh) -m found }`,
  ];
}

/** Overrides txn.route for requests that match. `quoted`: one word of the configuration, taken literally. */
export function matchLines({ matches }: Wiring, map: string, quoted: (text: string) => string): readonly string[] {
  if (matches.length === 0) return [];
  return [
    ...matches.map(({ in: place, name, is }) => {
      const found = place === 'header' ? `req.fhdr(${name})` : `req.cook(${name})`;
      return `  acl matching ${found} -m ${is === null ? 'found' : `str -- ${quoted(is)}`}`;
    }),
    `  http-request set-var(txn.match) int(${MATCHING}),map_int(${map}) if matching`,
    '  http-request set-var(txn.route) var(txn.match) if { var(txn.match) -m found }',
  ];
}

/**
 * Hands a copy of the request to the script (mirror.ts). Nothing that opens a stream, and nothing with a body: it could not be
 * copied without waiting for it.
 */
export const mirrorLines = ({ mirrors }: Wiring, map: string, socket: string): readonly string[] =>
  mirrors
    ? [
        '  acl bodied req.fhdr(content-length) -m found',
        '  acl bodied req.fhdr(transfer-encoding) -m found',
        '  acl upgrading req.fhdr(upgrade) -m found',
        `  http-request set-var(txn.copy) rand(10000),add(${MIRROR}),map_int(${map}) if repeatable !bodied !upgrading`,
        `  http-request lua.kiln_mirror ${socket} if { var(txn.copy) -m found }`,
      ]
    : [];

/** Where copies go: there is one such route at most. */
export const mirrorRouteLine = (map: string): string => `  http-request set-var(txn.route) int(${MIRROR}),map_int(${map})`;
