/** The typed client: one method for each route, made from the table that the server is made from. */
import type { AnswerOf, EventOf, InputOf } from '../api/schema.ts';
import {
  pathParameters,
  ROUTE_NAMES,
  ROUTES,
  type JsonRoute,
  type RouteName,
  type StreamRoute,
  type TextRoute,
} from '../api/routes.ts';
import { PATIENCE, type DaemonPlace, type Patience } from './pulse.ts';
import { errorOf, linesOf, parse, send, textOf, unreachable } from './wire.ts';

export type {
  AnswerOf,
  BakeEventBody,
  BakeResultBody,
  ChannelBody,
  DiffBody,
  EntryBody,
  EventOf,
  EvidenceBody,
  FleetStatusBody,
  GateReportBody,
  GcPlanBody,
  ImageBody,
  InputOf,
  InventoryBody,
  LineageAnswer,
  LogLineBody,
  PatchPlanBody,
  PatchStatusBody,
  ProblemBody,
  ReleaseBody,
  ReproductionBody,
  RevokingBody,
  ServeEventBody,
  StoredImageBody,
  VulnerabilityReportBody,
  WavesBody,
  TransferEventBody,
} from '../api/schema.ts';

export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** Iterate for the events; leaving the loop early cancels the call. `result` resolves at the end, reading what was not iterated. */
export interface Stream<E, R> extends AsyncIterable<E> {
  result(): Promise<R>;
}

/** The input may be left out where all of it is optional. */
type Arguments<N extends RouteName> =
  Record<string, never> extends InputOf<N>
    ? [input?: InputOf<N>, options?: CallOptions]
    : [input: InputOf<N>, options?: CallOptions];

export type Client = {
  readonly [N in JsonRoute]: (...args: Arguments<N>) => Promise<AnswerOf<N>>;
} & {
  readonly [N in StreamRoute]: (...args: Arguments<N>) => Stream<EventOf<N>, AnswerOf<N>>;
} & { readonly [N in TextRoute]: (...args: Arguments<N>) => Promise<string> };

export interface ClientOptions {
  /** Ends every call that is under way, and every later one. */
  readonly signal?: AbortSignal;
  readonly patience?: Patience;
}

/** A client of a daemon. Connects with each call; there is nothing to close. */
export function createClient(daemon: DaemonPlace, options: ClientOptions = {}): Client {
  const methods = ROUTE_NAMES.map((name) => [name, methodOf(daemon, name, options)]);
  return Object.fromEntries(methods) as Client;
}

function methodOf(daemon: DaemonPlace, name: RouteName, { signal: always, patience = PATIENCE }: ClientOptions): unknown {
  const { answer } = ROUTES[name];
  return (input: Record<string, unknown> = {}, options: CallOptions = {}) => {
    const outer = either(always, options.signal);
    const open = (signal = outer): ReturnType<typeof send> => send({ daemon, patience, ...requestOf(name, input), signal });
    if (answer === 'stream') return streamOf(open, outer);
    return open()
      .then((response) => textOf(response, outer))
      .then(answer === 'json' ? parse : (text) => text);
  };
}

function either(one: AbortSignal | undefined, other: AbortSignal | undefined): AbortSignal | undefined {
  return one === undefined || other === undefined ? (one ?? other) : AbortSignal.any([one, other]);
}

function requestOf(name: RouteName, input: Record<string, unknown>): { method: string; path: string; body: string | null } {
  const { method, path } = ROUTES[name];
  const inPath = new Set(pathParameters(path));
  const filled = path.replaceAll(/:([a-z]+)/gi, (_, key: string) => encodeURIComponent(String(input[key])));
  const rest = Object.entries(input).filter(([key, value]) => !inPath.has(key) && value !== undefined);
  if (method === 'POST') return { method, path: filled, body: JSON.stringify(Object.fromEntries(rest)) };
  const query = new URLSearchParams(rest.map(([key, value]): [string, string] => [key, String(value)])).toString();
  return { method, path: query === '' ? filled : `${filled}?${query}`, body: null };
}

function streamOf(
  open: (signal: AbortSignal | undefined) => ReturnType<typeof send>,
  outer: AbortSignal | undefined,
): Stream<unknown, unknown> {
  const cancel = new AbortController();
  const signal = either(outer, cancel.signal);
  let result: { readonly value: unknown } | null = null;
  const events = (async function* (): AsyncGenerator<unknown, void> {
    try {
      for await (const line of linesOf(await open(signal), outer)) {
        const said = parse(line) as { event?: unknown; error?: unknown; result?: unknown };
        if (said.error !== undefined) throw errorOf(said.error);
        if (said.result !== undefined) result = { value: said.result };
        else if (said.event !== undefined) yield said.event;
      }
      if (result === null) throw unreachable(new Error('the stream ended without a result'));
    } finally {
      cancel.abort();
    }
  })();
  return {
    [Symbol.asyncIterator]: () => events,
    async result() {
      for await (const event of events) void event;
      return result?.value;
    },
  };
}
