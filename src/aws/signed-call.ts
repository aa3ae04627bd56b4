/** A call of one of AWS's JSON 1.1 APIs, signed with Signature Version 4. */
import { AwsV4Signer } from 'aws4fetch';

import type { AwsCredentials } from './credentials.ts';

export interface AwsCall {
  /** As it is signed for: `ssm`. */
  readonly service: string;
  readonly region: string;
  /** Of the API, without a path. */
  readonly endpoint: string;
  /** `AmazonSSM.GetParameter`. */
  readonly target: string;
  readonly body: object;
}

export interface SignedCall {
  readonly method: 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export async function signedCall(call: AwsCall, credentials: AwsCredentials): Promise<SignedCall> {
  const { service, region, endpoint, target } = call;
  const body = JSON.stringify(call.body);
  const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target };
  const url = new URL('/', endpoint).href;
  const signed = await new AwsV4Signer({ ...credentials, method: 'POST', url, headers, body, service, region }).sign();
  return { method: 'POST', url: signed.url, headers: Object.fromEntries(signed.headers), body };
}
