// Runs the tests of https://cache-tests.fyi against `gannet fetch --cache`, each request in a process of its own, so that whatever is
// remembered went through the directory. Says how many passed of each kind, and which did not and why.
//
//   npm install --ignore-scripts http-cache-tests@0.4.5
//   cd node_modules/http-cache-tests; npm_config_protocol=http npm_config_port=8765 npm_config_pidfile=pid node server/server.mjs
//   node cache-tests.mjs node_modules/http-cache-tests target/debug/gannet http://127.0.0.1:8765 [TEST]

import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const [suite, gannet, base, only] = process.argv.slice(2)
const part = name => import(pathToFileURL(join(resolve(suite), name)))
const { default: suites } = await part('tests/index.mjs')
const { runTests, getResults } = await part('client/runner.mjs')
const cache = mkdtempSync(join(tmpdir(), 'gannet-cache-'))

// The answer of gannet as the runner wants it.
function answer (record) {
  const headers = new Headers()
  for (const [name, values] of Object.entries(record.headers ?? {})) {
    values.forEach(value => headers.append(name, value))
  }
  const body = Buffer.from(record.body_b64 ?? '', 'base64').toString()
  return { status: record.status_code, headers, text: async () => body }
}

function ask (url, init = {}) {
  // How the suite talks to its server about a test is not part of the test.
  if (!url.startsWith(`${base}/test/`)) return fetch(url, init)
  const args = ['fetch', url, '--cache', cache, '-q', '--format', 'jsonl', '--retries', '0', '--http1']
  args.push('--response-headers', '--body=raw', '--fail-on', 'none')
  if (init.method) args.push('--method', init.method)
  if (init.body) args.push('--data', init.body)
  if (init.redirect === 'manual') args.push('--max-redirects', '0')
  // What the Fetch Standard makes of these modes (HTTP-network-or-cache fetch).
  const mode = { 'no-cache': 'max-age=0', reload: 'no-cache', 'no-store': 'no-cache' }[init.cache]
  if (mode) args.push('--header', `Cache-Control: ${mode}`)
  for (const [name, value] of init.headers ?? []) args.push('--header', `${name}: ${value}`)
  return new Promise((resolve, reject) => {
    execFile(gannet, args, { timeout: 30000 }, (error, stdout, stderr) => {
      const record = stdout ? JSON.parse(stdout) : {}
      if (record.status_code) resolve(answer(record))
      else reject(new Error(`${error ?? ''} ${record.error ?? stderr}`))
    })
  })
}

// `true`: as the cache of a browser, which has one user too.
const chosen = suites.map(group => ({ ...group, tests: group.tests.filter(test => !only || test.id === only) }))
await runTests(chosen, ask, true, base, 12)
rmSync(cache, { recursive: true })

const results = getResults()
const kinds = {}
const failed = []
for (const test of chosen.flatMap(group => group.tests)) {
  const result = results[test.id]
  if (result === undefined || test.browser_skip) continue
  const kind = test.kind ?? 'required'
  kinds[kind] ??= { passed: 0, of: 0, setup: 0 }
  kinds[kind].of++
  if (result === true) kinds[kind].passed++
  else {
    // A test whose conditions do not hold here says nothing.
    const isSetup = result[0] === 'Setup' || test.depends_on?.some(id => results[id] !== true)
    if (isSetup) kinds[kind].setup++
    failed.push(`${isSetup ? 'setup' : kind} ${test.id}: ${result.join(': ')}`)
  }
}
console.log(JSON.stringify(kinds))
failed.sort().forEach(line => console.log(line))
process.exitCode = failed.some(line => line.startsWith('required ')) ? 1 : 0
