/**
 * Asks the sources of metrics for their numbers. Owns how they are asked; what a number means is the judge's affair
 * (src/plan/judge). Nothing that a source answered is in an error: it may quote what must not be seen.
 */
import type { GroupId } from '../domain/ids.ts';
import { environmentOf, fleetOf, releaseOf, serviceOf } from '../domain/ids.ts';
import type { MetricSource } from '../domain/metric.ts';
import { KilnError, messageOf } from '../errors/error.ts';
import { DEFAULT_TRANSPORT, jsonOf, send, type Transport } from '../oci/http.ts';
import { parsePath, valueAt } from '../domain/json-path.ts';

/** A source that says nothing for so long has not answered. */
const STALL_MS = 10_000;
const ANSWER_BYTES = 1 << 20;

/** One look: the next comes soon enough, so that nothing is tried again here. */
export const measuring = (signal: AbortSignal): Transport => ({ ...DEFAULT_TRANSPORT, signal, stallMs: STALL_MS, attempts: 1 });

type HttpSource = Exclude<MetricSource, { kind: 'command' }>;

/** The number now. Null: the source knows of nothing (no series, NaN). Throws METRIC_UNREADABLE. */
export async function measure(source: HttpSource, group: GroupId, transport: Transport): Promise<number | null> {
  const request = requestOf(source, group);
  const document = await ask(request, transport);
  return source.kind === 'prometheus' ? fromPrometheus(document, request) : numberAt(document, source.path, request);
}

/** What a command of the group wrote, run by `output`. */
export async function measureByCommand(
  { command, path }: Extract<MetricSource, { kind: 'command' }>,
  group: GroupId,
  output: (command: readonly string[]) => Promise<string>,
): Promise<number | null> {
  const asked = nameOf(command);
  const text = await tell(asked, () => output(command.map((part) => filledIn(part, group))));
  const document = jsonOf(Buffer.from(text));
  if (document === null && text.trim() !== 'null') {
    if (NOTHING.test(text.trim())) return null;
    throw unreadable(asked, 'it wrote something else than JSON');
  }
  return numberAt(document, path, asked);
}

/** As tools that count write it. */
const NOTHING = /^[+-]?(nan|inf(inity)?)$/i;

const nameOf = (command: readonly string[]): string => `the command ${command[0] ?? ''}`;

function requestOf(source: HttpSource, group: GroupId): URL {
  if (source.kind === 'http') return new URL(filledIn(source.url, group, encodeURIComponent));
  const url = new URL(source.url.replace(/\/*$/, '/api/v1/query'));
  url.searchParams.set('query', filledIn(source.query, group));
  return url;
}

/** `$release` in it is the group's, and so on. Names hold nothing that a query could misread. */
export function filledIn(text: string, group: GroupId, escape: (value: string) => string = (value) => value): string {
  const fleet = fleetOf(group);
  const values: Readonly<Record<string, string>> = {
    release: `r${releaseOf(group)}`,
    group,
    service: serviceOf(fleet),
    environment: environmentOf(fleet),
  };
  return text.replaceAll(/\$(release|group|service|environment)\b/g, (_, name: string) => escape(values[name] ?? ''));
}

async function ask(url: URL, transport: Transport): Promise<unknown> {
  const headers = { accept: 'application/json' };
  const told = await tell(url, async () => {
    const answer = await send({ method: 'GET', url, headers, authorization: null }, transport);
    return { status: answer.status, body: await answer.bytes(ANSWER_BYTES) };
  });
  if (told.status !== 200) throw unreadable(url, `it answered ${told.status}`);
  if (told.body === null) throw unreadable(url, `its answer is longer than ${ANSWER_BYTES} bytes`);
  const document = jsonOf(told.body);
  if (document === null) throw unreadable(url, 'its answer is not JSON');
  return document;
}

async function tell<T>(asked: URL | string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw unreadable(asked, messageOf(error));
  }
}

/**
 * An instant query's answer (Prometheus HTTP API, "Expression query result formats"): a scalar, or a vector of one element.
 * Values are text.
 */
function fromPrometheus(document: unknown, url: URL): number | null {
  const type = valueAt(document, ['data', 'resultType']);
  const result = valueAt(document, ['data', 'result']);
  if (type === 'scalar') return finite(Number(valueAt(result, [1])));
  if (type !== 'vector' || !Array.isArray(result)) throw unreadable(url, 'it answered with neither a scalar nor a vector');
  if (result.length === 0) return null;
  if (result.length > 1)
    throw unreadable(url, `the query gives ${result.length} series, not one number; aggregate it, as in sum(…)`);
  return finite(Number(valueAt(result, [0, 'value', 1])));
}

function numberAt(document: unknown, path: string, asked: URL | string): number | null {
  const value = valueAt(document, parsePath(path) ?? []);
  if (value === null || value === undefined) return null;
  if (typeof value === 'string' && NOTHING.test(value.trim())) return null;
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number !== 'number' || Number.isNaN(number)) throw unreadable(asked, `there is no number at ${path} in its answer`);
  return finite(number);
}

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

/** The query is left out: it may be long, and a person knows it. */
const unreadable = (asked: URL | string, why: string): KilnError =>
  new KilnError('METRIC_UNREADABLE', `${typeof asked === 'string' ? asked : asked.origin + asked.pathname}: ${why}`, {
    hint: 'ask it by hand, and correct the metric in kiln.yaml; a rollout waits for it, and ends as its judge says',
  });
