import type { Run } from '../command.ts';

export const run: Run = async (_args, context) => {
  const client = await context.connect();
  const { key } = await client.signingKey();
  if (key === null) {
    const lines = ['No key is set: evidence is made unsigned.', '  next: kiln key create, or KILN_SIGNING_KEY=… kiln up'];
    return { document: { key }, lines };
  }
  return {
    document: { key },
    lines: [`key ${key.id.slice(0, 8)} (${key.kind}) from ${key.name}`, `  ${key.id}`, '', ...key.pem.trimEnd().split('\n')],
  };
};
