/** An HTTP test: one request, and what its answer has to be. */
import type { ImageTestKind } from '../../domain/image-test.ts';

type HttpTest = Extract<ImageTestKind, { kind: 'http' }>;

/** So much of an answer is searched. */
const BODY_BYTES = 1 << 20;

/** Throws for no answer at all. */
export async function httpProblem(
  test: HttpTest,
  host: string,
  port: number | null,
  signal: AbortSignal,
): Promise<string | null> {
  if (port === null) return 'the service has no port; give the test one';
  const answer = await fetch(`http://${host}:${port}${test.path}`, {
    redirect: 'manual',
    signal,
    headers: { 'user-agent': 'kiln' },
  });
  try {
    if (answer.status !== test.status) return `it answered ${answer.status}, not ${test.status}`;
    for (const [name, text] of Object.entries(test.headers)) {
      const value = answer.headers.get(name);
      if (value === null) return `the answer has no header ${name}`;
      if (!value.includes(text))
        return `the header ${name} is ${JSON.stringify(value.slice(0, 100))}, without ${JSON.stringify(text)}`;
    }
    if (test.body === null || (await bodyStart(answer)).includes(test.body)) return null;
    return `the answer does not hold ${JSON.stringify(test.body.slice(0, 100))}`;
  } finally {
    await answer.body?.cancel().catch(() => {});
  }
}

async function bodyStart({ body }: Response): Promise<string> {
  if (body === null) return '';
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body) {
    pieces.push(piece);
    size += piece.length;
    if (size >= BODY_BYTES) break;
  }
  return Buffer.concat(pieces).toString('utf8');
}
