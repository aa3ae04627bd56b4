/**
 * The routes of the daemon's API as data: server, client and OpenAPI document are all made from this table, and from the
 * schemas of the same names (schema.ts). Nothing is imported here, so that the client stays light.
 *
 * A route's input is one flat object: path parameters by name, the rest in the query (GET) or in the JSON body (POST).
 * `answer`: `json` is one document; `stream` is NDJSON, lines `{"event":…}` and last `{"result":…}` or `{"error":…}`;
 * `text` is plain text.
 */
interface Route {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly answer: 'json' | 'stream' | 'text';
  readonly summary: string;
}

export const ROUTES = {
  health: { method: 'GET', path: '/v1/health', answer: 'json', summary: 'Version, process and home of the daemon' },
  openapi: { method: 'GET', path: '/openapi.json', answer: 'json', summary: 'This document' },
  doctor: { method: 'GET', path: '/v1/doctor', answer: 'json', summary: 'Every requirement, met or not, with its fix' },
  metrics: {
    method: 'GET',
    path: '/v1/metrics',
    answer: 'text',
    summary: 'Metrics of every fleet, group and release (Prometheus)',
  },
  shutdown: { method: 'POST', path: '/v1/shutdown', answer: 'json', summary: 'Stop the daemon; instances go on unless stopped' },
  start: { method: 'POST', path: '/v1/start', answer: 'json', summary: 'Start every fleet that a shutdown has stopped' },

  bake: { method: 'POST', path: '/v1/bakes', answer: 'stream', summary: 'Bake a folder; going away cancels it' },
  images: { method: 'GET', path: '/v1/images', answer: 'json', summary: 'All images in the store' },
  image: { method: 'GET', path: '/v1/images/:reference', answer: 'json', summary: 'One image, by digest, prefix or tag' },
  packages: { method: 'GET', path: '/v1/images/:reference/packages', answer: 'json', summary: 'The packages in an image' },
  sbom: {
    method: 'GET',
    path: '/v1/images/:reference/sbom',
    answer: 'json',
    summary: "An image's software bill of materials, CycloneDX 1.6 or SPDX 2.3",
  },
  vulnerabilities: {
    method: 'GET',
    path: '/v1/images/:reference/vulnerabilities',
    answer: 'json',
    summary: 'What is known to be wrong with the packages in an image',
  },
  diff: { method: 'GET', path: '/v1/diff', answer: 'json', summary: 'What differs between two images or releases' },
  tagImage: { method: 'POST', path: '/v1/images/:reference/tags', answer: 'json', summary: 'Give an image one more tag' },
  push: {
    method: 'POST',
    path: '/v1/pushes',
    answer: 'stream',
    summary: 'Push an image and its evidence; going away cancels it',
  },
  pull: { method: 'POST', path: '/v1/pulls', answer: 'stream', summary: 'Pull an image and its evidence; going away cancels it' },
  login: { method: 'POST', path: '/v1/logins', answer: 'json', summary: 'Try a login at a registry and keep it as docker does' },
  logout: { method: 'POST', path: '/v1/logouts', answer: 'json', summary: 'Forget a login at a registry' },
  serve: {
    method: 'POST',
    path: '/v1/serve',
    answer: 'stream',
    summary: 'Serve the store read-only as a registry until the caller goes away',
  },
  channels: { method: 'GET', path: '/v1/channels', answer: 'json', summary: 'Every channel, and what it holds' },
  channel: { method: 'GET', path: '/v1/channels/:channel', answer: 'json', summary: 'One channel' },
  channelHistory: {
    method: 'GET',
    path: '/v1/channels/:channel/history',
    answer: 'json',
    summary: 'All that a channel ever held',
  },
  setChannel: { method: 'POST', path: '/v1/channels/:channel/set', answer: 'json', summary: 'Let a channel hold an image' },
  rollbackChannel: {
    method: 'POST',
    path: '/v1/channels/:channel/rollback',
    answer: 'json',
    summary: 'Let a channel hold again what it held before',
  },
  revoke: {
    method: 'POST',
    path: '/v1/images/:reference/revocation',
    answer: 'json',
    summary: 'Nothing of the image starts again',
  },
  undoRevocation: {
    method: 'POST',
    path: '/v1/images/:reference/revocation/undo',
    answer: 'json',
    summary: 'Take a revocation back, for all to see',
  },
  bases: { method: 'GET', path: '/v1/bases', answer: 'json', summary: 'What images are built on, and what of it has moved' },
  planCascade: { method: 'GET', path: '/v1/cascades/plan', answer: 'json', summary: 'What a cascade would make again, in order' },
  cascade: {
    method: 'POST',
    path: '/v1/cascades',
    answer: 'stream',
    summary: 'Make again what stands on a base that has moved; goes on without its caller',
  },
  lineage: {
    method: 'GET',
    path: '/v1/images/:reference/lineage',
    answer: 'json',
    summary: 'Ancestors and descendants of an image',
  },
  planPatch: {
    method: 'GET',
    path: '/v1/patches/plan',
    answer: 'json',
    summary: 'What has a vulnerability, what of it runs, and what a patch would do',
  },
  patch: {
    method: 'POST',
    path: '/v1/patches',
    answer: 'json',
    summary: 'Make again what has a vulnerability, and roll it out; goes on without its caller',
  },
  patchStatus: { method: 'GET', path: '/v1/patches/:id', answer: 'json', summary: 'How far a patch is, and what it has left' },
  planGc: { method: 'GET', path: '/v1/gc', answer: 'json', summary: 'What gc would do, and why each image stays or goes' },
  evidence: { method: 'GET', path: '/v1/images/:reference/evidence', answer: 'json', summary: 'What is attached to an image' },
  evidenceDocuments: {
    method: 'GET',
    path: '/v1/images/:reference/evidence/documents',
    answer: 'json',
    summary: 'The same with the documents themselves',
  },
  verifyEvidence: {
    method: 'POST',
    path: '/v1/evidence/verification',
    answer: 'json',
    summary: 'What of the evidence of an image is signed by the keys given',
  },
  signingKey: { method: 'GET', path: '/v1/key', answer: 'json', summary: 'The public key of what evidence is signed with' },
  gc: {
    method: 'POST',
    path: '/v1/gc',
    answer: 'json',
    summary: 'Move to the trash what has no use, and empty it of what is old',
  },
  trash: { method: 'GET', path: '/v1/trash', answer: 'json', summary: 'What gc took and has not deleted yet' },
  restore: { method: 'POST', path: '/v1/trash/restore', answer: 'json', summary: 'Put images back that gc took' },

  deploy: { method: 'POST', path: '/v1/deploys', answer: 'stream', summary: 'Make a release of a folder and roll it out' },
  planDeploy: { method: 'POST', path: '/v1/deploys/plan', answer: 'stream', summary: 'The plan that a deploy would follow' },
  notifications: { method: 'GET', path: '/v1/notifications', answer: 'json', summary: 'Who is told of what happens' },
  testNotification: {
    method: 'POST',
    path: '/v1/notifications/test',
    answer: 'json',
    summary: 'Bring a test to receivers, once each',
  },
  deployWaves: {
    method: 'POST',
    path: '/v1/waves',
    answer: 'stream',
    summary: 'Make releases of all services of a folder, and roll them out one wave after the other',
  },
  planWaves: { method: 'POST', path: '/v1/waves/plan', answer: 'stream', summary: 'The waves of a folder, and their plans' },
  waves: { method: 'GET', path: '/v1/waves/:id', answer: 'json', summary: 'How far waves are' },
  fleets: { method: 'GET', path: '/v1/fleets', answer: 'json', summary: 'The status of every fleet' },
  status: { method: 'GET', path: '/v1/fleets/:service', answer: 'json', summary: 'The status of one fleet' },
  configuration: {
    method: 'GET',
    path: '/v1/fleets/:service/configuration',
    answer: 'json',
    summary: 'What a fleet is launched with that is kept elsewhere, and whether its source has another value by now',
  },
  releases: { method: 'GET', path: '/v1/fleets/:service/releases', answer: 'json', summary: 'All releases of a fleet' },
  rollback: { method: 'POST', path: '/v1/fleets/:service/rollback', answer: 'json', summary: 'Go back to an earlier release' },
  scale: { method: 'POST', path: '/v1/fleets/:service/scale', answer: 'json', summary: 'Change the desired size' },
  pause: { method: 'POST', path: '/v1/fleets/:service/pause', answer: 'json', summary: 'Hold the rollout where it is' },
  resume: { method: 'POST', path: '/v1/fleets/:service/resume', answer: 'json', summary: 'Go on with a paused rollout' },
  promote: {
    method: 'POST',
    path: '/v1/fleets/:service/promote',
    answer: 'json',
    summary: 'Go past a step of a canary, or a checkpoint',
  },
  approve: { method: 'POST', path: '/v1/fleets/:service/approve', answer: 'json', summary: 'Approve what the rollout waits for' },
  abort: { method: 'POST', path: '/v1/fleets/:service/abort', answer: 'json', summary: 'Give the rollout up and go back' },
  retire: { method: 'POST', path: '/v1/fleets/:service/retire', answer: 'json', summary: 'Drain and retire the whole fleet' },
  planChaos: {
    method: 'POST',
    path: '/v1/fleets/:service/chaos/plan',
    answer: 'json',
    summary: 'What an experiment would kill, and what speaks against it',
  },
  chaos: {
    method: 'POST',
    path: '/v1/fleets/:service/chaos',
    answer: 'json',
    summary: 'Kill instances to see that the fleet heals',
  },

  logs: { method: 'GET', path: '/v1/logs/:target', answer: 'stream', summary: 'Log lines of a service or an instance' },
  history: { method: 'GET', path: '/v1/history', answer: 'json', summary: 'Entries of the history, oldest first' },
  verifyHistory: { method: 'GET', path: '/v1/history/verification', answer: 'json', summary: 'Recompute the hash chain' },
  events: { method: 'GET', path: '/v1/events', answer: 'stream', summary: 'Entries of the history as they are made; resumable' },
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof ROUTES;
export type StreamRoute = { [N in RouteName]: (typeof ROUTES)[N]['answer'] extends 'stream' ? N : never }[RouteName];
export type TextRoute = { [N in RouteName]: (typeof ROUTES)[N]['answer'] extends 'text' ? N : never }[RouteName];
export type JsonRoute = Exclude<RouteName, StreamRoute | TextRoute>;

export const ROUTE_NAMES = Object.keys(ROUTES) as readonly RouteName[];

/** The names of the parameters in a path: `/v1/fleets/:service` → `service`. */
export const pathParameters = (path: string): readonly string[] =>
  [...path.matchAll(/:([a-z]+)/gi)].map((match) => match[1] ?? '');
