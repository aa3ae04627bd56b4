/**
 * Parameter Store and Secrets Manager of a simulation of AWS that others wrote (Moto): no Debian 12 package has it, so it is
 * used where somebody runs one and says where: KILN_TEST_AWS_ENDPOINT=http://127.0.0.1:5000.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { test } from 'node:test';

import { signedCall } from '../aws/signed-call.ts';
import { CALL, configHome, openedFirst, pinned, resolve } from './testing/homes.ts';
import { AWS_KEYS, AWS_REGION } from './testing/stand-ins.ts';

const ENDPOINT = process.env['KILN_TEST_AWS_ENDPOINT'] ?? '';
const NEEDS = { skip: ENDPOINT === '' ? 'needs a simulation of AWS: KILN_TEST_AWS_ENDPOINT' : false };

async function aws(service: 'ssm' | 'secretsmanager', target: string, body: object): Promise<void> {
  const credentials = { accessKeyId: AWS_KEYS.AWS_ACCESS_KEY_ID, secretAccessKey: AWS_KEYS.AWS_SECRET_ACCESS_KEY };
  const { url, ...call } = await signedCall({ service, region: AWS_REGION, endpoint: ENDPOINT, target, body }, credentials);
  const answer = await fetch(url, call);
  assert.ok(answer.ok, await answer.text());
}

const env = { ...AWS_KEYS, AWS_REGION, AWS_ENDPOINT_URL: ENDPOINT };

test('a parameter by its versions', NEEDS, async () => {
  await using here = await configHome();
  const config = here.open(env);
  const name = `/kiln/${randomUUID()}`;
  const put = (Value: string): Promise<void> =>
    aws('ssm', 'AmazonSSM.PutParameter', { Name: name, Value, Type: 'SecureString', Overwrite: true });
  await put('one');
  const first = await pinned(config, `ssm://${name}`);
  await put('two');
  assert.equal((await config.look(first, CALL.signal))[0]?.state, 'changed');
  assert.equal(await openedFirst(config, await pinned(config, `ssm://${name}`)), 'two');
  await rm(here.home.sealed, { recursive: true });
  assert.equal(await openedFirst(config, first), 'one');
  await assert.rejects(resolve(config, `ssm://${name}-none`), { code: 'VALUE_NOT_FOUND' });
});

test('a secret by the ids of its versions', NEEDS, async () => {
  await using here = await configHome();
  const config = here.open(env);
  const name = `kiln/${randomUUID()}`;
  await aws('secretsmanager', 'secretsmanager.CreateSecret', {
    Name: name,
    SecretString: '{"password":"one"}',
    ClientRequestToken: randomUUID(),
  });
  const first = await pinned(config, `secretsmanager://${name}#password`);
  await aws('secretsmanager', 'secretsmanager.PutSecretValue', {
    SecretId: name,
    SecretString: '{"password":"two"}',
    ClientRequestToken: randomUUID(),
  });
  assert.equal((await config.look(first, CALL.signal))[0]?.state, 'changed');
  await rm(here.home.sealed, { recursive: true });
  assert.equal(await openedFirst(config, first), 'one');
  await assert.rejects(resolve(config, `secretsmanager://${name}-none`), { code: 'VALUE_NOT_FOUND' });
});
