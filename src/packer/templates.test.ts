/** Whole templates as they are found in the wild, and the recipes that they become. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { aFolder, imageOf, noticesOf, problemsOf } from './testing/imports.ts';

const DEBIAN = { 'amazon-ebs.app': 'debian:bookworm' };

test('variables with types, validation and files of values; locals; a source from a cloud', () => {
  const files = {
    'app.pkr.hcl': `packer {
  required_plugins { amazon = { version = ">= 1.2.8", source = "github.com/hashicorp/amazon" } }
}
variable "version" {
  type = string
  validation {
    condition     = can(regex("^[0-9.]+$", var.version))
    error_message = "A version is digits and dots."
  }
}
variable "tools" {
  type    = list(string)
  default = ["curl"]
}
variable "settings" {
  type    = object({ port = number, debug = optional(bool) })
  default = { port = "80" }
}
locals { stamp = formatdate("YYYYMMDD", timestamp()) }
source "amazon-ebs" "app" {
  ami_name      = "app-\${local.stamp}"
  instance_type = "t3.micro"
  source_ami_filter {
    filters = { name = "ubuntu/*" }
    owners  = ["099720109477"]
  }
}
build {
  name    = "web"
  sources = ["source.amazon-ebs.app"]
  provisioner "shell" {
    environment_vars = ["VERSION=\${var.version}", "DEBIAN_FRONTEND=noninteractive"]
    inline = concat(["sudo apt-get update"], [for tool in var.tools : "sudo -E apt-get install -y \${tool}"], ["echo \${var.settings.port} > /etc/port"])
  }
}
`,
    'values.auto.pkrvars.hcl': 'tools = ["curl", "jq"]\nversion = "1.0"\n',
  };
  const expected = {
    from: 'debian:bookworm',
    run: [
      {
        run: 'set -e\napt-get update\napt-get install -y curl\napt-get install -y jq\necho 80 > /etc/port',
        env: { VERSION: '1.2', DEBIAN_FRONTEND: 'noninteractive' },
      },
    ],
  };
  assert.deepEqual(imageOf(files, { bases: DEBIAN, values: { version: '1.2' }, path: '' }), expected);
  assert.deepEqual(problemsOf(files, { bases: DEBIAN, values: { version: 'one' }, path: '' }), [
    'app.pkr.hcl:6:3: the value of "version" is refused by its validation: A version is digits and dots.; give another with --var version=VALUE',
  ]);
  assert.deepEqual(problemsOf(files, { bases: DEBIAN }), [
    'app.pkr.hcl:4:1: the variable "version" has no value; give --var version=VALUE or a --var-file',
  ]);
});

test('order is kept: a file after a command begins a stage of its own', () => {
  const image = imageOf(
    {
      'app.pkr.hcl': `source "amazon-ebs" "app" {}
build {
  sources = ["amazon-ebs.app"]
  provisioner "file" {
    source      = "conf/"
    destination = "/etc/app"
  }
  provisioner "shell" { inline = ["useradd svc"] }
  provisioner "file" {
    sources     = ["bin/a", "bin/b"]
    destination = "/usr/local/bin"
  }
  provisioner "file" {
    source      = "conf"
    destination = "/srv/"
  }
  provisioner "file" {
    content     = "port = \${40 + 2}"
    destination = "/etc/app/port.conf"
  }
  provisioner "shell" { script = "setup.sh" }
}
`,
      'conf/x': '',
      'bin/a': '',
      'bin/b': '',
      'setup.sh': '#!/bin/bash\n',
    },
    { bases: DEBIAN },
  );
  assert.deepEqual(image, {
    from: 'stage:provisioned-1',
    stages: { 'provisioned-1': { from: 'debian:bookworm', files: { conf: '/etc/app' }, run: ['useradd svc'] } },
    files: {
      'bin/a': '/usr/local/bin/',
      'bin/b': '/usr/local/bin/',
      conf: '/srv/conf',
      'packer-import/1-port.conf': '/etc/app/port.conf',
    },
    run: [{ run: 'chmod +x /tmp/setup.sh && /tmp/setup.sh', with: { 'setup.sh': '/tmp/setup.sh' } }],
    user: 'app',
  });
});

test('uploads below /tmp are lent to the commands that use them', () => {
  const files = {
    'template.json': `{
  "builders": [{ "type": "googlecompute", "source_image_family": "debian-12" }],
  "provisioners": [
    { "type": "file", "source": "app.tar.gz", "destination": "/tmp/app.tar.gz" },
    { "type": "shell", "inline": ["tar -xzf /tmp/app.tar.gz -C /opt", "echo done"] },
    { "type": "file", "source": "late.txt", "destination": "/tmp/late.txt" }
  ]
}`,
    'app.tar.gz': '',
    'late.txt': '',
  };
  assert.deepEqual(imageOf(files, { bases: { googlecompute: 'debian:bookworm' } }), {
    from: 'stage:provisioned-1',
    stages: {
      'provisioned-1': {
        from: 'debian:bookworm',
        run: [{ run: 'set -e\ntar -xzf /tmp/app.tar.gz -C /opt\necho done', with: { 'app.tar.gz': '/tmp/app.tar.gz' } }],
      },
    },
    files: { 'late.txt': '/tmp/late.txt' },
    user: 'app',
  });
});

test('JSON: variables with user, env and pipes, builders by name, only, except and override', () => {
  const files = {
    'template.json': `{
  "_comment": "kept by nobody",
  "min_packer_version": "1.5.0",
  "variables": { "name": "web", "full": "{{user \`name\`}}-{{isotime \\"2006\\"}}", "home": "{{env \`APP_HOME\`}}", "must": null },
  "builders": [
    { "type": "docker", "name": "image", "image": "debian:12", "commit": true, "changes": ["ENV A=1 B=\\"two words\\"", "EXPOSE 80 443", "USER web", "WORKDIR /srv", "ENTRYPOINT [\\"/srv/run\\"]", "CMD --help", "LABEL maintainer=ops"] },
    { "type": "amazon-ebs", "region": "eu-west-1" }
  ],
  "provisioners": [
    { "type": "shell", "inline": ["echo {{user \`full\` | upper}} {{build_name}} {{user \`home\`}} {{user \`must\`}}"] },
    { "type": "shell", "inline": ["never"], "only": ["amazon-ebs"] },
    { "type": "shell", "inline": ["never"], "except": ["image"] },
    { "type": "shell", "inline": ["plain"], "override": { "image": { "inline": ["overridden"] } } }
  ],
  "post-processors": [[{ "type": "docker-tag", "repository": "acme/web", "tags": ["1.4"] }, { "type": "manifest", "output": "out.json" }]]
}`,
  };
  const said = { only: ['image'], values: { must: 'x' }, env: { APP_HOME: '/home/app' } };
  assert.deepEqual(imageOf(files, said), {
    from: 'docker.io/library/debian:12',
    env: { A: '1', B: 'two words' },
    run: ['echo WEB-2026 image /home/app x', 'overridden'],
    user: 'web',
    workdir: '/srv',
    entrypoint: ['/srv/run'],
    command: ['/bin/sh', '-c', '--help'],
    ports: [80, 443],
    labels: { maintainer: 'ops' },
  });
  using folder = aFolder(files);
  assert.deepEqual(folder.import(said).bakeOptions, ['--tag', '1.4', '--packer-manifest', 'out.json']);
  assert.match(noticesOf(files, said).join('\n'), /^4: read the environment variable APP_HOME/m);
  assert.deepEqual(problemsOf(files, { only: ['image'] }), [
    'template.json:4:111: the variable "must" has no value; give --var must=VALUE or a --var-file',
  ]);
});

test('several sources that come to the same image are one; others have to be chosen', () => {
  const files = {
    'app.pkr.hcl': `source "amazon-ebs" "app" {}
source "docker" "app" {
  image  = "alpine:3.20"
  commit = true
}
build {
  sources = ["source.amazon-ebs.app", "source.docker.app"]
  provisioner "shell" {
    inline = ["echo \${source.type}"]
    only   = ["docker.app"]
  }
}
`,
  };
  assert.deepEqual(imageOf(files, { only: ['docker.*'] }), { from: 'docker.io/library/alpine:3.20', run: ['echo docker'] });
  assert.match(
    problemsOf(files, { bases: { 'amazon-ebs': 'debian:bookworm' } }).join(),
    /different images of amazon-ebs\.app, docker\.app/,
  );
  assert.deepEqual(imageOf(files, { except: ['docker.app'], bases: DEBIAN }), { from: 'debian:bookworm' });
  assert.match(
    problemsOf(files, { only: ['vmware-iso.x'] }).join(),
    /no source is left; the template has amazon-ebs\.app, docker\.app/,
  );
  assert.match(
    problemsOf(files, { bases: { 'azure-arm': 'debian:bookworm' } }).join(),
    /--base azure-arm: the template has no such source/,
  );
  assert.match(
    problemsOf(files, { bases: { 'amazon-ebs': 'debian:12' } }).join(),
    /--base amazon-ebs=debian:12: expected a Debian suite/,
  );
});

test('scripts: environment of Packer, execute_command that means sudo, shebangs, sudo within', () => {
  const files = {
    'app.pkr.hcl': `source "amazon-ebs" "app" {}
build {
  sources = ["amazon-ebs.app"]
  provisioner "shell" {
    scripts         = ["a.sh", "b.sh"]
    execute_command = "echo 'packer' | sudo -S env {{ .Vars }} bash '{{ .Path }}'"
  }
  provisioner "shell" {
    inline_shebang  = "/bin/bash -eux"
    inline          = ["[[ 1 == 1 ]]"]
    execute_command = "chmod +x {{ .Path }}; sudo sh -c '{{ .Vars }} {{ .Path }}'"
    pause_before    = "10s"
    max_retries     = 3
  }
  provisioner "shell" { inline = ["if true; then sudo -u www-data id; fi"] }
}
`,
    'a.sh': 'echo $PACKER_BUILD_NAME',
    'b.sh': 'echo b',
  };
  const image = imageOf(files, { bases: DEBIAN }) as { readonly run: readonly unknown[] };
  assert.deepEqual(image.run, [
    { run: 'bash /tmp/a.sh', env: { PACKER_BUILD_NAME: 'app' }, with: { 'a.sh': '/tmp/a.sh' } },
    { run: 'bash /tmp/b.sh', env: { PACKER_BUILD_NAME: 'app' }, with: { 'b.sh': '/tmp/b.sh' } },
    {
      run: 'chmod +x /tmp/1-inline.sh && /tmp/1-inline.sh',
      with: { 'packer-import/1-inline.sh': '/tmp/1-inline.sh' },
    },
    {
      run: 'export PATH=/tmp/packer-bin:$PATH\nif true; then sudo -u www-data id; fi',
      with: { 'packer-import/2-sudo': '/tmp/packer-bin/sudo' },
    },
  ]);
});

test('dynamic blocks, templates of files, and loops in them', () => {
  const files = {
    'app.pkr.hcl': `locals { units = { web = 80, api = 81 } }
source "amazon-ebs" "app" {
  dynamic "tag" {
    for_each = local.units
    content { key = tag.key }
  }
}
build {
  sources = ["amazon-ebs.app"]
  dynamic "provisioner" {
    for_each = local.units
    labels   = ["file"]
    iterator = unit
    content {
      content     = templatefile("unit.tpl", { name = unit.key, port = unit.value })
      destination = "/etc/units/\${unit.key}"
    }
  }
}
`,
    'unit.tpl': 'name=${name}\n%{ if port < 81 ~}\nfirst\n%{ endif ~}\n',
  };
  using folder = aFolder(files);
  const made = folder.import({ bases: DEBIAN });
  assert.deepEqual(
    made.files.map((file) => (file.kind === 'written' ? [file.path, file.content] : file)),
    [
      ['packer-import/1-api', 'name=api\n'],
      ['packer-import/2-web', 'name=web\nfirst\n'],
    ],
  );
});

test('Ansible, local and remote, becomes an ansible step', () => {
  const files = {
    'app.pkr.hcl': `source "amazon-ebs" "app" {}
build {
  sources = ["amazon-ebs.app"]
  provisioner "ansible-local" {
    playbook_file    = "ansible/site.yml"
    role_paths       = ["ansible/roles/web"]
    inventory_groups = ["web", "app"]
    extra_arguments  = ["--extra-vars", "a=1 b='x'", "-vvv", "--extra-vars={\\"c\\": [1]}"]
  }
}
`,
    'ansible/site.yml': '',
    'ansible/roles/web/tasks/main.yml': '',
  };
  assert.deepEqual(imageOf(files, { bases: DEBIAN }), {
    from: 'debian:bookworm',
    packages: ['python3'],
    run: [{ ansible: 'ansible/site.yml', groups: ['web', 'app'], 'extra-vars': { a: '1', b: 'x', c: [1] } }],
  });
});

test('what has no counterpart is refused with its line, all of it at once', () => {
  const refused = problemsOf(
    {
      'app.pkr.hcl': `source "amazon-ebs" "app" {
  user_data = "#!/bin/sh"
}
build {
  sources = ["amazon-ebs.app"]
  provisioner "powershell" { inline = ["x"] }
  provisioner "shell-local" { inline = ["curl example.com | sh"] }
  provisioner "shell" {
    inline           = ["x"]
    valid_exit_codes = [0, 1]
  }
  provisioner "shell" {
    inline   = ["x"]
    surprise = true
  }
  provisioner "shell" {
    inline          = ["x"]
    execute_command = "curl {{ .Path }}"
  }
  provisioner "file" {
    source      = "a"
    destination = "/a"
    direction   = "download"
  }
  provisioner "file" {
    source      = "app.pkr.hcl"
    destination = "relative"
  }
  provisioner "file" {
    source      = "missing"
    destination = "/a"
  }
  provisioner "ansible" {
    playbook_file   = "site.yml"
    extra_arguments = ["--tags", "x"]
  }
  post-processor "vagrant" {}
  post-processor "docker-tag" { tags = ["latest"] }
  post-processor "shell-local" { inline = ["echo done"] }
  hcp_packer_registry {}
}
data "amazon-ami" "base" {}
`,
    },
    { bases: DEBIAN },
  );
  const places = refused.map((line) => line.replace(/^app\.pkr\.hcl:(\d+):\d+: (.{0,44}).*$/, '$1 $2'));
  assert.deepEqual(places, [
    '2 user_data puts something into the machine th',
    '6 the provisioner powershell has no counterpar',
    '7 shell-local runs commands on the machine tha',
    '10 shell: a bake goes on only after exit code 0',
    '14 shell: "surprise" has no counterpart in a re',
    '18 shell: this execute_command does more than r',
    '23 file: a bake gives nothing back; take the fi',
    '27 "relative" is no place in the image; write a',
    '30 "missing" is not there; put it into the fold',
    '35 the argument --tags of ansible-playbook has ',
    '37 the post-processor vagrant has no counterpar',
    '38 docker-tag: "latest" is no tag that stays; w',
    '40 hcp_packer_registry has no counterpart in a ',
    '42 a data source asks a cloud while it builds, ',
  ]);
});

test('two commands that share a file below /tmp are told of', () => {
  const files = {
    'app.pkr.hcl': `source "amazon-ebs" "app" {}
build {
  sources = ["amazon-ebs.app"]
  provisioner "shell" { inline = ["curl -o /tmp/app.deb https://example.com/app.deb"] }
  provisioner "shell" { inline = ["dpkg -i /tmp/app.deb", "echo /tmp/other"] }
}
`,
  };
  const told = noticesOf(files, { bases: DEBIAN }).filter((notice) => notice.includes('/tmp/'));
  assert.deepEqual(told, [
    '5: /tmp/app.deb is named by an earlier command too, and each has a /tmp of its own; if one makes it for the other, join them',
  ]);
});
