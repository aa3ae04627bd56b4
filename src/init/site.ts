/** A static site: a folder with an index.html, served by Debian's nginx. */
import { serving, type Proposal, type ProjectFolder } from './proposal.ts';

const PORT = 8080;
const FOLDERS = ['', 'public/', 'dist/', 'build/', '_site/', 'site/', 'www/'];
const CONFIGURATION = 'kiln-nginx.conf';

const NGINX = `worker_processes 2;
pid /tmp/nginx.pid;
error_log stderr;

events {
  worker_connections 1024;
}

http {
  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  access_log /dev/stdout;
  server_tokens off;
  sendfile on;
  gzip on;
  gzip_types text/css application/javascript image/svg+xml;

  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;

  # Every file of an image has the same time, so nothing that is made of times can tell versions apart.
  etag off;
  if_modified_since off;

  server {
    listen ${PORT};
    root /srv/site;

    location = /healthz {
      access_log off;
      default_type text/plain;
      return 200 "ok\\n";
    }

    location = /${CONFIGURATION} {
      return 404;
    }
  }
}
`;

export function staticSite(folder: ProjectFolder): Proposal | null {
  const root = FOLDERS.find((each) => folder.read(`${each}index.html`) !== null);
  if (root === undefined) return null;
  return {
    kind: 'a static site',
    image: {
      from: 'debian:bookworm',
      packages: ['nginx'],
      files: [
        { path: CONFIGURATION, to: '/etc/nginx/nginx.conf' },
        { path: root === '' ? './' : root, to: '/srv/site' },
      ],
      user: 'www-data',
      entrypoint: ['nginx', '-g', 'daemon off;'],
      ports: [PORT],
      'stop-signal': 'SIGQUIT',
    },
    run: serving(PORT, '/healthz'),
    files: { [CONFIGURATION]: NGINX },
    assumed: [
      `what is served is ${root === '' ? 'the whole folder (leave files out by .kilnignore)' : `the folder ${root}`}`,
      `nginx serves it, as ${CONFIGURATION} says, on port ${PORT}`,
    ],
  };
}
