/** HCL2's values: each line is an expression and what it comes to, as Packer's documents have it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { imageOf, problemsOf } from './testing/imports.ts';

const template = (expression: string, more = ''): Readonly<Record<string, string>> => ({
  'app.pkr.hcl': `${more}
source "null" "x" {}
build {
  sources = ["null.x"]
  provisioner "shell" { inline = [jsonencode(${expression})] }
}
`,
  'motd.txt': 'hello\n',
  'unit.tpl': '%{ for name in names ~}\n- ${upper(name)}\n%{ endfor ~}\n%{ if debug }debug%{ else }quiet%{ endif }',
  'conf/a.conf': '',
  'conf/b.conf': '',
});

const bases = { 'null.x': 'debian:bookworm' };

const valueOf = (expression: string, more?: string): unknown => {
  const image = imageOf(template(expression, more), { bases }) as { readonly run: readonly string[] };
  return JSON.parse(image.run[0] ?? 'null');
};

const refusal = (expression: string, more?: string): string => problemsOf(template(expression, more), { bases }).join('\n');

test('operators, conditions, indexes, splats and loops', () => {
  const expected: Readonly<Record<string, unknown>> = {
    '1 + 2 * 3 - 4 / 2': 5,
    '7 % 3 == 1 && !(1 > 2) || false': true,
    '-2 < -1 ? "less" : "more"': 'less',
    '"${1 + 1} and ${"two"}"': '2 and two',
    '"${[1, 2]}"': [1, 2],
    '"$${literal} %%{literal} \\u00e9\\n"': '${literal} %{literal} é\n',
    '"%{ if true }yes%{ else }no%{ endif }"': 'yes',
    '"%{ for i, x in ["a", "b"] }${i}${x} %{ endfor }"': '0a 1b ',
    '[for x in [1, 2, 3] : x * 2 if x != 2]': [2, 6],
    '{ for k, v in { a = 1, b = 2 } : upper(k) => v }': { A: 1, B: 2 },
    '{ for x in ["ab", "ac", "b"] : substr(x, 0, 1) => x... }': { a: ['ab', 'ac'], b: ['b'] },
    '[{ n = 1 }, { n = 2 }][*].n': [1, 2],
    '[{ n = 1 }].*.n': [1],
    '{ a = { b = [10, 20] } }.a["b"][1]': 20,
    '{ "a b" : 1, (upper("c")) = 2 }': { 'a b': 1, C: 2 },
    'max([1, 5, 3]...)': 5,
    'null == null': true,
  };
  for (const [expression, value] of Object.entries(expected)) assert.deepEqual(valueOf(expression), value, expression);
});

test('heredocs, with indentation taken away or kept', () => {
  const locals = `locals {
  kept = <<EOT
  a
    b \\n \${"x"}
EOT
  taken = <<-EOT
    a
      b
    %{ if true ~}
    c
    %{ endif ~}
    EOT
}`;
  assert.equal(valueOf('local.kept', locals), '  a\n    b \\n x\n');
  assert.equal(valueOf('local.taken', locals), 'a\n  b\nc\n');
});

test("functions, by Packer's documents", () => {
  const expected: Readonly<Record<string, unknown>> = {
    'lower("AB") == "ab" && title("a bc") == "A Bc"': true,
    'replace("a-b-c", "-", "+")': 'a+b+c',
    'replace("hello world", "/w.*d/", "there")': 'hello there',
    'regex_replace("v1.2", "v(\\\\d+)[.](\\\\d+)", "$2.$1")': '2.1',
    'regex("([a-z]+)-(?P<n>[0-9]+)", "web-12")': { n: '12' },
    'regexall("[0-9]+", "a1b22")': ['1', '22'],
    'join(",", ["a", "b"], ["c"])': 'a,b,c',
    'split(",", "a,b")': ['a', 'b'],
    'format("%s-%03d %q %5.1f|%-4s|%%", "a", 7, "b", 1.25, "c")': 'a-007 "b"   1.3|c   |%',
    'formatlist("%s.%s", ["a", "b"], "x")': ['a.x', 'b.x'],
    'indent(2, "a\\nb")': 'a\n  b',
    'chomp("a\\n") == trimspace(" a ") && trim("xxaxx", "x") == "a"': true,
    'trimprefix("v1", "v") == trimsuffix("1s", "s")': true,
    'substr("hello", -3, 2)': 'll',
    'strrev("abc")': 'cba',
    'startswith("abc", "a") && endswith("abc", "c") && strcontains("abc", "b")': true,
    'lookup({ a = 1 }, "b", 2)': 2,
    'merge({ a = 1, b = 1 }, { b = 2 })': { a: 1, b: 2 },
    'concat([1], [2, 3])': [1, 2, 3],
    'length("abc") + length([1]) + length({ a = 1 })': 5,
    'coalesce("", null, "x")': 'x',
    'coalescelist([], [1])': [1],
    'compact(["a", "", "b"])': ['a', 'b'],
    'contains([1, 2], 2)': true,
    'distinct(["a", "b", "a"])': ['a', 'b'],
    'element(["a", "b"], 3)': 'b',
    'flatten([[1], [2, [3]]])': [1, 2, 3],
    'index(["a", "b"], "b")': 1,
    'keys({ b = 1, a = 2 })': ['a', 'b'],
    'values({ b = 1, a = 2 })': [2, 1],
    'range(1, 7, 2)': [1, 3, 5],
    'reverse([1, 2])': [2, 1],
    'setproduct(["a", "b"], [1])': [
      ['a', 1],
      ['b', 1],
    ],
    'setunion(["a"], ["b", "a"])': ['a', 'b'],
    'setintersection(["a", "b"], ["b"])': ['b'],
    'setsubtract(["a", "b"], ["b"])': ['a'],
    'slice([1, 2, 3], 1, 3)': [2, 3],
    'sort(["b", "a"])': ['a', 'b'],
    'sum([1, 2])': 3,
    'zipmap(["a", "b"], [1, 2])': { a: 1, b: 2 },
    'chunklist([1, 2, 3], 2)': [[1, 2], [3]],
    'alltrue([true, true]) && anytrue([false, true])': true,
    'tonumber("5") + abs(-2) + ceil(0.2) + floor(1.9) + min(4, 2) + pow(2, 3) + signum(-3)': 18,
    'parseint("ff", 16)': 255,
    'tostring(5)': '5',
    'tobool("true")': true,
    'toset(["b", "a", "b"])': ['a', 'b'],
    'try({ a = 1 }.b, "fallback")': 'fallback',
    'can({ a = 1 }.b)': false,
    'base64decode(base64encode("é"))': 'é',
    'jsondecode("{\\"a\\": [1]}")': { a: [1] },
    'yamldecode("a: [1]")': { a: [1] },
    'csvdecode("a,b\\n1,\\"x,y\\"\\n")': [{ a: '1', b: 'x,y' }],
    'urlencode("a b/c")': 'a+b%2Fc',
    'md5("a")': '0cc175b9c0f1b6a831c399e269772661',
    'sha256("")': 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    'timestamp()': '2026-03-03T14:05:06Z',
    'formatdate("YYYY-MM-DD\'T\'hh:mm EEE MMMM", timestamp())': '2026-03-03T14:05 Tue March',
    'timeadd(timestamp(), "1h30m")': '2026-03-03T15:35:06Z',
    'legacy_isotime("2006-01-02 15:04")': '2026-03-03 14:05',
    '"{{timestamp}} {{isotime `20060102`}} {{ build_name | upper }} {{clean_resource_name `a:b`}}"': '1772546706 20260303 X a-b',
    'file("motd.txt")': 'hello\n',
    'file("${path.root}/motd.txt")': 'hello\n',
    'fileexists("nothing")': false,
    'fileset("conf", "*.conf")': ['a.conf', 'b.conf'],
    'basename("/a/b.c")': 'b.c',
    'dirname("/a/b.c")': '/a',
    'templatefile("unit.tpl", { names = ["a", "b"], debug = false })': '- A\n- B\nquiet',
  };
  for (const [expression, value] of Object.entries(expected)) assert.deepEqual(valueOf(expression), value, expression);
});

test('what is wrong in an expression is told at its place, with what to do', () => {
  const expected: Readonly<Record<string, RegExp>> = {
    'var.nothing': /^app\.pkr\.hcl:5:46: there is no variable "nothing"; declare it/,
    'local.nothing': /there is no local "nothing"; declare it/,
    'nonsense()': /there is no function nonsense\(\) here/,
    'uuidv4()': /uuidv4\(\): it answers something else each time/,
    'vault("a", "b")': /a secret has no place in an image/,
    'env("HOME")': /only as a variable's default; move it there/,
    'build.ID': /build\.ID is known to Packer only while it builds/,
    'data.amazon-ami.x.id': /a data source asks a cloud/,
    '[1, 2][5]': /the list has 2 elements/,
    '1 + "a"': /expected a number, found a text/,
    '1 / 0': /no result for these numbers/,
    '{ for x in [1, 1] : "k" => x }': /two elements have the key "k"; add \.\.\./,
    '"{{ .Vars }}"': /known to Packer only while it builds/,
    '"{{ user `x` }}"': /write \$\{var\.NAME\}/,
    'upper()': /upper\(\): takes 1 arguments, and has 0/,
    'file("../secret")': /"\.\.\/secret" is outside the template's folder; copy it in, or give --allow-outside/,
    'file("/etc/hostname")': /outside the template's folder/,
    'file("nothing.txt")': /"nothing\.txt" is not there/,
    'templatefile("motd.txt", 1)': /argument 2 must be a map/,
    '"%{ if true }"': /%\{ if \} has no %\{ endif \}/,
    '"\\q"': /"\\q" is no escape/,
  };
  for (const [expression, pattern] of Object.entries(expected)) assert.match(refusal(expression), pattern, expression);
});

test('no template takes more than a moment', () => {
  const expected: Readonly<Record<string, RegExp>> = {
    'range(1000000000)': /makes more than 100000 elements/,
    '[for a in range(1000) : [for b in range(1000) : [for c in range(1000) : c]]]': /computes more than \d+ values/,
    'setproduct(range(1000), range(1000))': /makes more than 100000 elements/,
    'regex("(a+)+$", format("%s!", join("", [for x in range(60) : "a"])))': /takes too long over its text/,
    'indent(999999999, "a\\nb")': /more than a million/,
    ['['.repeat(5000)]: /nested more than \d+ deep/,
    ['('.repeat(5000)]: /nested more than \d+ deep/,
    [`${'-'.repeat(5000)}1`]: /nested more than \d+ deep/,
    [`1${' + 1'.repeat(5000)}`]: /nested too deep to compute/,
  };
  for (const [expression, pattern] of Object.entries(expected))
    assert.match(refusal(expression), pattern, expression.slice(0, 60));
  const doubling = Array.from({ length: 60 }, (_, index) => `  l${index + 1} = [local.l${index}, local.l${index}]`);
  assert.match(refusal('local.l60', `locals {\n  l0 = "x"\n${doubling.join('\n')}\n}`), /a value that is too large/);
  assert.match(refusal('local.a', 'locals {\n  a = local.b\n  b = local.a\n}'), /needs itself; break the circle/);
});

test('keys that JavaScript has names for are keys like others', () => {
  assert.deepEqual(valueOf('keys({ constructor = 1, __proto__ = 2, toString = 3 })'), ['__proto__', 'constructor', 'toString']);
  assert.match(refusal('{ a = 1 }.constructor'), /there is no "constructor"/);
  assert.match(refusal('constructor()'), /there is no function/);
  assert.match(refusal('"{{ constructor }}"'), /known to Packer only/);
});
