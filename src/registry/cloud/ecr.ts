/** Amazon ECR: GetAuthorizationToken, a request signed with AWS credentials, answers user and password for twelve hours. */
import { z } from 'zod';

import { awsCredentials } from '../../aws/credentials.ts';
import { signedCall } from '../../aws/signed-call.ts';
import { askCloud, type Cloud, cloudDenied, type CloudLogin } from './ask.ts';

const REGISTRY =
  /^([0-9]{12})\.dkr[.-]ecr(-fips)?\.([a-z0-9-]{1,30})\.(amazonaws\.com(?:\.cn)?|on\.(?:aws|amazonwebservices\.com\.cn))$/;
const TARGET = 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken';

/** amazon-ecr API reference: GetAuthorizationToken. `expiresAt` is in seconds since the epoch. */
const answer = z.object({
  authorizationData: z.array(z.object({ authorizationToken: z.string(), expiresAt: z.number() })).min(1),
});

export async function ecrLogin(registry: string, cloud: Cloud): Promise<CloudLogin | null> {
  const [, account, fips = '', region, domain = ''] = REGISTRY.exec(registry) ?? [];
  if (account === undefined || region === undefined) return null;
  const credentials = await awsCredentials(cloud);
  if (credentials === null) return null;
  const suffix = domain.endsWith('.cn') ? 'amazonaws.com.cn' : 'amazonaws.com';
  const own = `https://api.ecr${fips}.${region}.${suffix}`;
  const endpoint = cloud.env['AWS_ENDPOINT_URL_ECR'] ?? cloud.env['AWS_ENDPOINT_URL'] ?? own;
  const call = { service: 'ecr', region, endpoint, target: TARGET, body: { registryIds: [account] } };
  const { authorizationData } = await askCloud(answer, await signedCall(call, credentials), cloud);
  const [first] = authorizationData;
  const [username = '', ...rest] = Buffer.from(first?.authorizationToken ?? '', 'base64')
    .toString('utf8')
    .split(':');
  if (rest.length === 0) throw cloudDenied('Amazon ECR answered with a token that is no user and password');
  const seconds = (first?.expiresAt ?? 0) - cloud.transport.clock.now() / 1000;
  return { credentials: { kind: 'password', username, password: rest.join(':') }, seconds };
}
