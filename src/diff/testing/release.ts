/** What a release is launched with, for tests that change some of it. */
import type { ReleaseContent } from '../../domain/release.ts';

export const RELEASE: ReleaseContent = {
  fleet: 'web.local' as ReleaseContent['fleet'],
  image: `sha256:${'0'.repeat(64)}` as ReleaseContent['image'],
  launch: {
    command: null,
    env: { LOG_LEVEL: 'info' },
    files: [{ path: '/etc/app.conf', content: 'password = hunter1', mode: 0o444 }],
    volumes: [{ name: 'uploads', path: '/uploads', singleWriter: false }],
    scratch: [{ path: '/tmp', sizeBytes: 64_000_000 }],
    user: null,
    capabilities: [],
    limits: { memoryBytes: 512_000_000, cpus: null, pids: 256 },
    stopSignal: 'SIGTERM',
    stopGraceMs: 10_000,
    logs: { maxBytes: 1_000_000, keepFiles: 3, ship: null },
  },
  health: { probe: { kind: 'http', path: '/healthz', status: 200 }, everyMs: 1000, timeoutMs: 1000, fall: 3, deadlineMs: 30_000 },
  routing: { port: 3000, listen: { host: '0.0.0.0', port: 8080 }, preview: null, drainMs: 10_000, streamDrainMs: 30_000 },
  replace: {
    strategy: { kind: 'rolling', minHealthyPercent: 100, maxSurge: 1, batch: null },
    warmUpMs: 0,
    keepMs: 1_800_000,
    deadlineMs: 600_000,
  },
};
