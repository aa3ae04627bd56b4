/**
 * One HTTP request on a connection of this machine: kept alive, through the proxy that the environment names (HTTPS_PROXY,
 * HTTP_PROXY, NO_PROXY), trusting Node's and the system's authorities and those that are added for a registry.
 */
import { Agent as PlainAgent, type IncomingMessage, request as plainRequest } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import { Readable } from 'node:stream';
import { createSecureContext, getCACertificates } from 'node:tls';

/** Content that can be sent again from its start: after a redirect, a new token, or a failure. */
export interface Body {
  readonly size: number;
  readonly open: () => Readable;
}

export interface Identity {
  readonly cert: string;
  readonly key: string;
}

export interface ConnectionRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Body | null;
  /** Certificates (PEM) that are trusted besides the usual ones. */
  readonly authorities: string | null;
  /** What this machine shows of itself: certificate and key (PEM). Absent: nothing. */
  readonly identity?: Identity | null;
  readonly signal: AbortSignal;
  /** Called with each part of the body that goes out. */
  readonly onSent: (bytes: number) => void;
}

/** Per host; more wait their turn. */
const SOCKETS = 16;
const POOL = { keepAlive: true, maxSockets: SOCKETS, maxFreeSockets: 4 };

/** This machine and what is right beside it (link-local: the cloud's metadata) are never asked through a proxy. */
const proxyFor = (url: URL): object => (isLoopback(url) || url.hostname.startsWith('169.254.') ? {} : { proxyEnv: process.env });

const agents = new Map<string, PlainAgent | TlsAgent>();

export function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.[0-9]+){3}$/.test(hostname);
}

export function textBody(text: string | Uint8Array): Body {
  const bytes = Buffer.from(text);
  return { size: bytes.length, open: () => Readable.from([bytes]) };
}

/** Resolves with the head of the answer; rejects with what the system says. The body of the answer is the caller's to read. */
export function exchange({
  method,
  url,
  headers,
  body,
  authorities,
  identity = null,
  signal,
  onSent,
}: ConnectionRequest): Promise<IncomingMessage> {
  const length = body === null ? {} : { 'content-length': `${body.size}` };
  const options = { method, headers: { ...headers, ...length }, signal, agent: agentFor(url, authorities ?? '', identity) };
  return new Promise((resolve, reject) => {
    const request = url.protocol === 'http:' ? plainRequest(url, options) : tlsRequest(url, options);
    request.on('response', resolve);
    request.on('error', reject);
    if (body === null || body.size === 0) return void request.end();
    const content = body.open();
    content.on('data', (chunk: Buffer) => onSent(chunk.length));
    content.on('error', (error) => request.destroy(error));
    request.on('close', () => content.destroy());
    content.pipe(request);
  });
}

function agentFor(url: URL, authorities: string, identity: Identity | null): PlainAgent | TlsAgent {
  const proxy = proxyFor(url);
  const key = `${url.protocol} ${Object.keys(proxy).length} ${url.protocol === 'http:' ? '' : JSON.stringify([authorities, identity])}`;
  const agent =
    agents.get(key) ??
    (url.protocol === 'http:' ? new PlainAgent({ ...POOL, ...proxy }) : tlsAgent(proxy, authorities, identity));
  agents.set(key, agent);
  return agent;
}

function tlsAgent(proxy: object, authorities: string, identity: Identity | null): TlsAgent {
  const ca = [...new Set([...getCACertificates('default'), ...getCACertificates('system'), authorities])];
  const secureContext = createSecureContext({ ca: ca.filter((certificate) => certificate !== ''), ...identity });
  return new TlsAgent({ ...POOL, ...proxy, secureContext });
}
