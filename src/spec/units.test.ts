import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  readDuration,
  readHostPort,
  type Reading,
  readListen,
  readMode,
  readPercent,
  readPort,
  readShare,
  readSize,
} from './units.ts';

/** The value, or what was expected instead. */
const said = <T>(reading: Reading<T>): T | string => (reading.ok ? reading.value : `expected ${reading.expected}`);

const check = <T>(
  name: string,
  read: (text: string) => Reading<T>,
  cases: Readonly<Record<string, T>>,
  refused: Readonly<Record<string, string>>,
): void => {
  test(`${name}: what people write`, () => {
    for (const [text, value] of Object.entries(cases)) assert.deepEqual(said(read(text)), value, text);
  });
  test(`${name}: what is refused, and in which words`, () => {
    for (const [text, words] of Object.entries(refused)) assert.equal(said(read(text)), `expected ${words}`, text);
  });
};

const A_DURATION = 'a duration such as 500ms, 30s, 5m or 1h30m';
check(
  'durations',
  readDuration,
  {
    '500ms': 500,
    '30s': 30_000,
    '5m': 300_000,
    '1h30m': 5_400_000,
    '2d': 172_800_000,
    '1m500ms': 60_500,
    '0': 0,
    '0s': 0,
    '365d': 31_536_000_000,
  },
  {
    '': A_DURATION,
    '30': A_DURATION,
    '5 minutes': A_DURATION,
    '-1s': A_DURATION,
    '1.5h': A_DURATION,
    '30m1h': A_DURATION,
    '1s1s': A_DURATION,
    '30S': A_DURATION,
    '366d': 'a duration of at most 365d',
    [`${'9'.repeat(400)}s`]: 'a duration of at most 365d',
  },
);

const A_SIZE = 'a size such as 64MB or 1GiB';
check(
  'sizes',
  readSize,
  { '64MB': 64_000_000, '1GiB': 1_073_741_824, '1.5GB': 1_500_000_000, '512 KiB': 524_288, '0B': 0, '7B': 7 },
  {
    '': A_SIZE,
    '64': A_SIZE,
    '64M': A_SIZE,
    '64mb': A_SIZE,
    '-1MB': A_SIZE,
    '1e3MB': A_SIZE,
    '99999TB': 'a size of at most 8000TB',
  },
);

const A_PERCENTAGE = 'a percentage from 0% to 100%';
check(
  'percentages',
  readPercent,
  { '0%': 0, '25%': 25, '99.5 %': 99.5, '100%': 100 },
  { '': A_PERCENTAGE, '25': A_PERCENTAGE, '101%': A_PERCENTAGE, '-1%': A_PERCENTAGE, '%': A_PERCENTAGE },
);

const A_SHARE = 'a count such as 2, or a percentage such as 25%';
check(
  'shares',
  readShare,
  { '2': { count: 2 }, '0': { count: 0 }, '25%': { percent: 25 } },
  { '': A_SHARE, '-1': A_SHARE, '1.5': A_SHARE, half: A_SHARE },
);

const A_MODE = 'an octal mode such as 0644';
check(
  'modes',
  readMode,
  { '644': 0o644, '0644': 0o644, '0o644': 0o644, '000': 0 },
  { '': A_MODE, '888': A_MODE, '4755': A_MODE, '04755': A_MODE, rw: A_MODE },
);

const A_PORT = 'a port from 1 to 65535';
check(
  'ports',
  readPort,
  { '1': 1, '65535': 65_535 },
  { '': A_PORT, '0': A_PORT, '65536': A_PORT, '080': A_PORT, '8e3': A_PORT, http: A_PORT },
);

const AN_ADDRESS = 'a port such as 8080, or an address such as 127.0.0.1:8080';
check(
  'addresses to listen on',
  readListen,
  {
    '8080': { host: '0.0.0.0', port: 8080 },
    '127.0.0.1:80': { host: '127.0.0.1', port: 80 },
    '[::1]:80': { host: '::1', port: 80 },
    'localhost:80': { host: 'localhost', port: 80 },
  },
  {
    '': AN_ADDRESS,
    '::1:80': AN_ADDRESS,
    ':80': AN_ADDRESS,
    'a b:80': AN_ADDRESS,
    '127.0.0.1:0': AN_ADDRESS,
    'host:99999': AN_ADDRESS,
    'x\ny:80': AN_ADDRESS,
  },
);

check(
  'hosts and ports',
  readHostPort,
  { 'logs.example:514': { host: 'logs.example', port: 514 } },
  { logs: 'a host and port such as logs.example:514' },
);
