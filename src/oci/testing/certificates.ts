/** An authority of a test's own and a certificate for 127.0.0.1 by it, made by openssl. */
import { join } from 'node:path';

import { run } from '../../platform/exec.ts';

export interface TestCertificates {
  /** Paths of PEM files. */
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

export async function makeCertificates(folder: string): Promise<TestCertificates> {
  const at = (name: string): string => join(folder, name);
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const authority = ['-x509', '-days', '2', '-subj', '/CN=Kiln test authority'];
  await run('openssl', ['req', ...authority, ...made, '-keyout', at('ca.key'), '-out', at('ca.pem')]);
  const certificate = ['-x509', '-days', '2', '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const leaf = ['-addext', 'basicConstraints=critical,CA:FALSE', '-CA', at('ca.pem'), '-CAkey', at('ca.key')];
  await run('openssl', ['req', ...certificate, ...leaf, ...made, '-keyout', at('server.key'), '-out', at('server.pem')]);
  return { authority: at('ca.pem'), certificate: at('server.pem'), key: at('server.key') };
}
